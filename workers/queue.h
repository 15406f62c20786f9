/*
 * queue - what is to be done next: this consumer's own unfinished work, abandoned work, new work.
 *
 * In:  the streams `jobs`, `chunks` and `splits`, and the group of each. Out: one message at a time. Depends on
 * lib/redis.
 *
 * New work comes from each stream in turn, one message of each: so small jobs do not wait for large ones, nor chunks of
 * one large job for all of another. A splitter comes last: it is long at it.
 *
 * A message stays pending until a script ends its work, or queue_drop. One of a version that this program does not read
 * is released, so that those who do have it as soon as they look.
 */
#ifndef GS_WORKERS_QUEUE_H
#define GS_WORKERS_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/redis.h"
#include "schema/wire.h"

#define STREAM_ID_MAX 48
#define RELEASED_IDLE_MS 86400000	/* above the longest lease that limits.def allows */

enum stream { STREAM_JOBS, STREAM_CHUNKS, STREAM_SPLITS, STREAM_COUNT };

struct message {
	enum stream stream;
	char id[STREAM_ID_MAX];
	char job[JOB_ID_LEN + 1];
	uint64_t n;		/* of `chunks`: which one */
};

/* Where the look through one stream's pending entries is. */
struct pending {
	bool own;			/* there may be some of our own */
	char own_from[STREAM_ID_MAX];	/* the last of them that was looked at */
	char scan_from[STREAM_ID_MAX];	/* where the search for abandoned ones goes on */
	uint64_t scan_at_ms;		/* when it is due */
	bool newer;			/* it met some of a newer version; as it touches each, it is due later then */
};

struct queue {
	struct redis *redis;
	const char *consumer;
	struct key keys[STREAM_COUNT];
	struct redis_cmd cmd;
	uint64_t lease_ms;
	unsigned block_ms;
	struct pending pending[STREAM_COUNT];
	struct message fetched[STREAM_COUNT];	/* delivered to us, not yet handed out; id "" where there is none */
};

const char *stream_name(enum stream s);

/* redis and consumer are borrowed. block_ms: how long queue_next may wait. */
void queue_init(struct queue *q, struct redis *redis, const char *consumer, uint64_t lease_ms,
    unsigned block_ms);
void queue_clear(struct queue *q);

/* 0: *m is to be worked on. 1: nothing now. -1: e says why; ERR_RETRY while Redis is away. busy: a collection is being
 * split here; no other is handed out, and the wait is short. */
int queue_next(struct queue *q, bool busy, struct message *m, struct err *e);

/* m is still being worked on: its lease begins anew. Tries once. */
int queue_renew(struct queue *q, const struct message *m, struct err *e);
/* m is for any worker to take at once. Tries once. */
int queue_release(struct queue *q, const struct message *m, struct err *e);
/* Nothing can be done about it for now: it is nobody's until a lease is over, whatever becomes of this process or its
 * connection until then. Where Redis does not take that, it stays this consumer's. */
void queue_lay_down(struct queue *q, const struct message *m);

/* The same two for what was delivered to us and not yet handed out. */
int queue_hold(struct queue *q, struct err *e);
int queue_put_back(struct queue *q, struct err *e);

/* After work was left undone: looks again at what is pending here before anything else. */
void queue_look_back(struct queue *q);

/* The process ends, and none follows in its slot: what it was given and has not begun is for others, and its name goes
 * where nothing is pending under it. Tries once. */
void queue_leave(struct queue *q);

/* Nothing is left to do for m: takes it from the group and the stream. */
int queue_drop(struct queue *q, const struct message *m, struct err *e);

#endif
