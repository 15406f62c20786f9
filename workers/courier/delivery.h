/*
 * delivery - one callback owed: its attempts and how they are settled.
 *
 * In:  a message that the courier holds, and the word that it is due. Out: a POST, called.lua, and
 * the next due time or the delivery's end. Known to courier.c and delivery.c alone.
 */
#ifndef GS_WORKERS_COURIER_DELIVERY_H
#define GS_WORKERS_COURIER_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/loop.h"
#include "lib/redis.h"
#include "schema/settings.h"
#include "schema/wire.h"
#include "workers/courier/callback.h"
#include "schema/trace.h"
#include "workers/courier/outbox.h"
#include "workers/courier/poster.h"

#define MESSAGE_ID_MAX 48

enum stage { WAITING, FETCHING, POSTING, SETTLING };

struct delivery {
	struct courier *courier;
	char message[MESSAGE_ID_MAX];
	char job[JOB_ID_LEN + 1];
	const struct source *source;
	char trace[TRACE_ID + 1];	/* for logs; "" before its job was read */
	enum stage stage;
	uint64_t due_ms;	/* WAITING, and SETTLING where Redis could not be told */
	bool seen;		/* its job was looked at before */
	bool unsent;		/* SETTLING: Redis is still to be told */
	unsigned attempts;
	enum callback_outcome outcome;
	int status;
	uint64_t again_unix_ms;	/* RETRY: when to try again */
	uint64_t began_ms;
	bool renewing;		/* its lease's renewal is asked for */
	struct delivery *next, *prev;
};

struct courier {
	struct loop *loop;
	const struct settings *settings;
	struct address_ranges allow;
	struct redis_async *redis;
	struct outbox *outbox;
	struct poster *poster;
	struct loop_timer *due, *lease, *grace;
	char consumer[320];
	struct key stream;

	struct delivery *first, *last;
	size_t held, in_flight;
	size_t *in_flight_of;	/* by source: a slow receiver must not take all places */
	size_t in_flight_per_source;
	size_t *held_of, share;	/* by source, and the most of it */
	bool renewing;		/* an answer to a renewal is owed */
	bool ending, given_back, stopped;
};

/* Begins an attempt. */
void delivery_try(struct delivery *d);
/* Tells Redis again how the attempt ended. */
void delivery_tell(struct delivery *d);
/* Its message needs no callback (any more): called.lua with "none". */
void delivery_drop(struct delivery *d);

/* Of courier.c: takes d from the list and frees it; looks what is next. */
void courier_let_go(struct delivery *d);
void courier_pump(struct courier *c);

#endif
