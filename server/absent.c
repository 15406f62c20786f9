/* absent - see absent.h. */
#include "server/absent.h"

#include <string.h>

#include "server/reactor.h"

void absent_refuse_now(struct http_request *q, enum problem p)
{
	const char *words = "It never was, or it is no longer kept.";

	if (p == P_JOB_UNKNOWN)
		words = "It never was, or its retention is over.";
	else if (p == P_RESULTS_GONE)
		words = "They are no longer kept.";
	reactor_refuse_as(q, p, words);
}

/* role: NULL where Redis cannot be asked any more. */
static void judge(struct http_request *q, const struct reply *role, enum problem p)
{
	if (role == NULL)
		reactor_doubt(reactor_of(q));	/* perhaps ROLE may not be asked: that is said where all look */
	if (role == NULL || strcmp(reply_str(reply_at(role, 0), NULL), "slave") == 0)
		reactor_refuse_as(q, P_STORE_UNAVAILABLE, "Redis is failing over; try again.");
	else
		absent_refuse_now(q, p);
}

static void job(struct http_request *q, const struct reply *role)
{
	judge(q, role, P_JOB_UNKNOWN);
}

static void letter(struct http_request *q, const struct reply *role)
{
	judge(q, role, P_LETTER_UNKNOWN);
}

static void results(struct http_request *q, const struct reply *role)
{
	judge(q, role, P_RESULTS_GONE);
}

void absent_refuse(struct http_request *q, enum problem p)
{
	cmd_line(&reactor_of(q)->cmd, "ROLE", NULL);
	reactor_ask_any(q, p == P_JOB_UNKNOWN ? job : p == P_LETTER_UNKNOWN ? letter : results);
}
