/*
 * small - is a geometry of few positions sound, as nearly all are?
 *
 * In:  a Polygon or MultiPolygon. Out: true where the sweep would find nothing either. Asks the same exact
 *      questions of the same segments, but needs no scratch memory: what the sweep costs before it looks at the
 *      first segment is more than small polygons are worth. Depends on boxes.h and apart.h.
 */
#ifndef GS_REPAIR_SMALL_H
#define GS_REPAIR_SMALL_H

#include <stdbool.h>

#include "workers/pipeline/geometry.h"
#include "workers/pipeline/repair/apart.h"

#define SMALL_RINGS APART_FEW
#define SMALL_POSITIONS 64	/* every segment is compared with every other, eight at a time */

/* false: there is a fault, or it is not small, or its coordinates are of no usual size: ask the sweep. */
bool small_is_sound(const struct geometry *g);

#endif
