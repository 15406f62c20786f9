/*
 * status_info - a job as clients see it.
 *
 * In:  the fields of job:<job>. Out: one JSON object, the statusInfo of OGC API - Processes
 * (members of 1.0 and of 2.0) with counts, bytes and links. Depends on lib/json and lib/redis.
 *
 * GET /v1/jobs/{id}, the list of jobs and the callbacks all say it in these words.
 */
#ifndef GS_SCHEMA_STATUS_INFO_H
#define GS_SCHEMA_STATUS_INFO_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/redis.h"

/* hash: name, value, … from element `first`, as HGETALL gives them. Links are paths: their host is the
 * server's. */
void status_info_write(struct buf *b, const char *job_id, const struct reply *hash, size_t first);

/* Of a job that is no longer kept: it is "dismissed", with a message. */
void status_info_gone(struct buf *b, const char *job_id, const char *message);

#endif
