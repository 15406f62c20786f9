/*
 * process - what one transform process does from its start to its end.
 *
 * In:  settings and a consumer name. Out: jobs done. Depends on queue, job and transform.
 *
 * Returns the exit status: 0 when it was asked to stop; EXIT_AGAIN when a fresh process is to go on; 1 when
 * it cannot go on (the log says why).
 */
#ifndef GS_WORKERS_PROCESS_H
#define GS_WORKERS_PROCESS_H

#include "schema/settings.h"
#include "workers/flight_recorder.h"

/* flight: what it notes of itself, and what its predecessor died of. */
int process_run(const struct settings *s, const char *consumer, struct flight *flight);

#endif
