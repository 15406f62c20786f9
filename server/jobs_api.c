/*
 * jobs_api - jobs as clients see and dismiss them (OGC API - Processes).
 *
 * In:  GET /v1/jobs, GET and DELETE /v1/jobs/{id}. Out: statusInfo. Depends on schema/status_info.
 */
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "schema/scripts.h"
#include "schema/status_info.h"
#include "schema/wire.h"
#include "server/absent.h"
#include "server/handlers.h"
#include "server/query.h"
#include "server/reactor.h"

#define LIST_DEFAULT 20
#define LIST_MOST 1000
#define LIST_LOOK 2000		/* jobs that one page looks at: Redis does nothing else meanwhile */
#define LIST_BYTES (16u << 20)

/* ---- one job ---- */

static void answer_status(struct http_request *q, const struct reply *hash)
{
	struct buf b;

	if (reply_count(hash) == 0) {
		absent_refuse(q, P_JOB_UNKNOWN);
		return;
	}
	buf_init(&b, 1 << 20);
	status_info_write(&b, q->arg, hash, 0);
	http_answer(q, 200, "application/json", &b);
}

static void ask_status(struct http_request *q)
{
	struct key job = wire_key("job", q->arg);

	cmd_line(&reactor_of(q)->cmd, "HGETALL", job.text, NULL);
	reactor_ask(q, answer_status);
}

static bool known_id(struct http_request *q)
{
	if (!wire_is_job_id(q->arg)) {
		absent_refuse_now(q, P_JOB_UNKNOWN);
		return false;
	}
	http_note_job(q, q->arg);
	return true;
}

static void get(struct http_request *q)
{
	if (known_id(q))
		ask_status(q);
}

/* ---- dismiss ---- */

static void on_dismissed(struct http_request *q, const struct reply *reply)
{
	const char *verdict = reply_str(reply, NULL);
	struct buf b;

	if (strcmp(verdict, "gone") == 0) {
		absent_refuse(q, P_JOB_UNKNOWN);
	} else if (strcmp(verdict, "dismissed") == 0) {
		ask_status(q);
	} else {
		buf_init(&b, 1024);
		json_object(&b, NULL);
		json_str(&b, "id", q->arg);
		json_str(&b, "jobID", q->arg);
		json_str(&b, "processID", "ingest");
		json_str(&b, "type", "process");
		json_str(&b, "status", "dismissed");
		json_str(&b, "message", "The job had ended; it and its results are removed.");
		json_end_object(&b);
		http_answer(q, 200, "application/json", &b);
	}
}

static void dismiss(struct http_request *q)
{
	struct reactor *r = reactor_of(q);
	struct redis_cmd *c = &r->cmd;
	struct key job = wire_key("job", q->arg), raw = wire_key("raw", q->arg), out = wire_key("out", q->arg),
	    report = wire_key("report", q->arg), list = wire_key("index", NULL);

	if (!known_id(q))
		return;
	cmd_script(c, &script_dismiss, 5);
	cmd_str(c, job.text);
	cmd_str(c, raw.text);
	cmd_str(c, out.text);
	cmd_str(c, report.text);
	cmd_str(c, list.text);
	cmd_str(c, q->arg);
	cmd_int(c, (long long)clock_unix_ms());
	cmd_int(c, r->settings->redis.retention_s * 1000);
	reactor_ask(q, on_dismissed);
}

/* ---- the list ---- */

static void answer_list(struct http_request *q, const struct reply *page)
{
	const char *next = reply_str(reply_at(page, 0), NULL);
	struct buf b;

	buf_init(&b, LIST_BYTES);
	json_object(&b, NULL);
	json_array(&b, "jobs");
	for (size_t i = 1; i + 1 < reply_count(page); i += 2)
		status_info_write(&b, reply_str(reply_at(page, i), NULL), reply_at(page, i + 1), 0);
	json_end_array(&b);
	if (*next != '\0')
		json_str(&b, "next", next);
	query_links(q, &b, next);
	json_end_object(&b);
	http_answer(q, 200, "application/json", &b);
}

static bool is_state(const char *s)
{
	static const char *const states[] = { "", "accepted", "running", "successful", "failed", "dismissed" };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(s, states[i]) == 0)
			return true;
	return false;
}

/* "<unix ms>.<job id>" */
static bool is_cursor(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return *s == '\0' || (n > 0 && n < 20 && s[n] == '.' && wire_is_job_id(s + n + 1));
}

static void list(struct http_request *q)
{
	struct redis_cmd *c = &reactor_of(q)->cmd;
	const char *state = query_text(q, "status"), *from = query_text(q, "cursor");
	struct refusal why = { .problem = P_NONE };
	struct key index = wire_key("index", NULL);
	unsigned limit;

	if (query_count(q, "limit", LIST_DEFAULT, LIST_MOST, &limit, &why) != 0) {
		reactor_refuse(q, &why);
		return;
	}
	if (!is_state(state))
		refuse(&why, P_QUERY_WRONG, "status must be accepted, running, successful, failed or dismissed.");
	if (!is_cursor(from))
		refuse(&why, P_QUERY_WRONG, "cursor must be the \"next\" of an earlier page.");
	if (why.problem != P_NONE) {
		reactor_refuse(q, &why);
		return;
	}
	cmd_script(c, &script_list_jobs, 1);
	cmd_str(c, index.text);
	cmd_str(c, from);
	cmd_str(c, query_text(q, "source"));
	cmd_str(c, state);
	cmd_int(c, limit);
	cmd_int(c, LIST_LOOK);
	reactor_ask(q, answer_list);
}

const struct http_handler jobs_get = { .end = get };
const struct http_handler jobs_dismiss = { .end = dismiss };
const struct http_handler jobs_list = { .end = list };
