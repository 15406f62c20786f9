/*
 * rate - how much a source may send in a while.
 *
 * In:  requests and bytes as they come. Out: may the next one begin, or when? Depends on schema/settings.
 *
 * A token bucket each for requests and bytes, of ten seconds' worth, written as the time at which it will be full
 * again. What has begun may go on: a body larger than the bucket is paid for by what comes after it. The reactors of a
 * process share the buckets without a lock.
 */
#ifndef GS_SERVER_RATE_H
#define GS_SERVER_RATE_H

#include <stdint.h>

#include "schema/settings.h"
#include "server/problem.h"

struct rate {
	_Atomic int64_t requests_us, bytes_us;	/* when full again, on the clock of the caller */
};

/* Takes a request and n bytes from the buckets. 0, or -1 with the refusal, and nothing is taken. */
int rate_take(struct rate *r, const struct source *src, uint64_t n, uint64_t now_us, struct refusal *why);
/* Bytes that were not declared, as they come. */
void rate_add(struct rate *r, const struct source *src, uint64_t n, uint64_t now_us);
/* Gives back: who cannot sign must not spend what is another's. */
void rate_return(struct rate *r, const struct source *src, uint64_t n);

#endif
