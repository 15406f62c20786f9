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
 * Checks the feature's bbox against its geometry: notes BBOX_ORDER and BBOX_MISMATCH. With lonlat
 * a west that lies east of the east means a box across the antimeridian (5.2).
 */
void bbox_check(struct feature *f, bool lonlat);

/*
 * Makes the feature's bbox anew from its geometry, as long as the old one (4 or 6 numbers), where
 * there is one; 4 where the geometry has no heights, 0 (none) where it has no position. With
 * lonlat a geometry that was cut at the antimeridian gets a box across it. Without memory for
 * that it has a box round the world: wide, but true.
 */
void bbox_renew(struct feature *f, bool lonlat);

#endif
