/*
 * finish - ends a job: counts, state, callback owed and message, in one step.
 *
 * In:  a job and how it went. Out: one call of finish.lua. Depends on lib/redis and letter.h.
 *
 * 0: ended. 1: stale, it is no longer ours (or it was ended by a call whose reply was lost). -1: e.
 */
#ifndef GS_WORKERS_FINISH_H
#define GS_WORKERS_FINISH_H

#include "schema/settings.h"
#include "workers/job.h"
#include "workers/pipeline/pipeline.h"

/* said: of the collection's bbox; NULL: nothing. Where it says SEV_REJECT, finish_failed is due. */
int finish_successful(const struct job *j, struct redis *r, const struct settings *s,
    const struct pipeline_totals *t, const struct collection_said *said, struct err *e);

int finish_failed(const struct job *j, struct redis *r, const struct settings *s, enum reject_code code,
    const char *reason, uint64_t offset, struct err *e);

#endif
