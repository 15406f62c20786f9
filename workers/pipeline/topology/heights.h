/*
 * heights - where positions fall together on a grid, whose height counts?
 *
 * In:  a geometry, and what GEOS made of it on the grid. Out: the latter, each of its positions with the height of
 *      the first one that falls there. GEOS takes them in an order that it shuffles anew in each process (its
 *      HotPixelIndex), so the same feature would come out otherwise the next time. Where GEOS made a position, its
 *      height stays. Depends on precision.h.
 */
#ifndef GS_PIPELINE_TOPOLOGY_HEIGHTS_H
#define GS_PIPELINE_TOPOLOGY_HEIGHTS_H

#include "workers/pipeline/geometry.h"

/* out lies on the grid of so many decimals. 0, or -1 without memory; nothing to do where positions have no height. */
int heights_of_first(struct geometry *out, const struct geometry *in, int decimals, struct arena *a);

#endif
