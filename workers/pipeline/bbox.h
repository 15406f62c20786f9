/*
 * bbox - the "bbox" of a feature or geometry, which says how far it reaches (RFC 7946 5).
 *
 * In:  a feature. Out: what is wrong with its boxes, or their numbers made anew. Depends on feature.h and reach.h.
 * The bbox of a collection is collection.h's.
 */
#ifndef GS_PIPELINE_BBOX_H
#define GS_PIPELINE_BBOX_H

#include <stdbool.h>

#include "workers/pipeline/feature.h"

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
