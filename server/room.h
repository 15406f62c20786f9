/*
 * room - how much more can be kept, and who holds what.
 *
 * In:  the hash `room`, the queue's length and age, and INFO of Redis, asked for twice a second. Out: may a body of so
 * many bytes begin?
 * Depends on schema/settings and lib/redis.
 *
 *                 80 %             100 %
 *        open ──────────▶ slow ──────────▶ full
 *          ▲◀──────────────┘ ▲◀─────────────┘
 *                60 %              80 %
 *
 * Slow: a source that holds more than its share is put off, others go on. Full: all are. What the scripts count is
 * exact; what is read here is a moment old, so what this reactor let in since is added: what is proven, and what room
 * is kept for, as long as it is.
 */
#ifndef GS_SERVER_ROOM_H
#define GS_SERVER_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/redis.h"
#include "schema/settings.h"
#include "server/problem.h"

enum held { HELD_STAGED, HELD_QUEUED, HELD_KEPT, HELD_RESULTS, HELD_DEAD, HELD_KINDS };
enum room_level { ROOM_OPEN, ROOM_SLOW, ROOM_FULL };

struct room {
	const struct settings *settings;
	uint64_t kind[HELD_KINDS];	/* bytes, over all sources */
	uint64_t all;
	uint64_t *source;		/* bytes, in the settings' order */
	unsigned sources_active;	/* that hold anything */
	uint64_t *since, all_since;	/* let in since this was read */
	uint64_t reads;			/* how often it was */
	uint64_t used, most;		/* INFO: used_memory, maxmemory; 0: not limited */
	uint64_t limit;			/* of all; 0: none */
	uint64_t queued, queued_chunks;	/* jobs that wait for a worker; chunks that do */
	uint64_t queue_ms;		/* since when the oldest of both does */
	enum room_level level;
};

int room_init(struct room *m, const struct settings *s, struct err *e);
/* Other sources and limits; what is known of those that stay is kept. */
int room_renew(struct room *m, const struct settings *s, struct err *e);
void room_clear(struct room *m);
const char *held_name(enum held k);
const char *room_level_name(enum room_level l);

void room_take_held(struct room *m, const struct reply *hash);	/* HGETALL room */
void room_take_queue(struct room *m, const struct reply *queue);	/* queue.lua */
/* INFO; after the others. true: the level has changed. */
bool room_take_info(struct room *m, const char *info);

/* May this source begin a body of so many bytes (0: not known)? 0, or -1 with the refusal. */
int room_check(const struct room *m, const struct source *src, uint64_t bytes, struct refusal *r);
/* It did. */
void room_let_in(struct room *m, const struct source *src, uint64_t bytes);
/* It came to nothing; m->reads was `then` when it was let in. */
void room_let_out(struct room *m, const struct source *src, uint64_t bytes, uint64_t then);

/* What scripts hold what comes against: 0 where there is no limit. */
uint64_t room_limit(const struct room *m);
uint64_t room_source_limit(const struct source *src);
/* Bytes that Redis's memory has room for, as far as is known here; -1: any number. */
long long room_memory(const struct room *m);

/* Fills the refusal of a body whose script said 'full' or 'greedy'. */
int room_refuse(const char *verdict, const struct source *src, struct refusal *r);

#endif
