/*
 * bounds - no more dead letters and results than may be kept.
 *
 * In:  settings. Out: the oldest letters beyond the bounds removed, each counted by code in its job (`dropped:<code>`);
 * the results of jobs that ended first, which their jobs note (`shed`). Depends on lib/redis and schema/.
 */
#ifndef GS_WORKERS_BOUNDS_H
#define GS_WORKERS_BOUNDS_H

#include <stdint.h>

#include "lib/redis.h"
#include "schema/settings.h"

/* One round over the bounds of each source and those of all. *removed counts letters. -1: e. */
int bounds_round(struct redis *r, const struct settings *s, uint64_t *removed, struct err *e);
/* The same for results; *jobs counts those that lost theirs. */
int bounds_results(struct redis *r, const struct settings *s, uint64_t *jobs, struct err *e);

#endif
