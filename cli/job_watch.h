/*
 * job_watch - asks for a job until it has ended.
 *
 * In:  the server's URL, a job's id. Out: its statusInfo; words about it. Depends on cli/http.
 */
#ifndef GS_CLI_JOB_WATCH_H
#define GS_CLI_JOB_WATCH_H

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"

/* One question. The HTTP status, or -1. */
int job_get(const char *base, const char *id, struct buf *answer, struct err *e);

/* Asks until the job has ended; shows its progress where standard error is a terminal. The HTTP status of
 * the last answer, or -1. A server that is away for a while is waited for. */
int job_wait(const char *base, const char *id, struct buf *answer, struct err *e);

bool job_has_ended(const struct buf *info);
/* EXIT_GOOD, EXIT_REJECTED or EXIT_FAILED. */
int job_exit_code(const struct buf *info);
/* A few lines for people on standard output. */
void job_print(const char *base, const struct buf *info);

#endif
