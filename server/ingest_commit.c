/*
 * ingest_commit - the last byte of an upload: makes it a job, or nothing.
 *
 * In:  an upload whose bytes have all come and are proven. Out: an answer. Depends on commit.lua.
 *
 * All that a commit does is one transaction with the last segment. A body of one segment, as of nearly every webhook,
 * goes with others (ingest_small.c); one that has more, or for which room was kept, is commit.lua's.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "schema/scripts.h"
#include "server/ingest_parts.h"

#define TYPE_COMMON "application/geo+json"	/* of nearly all: it is not said */

static bool is_small(const struct ingest *in)
{
	return segment_number(in->writer) == 1 && in->reserved == 0;
}

int ingest_version(const struct ingest *in)
{
	return segment_any_packed(in->writer) ? WIRE_PACKED : WIRE_VERSION;
}

static void add_field(struct redis_cmd *c, const char *name, const char *value)
{
	if (value == NULL)
		return;
	cmd_str(c, name);
	cmd_str(c, value);
}

void ingest_add_fields(struct ingest *in, struct redis_cmd *c)
{
	add_field(c, "source", in->source->name);
	cmd_str(c, "held");
	cmd_int(c, (long long)segment_stored(in->writer));
	cmd_str(c, "bytes");
	cmd_int(c, (long long)in->bytes);
	if (ingest_version(in) != WIRE_VERSION) {
		cmd_str(c, "v");
		cmd_int(c, ingest_version(in));
	}
	if (strcmp(in->admission.type, TYPE_COMMON) != 0)
		add_field(c, "type", in->admission.type);
	if (in->admission.coding != CODING_NONE)
		add_field(c, "encoding", coding_name(in->admission.coding));
	add_field(c, "crs", in->admission.crs);
	add_field(c, "delivery", ingest_delivery(in));
	add_field(c, "trace", in->admission.trace[0] != '\0' ? in->admission.trace : NULL);
	if (ingest_base(in) != ACK_MEMORY)
		add_field(c, "ack", ack_name(ingest_base(in)));
}

long long ingest_remembered_s(const struct ingest *in)
{
	return ingest_dedupe(in) != NULL ? in->reactor->settings->redis.dedupe_s : 0;
}

static void on_whole(void *ctx, const struct reply *reply, const struct err *e);

static int send_whole(struct ingest *in)
{
	struct redis_cmd *c = &in->reactor->cmd;
	const char *delivery = ingest_dedupe(in);
	struct key raw = wire_key("raw", in->job), job = wire_key("job", in->job), jobs = wire_key("jobs", NULL),
	    staging = wire_key("staging", NULL), list = wire_key("index", NULL), staged = wire_key("staged", NULL),
	    seen = delivery != NULL ? wire_seen_key(in->source->name, delivery) : raw;

	cmd_reset(c);
	segment_last(in->writer, c);
	cmd_next_script(c, &script_commit, in->reserved > 0 ? 7 : 6);
	cmd_str(c, raw.text);
	cmd_str(c, job.text);
	cmd_str(c, jobs.text);
	cmd_str(c, staging.text);
	cmd_str(c, list.text);
	cmd_str(c, seen.text);
	if (in->reserved > 0)
		cmd_str(c, staged.text);
	cmd_str(c, in->job);
	cmd_int(c, (long long)in->created_ms);
	cmd_int(c, segment_number(in->writer));
	cmd_str(c, "");
	cmd_str(c, "");
	cmd_str(c, in->hash);
	cmd_int(c, ingest_remembered_s(in));
	cmd_str(c, ingest_proof(in));
	ingest_add_fields(in, c);
	return in->over == in->reactor->bulk ? reactor_do_bulk(in->reactor, on_whole, in)
	    : reactor_do(in->reactor, on_whole, in);
}

int ingest_commit(struct ingest *in)
{
	in->asked_us = clock_mono_us();
	if (is_small(in))
		pacing_small(in->reactor);
	/* Behind its segments, where there are any: commit.lua counts them. */
	in->over = segment_number(in->writer) > 1 ? in->reactor->bulk : in->reactor->redis;
	return is_small(in) ? ingest_commit_small(in) : send_whole(in);
}

bool ingest_lost_scripts(const struct reply *reply, const struct err *e)
{
	return reply == NULL && strncmp(e->text, "NOSCRIPT", 8) == 0;
}

void ingest_settle(struct ingest *in, const struct reply *said)
{
	const char *verdict = reply_str(reply_count(said) > 0 ? reply_at(said, 0) : said, NULL);

	in->asking = false;
	metrics_commit(&in->reactor->metrics, clock_mono_us() - in->asked_us);
	if (in->q == NULL) {
		if (said == NULL)
			ingest_abandon(in);
		ingest_free(in);
	} else if (strcmp(verdict, "ok") == 0) {
		ingest_answer_accepted(in);
	} else if (strcmp(verdict, "same") == 0) {
		ingest_answer_same(in, reply_str(reply_at(said, 1), NULL));
	} else if (strcmp(verdict, "other") == 0) {
		ingest_answer_other(in, said);
	} else {
		ingest_refuse_store(in, said == NULL ? "Redis did not take the job."
		    : "Redis lost a part of the body.");
	}
}

static void on_whole(void *ctx, const struct reply *reply, const struct err *e)
{
	struct ingest *in = ctx;

	if (!in->retried && in->q != NULL && ingest_lost_scripts(reply, e)) {
		in->retried = true;	/* Redis lost its scripts; they are on their way to it, ahead of this */
		if (send_whole(in) == 0)
			return;
	}
	/* A transaction with the last segment: the script's answer is the last. */
	ingest_settle(in, reply_count(reply) > 0 ? reply_at(reply, reply_count(reply) - 1) : NULL);
}
