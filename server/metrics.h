/*
 * metrics - what the server counts, in the Prometheus text format.
 *
 * In:  events of one reactor. Out: text over all reactors. Depends on nothing.
 *
 * Each reactor writes its own counters; any may read them, so they are atomic, but never contended.
 */
#ifndef GS_SERVER_METRICS_H
#define GS_SERVER_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "server/problem.h"
#include "server/routes.h"

#define METRICS_STATUSES 24
#define METRICS_BUCKETS 14

typedef _Atomic uint64_t counter;

struct histogram {
	counter bucket[METRICS_BUCKETS + 1];	/* by latency; the last is above all bounds */
	counter us;
};

struct metrics {
	counter requests[ROUTE_COUNT][METRICS_STATUSES];
	counter refusals[P_COUNT];
	counter body_bytes;	/* of uploads, as they came */
	counter uploads;	/* in flight */
	counter stalls;		/* times an upload waited for Redis */
	counter held_back;	/* uploads that Redis was asked about before their body */
	counter known;		/* deliveries that were answered before their body */
	counter tls_failures;	/* handshakes that came to nothing */
	counter orphans;	/* uploads taken away again */
	struct histogram commits, acks;
};

/* One writer per counter: no locked instruction is needed. */
static inline void metrics_add(counter *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

void metrics_request(struct metrics *m, int route, unsigned status);
void metrics_commit(struct metrics *m, uint64_t us);
void metrics_ack(struct metrics *m, uint64_t us);	/* from the commit to the level that a source asks for */

/* Appends the sum over all. */
void metrics_write(struct buf *b, const struct metrics *const *all, size_t n);

#endif
