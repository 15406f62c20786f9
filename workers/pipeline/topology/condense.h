/*
 * condense - a smaller geometry that is valid exactly if the large one is.
 *
 * In:  a Polygon or MultiPolygon. Out: another one, in which stretches that nothing comes near are
 *      drawn straight; or none. Depends on repair/predicate.h. docs/decisions.md says why it holds.
 *
 * GEOS's time for a verdict grows with the positions; those between faults add nothing to it.
 */
#ifndef GS_PIPELINE_TOPOLOGY_CONDENSE_H
#define GS_PIPELINE_TOPOLOGY_CONDENSE_H

#include "workers/pipeline/geometry.h"

/*
 * A new geometry on `a`, x and y only. NULL where none can be made that is much smaller: rings are
 * short, or not closed, or not finite, or all lies too close together; or without memory.
 */
struct geometry *condense(const struct geometry *g, struct arena *a);

#endif
