/*
 * antimeridian_owner - which piece of a cut polygon holds a point.
 *
 * In:  rings that do not overlap. Out: the first that a point lies in. Internal to antimeridian.c.
 *      Depends on geometry.h.
 *
 * The edges stand sorted by their southern end, as a balanced tree whose nodes know how far north
 * anything below them reaches: so only those at a point's own latitude are looked at.
 */
#ifndef GS_PIPELINE_ANTIMERIDIAN_OWNER_H
#define GS_PIPELINE_ANTIMERIDIAN_OWNER_H

#include "workers/pipeline/geometry.h"

struct owners;

/* Of the sequences of g, which is borrowed, as the arena is. NULL: no memory. */
struct owners *owners_new(const struct geometry *g, struct arena *a);

/* The first sequence that (x, y) lies in; 0 if none. */
size_t owners_find(struct owners *o, double x, double y);

#endif
