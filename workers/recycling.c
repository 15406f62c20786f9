/* recycling - see recycling.h. */
#include "workers/recycling.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WINDOW 256
#define WINDOWS 8
#define GROWTH_BYTES ((uint64_t)32 << 20)

void recycling_init(struct recycling *r, uint64_t limit_bytes)
{
	memset(r, 0, sizeof(*r));
	r->limit_bytes = limit_bytes;
	r->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

void recycling_clear(struct recycling *r)
{
	if (r->statm >= 0)
		close(r->statm);
	r->statm = -1;
}

static uint64_t resident(const struct recycling *r)
{
	unsigned long long all, pages;
	char text[128];
	ssize_t n = r->statm >= 0 ? pread(r->statm, text, sizeof(text) - 1, 0) : -1;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return sscanf(text, "%llu %llu", &all, &pages) == 2 ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

bool recycling_full(const struct recycling *r)
{
	uint64_t most = r->limit_bytes / 10 * 8;

	if (most == 0 || resident(r) <= most)
		return false;
	malloc_trim(0);
	return resident(r) > most;
}

bool recycling_grows(struct recycling *r, uint64_t rss)
{
	if (r->samples == 0 || rss < r->least)
		r->least = rss;
	if (++r->samples < WINDOW)
		return false;
	r->samples = 0;
	if (r->least > r->last && r->last > 0) {
		r->climbs++;
	} else {
		r->climbs = 0;
		r->first = r->least;
	}
	r->last = r->least;
	return r->climbs >= WINDOWS && r->least - r->first >= GROWTH_BYTES;
}

bool recycling_due(struct recycling *r)
{
	return recycling_grows(r, resident(r)) || recycling_full(r);
}
