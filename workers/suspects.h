/*
 * suspects - features that a process died of: told to all workers, and what they do about it.
 *
 * In:  obituaries; a job's field `suspects`. Out: the field; which feature is to be tried alone, left out.
 * Depends on lib/redis and flight_recorder.h.
 *
 *   died once  ──▶ tried alone in a fresh process ──survives──▶ worked on like all others
 *                          │ dies                                      │ dies
 *   died twice ◀───────────┴───────────────────────────────────────────┘ ──▶ rejected, its neighbours delivered;
 *                                                   where it died of reading it, its text is masked first (mask.h)
 */
#ifndef GS_WORKERS_SUSPECTS_H
#define GS_WORKERS_SUSPECTS_H

#include "lib/redis.h"
#include "workers/flight_recorder.h"

struct suspect {
	uint64_t feature;
	unsigned deaths;
	bool tried;		/* alone, since the last of them, and it survived */
	bool undecoded;		/* the last time, while it was read */
	enum reject_code code;
	char reason[96];
};

/* Waits while Redis is away. 0; -1: e. */
int suspects_report(struct redis *r, const struct obituary *o, struct err *e);
int suspects_tried(struct redis *r, const char *job, uint64_t feature, struct err *e);

/* The line about this feature in `lines` (a job's field, or NULL). */
bool suspects_find(const char *lines, uint64_t feature, struct suspect *out);
/* The first feature from `first` to before `behind` that waits for its trial. */
bool suspects_untried(const char *lines, uint64_t first, uint64_t behind, struct suspect *out);
/* The first from `first` to before `behind` that killed those who decoded it: it is not shown to the decoder again. */
bool suspects_undecodable(const char *lines, uint64_t first, uint64_t behind, struct suspect *out);
/* One that kills all the same: the document cannot be read past it. */
bool suspects_unreadable(const char *lines, uint64_t first, uint64_t behind, struct suspect *out);

#endif
