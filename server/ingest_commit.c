/*
 * ingest_commit - the last byte of an upload: makes it a job, or nothing.
 *
 * In:  an upload whose bytes have all come and are proven. Out: an answer. Depends on commit.lua and publish.lua.
 *
 * All that a commit does is one transaction with the last segment. A body of one segment, as of nearly every webhook,
 * needs a script for its end alone; one that has more, or for which room was kept, is commit.lua's.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "schema/scripts.h"
#include "server/ingest_parts.h"

static bool is_small(const struct ingest *in)
{
	return segment_number(in->writer) == 1 && in->reserved == 0;
}

static int version_of(const struct ingest *in)
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

/* Those of the job's hash, in the order that commit.lua wants. Behind segment_last, which knows what is stored. */
static void add_fields(struct ingest *in, struct redis_cmd *c)
{
	add_field(c, "source", in->source->name);
	cmd_str(c, "held");
	cmd_int(c, (long long)segment_stored(in->writer));
	cmd_str(c, "bytes");
	cmd_int(c, (long long)in->bytes);
	cmd_str(c, "v");
	cmd_int(c, version_of(in));
	add_field(c, "type", in->admission.type);
	if (in->admission.coding != CODING_NONE)
		add_field(c, "encoding", coding_name(in->admission.coding));
	add_field(c, "crs", in->admission.crs);
	add_field(c, "delivery", ingest_delivery(in));
	add_field(c, "trace", in->admission.trace[0] != '\0' ? in->admission.trace : NULL);
	add_field(c, "ack", ack_name(ingest_base(in)));
}

static long long remembered_s(const struct ingest *in)
{
	return ingest_dedupe(in) != NULL ? in->reactor->settings->redis.dedupe_s : 0;
}

static void on_commit(void *ctx, const struct reply *reply, const struct err *e);

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
	cmd_int(c, remembered_s(in));
	cmd_str(c, body_check_proof(in->check));
	add_fields(in, c);
	return in->over == in->reactor->bulk ? reactor_do_bulk(in->reactor, on_commit, in)
	    : reactor_do(in->reactor, on_commit, in);
}

/* The keys of a small one. */
struct small {
	struct key raw, job, jobs, list, room, seen;
	char queued[SOURCE_NAME_MAX + 16];
};

static void name_small(struct small *k, const struct ingest *in)
{
	k->raw = wire_key("raw", in->job);
	k->job = wire_key("job", in->job);
	k->jobs = wire_key("jobs", NULL);
	k->list = wire_key("index", NULL);
	k->room = wire_key("room", NULL);
	if (ingest_dedupe(in) != NULL)
		k->seen = wire_seen_key(in->source->name, ingest_dedupe(in));
	strcpy(k->queued, "queued:");
	strncat(k->queued, in->source->name, SOURCE_NAME_MAX);
}

static void add_publish(struct ingest *in, struct redis_cmd *c, const struct small *k)
{
	cmd_str(c, k->job.text);
	cmd_str(c, k->jobs.text);
	cmd_str(c, k->raw.text);
	cmd_str(c, k->list.text);
	cmd_str(c, k->room.text);
	if (ingest_dedupe(in) != NULL)
		cmd_str(c, k->seen.text);
	cmd_str(c, in->job);
	cmd_int(c, version_of(in));
	cmd_str(c, in->source->name);
	cmd_int(c, (long long)segment_stored(in->writer));
	cmd_str(c, in->hash);
	cmd_int(c, remembered_s(in));
	cmd_str(c, body_check_proof(in->check));
}

static int publish_keys(const struct ingest *in)
{
	return ingest_dedupe(in) != NULL ? 6 : 5;
}

static int send_small(struct ingest *in)
{
	struct redis_cmd *c = &in->reactor->cmd;
	struct small k;

	name_small(&k, in);
	cmd_reset(c);
	segment_last(in->writer, c);
	cmd_next(c);
	cmd_str(c, "HSET");
	cmd_str(c, k.job.text);
	add_field(c, "state", "accepted");
	add_field(c, "segments", "1");
	add_field(c, "hash", in->hash);
	cmd_str(c, "created");
	cmd_int(c, (long long)in->created_ms);
	cmd_str(c, "updated");
	cmd_int(c, (long long)in->created_ms);
	add_fields(in, c);
	cmd_next(c);
	cmd_str(c, "ZADD");
	cmd_str(c, k.list.text);
	cmd_int(c, (long long)in->created_ms);
	cmd_str(c, in->job);
	cmd_next(c);
	cmd_str(c, "HINCRBY");
	cmd_str(c, k.room.text);
	cmd_str(c, k.queued);
	cmd_int(c, (long long)segment_stored(in->writer));
	cmd_next_script(c, &script_publish, publish_keys(in));
	add_publish(in, c, &k);
	return reactor_do(in->reactor, on_commit, in);
}

/* The rest of a small one's transaction was done already, by a Redis that had lost its scripts. */
static int send_publish(struct ingest *in)
{
	struct small k;

	name_small(&k, in);
	cmd_script(&in->reactor->cmd, &script_publish, publish_keys(in));
	add_publish(in, &in->reactor->cmd, &k);
	return reactor_do(in->reactor, on_commit, in);
}

/* What that rest was, when it could not be ended. */
static void take_back(struct ingest *in)
{
	struct redis_cmd *c = &in->reactor->cmd;
	struct small k;

	name_small(&k, in);
	cmd_script(c, &script_unpublish, 4);
	cmd_str(c, k.job.text);
	cmd_str(c, k.raw.text);
	cmd_str(c, k.list.text);
	cmd_str(c, k.room.text);
	cmd_str(c, in->job);
	cmd_str(c, in->source->name);
	cmd_int(c, (long long)segment_stored(in->writer));
	reactor_tell(in->reactor);
}

static int send_commit(struct ingest *in)
{
	/* Behind its segments, where there are any: commit.lua counts them. */
	in->over = segment_number(in->writer) > 1 ? in->reactor->bulk : in->reactor->redis;
	if (!is_small(in))
		return send_whole(in);
	return in->retried ? send_publish(in) : send_small(in);
}

int ingest_commit(struct ingest *in)
{
	in->asked_us = clock_mono_us();
	return send_commit(in);
}

/* The script's answer, the last of its transaction where it is in one. */
static const struct reply *script_reply(const struct ingest *in, const struct reply *reply)
{
	if (is_small(in) && in->retried)
		return reply;
	return reply_count(reply) > 0 ? reply_at(reply, reply_count(reply) - 1) : NULL;
}

static void on_commit(void *ctx, const struct reply *reply, const struct err *e)
{
	struct ingest *in = ctx;
	const struct reply *said = script_reply(in, reply);
	const char *verdict = reply_str(reply_at(said, 0), NULL);

	in->asking = false;
	if (reply == NULL && !in->retried && in->q != NULL && strncmp(e->text, "NOSCRIPT", 8) == 0) {
		in->retried = true;	/* Redis lost its scripts; they are on their way to it, ahead of this */
		if ((in->asking = send_commit(in) == 0))
			return;
	}
	if (reply == NULL && is_small(in) && (in->retried || strncmp(e->text, "NOSCRIPT", 8) == 0))
		take_back(in);
	metrics_commit(&in->reactor->metrics, clock_mono_us() - in->asked_us);
	if (in->q == NULL) {
		if (reply == NULL)
			ingest_abandon(in);
		ingest_free(in);
	} else if (strcmp(verdict, "ok") == 0) {
		ingest_answer_accepted(in);
	} else if (strcmp(verdict, "same") == 0) {
		ingest_answer_same(in, reply_str(reply_at(said, 1), NULL));
	} else if (strcmp(verdict, "other") == 0) {
		ingest_answer_other(in, said);
	} else {
		ingest_refuse_store(in, reply == NULL ? "Redis did not take the job."
		    : "Redis lost a part of the body.");
	}
}
