/*
 * antimeridian_run - a line or ring with its longitudes unrolled, split where it passes 180.
 *
 * In:  positions of a geometry in longitude and latitude. Out: the same run as edges, each within
 *      one strip. Internal to antimeridian.c. Depends on geometry.h.
 *
 * Each position gets the number of turns that makes the run continuous. In that plane the
 * antimeridian is every line x = 180 + 360 k; strip k lies west of line k, strip k + 1 east of it.
 */
#ifndef GS_PIPELINE_ANTIMERIDIAN_RUN_H
#define GS_PIPELINE_ANTIMERIDIAN_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "workers/pipeline/geometry.h"

struct run {
	unsigned stride;
	double *pos;	/* n + 1 positions, x as in the document; a ring's last is its first */
	int *turns;	/* of each position: unrolled x = x + 360 turns */
	int *strip;	/* of each edge */
	size_t n;	/* edges */
	int winds;	/* a ring's turns round the pole, eastwards positive */
	size_t breaks;	/* changes of strip; a ring with breaks begins at one */
};

/*
 * Positions [begin, end) of a geometry. At a pole all longitudes are one: the first edge along it
 * turns so that its ring closes, the others do not.
 */
struct run_seq {
	size_t begin, end;
	size_t pole_edge;	/* the position that it ends at; SIZE_MAX: there is none */
	int pole_turns;
};
struct run_seq run_seq(const struct geometry *g, size_t begin, size_t end);

/*
 * Turns that make the edge to position i go the short way; 0 along a whole parallel. From 180 to
 * -180 that is no way at all, a turn, where the positions beside it lie on either side.
 */
int run_turn(const struct geometry *g, size_t i, const struct run_seq *s);

/* Positions [begin, end) of g, for a ring the other way round if backwards. -1: no memory. */
int run_init(struct run *r, const struct geometry *g, size_t begin, size_t end, bool backwards,
    struct arena *a);

/*
 * g with a position half way along edges that a reader would take for edges across the antimeridian,
 * though they are not; g itself if there is none. NULL: no memory.
 */
struct geometry *antimeridian_halve(struct geometry *g, struct arena *a);

/* Signed area of a ring in the unrolled plane, square degrees. */
double run_area(const struct run *r);

/* Longitude of position i as strip k sees it. */
double run_x(const struct run *r, size_t i, int k);
/* Position i as strip k sees it, stride doubles; the same bits where no turn is needed. */
void run_position(const struct run *r, size_t i, int k, double *out);

#endif
