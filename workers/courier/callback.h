/*
 * callback - what is said to the receiver, and what its answer means.
 *
 * In:  a job's fields; an HTTP status. Out: a signed message; a verdict. Depends on schema/.
 */
#ifndef GS_WORKERS_COURIER_CALLBACK_H
#define GS_WORKERS_COURIER_CALLBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/redis.h"
#include "schema/settings.h"
#include "schema/webhook.h"
#include "schema/wire.h"

struct callback {
	char id[JOB_ID_LEN + 8];	/* "msg_<job>": the same at every attempt */
	char timestamp[24];		/* Unix seconds */
	char signature[WEBHOOK_SIGNATURE_MAX];
};

enum callback_outcome { CALLBACK_DELIVERED, CALLBACK_FAILED, CALLBACK_RETRY, CALLBACK_NONE,
	CALLBACK_GONE };	/* NONE: none is wanted. GONE: there is no job to tell of, or another told it. */

/* Writes the body (the job's statusInfo) and signs it. hash: the reply to HGETALL. */
int callback_make(struct callback *c, struct buf *body, const struct source *source, const char *job,
    const struct reply *hash, uint64_t now_ms, struct err *e);

/*
 * status: 0 where no answer came. refused: the address is not one to be called. attempt: from 1. All but 2xx and 410
 * may pass: a receiver that is being deployed, or whose secret is being changed, says 404 or 401.
 */
enum callback_outcome callback_judge(int status, bool refused, unsigned attempt, unsigned max_attempts);

/* As called.lua calls it. */
const char *callback_outcome_name(enum callback_outcome o);

#endif
