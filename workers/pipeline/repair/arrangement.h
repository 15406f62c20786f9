/*
 * arrangement - the noded rings as a plane map: nodes, edges, faces; inside this folder only.
 *
 * In:  rings whose segments meet in nodes alone. Out: which faces the result covers, and then
 * the rings around them. Depends on work.h.
 *
 * An edge is a run of segments between two nodes. Its half-edge 2e runs as the edge does, 2e + 1
 * the other way; a half-edge has its face to its left.
 */
#ifndef GS_REPAIR_ARRANGEMENT_H
#define GS_REPAIR_ARRANGEMENT_H

#include "workers/pipeline/repair/work.h"

/* How often a ring runs along an edge: forth less back. Never 0. */
struct use {
	uint32_t ring;
	int32_t times;
	uint32_t next;		/* of the same edge, or NONE */
};

struct edge {
	uint32_t first, count;	/* vertices of `ring`: the first, and segments from there */
	uint32_t ring;
	uint32_t a, b;		/* nodes */
	uint32_t uses;		/* first of them, or NONE: spikes and gores, which vanish */
};

/* A ring of the result. */
struct outline {
	size_t begin, end;	/* in `corners` */
	uint32_t face;		/* root of the faces it bounds */
	uint32_t whole;		/* the input's ring that it is, unchanged; or NONE */
	bool backwards;		/* then: it runs against it */
	uint32_t key;		/* orders the result as the input was */
	bool shell;
};

struct arrangement {
	struct work *w;
	struct point_map *nodes;
	struct edge *edges;
	size_t edge_count, edge_room;
	struct use *uses;
	size_t use_count, use_room;

	uint32_t *out_begin;	/* per node, and one more */
	uint32_t *out;		/* half-edges from a node, counterclockwise */
	uint32_t *next;		/* per half-edge: the next around its face */
	uint32_t *face;		/* per half-edge; 0 is the unbounded one */
	uint32_t face_count;
	bool *inside;		/* per face */

	struct outline *outlines;
	size_t outline_count, outline_room;
	uint32_t *corners;	/* vertices */
	size_t corner_count, corner_room;
};

/* chain.c: cuts the rings into edges and adds up those that coincide. */
int chain_edges(struct arrangement *a);
/* faces.c: half-edges, faces, and which component lies in which face. */
int faces_build(struct arrangement *a);
/* winding.c: fills `inside` by the structure rule. */
int winding_fill(struct arrangement *a);
/* assemble.c: outlines of what is inside, in the input's order; holes follow their shell. */
int assemble_outlines(struct arrangement *a);
/* Is the result what the input was? */
bool assemble_is_input(const struct arrangement *a);
/* emit.c: the outlines as a geometry; NULL with err filled. */
struct geometry *emit_geometry(const struct arrangement *a, struct arena *arena);

void arrangement_clear(struct arrangement *a);

/* Root of i; halves the way there. */
static inline uint32_t arrangement_root(uint32_t *up, uint32_t i)
{
	while (up[i] != i)
		i = up[i] = up[up[i]];
	return i;
}

/* The k-th vertex along an edge, 0..count. */
static inline uint32_t edge_vertex(const struct arrangement *a, const struct edge *e, uint32_t k)
{
	const struct ring *r = &a->w->rings[e->ring];
	uint32_t i = e->first + k;

	return i < r->end ? i : i - (r->end - r->begin);
}

/* The node that a half-edge comes from. */
static inline uint32_t half_origin(const struct arrangement *a, uint32_t h)
{
	return h & 1 ? a->edges[h / 2].b : a->edges[h / 2].a;
}

#endif
