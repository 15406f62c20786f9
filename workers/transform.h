/*
 * transform - works through one job: body in, chunks out, end.
 *
 * In:  a claimed job. Out: its results, report and dead letters, and its end. Depends on the
 * pipeline, segment_reader, chunk_writer and finish.
 *
 *   segments ──feed──▶ pipeline ──verdicts──▶ chunk_writer ──▶ sink
 *                          └─ crs behind the features: restart, and once more from the first segment
 *
 * A struct transform belongs to one process and serves one job after the other.
 */
#ifndef GS_WORKERS_TRANSFORM_H
#define GS_WORKERS_TRANSFORM_H

#include "schema/settings.h"
#include "workers/job.h"

struct transform;

/* commands and body: two connections, borrowed; body is for segments alone. */
struct transform *transform_new(const struct settings *s, struct redis *commands, struct redis *body,
    struct err *e);
void transform_free(struct transform **t);

enum transformed {
	TRANSFORM_ENDED,	/* successful or failed */
	TRANSFORM_STALE,	/* it went to another worker, or was dismissed */
	TRANSFORM_LEFT		/* not ended, and left pending: nobody here knows its source */
};

/* -1: e; ERR_RETRY where the process is to stop, and the job is ours still, at its last checkpoint. */
int transform_run(struct transform *t, struct job *j, struct err *e);

/* Ends a job that was tried too often. */
int transform_bury(struct transform *t, struct job *j, struct err *e);

#endif
