/*
 * rate - how much a source may send in a while.
 *
 * In:  requests and bytes as they come. Out: may the next one begin, or when? Depends on schema/settings.
 *
 * A token bucket each for requests and bytes, of ten seconds' worth, written as the time at which it will be full
 * again. What has begun may go on: a body larger than the bucket is paid for by what comes after it. The reactors of a
 * process share the buckets without a lock, and so do the settings before and after a reload.
 */
#ifndef GS_SERVER_RATE_H
#define GS_SERVER_RATE_H

#include <stddef.h>
#include <stdint.h>

#include "schema/settings.h"
#include "server/problem.h"

struct rate {
	_Atomic int64_t requests_us, bytes_us;	/* when full again, on the clock of the caller */
	_Atomic size_t holders;
};

struct rate *rate_new(void);	/* held once; NULL without memory */
struct rate *rate_hold(struct rate *r);
void rate_release(struct rate **r);	/* NULL-safe */

/* Is there something in the buckets? 0, or -1 with the refusal. Nothing is taken: who cannot sign must not spend what
 * is another's. */
int rate_check(const struct rate *r, const struct source *src, uint64_t now_us, struct refusal *why);
/* Takes a request from its bucket, once it is known whose it is. */
void rate_add_request(struct rate *r, const struct source *src, uint64_t now_us);
/* Takes n bytes, likewise. */
void rate_add_bytes(struct rate *r, const struct source *src, uint64_t n, uint64_t now_us);

#endif
