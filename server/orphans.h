/*
 * orphans - uploads that ended without a commit, and whose segments are still to be taken away.
 *
 * In:  job ids. Out: calls of abandon.lua, again and again until Redis says that it is done.
 * Depends on lib/redis. What is lost here with the process is the janitor's.
 */
#ifndef GS_SERVER_ORPHANS_H
#define GS_SERVER_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/wire.h"

struct reactor;

struct orphans {
	struct reactor *reactor;
	char (*jobs)[JOB_ID_LEN + 1];
	size_t count, room;
	size_t in_flight;
};

void orphans_init(struct orphans *o, struct reactor *r);
void orphans_clear(struct orphans *o);
/* Safe also where the outcome of the commit is unknown: a job that was committed stays. */
void orphans_add(struct orphans *o, const char *job);
/* Twice a second, and when a reactor ends. */
void orphans_tick(struct orphans *o);
bool orphans_done(const struct orphans *o);

#endif
