/*
 * absent - says that something is not there, once it is sure.
 *
 * In:  a request for something that Redis did not have. Out: 404 or 410; 503 where the Redis that was asked is a
 * replica: after a failover it may lack what the primary has. Depends on reactor.
 */
#ifndef GS_SERVER_ABSENT_H
#define GS_SERVER_ABSENT_H

#include "server/http.h"
#include "server/problem.h"

/* p: P_JOB_UNKNOWN, P_LETTER_UNKNOWN or P_RESULTS_GONE. */
void absent_refuse(struct http_request *q, enum problem p);
/* The same at once, for what no Redis can have. */
void absent_refuse_now(struct http_request *q, enum problem p);

#endif
