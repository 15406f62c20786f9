/*
 * patience - how a process waits for Redis, and how it learns that it is to stop.
 *
 * In:  SIGTERM, SIGINT; commands. Out: replies, or "stop". Depends on lib/redis.
 *
 * A process has one patience: signals belong to the process.
 */
#ifndef GS_WORKERS_PATIENCE_H
#define GS_WORKERS_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/redis.h"

/* From now on SIGTERM and SIGINT ask this process to stop; if it has not after grace_s, SIGALRM ends it
 * (0: no such end). Writing to a closed socket no longer ends it. */
void patience_begin(unsigned grace_s);
bool patience_over(void);

/* Sleeps ms, or less if the process is to stop. */
void patience_sleep(unsigned ms);

/* The wait before try number `n` (from 0): doubles from 50 ms to 2 s, with jitter of a half. */
unsigned patience_backoff_ms(unsigned n);

/*
 * redis_do, again and again while Redis is away, loading, full or read-only. -1: ERR_RETRY only where the
 * process is to stop; else as redis_do. Only for commands that may be done twice.
 */
int redis_insist(struct redis *r, const struct redis_cmd *c, struct reply **out, struct err *e);

#endif
