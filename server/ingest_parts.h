/*
 * ingest_parts - one upload, for the files ingest*.c alone.
 *
 *   admitted ──▶ held ──▶ receiving ──last byte──▶ committing ──▶ securing ──▶ 202
 *                 │           │                        │              └── level not reached: 503
 *                 │           │                        └── 202 of an earlier job, 409, 422 or 503
 *                 │           └── client gone, wrong signature, no room, Redis failed: abandoned
 *                 └── known already, or no room: answered before the body
 *
 * Held are those whose body will not come with the headers: more than a segment, of unknown length, or waiting for
 * leave to be sent. Depends on reactor.
 */
#ifndef GS_SERVER_INGEST_PARTS_H
#define GS_SERVER_INGEST_PARTS_H

#include "server/admission.h"
#include "server/barrier.h"
#include "server/body_check.h"
#include "server/reactor.h"

#define INGEST_RETRY_S 2

struct ingest {
	struct http_request *q;		/* NULL once it is over: only an answer of Redis's is awaited */
	struct reactor *reactor;
	struct terms *terms;
	const struct source *source;	/* of the terms */
	struct admission admission;
	struct body_check *check;
	struct segment_writer *writer;
	char job[JOB_ID_LEN + 1];
	bool remembered;		/* a delivery that is to be known again; so it was when it began */
	char hash[BODY_NAME + 1];	/* the body's name, once it has ended and where it is remembered */
	uint64_t bytes;
	uint64_t created_ms, asked_us;
	bool asking;			/* Redis is to answer: it is kept until then */
	bool retried;			/* what is asked, after a NOSCRIPT */
	const struct redis_async *over;	/* the connection that Redis was last asked by */
	bool committed;			/* it is a job now, whatever is answered */
	bool earlier;			/* and was one before: job is that one's id */
	bool proven;			/* by who may sign */
	struct ingest *next_commit;	/* that ended in the same turn */

	/* held */
	int64_t declared;
	uint64_t reserved;		/* bytes that room is kept for in Redis; 0: none was asked for */
	uint64_t step;			/* bytes more that are asked for */
	uint64_t let_in, let_in_at;	/* bytes that room counts for it, and its reads then */
	bool large;			/* it counts as one of max_uploads */
	unsigned *unproven;		/* and in its address's count; NULL once that is not so */
	bool extending, extended_again;	/* after a NOSCRIPT */
	bool ended;			/* all has come, and waits for room */
	bool gone;			/* freed when extend.lua has answered */
	struct refusal no_room;
};

/* ---- ingest.c ---- */

void ingest_refuse(struct ingest *in, enum problem p, unsigned retry_s, const char *detail);
/* Redis did not do what it was asked to. */
void ingest_refuse_store(struct ingest *in, const char *detail);
/* What is in Redis of it goes. Where it was committed after all, nothing does. */
void ingest_abandon(struct ingest *in);
void ingest_free(struct ingest *in);
const char *ingest_delivery(const struct ingest *in);	/* NULL where it has no id */
/* What it is known again by: the same, or what stands for it once the body is proven. NULL: none is remembered. */
const char *ingest_dedupe(const struct ingest *in);
const char *ingest_proof(const struct ingest *in);	/* body_check_proof where it is remembered, else "" */
/* Room is kept for all that has come: Redis is asked to make it a job. */
void ingest_finish(struct ingest *in);
void ingest_prove(struct ingest *in);	/* it comes from who may sign, and counts for the source's rate from now on */

/* ---- ingest_hold.c ---- */

/* Is there room for it, as far as is known here? Asked again at its end where none is kept for it. */
bool ingest_fits(const struct ingest *in, struct refusal *why);
/* Before the body: true if it may come at once, false if it is held or answered. */
bool ingest_hold(struct ingest *in);
/* It came to nothing. */
void ingest_let_out(struct ingest *in);
/* Bytes have come: asks for more room where it was not kept for all. */
void ingest_extend(struct ingest *in);
/* All has come: true if room is kept for it. Else that is asked for: ingest_finish comes in the end, or a refusal. */
bool ingest_has_room(struct ingest *in);

/* ---- ingest_commit.c ---- */

/* All has come: 0: it will be answered. -1: Redis is away. */
int ingest_commit(struct ingest *in);
/* What Redis said of it: commit.lua's answer, or NULL where it said nothing. */
void ingest_settle(struct ingest *in, const struct reply *said);
/* Did a script not run because Redis has lost it? */
bool ingest_lost_scripts(const struct reply *reply, const struct err *e);
/* Fields of the job's hash, in the order that commit.lua wants. Behind segment_last, which knows what is stored. */
void ingest_add_fields(struct ingest *in, struct redis_cmd *c);
int ingest_version(const struct ingest *in);	/* of the job's message; behind segment_last, too */
long long ingest_remembered_s(const struct ingest *in);

/* ---- ingest_small.c ---- */

/* Likewise, of a body of one segment. */
int ingest_commit_small(struct ingest *in);

/* ---- ingest_answer.c ---- */

/* What a reply of the Redis that was asked means alone: of another than was judged, no more than that it has it. */
enum ack ingest_base(const struct ingest *in);

/* Each of these answers in the end, when it is as safe as its source asks for. */

void ingest_answer_accepted(struct ingest *in);
void ingest_answer_same(struct ingest *in, const char *job);
void ingest_answer_other(struct ingest *in, const struct reply *reply);

#endif
