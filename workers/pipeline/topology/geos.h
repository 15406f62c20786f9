/*
 * geos - the one door to GEOS: verdicts on polygons, and its way of rounding them.
 *
 * In:  areal geometries whose ordinates are finite and whose rings are closed and have four
 *      positions. Out: a verdict, or a new geometry on an arena. The one file that includes
 *      geos_c.h; everything else reaches it through topology.c.
 *
 * GEOS has one interrupt callback per process: while a call runs, no other thread may use GEOS.
 */
#ifndef GS_PIPELINE_TOPOLOGY_GEOS_H
#define GS_PIPELINE_TOPOLOGY_GEOS_H

#include <stdbool.h>

#include "workers/pipeline/geometry.h"

struct geos;

/* `expired` is asked now and then during a call; true ends it. NULL without memory. */
struct geos *geos_new(bool (*expired)(void *ctx), void *ctx);
void geos_free(struct geos **g);

enum geos_verdict { GEOS_VALID, GEOS_INVALID, GEOS_UNDECIDED };

struct geos_fault {
	char reason[64];	/* GEOS's words, "Self-intersection"; undecided: its exception's */
	double at[2];
};

/* `fault` may be NULL; it is filled unless the verdict is GEOS_VALID. */
enum geos_verdict geos_check(struct geos *t, const struct geometry *g, struct geos_fault *fault);

/* The valid geometry on the grid of whole numbers that is nearest to the valid geometry g; halves go up. */
struct geometry *geos_round(struct geos *t, const struct geometry *g, struct arena *a);

#endif
