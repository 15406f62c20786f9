/* backoff - see backoff.h. */
#include "workers/courier/backoff.h"

uint64_t backoff_wait_ms(const struct backoff *b, unsigned attempts, uint64_t retry_after_ms,
    uint64_t dice)
{
	uint64_t width = b->min_ms, wait;

	for (unsigned i = 1; i < attempts && width < b->max_ms; i++)
		width *= 2;
	if (width > b->max_ms)
		width = b->max_ms;
	wait = dice % (width + 1);
	if (retry_after_ms > wait)
		wait = retry_after_ms < b->max_ms ? retry_after_ms : b->max_ms;
	return wait;
}
