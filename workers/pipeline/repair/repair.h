/*
 * repair - makes an areal geometry valid by rebuilding only what lies between its faults.
 *
 * In:  rings of one Polygon or MultiPolygon. Out: a valid Polygon or MultiPolygon with the same
 * interior under the structure semantics (docs/repair.md). Depends on lib/arena and geometry.h;
 * asks no geometry library. Re-entrant, no globals.
 */
#ifndef GS_PIPELINE_REPAIR_H
#define GS_PIPELINE_REPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "workers/pipeline/geometry.h"

struct repair_limits {
	uint64_t max_pairs;	/* segment pairs looked at */
	uint64_t max_events;	/* crossings and touches */
	bool (*interrupted)(void *ctx);	/* asked now and then; true gives up. NULL: never */
	void *ctx;
};

struct repair_stats {
	uint64_t pairs, events, passes;
};

/*
 * Is there any fault that the sweep can see? 0: sound, every ring simple, and rings neither cross
 * nor touch along an edge (nesting is checked too). 1: there may be a fault: ask GEOS for its name,
 * or repair. -1: gave up, e is filled (ERR_LIMIT: a budget; ERR_SYSTEM: memory).
 */
int repair_suspect(const struct geometry *in, const struct repair_limits *l, struct err *e);

/*
 * The repaired geometry on `a`, or NULL with e filled (ERR_LIMIT R_FEATURE_TIMEOUT: interrupted;
 * ERR_LIMIT R_REPAIR_FAILED: a budget; ERR_INPUT R_REPAIR_EMPTY: nothing is left; ERR_SYSTEM: memory).
 * Parts and rings without a fault keep their positions and heights bit for bit.
 * The result is a Polygon where one part is left, else a MultiPolygon; shells counterclockwise,
 * holes clockwise. Scratch memory is on the heap and freed before return.
 */
struct geometry *repair_areal(const struct geometry *in, struct arena *a,
    const struct repair_limits *l, struct repair_stats *stats, struct err *e);

#endif
