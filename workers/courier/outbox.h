/*
 * outbox - the stream of callbacks owed, as one consumer of its group sees it.
 *
 * In:  the outbox stream. Out: messages, each once while it stays with this consumer. Depends on
 * lib/redis.
 *
 *   make group ─▶ own pending ─▶ ┌▶ what others left behind (XAUTOCLAIM, now and then) ┐
 *       ▲                        └──────── new messages (XREADGROUP, blocking) ◀───────┘
 *       └──── NOGROUP, connection lost ────┘
 */
#ifndef GS_WORKERS_COURIER_OUTBOX_H
#define GS_WORKERS_COURIER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "lib/redis.h"

struct outbox;

/* Borrowed during the call. */
struct outbox_message {
	const char *id;		/* of the stream entry */
	const char *job;
	const char *source;
	long long version;
};

struct outbox_user {
	/* A message came; it may be one that is held already. */
	void (*message)(void *ctx, const struct outbox_message *m);
	/* How many more may come now. */
	size_t (*room)(void *ctx);
	void *ctx;
};

struct outbox *outbox_new(struct loop *l, const char *url, unsigned timeout_ms, const char *consumer,
    unsigned lease_ms, const struct outbox_user *user, struct err *e);
void outbox_free(struct outbox **o);

void outbox_read(struct outbox *o);	/* there is room again */
void outbox_stop(struct outbox *o);	/* asks for nothing more */
bool outbox_waits(const struct outbox *o);	/* is an answer owed that may bring messages? */

#endif
