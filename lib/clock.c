/* clock - see clock.h. */
#include "lib/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t read_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_unix_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

uint64_t clock_mono_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_cpu_us(void)
{
	return read_us(CLOCK_PROCESS_CPUTIME_ID);
}

/* What a thread had cannot grow by more than a millisecond within one: the kernel is asked once in each. */
uint64_t clock_thread_ms(void)
{
	static _Thread_local uint64_t asked_ms = UINT64_MAX, had_ms;
	uint64_t now = clock_mono_ms();

	if (now != asked_ms) {
		had_ms = read_us(CLOCK_THREAD_CPUTIME_ID) / 1000;
		asked_ms = now;
	}
	return had_ms;
}

/* Each thread keeps the last second's text: most times that are written are of this one. */
void clock_format(char out[25], uint64_t unix_ms)
{
	static _Thread_local char date[20];
	static _Thread_local uint64_t second = UINT64_MAX;
	unsigned ms = (unsigned)(unix_ms % 1000);

	if (unix_ms / 1000 != second) {
		time_t seconds = (time_t)(unix_ms / 1000);
		struct tm tm;

		if (gmtime_r(&seconds, &tm) == NULL || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
			snprintf(date, sizeof(date), "1970-01-01T00:00:00");
		second = unix_ms / 1000;
	}
	memcpy(out, date, 19);
	out[19] = '.';
	out[20] = (char)('0' + ms / 100);
	out[21] = (char)('0' + ms / 10 % 10);
	out[22] = (char)('0' + ms % 10);
	out[23] = 'Z';
	out[24] = '\0';
}
