/*
 * reach - how far geometries go, one by one and all together.
 *
 * In:  geometries. Out: what a bbox over all of them has to say (RFC 7946 5). Depends on geometry.h.
 *
 * They can be put together in any order and grouping: the features of a document, and then its chunks.
 */
#ifndef GS_PIPELINE_REACH_H
#define GS_PIPELINE_REACH_H

#include "workers/pipeline/geometry.h"

struct extent {
	double min[2], max[2];	/* +inf and -inf where there is no position */
	bool finite;		/* no ordinate x or y is infinite or NaN */
};

/* Over all positions; collections are recursed. */
struct extent extent_of(const struct geometry *g);
/* Of positions [begin, end). */
struct extent extent_between(const struct geometry *g, size_t begin, size_t end);

struct heights {
	double low, high;
	bool any, all;	/* positions that have one */
};

struct heights heights_of(const struct geometry *g);

struct reach {
	double low[3], high[3];	/* x, y, height; +inf and -inf where there is none */
	/*
	 * Of longitudes, what comes nearest to 0 on either side of it: what lies between them is free, and may be the
	 * outside of a box across the antimeridian. +inf, -inf: nothing lies there, or x is no longitude.
	 */
	double near_east, near_west;
	bool flat;		/* a position has no height */
};

extern const struct reach reach_nowhere;

void reach_add(struct reach *to, const struct reach *more);
bool reach_is_nowhere(const struct reach *r);
/* Both x, y. */
struct extent reach_extent(const struct reach *r);

/* Of g's positions, whose extent is e: as a document gives them, perhaps across the antimeridian uncut. */
struct reach reach_of_positions(const struct geometry *g, const struct extent *e, bool lonlat);
/* Of all that g covers: a line from -1 to 1 covers 0. */
struct reach reach_of_shape(const struct geometry *g, const struct extent *e, bool lonlat);

/*
 * A bbox of len numbers, or of 4 where there are no heights; returns how many, 0 where there is no position. The one
 * across the antimeridian (5.2) where that is narrower.
 */
unsigned reach_box(const struct reach *r, unsigned len, double box[6]);

/*
 * May the bbox of len (4 or 6) numbers be of all this? false where a position lies outside for certain: a box across
 * the antimeridian that leaves out longitudes other than 0 is judged by the outermost positions alone.
 */
bool reach_is_within(const struct reach *r, unsigned len, const double *box, double slack);

/* How much the numbers of a bbox may be off: they are often written with fewer digits than the geometry. */
double reach_slack(unsigned len, const double *box);

#endif
