/*
 * sink - where results go: a table of ways to write one chunk.
 *
 * In:  a chunk. Out: its results, and with them, in one step, its report, dead letters, counts and
 * checkpoint. A sink other than Redis has to write a chunk twice without harm, then move the checkpoint.
 */
#ifndef GS_WORKERS_SINKS_SINK_H
#define GS_WORKERS_SINKS_SINK_H

#include <stdint.h>

#include "lib/buf.h"
#include "lib/redis.h"
#include "workers/args.h"
#include "workers/job.h"
#include "workers/pipeline/collection.h"

struct chunk {
	const struct job *job;
	uint64_t first, behind;		/* indexes of its first feature, and of the one behind its last */
	uint64_t accepted, repaired, rejected;
	uint64_t parsed;		/* bytes of the document read so far */
	const struct buf *results;	/* one zstd frame of lines; empty: none */
	const struct buf *report;	/* likewise */
	const struct args *letters;	/* dead letters as chunk.lua takes them */
	struct collection_reach reach;	/* of its features; of a job that is read whole, of all up to its last */
	bool boxless;			/* nobody will want to know that */
};

struct sink {
	const char *name;
	/* 0: written. 1: stale, the job is no longer ours. -1: e, as redis_insist has it. */
	int (*write)(struct redis *r, const struct chunk *c, struct err *e);
};

/* NULL: none has that name. */
const struct sink *sink_find(const char *name);

extern const struct sink sink_redis;

#endif
