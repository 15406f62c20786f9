/*
 * backoff - when to try a callback again.
 *
 * In:  how often it was tried, limits, a random number. Out: milliseconds. Depends on nothing.
 */
#ifndef GS_WORKERS_COURIER_BACKOFF_H
#define GS_WORKERS_COURIER_BACKOFF_H

#include <stdint.h>

struct backoff {
	uint64_t min_ms;	/* the widest wait after the first attempt; doubles with each */
	uint64_t max_ms;	/* the widest of all */
};

/* Full jitter: anything from 0 to the width, so that callbacks that failed together do not come back
 * together. A peer's Retry-After (0: none) makes it longer, but no longer than max_ms. */
uint64_t backoff_wait_ms(const struct backoff *b, unsigned attempts, uint64_t retry_after_ms,
    uint64_t dice);

#endif
