/*
 * part - one chunk of a large collection that this worker holds.
 *
 * In:  a message of `chunks`. Out: the job's fields and where the chunk's bytes are; what came of it, by done.lua.
 * Depends on job.h and schema/chunk_message.
 */
#ifndef GS_WORKERS_PART_H
#define GS_WORKERS_PART_H

#include "schema/chunk_message.h"
#include "schema/settings.h"
#include "workers/args.h"
#include "workers/job.h"
#include "workers/sinks/sink.h"

struct part {
	struct job job;		/* as claimed by its splitter; message is the chunk's own */
	struct chunk_message chunk;
	char nonce[JOB_NONCE_LEN + 1];	/* with which it was taken */
	bool unreadable;	/* nobody knows what is in it: part_whole */
};

/* As job_claim; part_clear is due in any case but -1. */
int part_take(struct part *p, struct redis *r, const struct message *m, const char *consumer,
    long long max_deliveries, struct err *e);
void part_clear(struct part *p);

/* As job_release: it was no try. */
int part_release(const struct part *p, struct redis *r, bool keep, struct err *e);

struct part_end {
	const char *kind;	/* "features", "tail", "failed" */
	uint64_t bytes;		/* of the body as it was received */
	uint64_t us, units;	/* of work */
	const struct chunk *chunk;	/* of "features"; else NULL */
	const char *head;	/* of "tail": the collection's foreign members */
	size_t head_len;
	const struct args *fields;	/* of the job; field, value */
};

enum { PART_DONE, PART_STALE, PART_TAKEN, PART_LAST };

/* PART_STALE: it was done before, or nobody wants it. PART_TAKEN: another has it, and its message. PART_LAST: the job
 * can be ended (part_watch). -1: e. */
int part_end(const struct part *p, struct redis *r, const struct part_end *end, struct err *e);

/* The document has to be read by one worker from its beginning. 0, 1 (stale) or -1: whoever takes the chunk next goes
 * on with that (job.whole). */
int part_whole(const struct part *p, struct redis *r, struct err *e);

/* Looks how the job stands, ends it if it can be ended, and puts back messages that were lost. 0 or -1. */
int part_watch(const struct job *j, struct redis *r, const struct settings *s, struct err *e);

#endif
