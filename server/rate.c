/* rate - see rate.h. */
#include "server/rate.h"

#include <stdatomic.h>
#include <stdlib.h>

#define BURST_US ((int64_t)10 * 1000000)

/* Microseconds that n cost at so many per second. */
static int64_t cost_us(uint64_t n, int64_t per_s)
{
	return (int64_t)((double)n * 1e6 / (double)per_s);
}

static void spend(_Atomic int64_t *full_us, int64_t cost, int64_t now_us)
{
	int64_t old = atomic_load(full_us), from;

	do
		from = old > now_us ? old : now_us;
	while (!atomic_compare_exchange_weak(full_us, &old, from + cost));
}

/* Microseconds until there is something in the bucket. */
static int64_t empty_for(const _Atomic int64_t *full_us, int64_t now_us)
{
	int64_t wait = atomic_load(full_us) - now_us - BURST_US;

	return wait > 0 ? wait + 1 : 0;
}

struct rate *rate_new(void)
{
	struct rate *r = calloc(1, sizeof(*r));

	return r != NULL ? rate_hold(r) : NULL;
}

struct rate *rate_hold(struct rate *r)
{
	r->holders++;
	return r;
}

void rate_release(struct rate **r)
{
	if (*r != NULL && --(*r)->holders == 0)
		free(*r);
	*r = NULL;
}

int rate_check(const struct rate *r, const struct source *src, uint64_t now_us, struct refusal *why)
{
	int64_t now = (int64_t)now_us, wait = 0, other;

	if (src->rate_requests > 0)	/* a whole one must be there */
		wait = empty_for(&r->requests_us, now - cost_us(1, src->rate_requests));
	if (src->rate_bytes > 0 && (other = empty_for(&r->bytes_us, now)) > wait)
		wait = other;
	if (wait == 0)
		return 0;
	return refuse_for_now(why, P_RATE_LIMITED, (unsigned)((wait + 999999) / 1000000),
	    "This source may send %lld requests and %lld bytes per second (0: any number).",
	    (long long)src->rate_requests, (long long)src->rate_bytes);
}

void rate_add_request(struct rate *r, const struct source *src, uint64_t now_us)
{
	if (src->rate_requests > 0)
		spend(&r->requests_us, cost_us(1, src->rate_requests), (int64_t)now_us);
}

void rate_add_bytes(struct rate *r, const struct source *src, uint64_t n, uint64_t now_us)
{
	if (src->rate_bytes > 0 && n > 0)
		spend(&r->bytes_us, cost_us(n, src->rate_bytes), (int64_t)now_us);
}
