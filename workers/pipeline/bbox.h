/*
 * bbox - how far a geometry reaches, and the "bbox" member that says so (RFC 7946 5).
 *
 * In:  a geometry. Out: its extent, or the numbers of a bbox. Depends on feature.h.
 */
#ifndef GS_PIPELINE_BBOX_H
#define GS_PIPELINE_BBOX_H

#include <stdbool.h>

#include "workers/pipeline/feature.h"

struct extent {
	double min[2], max[2];	/* +inf and -inf where there is no position */
	bool finite;		/* no ordinate x or y is infinite or NaN */
};

/* Over all positions; collections are recursed. */
struct extent extent_of(const struct geometry *g);

/*
 * Checks the bbox of the feature and of each of its geometries: notes BBOX_ORDER, and BBOX_MISMATCH
 * where it does not enclose the geometry or has not as many axes as its positions. With lonlat a
 * west that lies east of the east means a box across the antimeridian (5.2).
 */
void bbox_check(struct feature *f, bool lonlat);

/*
 * Makes those that are stale, and all of a geometry that was changed, anew from the geometry: as
 * long as the old one (4 or 6 numbers), 4 where there are no heights, none where there is no
 * position. With lonlat a geometry that was cut at the antimeridian gets a box across it. Without
 * memory for that it has a box round the world: wide, but true.
 */
void bbox_renew(struct feature *f, bool lonlat);

#endif
