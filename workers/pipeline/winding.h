/*
 * winding - the right-hand rule of RFC 7946 3.1.6: shells counterclockwise, holes clockwise.
 *
 * In:  a geometry; what is not a polygon is left alone. Out: the same, rings turned in place.
 * Depends on feature.h. A ring without area has no direction and is left alone.
 */
#ifndef GS_PIPELINE_WINDING_H
#define GS_PIPELINE_WINDING_H

#include "workers/pipeline/feature.h"

/* Notes WINDING at the first ring that runs the wrong way. True if rings are to be turned. */
bool winding_check(struct feature *f);

/* Turns the rings that run the wrong way; true if there were any. Collections are recursed. */
bool winding_set(struct geometry *g);

#endif
