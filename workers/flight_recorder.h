/*
 * flight_recorder - what a transform process was on when it died.
 *
 * In:  notes of the process, in memory that it shares with its supervisor. Out: after its death an
 * obituary: the feature that it was on, if there was one, and why it died; the process that follows in
 * the slot reports it (suspects.h). Depends on mmap.
 *
 *   supervisor   flights_new ──fork──▶ process   flight_begin … the pipeline's place … flight_end
 *       │                                 │ dies
 *       │ flight_overdue: SIGKILL         ▼
 *       └ flight_conclude ──▶ obituary ──fork──▶ next process   flight_obituary, flight_forget
 *
 * Noting costs no system call. What is noted may be torn if the process dies in the middle of it; so
 * `since_ms` of the place is set last, and cleared first.
 */
#ifndef GS_WORKERS_FLIGHT_RECORDER_H
#define GS_WORKERS_FLIGHT_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/reject.h"
#include "schema/wire.h"
#include "workers/pipeline/pipeline.h"

#define OBITUARY_TOKEN_MAX 32

struct obituary {
	bool known;
	char job[JOB_ID_LEN + 1];
	char token[OBITUARY_TOKEN_MAX];	/* tells this death from all others of the job */
	uint64_t feature;
	enum reject_code code;	/* FEATURE_CRASH, FEATURE_TIMEOUT, FEATURE_MEMORY */
	bool undecoded;		/* it died while it read the feature: it cannot be left out */
	char reason[96];
};

struct flight {
	struct pipeline_place place;
	char job[JOB_ID_LEN + 1];	/* "" between jobs */
	volatile bool no_memory;	/* the process met that, and ends for it */
	unsigned limit_ms;		/* for one feature; 0: none */
	uint64_t memory_bytes;		/* what the process may have; 0: no limit */
	struct obituary last;
};

/* One for each of n processes, for the life of the program, without limits. NULL: e. */
struct flight *flights_new(unsigned n, struct err *e);
void flight_limits(struct flight *f, unsigned limit_ms, uint64_t memory_bytes);

/* ---- in the process ---- */

void flight_begin(struct flight *f, const char *job);
void flight_end(struct flight *f);
/* NULL: the process before did not die of a feature, or that was reported. */
const struct obituary *flight_obituary(const struct flight *f);
void flight_forget(struct flight *f);

/* ---- in the supervisor ---- */

/* Has the feature at hand taken too long? Else *look_at_ms is when it may have, at the earliest. */
bool flight_overdue(const struct flight *f, uint64_t now_ms, uint64_t *look_at_ms);

struct death {
	int status;		/* as waitpid has it */
	long pid;
	bool overdue;		/* the supervisor killed it for flight_overdue */
	bool memory_short;	/* the kernel killed for want of memory meanwhile */
	uint64_t peak_bytes;	/* of its resident memory */
};

/* Writes the obituary, if a feature was at hand. true: there is one. */
bool flight_conclude(struct flight *f, const struct death *d);

#endif
