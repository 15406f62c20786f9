/*
 * janitor - takes away what nobody will come back for.
 *
 * In:  settings. Out: keys removed, and one log line that counts them. Depends on lib/redis.
 *
 * All supervisors have a janitor; the one that holds the lease works. Unfinished jobs are never touched.
 */
#ifndef GS_WORKERS_JANITOR_H
#define GS_WORKERS_JANITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/redis.h"
#include "schema/settings.h"

struct janitor_report {
	uint64_t uploads;	/* without a sign of life */
	uint64_t jobs;		/* entries of the index whose job has expired */
	uint64_t letters;	/* dead letters past their time */
	uint64_t dropped;	/* dead letters beyond what may be kept */
	uint64_t shed;		/* jobs whose results are beyond what may be kept */
	uint64_t replays;	/* notes on which job replays a letter that is gone */
	uint64_t callbacks;	/* owed for jobs that are no longer kept */
	uint64_t consumers;	/* idle, with nothing pending */
};

/* One round at now_ms (unix). -1: some of it failed, e says what did first; what was done stands in *out. */
int janitor_sweep(struct redis *r, const struct settings *s, uint64_t now_ms, struct janitor_report *out,
    struct err *e);

/* 0: the lease is name's for the next lease_ms. 1: it is another's. -1: e. */
int janitor_lease(struct redis *r, const char *name, uint64_t lease_ms, struct err *e);

/* Gives it up, so that another one need not wait for its end. 0: it is nobody's. 1: it was another's. -1: e. */
int janitor_resign(struct redis *r, const char *name, struct err *e);

/* The janitor process: as process_run. */
int janitor_run(const struct settings *s, const char *name);

#endif
