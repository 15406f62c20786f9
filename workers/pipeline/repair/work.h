/*
 * work - what the steps of one repair share; inside this folder only.
 *
 * In:  the rings of a geometry. Out: the same rings, noded, for arrangement.c.
 * All of it is scratch on the heap: work_free takes it back on every path.
 *
 * Vertices lie ring by ring; the segment of a vertex runs from it to `next`, so one number
 * names both. Equal neighbours are dropped and no ring repeats its first vertex.
 */
#ifndef GS_REPAIR_WORK_H
#define GS_REPAIR_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/reject.h"
#include "workers/pipeline/repair/boxes.h"
#include "workers/pipeline/repair/predicate.h"
#include "workers/pipeline/repair/repair.h"

#define NONE UINT32_MAX

enum vertex_flag {
	V_NODE = 1,	/* chains end here */
	V_DIRTY = 2,	/* the segment from here has moved: test it (again), with tolerance */
};

/* Input positions that a vertex stands on (from == to) or between. */
struct source {
	uint32_t from, to;
};

struct vertices {
	struct point *at;
	struct source *source;
	uint32_t *next;
	uint32_t *ring;
	uint8_t *flags;
	uint32_t count;
};

struct ring {
	uint32_t begin, end;	/* its vertices; equal once nothing is left of it */
	uint32_t seq, part;
	bool hole;
	bool changed;		/* a vertex moved, went, or was put in off the line */
	bool touches;		/* a hole whose line met its shell's in the input, exactly */
};

struct part {
	uint32_t shell;		/* ring, or NONE: collapsed, and its holes with it */
};

/* A vertex to be put into a segment. */
struct split {
	uint32_t segment;
	bool exact;		/* lies on the line to the last bit: nothing moves */
	struct point at;
	double order[2];	/* rises along the segment; the second tells equals apart */
};

struct merge {
	uint32_t u, v;		/* vertices to become one */
};

struct work {
	const struct geometry *in;
	const struct repair_limits *limits;
	struct err *err;
	struct repair_stats stats;
	uint64_t ticks;		/* for polling */
	double tol;		/* a vertex so near to a segment is on it */
	double close;		/* vertices so near to each other are one; see split.c */

	struct ring *rings;
	uint32_t ring_count;
	struct part *parts;
	uint32_t part_count;
	struct vertices v;
	struct boxes index;		/* of the segments; marked: V_DIRTY */

	bool tolerant;		/* this pass tests dirty segments, with tolerance */
	bool faulty;		/* a fault that no legal touch explains */
	bool stop_at_fault;	/* the caller wants no more than that */
	struct split *splits;
	size_t split_count, split_room;
	struct merge *merges;
	size_t merge_count, merge_room;
	struct point_map *made;	/* crossings of this pass */
};

#define TINY 1e-120

static inline double work_ordinate(double x)
{
	return x > -TINY && x < TINY ? 0 : x;
}

/* x and y of a position; what is too small to be multiplied without loss is 0. */
static inline struct point work_position(const struct geometry *g, size_t i)
{
	const double *p = g->coords + i * g->stride;

	return (struct point){ work_ordinate(p[0]), work_ordinate(p[1]) };
}

/* count * size bytes; NULL with w->err filled. Never NULL for 0 bytes. */
void *work_alloc(struct work *w, size_t count, size_t size);
void *work_calloc(struct work *w, size_t count, size_t size);
/* Makes room for one more in the array at *p; -1 with w->err filled. */
int work_grow(struct work *w, void *p, size_t count, size_t *room, size_t size);
/* Adds to the pairs looked at; -1 past the budget, or when interrupted. Cheap. */
int work_spend(struct work *w, uint64_t pairs);
/* For loops outside the sweep: every 4096th call asks the interrupt callback; -1 when it says so. */
int work_poll(struct work *w);
/* Room for so many vertices, none there yet; -1 with w->err filled. */
int work_vertices(struct work *w, struct vertices *v, size_t room);
void work_vertices_free(struct vertices *v);
/* Once nothing moves any more: what was to be done about events takes more room than the rings do. */
void work_forget_events(struct work *w);
void work_free(struct work *w);

/* load.c: rings of w->in. Sets faulty where one has too few points, is open or not finite. */
int work_load(struct work *w);

/* node.c: finds where segments meet; splits, merges and flags are noted in w. */
int node_find(struct work *w);

/* split.c: the first pass of node_find; */
int split_begin(struct work *w);
/* and carrying out what it found, and finding again, until nothing moves any more. */
int split_until_noded(struct work *w);

/* touch.c: 1 if what two rings of the input fill touches (it does not overlap), else 0; -1 failed. */
int touch_exactly(struct work *w, uint32_t hole, uint32_t shell);
/* 1 if a ring of the input fills anything, be it ever so thin, else 0; -1 failed. */
int touch_fills(struct work *w, uint32_t ring);

/* index.c */
int index_build(struct work *w);
/* Calls meet for pairs of segments, all those whose boxes meet among them; in a tolerant pass only if one is dirty. */
int index_self_join(struct work *w, int (*meet)(void *w, uint32_t i, uint32_t j));
/*
 * The segment hit first by a ray from p towards smaller x, out of those that `counts` lets pass;
 * NONE if there is none. Segments through p itself are not hit.
 */
uint32_t index_ray_left(const struct work *w, struct point p,
    bool (*counts)(const void *ctx, uint32_t segment), const void *ctx);

/* point_map.c: points told apart by a tolerance (0: by value). */
struct point_map *point_map_new(struct work *w, double tol);
void point_map_free(struct point_map **m);
/* Number of the point within tol of p; p itself goes in if there is none. NONE without memory. */
uint32_t point_map_put(struct work *w, struct point_map *m, struct point p);
struct point point_map_at(const struct point_map *m, uint32_t i);
uint32_t point_map_count(const struct point_map *m);
/* Room for one that the map does not find again: for nodes that stand alone. */
uint32_t point_map_append(struct work *w, struct point_map *m, struct point p);

#endif
