/*
 * job - one job that this worker holds: its fields, and the scripts that say so.
 *
 * In:  a message. Out: the job's hash as a struct; its lease. Depends on lib/redis and schema/wire.
 *
 * Calls wait while Redis is away and return 0 (done), 1 (stale: the job went to another worker or has
 * ended; let go of it) or -1 (e: ERR_RETRY if the process is to stop).
 */
#ifndef GS_WORKERS_JOB_H
#define GS_WORKERS_JOB_H

#include <stdint.h>

#include "lib/inflate.h"
#include "lib/redis.h"
#include "schema/reject.h"
#include "schema/settings.h"
#include "schema/trace.h"
#include "workers/queue.h"

/* Of a job that is worked on in chunks; see wire.md. */
struct job_split {
	char state;		/* '\0' it is not; 'o' open: some is not cut yet; 'd' done: all is */
	uint64_t head_end;	/* offset behind the bracket that opens the features */
	uint64_t at, segment, skip;	/* where the next chunk begins: offset, segment from 1, bytes before it there */
	uint64_t next, chunk;	/* index of its first feature, and its number */
};

struct job {
	struct message message;
	char id[JOB_ID_LEN + 1];
	const char *consumer;	/* borrowed */
	char source[SOURCE_NAME_MAX + 1];
	char *crs;		/* named by the request; NULL if none */
	bool sequence;		/* its media type says that it is one */
	char *suspects;		/* see suspects.h; NULL if none */
	char *target;		/* what its features come out in, whatever the settings say now; NULL: none has yet */
	char *pass_crs;		/* found behind the features by an earlier pass; NULL if none */
	char *anew;		/* likewise, by a worker that did not come to begin anew by it; NULL if none */
	char *fail_reason;	/* why an earlier worker was about to fail it; NULL: none was */
	enum reject_code fail_code;
	uint64_t fail_offset;
	char *reach;		/* of the features before `next`: see pipeline/collection.h; NULL if it is not known */
	long long epoch;
	bool whole;		/* one worker is to read it, as soon as it is worked on in chunks no more */
	struct job_split split;
	uint64_t segments;
	uint64_t bytes;		/* as they were received */
	enum coding coding;	/* of the body */
	char trace[TRACE_ID + 1];	/* "-" where it has none */
	uint64_t next;		/* checkpoint: index of the next feature */
	uint64_t parsed;	/* bytes, as last reported */
};

/* Fills j from a hash as field, value, … from element `first` of a reply. The epoch is left alone. */
void job_fill(struct job *j, const struct message *m, const char *consumer, const struct reply *r, size_t first);

#define JOB_NONCE_LEN 16

enum claim { CLAIM_RUN, CLAIM_WORN, CLAIM_OVER };

/* Takes the job of m. CLAIM_WORN: tried too often, end it. CLAIM_OVER: gone or ended, drop the message;
 * the job is not filled then. -1: failed. */
int job_claim(struct job *j, struct redis *r, const struct message *m, const char *consumer,
    long long max_deliveries, struct err *e);
/* The same under a nonce of the caller's, from job_nonce: that of the claim before is no try of its own. */
int job_claim_as(struct job *j, struct redis *r, const struct message *m, const char *consumer,
    long long max_deliveries, const char *nonce, struct err *e);
void job_nonce(char nonce[JOB_NONCE_LEN + 1]);
void job_clear(struct job *j);

/* Tries once: while Redis is away the lease is not renewed (-1, ERR_RETRY). */
int job_renew(struct job *j, struct redis *r, uint64_t parsed, struct err *e);
int job_restart(struct job *j, struct redis *r, const char *crs, struct err *e);
#define FORGET_AT_ONCE 500	/* dead letters: a few milliseconds of Redis's time */
/* Of a job that is about to fail so, or (R_NONE) to begin anew by the CRS `why`: its dead letters go, without keeping
 * Redis from others; its lease is renewed meanwhile. Also 0 where it is stale. */
int job_forget_letters(const struct job *j, struct redis *r, enum reject_code code, const char *why, uint64_t offset,
    struct err *e);
/* Gives it back, for any worker to take at once; or keeps it for the process that follows in this slot.
 * It is no try then, unless `tried`. Tries once. */
int job_release(struct job *j, struct redis *r, bool keep, bool tried, struct err *e);

/* What its features are to come out in is settled, by these settings if it was not. -1: e. */
int job_aim(struct job *j, const struct source *src, struct err *e);

/* From now on it is worked on in chunks, which begin at `at`: its message goes to the splitters. */
int job_divide(const struct job *j, struct redis *r, const struct job_split *at, struct err *e);

/* The verdict of a script on who owns the job: 0 for 'ok', 1 for 'stale', -1 for anything else. */
int job_answer(const struct reply *reply, const char *script, struct err *e);

#endif
