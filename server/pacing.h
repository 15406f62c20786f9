/*
 * pacing - large bodies wait while Redis syncs its file, if small documents come meanwhile.
 *
 * In:  what Redis says of its append-only file, 100 times a second while large and small ones come. Out: the segments
 * of a reactor are held back, or go on. Depends on segment_writer.
 *
 * With `appendfsync everysec` Redis writes nothing while a sync is under way. It keeps what comes, writes all of it
 * as soon as the sync has ended, and answers nobody until that is done: with large bodies at full speed that is ten
 * megabytes a second, and tens of milliseconds in which small documents wait.
 */
#ifndef GS_SERVER_PACING_H
#define GS_SERVER_PACING_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct loop_timer;
struct reactor;

struct pacing {
	struct loop_timer *timer;	/* runs while both large and small ones come */
	uint64_t seen;			/* segments that had been written at the last tick */
	uint64_t since_ms;		/* when they were held back */
	bool asked;			/* an answer is owed */
	bool tired;			/* this sync takes too long to be waited for */
};

int pacing_init(struct reactor *r, struct err *e);
void pacing_clear(struct reactor *r);
/* Every half second: is there anything to watch? */
void pacing_tick(struct reactor *r);
/* A small document was committed, by any reactor. */
void pacing_small(struct reactor *r);
/* What INFO says; "" where it says nothing. */
void pacing_take(struct reactor *r, const char *info);

#endif
