/*
 * transform - works through one job: body in, chunks out, end.
 *
 * In:  a claimed job. Out: its results, report and dead letters, and its end. Depends on the
 * pipeline, segment_reader, chunk_writer and finish.
 *
 *   segments ──feed──▶ pipeline ──verdicts──▶ chunk_writer ──▶ sink
 *                          └─ crs behind the features: restart, and once more from the first segment
 *
 * A feature that a process died of before is tried alone first, in a process that has worked on nothing
 * else; one that two died of is rejected unseen.
 *
 * A struct transform belongs to one process and serves one job after the other.
 */
#ifndef GS_WORKERS_TRANSFORM_H
#define GS_WORKERS_TRANSFORM_H

#include "schema/settings.h"
#include "workers/flight_recorder.h"
#include "workers/job.h"
#include "workers/part.h"
#include "workers/recycling.h"

struct transform;

/* Called well within each lease: whatever this process holds is to be held on to. */
typedef void (*alive_fn)(void *ctx);

/* commands and body: two connections, body is for segments alone. All are borrowed. */
struct transform *transform_new(const struct settings *s, struct redis *commands, struct redis *body,
    struct flight *flight, const struct recycling *recycling, alive_fn alive, void *alive_ctx, struct err *e);
void transform_free(struct transform **t);

enum transformed {
	TRANSFORM_ENDED,	/* successful or failed */
	TRANSFORM_STALE,	/* it went to another worker, or was dismissed */
	TRANSFORM_AGAIN,	/* not ended: a fresh process has to go on */
	TRANSFORM_FULL,		/* the same, but this one was fresh: what it did filled its memory */
	TRANSFORM_LAST,		/* of a chunk: done, and its job can be ended (part_watch) */
	TRANSFORM_LEFT		/* not ended, its message left: its source is unknown here, or another has it */
};

/* -1: e; ERR_RETRY where the process is to stop, and the job is ours still, at its last checkpoint. */
int transform_run(struct transform *t, struct job *j, struct err *e);

/* Ends a job that was tried too often; as transform_run where it was about to begin anew. */
int transform_bury(struct transform *t, struct job *j, struct err *e);

/* The same for a chunk that was taken, and for one that was tried too often. */
int transform_part(struct transform *t, struct part *p, struct err *e);
int transform_bury_part(struct transform *t, struct part *p, struct err *e);

#endif
