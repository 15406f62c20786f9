/*
 * queue - the next job to do: this consumer's own unfinished ones, abandoned ones, new ones.
 *
 * In:  the stream `jobs` and its group. Out: one message at a time. Depends on lib/redis.
 *
 * A message stays pending until a script ends its work, or queue_drop.
 */
#ifndef GS_WORKERS_QUEUE_H
#define GS_WORKERS_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/redis.h"
#include "schema/wire.h"

#define STREAM_ID_MAX 48

struct message {
	char id[STREAM_ID_MAX];
	char job[JOB_ID_LEN + 1];
};

struct queue {
	struct redis *redis;
	const char *consumer;
	struct key stream;
	struct redis_cmd cmd;
	uint64_t lease_ms;
	unsigned block_ms;
	bool own_first;			/* there may be pending entries of our own */
	char own_from[STREAM_ID_MAX];	/* the last of them that was looked at */
	char scan_from[STREAM_ID_MAX];	/* where the search for abandoned ones goes on */
	uint64_t scan_at_ms;		/* when it is due */
};

/* redis and consumer are borrowed. block_ms: how long queue_next may wait. */
void queue_init(struct queue *q, struct redis *redis, const char *consumer, uint64_t lease_ms,
    unsigned block_ms);
void queue_clear(struct queue *q);

/* 0: *m is to be worked on. 1: nothing now. -1: e says why; ERR_RETRY while Redis is away. */
int queue_next(struct queue *q, struct message *m, struct err *e);

/* After work was left undone: looks again at what is pending here before anything else. */
void queue_look_back(struct queue *q);

/* Nothing is left to do for m: takes it from the group and the stream. */
int queue_drop(struct queue *q, const struct message *m, struct err *e);

#endif
