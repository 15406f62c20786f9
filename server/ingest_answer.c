/*
 * ingest_answer - what is answered to an upload that Redis has a verdict on.
 *
 * In:  a committed upload, or one that was known already. Out: 202 once the job is as safe as its source asks for, and
 * 503 where that cannot be had in time: the job is there then, and the same delivery again is answered with it, if it
 * is known again. Or 409, 422. Depends on barrier and schema/status_info.
 */
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "schema/scripts.h"
#include "schema/status_info.h"
#include "server/ingest_parts.h"

#define RETRY_ACK_S 5

static void answer_job(struct ingest *in, const char *job, struct buf *body)
{
	char location[sizeof("/v1/jobs/") + JOB_ID_LEN] = "/v1/jobs/";

	strncat(location, job, JOB_ID_LEN);
	http_note_job(in->q, job);
	http_answer(in->q, 202, "application/json", body);
	http_answer_header(in->q, "Location", location);
}

/* ---- a new job ---- */

/* As status_info_write would; what is the same in all is written at once. */
static void write_accepted(struct ingest *in, enum ack level)
{
	struct buf b;

	buf_init(&b, 65536);
	buf_reserve(&b, 1024);
	buf_puts(&b, "{\"id\":\"");
	buf_puts(&b, in->job);
	buf_puts(&b, "\",\"jobID\":\"");
	buf_puts(&b, in->job);
	buf_puts(&b, "\",\"processID\":\"ingest\",\"process\":{\"id\":\"ingest\"},\"type\":\"process\","
	    "\"status\":\"accepted\"");
	json_str(&b, "source", in->source->name);
	json_str(&b, "acknowledged", ack_name(level));
	if (ingest_delivery(in) != NULL)
		json_str(&b, "delivery", ingest_delivery(in));
	json_time(&b, "created", in->created_ms);
	json_time(&b, "updated", in->created_ms);
	buf_puts(&b, ",\"progress\":0,\"bytes\":{\"received\":");
	json_uint(&b, NULL, in->bytes);
	buf_puts(&b, ",\"parsed\":0},\"counts\":{\"features\":0,\"accepted\":0,\"repaired\":0,\"rejected\":0},"
	    "\"links\":[{\"href\":\"/v1/jobs/");
	buf_puts(&b, in->job);
	buf_puts(&b, "\",\"rel\":\"self\",\"type\":\"application/json\"}]}");
	answer_job(in, in->job, &b);
}

/* ---- an earlier job ---- */

/* As it stands now. */
static void on_status(void *ctx, const struct reply *reply, const struct err *e)
{
	struct ingest *in = ctx;
	struct buf b;

	(void)e;
	in->asking = false;
	if (in->q == NULL) {
		ingest_free(in);
		return;
	}
	if (reply == NULL) {
		ingest_refuse_store(in, "Redis went away.");
		return;
	}
	buf_init(&b, 1 << 20);
	if (reply_count(reply) > 0) {
		status_info_write(&b, in->job, reply, 0);
	} else {
		status_info_gone(&b, in->job, "This delivery was taken before; its job is no longer kept.");
		http_note_job(in->q, in->job);
		http_answer(in->q, 202, "application/json", &b);	/* no Location: it would be a 404 */
		return;
	}
	answer_job(in, in->job, &b);
}

static void ask_status(struct ingest *in)
{
	struct key job = wire_key("job", in->job);

	cmd_line(&in->reactor->cmd, "HGETALL", job.text, NULL);
	in->asking = reactor_do(in->reactor, on_status, in) == 0;
	if (!in->asking)
		ingest_refuse_store(in, "Redis went away.");
}

/* ---- safe enough? ---- */

enum ack ingest_base(const struct ingest *in)
{
	const struct durability *d = &in->reactor->durability;

	return strcmp(redis_async_run_id(in->over), d->run_id) == 0 ? durability_base(d) : ACK_MEMORY;
}

static void answer(struct ingest *in, enum ack level)
{
	if (in->earlier)
		ask_status(in);
	else
		write_accepted(in, level);
}

static void refuse_level(struct ingest *in)
{
	char words[256], location[64];

	snprintf(words, sizeof(words), "It is job %s, but that %s is not certain. %s", in->job,
	    ack_words((enum ack)in->source->ack), ingest_dedupe(in) != NULL
	    ? "Send the same delivery again: it is answered with this job."
	    : "No delivery id of it is remembered: sent again, it is another job.");
	snprintf(location, sizeof(location), "/v1/jobs/%s", in->job);
	http_note_job(in->q, in->job);
	ingest_refuse(in, P_ACK_UNAVAILABLE, RETRY_ACK_S, words);
	http_answer_header(in->q, "Location", location);
}

static void on_acked(void *ctx, const struct reply *reply, const struct err *e)
{
	struct ingest *in = ctx;

	(void)e;
	(void)reply;	/* the level is reached, whether or not the job could be told of it */
	in->asking = false;
	if (in->q != NULL)
		answer(in, (enum ack)in->source->ack);
	else
		ingest_free(in);
}

static void on_reached(void *ctx, bool reached)
{
	struct ingest *in = ctx;
	struct redis_cmd *c = &in->reactor->cmd;
	struct key job = wire_key("job", in->job);

	in->asking = false;
	metrics_ack(&in->reactor->metrics, clock_mono_us() - in->asked_us);
	if (in->q == NULL) {
		ingest_free(in);
		return;
	}
	if (!reached) {
		in->reactor->rights_at_ms = 0;	/* perhaps it may not be waited for any more */
		refuse_level(in);
		return;
	}
	cmd_script(c, &script_acked, 1);
	cmd_str(c, job.text);
	cmd_str(c, ack_name((enum ack)in->source->ack));
	in->asking = reactor_do(in->reactor, on_acked, in) == 0;
	if (!in->asking)
		refuse_level(in);
}

static void secure(struct ingest *in)
{
	enum ack level = (enum ack)in->source->ack;
	struct barrier *b = in->reactor->barriers[level];

	if (level == ACK_MEMORY || ingest_base(in) == level) {
		answer(in, ingest_base(in));
		return;
	}
	in->asked_us = clock_mono_us();
	in->asking = b != NULL && barrier_wait(b, redis_async_run_id(in->over), on_reached, in) == 0;
	if (!in->asking)
		refuse_level(in);
}

void ingest_answer_accepted(struct ingest *in)
{
	in->committed = true;
	secure(in);
}

void ingest_answer_same(struct ingest *in, const char *job)
{
	snprintf(in->job, sizeof(in->job), "%s", job);
	in->committed = in->earlier = true;
	secure(in);
}

/* ---- another body of a known id ---- */

void ingest_answer_other(struct ingest *in, const struct reply *reply)
{
	const char *state = reply_str(reply_at(reply, 2), NULL);
	bool running = strcmp(state, "accepted") == 0 || strcmp(state, "running") == 0;
	char words[128];

	snprintf(words, sizeof(words), "It was used for job %s; a new document needs a new id.",
	    reply_str(reply_at(reply, 1), NULL));
	ingest_refuse(in, running ? P_DELIVERY_RUNNING : P_DELIVERY_REUSED, 0, words);
}
