/*
 * barrier - waits until what Redis has taken is as safe as a source asks for.
 *
 * In:  "all that was committed up to now", a level. Out: a call once that is reached, or was not in time. Depends on
 * lib/redis and durability.
 *
 * WAITAOF and WAIT are about the writes of their own connection. So a connection that does nothing else writes a
 * number and waits for that: all that the same Redis answered before the number was sent is then safe too, by whichever
 * connection it came. While it fails over, connections may lead to different ones: so whoever waits says whose answer
 * it had. While one wait is under way, those who come share the next.
 */
#ifndef GS_SERVER_BARRIER_H
#define GS_SERVER_BARRIER_H

#include <stdbool.h>

#include "lib/redis.h"
#include "schema/settings.h"

struct barrier;

typedef void (*barrier_fn)(void *ctx, bool reached);

/* NULL: e. One of ACK_AOF or ACK_REPLICA; connects at once. */
struct barrier *barrier_new(struct loop *l, const struct settings *s, enum ack level, struct err *e);
/* Other settings from now on; s is borrowed. */
void barrier_set(struct barrier *b, const struct settings *s);
/* Calls all who wait: not reached. */
void barrier_free(struct barrier **b);

/* What the Redis of this run_id has answered. 0: fn will be called once, later. -1: no connection to that one, or no
 * memory. */
int barrier_wait(struct barrier *b, const char *run_id, barrier_fn fn, void *ctx);
const char *barrier_run_id(const struct barrier *b);	/* of the Redis that it is connected to; "" for none */

/* Does this reply of WAITAOF or WAIT mean that the level is reached? */
bool barrier_reached(enum ack level, const struct reply *reply, long replicas);

#endif
