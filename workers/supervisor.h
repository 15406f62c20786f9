/*
 * supervisor - keeps child processes alive, and stops them.
 *
 * In:  what each child does. Out: children that are there again when they die. Depends on fork alone;
 * it has no connection and parses nothing, so that nothing can take it down.
 *
 *   started ──exits──▶ waiting ──backoff──▶ started        (100 ms to 10 s; at once after a long life)
 *   SIGTERM ──▶ all told ──grace_s──▶ all killed
 *   SIGHUP ──▶ reload says yes ──▶ all told ──▶ each is started again as soon as it has ended
 *
 * A child with a flight recorder is killed when a feature takes it too long. If a feature ended it, it is
 * started again at once; if it ended with EXIT_AGAIN, too, but for a pause where it lived for less than a second.
 */
#ifndef GS_WORKERS_SUPERVISOR_H
#define GS_WORKERS_SUPERVISOR_H

#include "workers/flight_recorder.h"

#define EXIT_AGAIN 75	/* of a child that wants a fresh one in its place */

struct child_role {
	const char *name;	/* for the log */
	int (*run)(void *ctx, unsigned slot);	/* in the child; returns its exit status */
	void *ctx;
	struct flight *flight;	/* NULL: none */
};

/* Asked on SIGHUP: is there anything new for the children to begin with? NULL: SIGHUP changes nothing. */
struct reloading {
	bool (*reload)(void *ctx, unsigned *grace_s);
	void *ctx;
};

/* One child per role, slot being its place in the table. Returns when it was stopped and all have ended:
 * the number of children that had to be killed; -1 without memory. */
int supervisor_run(const struct child_role *roles, unsigned n, unsigned grace_s, const struct reloading *reloading);

#endif
