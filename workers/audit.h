/*
 * audit - is all unfinished work still in the streams?
 *
 * In:  the index of jobs. Out: entries of `jobs` and `outbox` that were lost (a stream was trimmed or removed behind
 * our back), written again. Depends on lib/redis and schema/wire.
 *
 * A job's hash says which entry is its own (`message`), and which one its callback is owed by (`owed`).
 */
#ifndef GS_WORKERS_AUDIT_H
#define GS_WORKERS_AUDIT_H

#include <stdint.h>

#include "lib/redis.h"

struct audit {
	uint64_t next;		/* rank in the index where the next round goes on; zeroed before the first */
};

struct audit_report {
	uint64_t jobs, callbacks;	/* put back */
	uint64_t taken_back;		/* jobs that were begun and never acknowledged */
};

/* Looks at some thousand jobs, and goes on with the next ones when called again. A job that gave a sign of life
 * within lease_ms before now_ms is left alone. -1: e; what was done until then stands in *out. */
int audit_round(struct audit *a, struct redis *r, uint64_t lease_ms, uint64_t now_ms, struct audit_report *out,
    struct err *e);

#endif
