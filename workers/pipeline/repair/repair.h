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

/* What a core gets through in a second or two; no repair makes sense of denser input. */
#define REPAIR_LIMITS_INIT { .max_pairs = 100000000, .max_events = 1000000 }

struct repair_stats {
	uint64_t pairs, events, passes;
};

/*
 * Is there any fault? 0: none, GEOS would call it valid too. 1: there is one; GEOS knows its name.
 * -1: no verdict, e is filled as by repair_areal.
 */
int repair_suspect(const struct geometry *in, const struct repair_limits *l, struct err *e);

/*
 * The repaired geometry on `a`, or NULL with e filled: ERR_INPUT R_REPAIR_EMPTY (nothing is left),
 * R_INVALID_COORDINATE (x or y not finite); ERR_LIMIT R_FEATURE_TIMEOUT (interrupted),
 * R_REPAIR_FAILED (a budget; or coordinates of no earthly size); ERR_SYSTEM (no memory, here or on `a`).
 * Rings without a fault keep their positions with all ordinates, bit for bit; other ordinates than
 * x and y may be NaN. Shells run counterclockwise, holes clockwise. A Polygon of which several
 * parts are left becomes a MultiPolygon, a MultiPolygon stays one. `stats` may be NULL.
 * Scratch memory is on the heap and freed before return.
 */
struct geometry *repair_areal(const struct geometry *in, struct arena *a,
    const struct repair_limits *l, struct repair_stats *stats, struct err *e);

/*
 * The two questions in one: as repair_suspect, but the work goes on in repair_finish, which answers as
 * repair_areal. 1: *r is to be finished or closed, while `in` is there; else it is NULL.
 */
struct repair;
int repair_open(struct repair **r, const struct geometry *in, const struct repair_limits *l, struct err *e);
/* Is it segments that meet where they must not? Then there is no doubt that GEOS calls `in` invalid, too. */
bool repair_crosses(const struct repair *r);
struct geometry *repair_finish(struct repair **r, struct arena *a, struct repair_stats *stats, struct err *e);
void repair_close(struct repair **r);	/* NULL-safe; clears it */

#endif
