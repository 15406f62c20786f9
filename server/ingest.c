/*
 * ingest - POST /v1/ingest/{source}: a signed document in, a job out.
 *
 * In:  the upload. Out: 202 once Redis has said that the job is there; otherwise a refusal, and
 * nothing is left behind. Depends on admission, segment_writer and commit.lua.
 *
 *   admitted ──body──▶ receiving ──last byte──▶ committing ──▶ 202, 409, 422 or 503
 *                          │                        │
 *                          └── client gone, wrong signature, Redis failed: abandoned
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/checksum.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "schema/scripts.h"
#include "schema/status_info.h"
#include "server/admission.h"
#include "server/body_check.h"
#include "server/handlers.h"
#include "server/reactor.h"

#define RETRY_S 2

struct ingest {
	struct http_request *q;		/* NULL once it is over: only the commit's reply is awaited */
	struct reactor *reactor;
	const struct source *source;
	struct admission admission;
	struct body_check *check;
	struct segment_writer *writer;
	char job[JOB_ID_LEN + 1];
	char hash[SHA256_HEX + 1];
	uint64_t bytes;
	uint64_t created_ms, asked_us;
	bool committing, retried;
};

static void ingest_free(struct ingest *in)
{
	body_check_free(&in->check);
	segment_writer_free(&in->writer);
	metrics_add(&in->reactor->metrics.uploads, (uint64_t)-1);
	in->reactor->uploads--;
	free(in);
}

/* What is in Redis of it goes. Where it was committed after all, nothing does. */
static void abandon(struct ingest *in)
{
	if (segment_number(in->writer) > 1)
		orphans_add(&in->reactor->orphans, in->job);
}

static void refuse_with(struct ingest *in, enum problem p, unsigned retry_s, const char *detail)
{
	struct refusal why = { .problem = P_NONE };

	refuse_for_now(&why, p, retry_s, "%s", detail);
	reactor_refuse(in->q, &why);
}

/* ---- admission ---- */

static const struct keyring *keys_of(const struct reactor *r, const struct source *src)
{
	return src != NULL ? &r->keys[src - r->settings->sources] : NULL;
}

static bool admit(struct http_request *q, struct admission *a, const struct source *src)
{
	struct reactor *r = reactor_of(q);
	struct refusal why = { .problem = P_NONE };
	const struct admission_request ask = {
		.header = http_header,
		.ctx = q,
		.method = q->method,
		.path = q->path,
		.query = q->query,
		.query_crs = http_query(q, "crs"),
		.declared = q->declared,
		.now_ms = clock_unix_ms(),
		.store_up = reactor_ready(r),
		.stopping = r->phase != REACTOR_RUNNING,
		.uploads = r->uploads,
	};

	if (admission_check(a, &ask, r->settings, src, keys_of(r, src), &why) == 0)
		return true;
	reactor_refuse(q, &why);
	return false;
}

static void on_room(void *ctx)
{
	struct ingest *in = ctx;

	http_wake(in->q);
}

static struct ingest *ingest_new(struct http_request *q, const struct admission *a, const struct source *src)
{
	struct reactor *r = reactor_of(q);
	struct ingest *in = calloc(1, sizeof(*in));
	unsigned char dice[10];

	if (in == NULL)
		return NULL;
	in->q = q;
	in->reactor = r;
	in->source = src;
	in->admission = *a;
	in->created_ms = clock_unix_ms();
	random_bytes(dice, sizeof(dice));
	wire_job_id(in->job, in->created_ms, dice);
	r->uploads++;
	metrics_add(&r->metrics.uploads, 1);
	if ((in->writer = segment_writer_new(r, in->job, on_room, in)) == NULL
	    || (in->check = body_check_new(&in->admission.signature, keys_of(r, src), in->created_ms)) == NULL) {
		ingest_free(in);
		return NULL;
	}
	segment_expect(in->writer, q->declared > 0 ? (uint64_t)q->declared : 0);
	return in;
}

static void ingest_begin(struct http_request *q)
{
	struct reactor *r = reactor_of(q);
	const struct source *src = settings_source(r->settings, q->arg);
	struct refusal why = { .problem = P_NONE };
	struct admission a;

	q->source = src != NULL ? src->name : NULL;
	if (!admit(q, &a, src) || (q->user = ingest_new(q, &a, src)) != NULL)
		return;
	refuse(&why, P_INTERNAL, "There is no memory for this upload.");
	reactor_refuse(q, &why);
}

/* ---- receiving ---- */

static size_t ingest_body(struct http_request *q, const void *bytes, size_t n)
{
	struct ingest *in = q->user;
	size_t taken;
	char words[96];

	if (in->bytes + n > (uint64_t)in->source->max_body_bytes) {
		snprintf(words, sizeof(words), "This source may send %" PRId64 " bytes.",
		    in->source->max_body_bytes);
		refuse_with(in, P_BODY_TOO_LARGE, 0, words);
		return 0;
	}
	taken = segment_add(in->writer, bytes, n);
	if (segment_failed(in->writer)) {
		refuse_with(in, P_STORE_UNAVAILABLE, RETRY_S, "Redis did not take all of the body.");
		return 0;
	}
	body_check_add(in->check, bytes, taken);
	in->bytes += taken;
	metrics_add(&in->reactor->metrics.body_bytes, taken);
	return taken;
}

/* ---- the last byte ---- */

static void add_field(struct redis_cmd *c, const char *name, const char *value)
{
	if (value == NULL)
		return;
	cmd_str(c, name);
	cmd_str(c, value);
}

/* NULL where it has none. */
static const char *delivery_of(const struct ingest *in)
{
	return in->admission.signature.delivery[0] != '\0' ? in->admission.signature.delivery : NULL;
}

static void on_commit(void *ctx, const struct reply *reply, const struct err *e);

static int send_commit(struct ingest *in)
{
	struct reactor *r = in->reactor;
	struct redis_cmd *c = &r->cmd;
	const struct buf *last = segment_last(in->writer);
	const char *id = delivery_of(in), *delivery = r->settings->redis.dedupe_s > 0 ? id : NULL;
	struct key raw = wire_key("raw", in->job), job = wire_key("job", in->job), jobs = wire_key("jobs", NULL),
	    staging = wire_key("staging", NULL), list = wire_key("index", NULL),
	    seen = delivery != NULL ? wire_seen_key(in->source->name, delivery) : raw;
	char sum[CHECKSUM_HEX + 1];

	checksum_hex(sum, last->data, last->len);
	cmd_script(c, &script_commit, 6);
	cmd_str(c, raw.text);
	cmd_str(c, job.text);
	cmd_str(c, jobs.text);
	cmd_str(c, staging.text);
	cmd_str(c, list.text);
	cmd_str(c, seen.text);
	cmd_str(c, in->job);
	cmd_int(c, (long long)in->created_ms);
	cmd_int(c, segment_number(in->writer));
	cmd_str(c, sum);
	cmd_bytes(c, last->data, last->len);
	cmd_str(c, in->hash);
	cmd_int(c, delivery != NULL ? r->settings->redis.dedupe_s : 0);
	add_field(c, "source", in->source->name);
	cmd_str(c, "bytes");
	cmd_int(c, (long long)in->bytes);
	add_field(c, "type", in->admission.type);
	if (in->admission.coding != CODING_NONE)
		add_field(c, "encoding", coding_name(in->admission.coding));
	add_field(c, "crs", in->admission.crs);
	add_field(c, "delivery", id);
	add_field(c, "trace", in->admission.trace);
	add_field(c, "ack", r->ack);
	in->asked_us = clock_mono_us();
	/* Behind its segments, where there are any: commit.lua counts them. */
	return segment_number(in->writer) > 1 ? reactor_do_bulk(r, on_commit, in) : reactor_do(r, on_commit, in);
}

static void ingest_end(struct http_request *q)
{
	struct ingest *in = q->user;
	struct refusal why = { .problem = P_NONE };
	unsigned char hash[SHA256_BYTES];

	if (in->bytes == 0) {
		refuse_with(in, P_BODY_EMPTY, 0, "A GeoJSON document is expected in the body.");
		return;
	}
	if (body_check_end(in->check, hash, &why) != 0) {
		reactor_refuse(q, &why);
		return;
	}
	hex_encode(in->hash, hash, sizeof(hash));
	in->created_ms = clock_unix_ms();
	if (segment_failed(in->writer) || send_commit(in) != 0) {
		refuse_with(in, P_STORE_UNAVAILABLE, RETRY_S, "Redis did not take all of the body.");
		return;
	}
	in->committing = true;
}

/* ---- Redis's answer ---- */

static void answer_job(struct ingest *in, const char *job, struct buf *body)
{
	char location[64];

	snprintf(location, sizeof(location), "/v1/jobs/%s", job);
	http_note_job(in->q, job);
	http_answer(in->q, 202, "application/json", body);
	http_answer_header(in->q, "Location", location);
}

static void answer_accepted(struct ingest *in)
{
	struct buf b;

	buf_init(&b, 65536);
	buf_reserve(&b, 1024);
	json_object(&b, NULL);
	json_str(&b, "id", in->job);
	json_str(&b, "jobID", in->job);
	json_str(&b, "processID", "ingest");
	json_object(&b, "process");
	json_str(&b, "id", "ingest");
	json_end_object(&b);
	json_str(&b, "type", "process");
	json_str(&b, "status", "accepted");
	json_str(&b, "source", in->source->name);
	json_str(&b, "acknowledged", in->reactor->ack);
	if (delivery_of(in) != NULL)
		json_str(&b, "delivery", delivery_of(in));
	json_time(&b, "created", in->created_ms);
	json_time(&b, "updated", in->created_ms);
	json_uint(&b, "progress", 0);
	json_object(&b, "bytes");
	json_uint(&b, "received", in->bytes);
	json_uint(&b, "parsed", 0);
	json_end_object(&b);
	json_object(&b, "counts");
	for (int i = 0; i < 4; i++)
		json_uint(&b, (const char *[]){ "features", "accepted", "repaired", "rejected" }[i], 0);
	json_end_object(&b);
	json_array(&b, "links");
	json_object(&b, NULL);
	buf_puts(&b, "\"href\":\"/v1/jobs/");
	buf_printf(&b, "%s\",\"rel\":\"self\",\"type\":\"application/json\"}]}", in->job);
	answer_job(in, in->job, &b);
}

/* The job of an earlier delivery, as it stands now. */
static void on_first(void *ctx, const struct reply *reply, const struct err *e)
{
	struct ingest *in = ctx;
	struct buf b;

	(void)e;
	in->committing = false;
	if (in->q == NULL) {
		ingest_free(in);
		return;
	}
	if (reply == NULL) {
		refuse_with(in, P_STORE_UNAVAILABLE, RETRY_S, "Redis went away.");
		return;
	}
	buf_init(&b, 1 << 20);
	if (reply_count(reply) > 0) {
		status_info_write(&b, in->job, reply, 0);
	} else {
		json_object(&b, NULL);
		json_str(&b, "jobID", in->job);
		json_str(&b, "status", "dismissed");
		json_str(&b, "message", "This delivery was taken before; its job is no longer kept.");
		json_end_object(&b);
	}
	answer_job(in, in->job, &b);
}

static void answer_same(struct ingest *in, const char *first)
{
	struct key job;

	snprintf(in->job, sizeof(in->job), "%s", first);
	job = wire_key("job", in->job);
	cmd_line(&in->reactor->cmd, "HGETALL", job.text, NULL);
	if (reactor_do(in->reactor, on_first, in) == 0)
		in->committing = true;
	else
		refuse_with(in, P_STORE_UNAVAILABLE, RETRY_S, "Redis went away.");
}

static void answer_other(struct ingest *in, const struct reply *reply)
{
	const char *state = reply_str(reply_at(reply, 2), NULL);
	bool running = strcmp(state, "accepted") == 0 || strcmp(state, "running") == 0;
	char words[128];

	snprintf(words, sizeof(words), "It was used for job %s; a new document needs a new id.",
	    reply_str(reply_at(reply, 1), NULL));
	refuse_with(in, running ? P_DELIVERY_RUNNING : P_DELIVERY_REUSED, 0, words);
}

static void on_commit(void *ctx, const struct reply *reply, const struct err *e)
{
	struct ingest *in = ctx;
	const char *verdict = reply_str(reply_at(reply, 0), NULL);

	in->committing = false;
	if (reply == NULL && !in->retried && in->q != NULL && strncmp(e->text, "NOSCRIPT", 8) == 0) {
		in->retried = true;	/* Redis lost its scripts; they are on their way to it, ahead of this */
		in->committing = send_commit(in) == 0;
		if (in->committing)
			return;
	}
	metrics_commit(&in->reactor->metrics, clock_mono_us() - in->asked_us);
	if (in->q == NULL) {
		if (reply == NULL)
			abandon(in);
		ingest_free(in);
	} else if (strcmp(verdict, "ok") == 0) {
		answer_accepted(in);
	} else if (strcmp(verdict, "same") == 0) {
		answer_same(in, reply_str(reply_at(reply, 1), NULL));
	} else if (strcmp(verdict, "other") == 0) {
		answer_other(in, reply);
	} else {
		refuse_with(in, P_STORE_UNAVAILABLE, RETRY_S, reply == NULL ? "Redis did not take the job."
		    : "Redis lost a part of the body.");
	}
}

/*
 * An answer other than 202 leaves nothing behind. Where commit.lua said "same" or "other" it has
 * cleaned up itself, and abandon.lua finds nothing to do.
 */
static void ingest_gone(struct http_request *q)
{
	struct ingest *in = q->user;

	if (in == NULL)
		return;
	in->q = NULL;
	if (in->committing)
		return;
	if (q->status != 202)
		abandon(in);
	ingest_free(in);
}

const struct http_handler ingest_post = { ingest_begin, ingest_body, ingest_end, ingest_gone };
