/* part - see part.h. */
#include "workers/part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "schema/scripts.h"
#include "workers/finish.h"
#include "workers/patience.h"

static void keys_to_cmd(struct redis_cmd *c, struct key *keys, const char *const *names, int n, const char *job)
{
	for (int i = 0; i < n; i++) {
		bool shared = names[i][0] == '*';

		keys[i] = wire_key(names[i] + shared, shared ? NULL : job);
		cmd_str(c, keys[i].text);
	}
}

static void fill(struct part *p, const struct message *m, const char *consumer, const struct reply *reply)
{
	struct err why = ERR_INIT;
	const char *text;
	size_t n;

	job_fill(&p->job, m, consumer, reply, 3);
	p->job.epoch = reply_int(reply_at(reply, 1));
	text = reply_str(reply_at(reply, 2), &n);
	if (chunk_message_read(&p->chunk, text, n, &why) == 0)
		return;
	p->unreadable = true;
	log_error("chunk_unreadable", LOG_STR("job", p->job.id), LOG_INT("chunk", m->n), LOG_STR("reason", why.text));
}

int part_take(struct part *p, struct redis *r, const struct message *m, const char *consumer,
    long long max_deliveries, struct err *e)
{
	static const char *const names[] = { "job", "parts" };
	struct key keys[2];
	struct redis_cmd c;
	struct reply *reply;
	const char *said;
	int rc;

	memset(p, 0, sizeof(*p));
	job_nonce(p->nonce);
	cmd_init(&c);
	cmd_script(&c, &script_take, 2);
	keys_to_cmd(&c, keys, names, 2, m->job);
	cmd_int(&c, (long long)m->n);
	cmd_str(&c, p->nonce);
	cmd_int(&c, max_deliveries);
	rc = redis_insist(r, &c, &reply, e);
	cmd_clear(&c);
	if (rc != 0)
		return -1;
	said = reply_str(reply_at(reply, 0), NULL);
	rc = strcmp(said, "run") == 0 ? CLAIM_RUN : strcmp(said, "worn") == 0 ? CLAIM_WORN : CLAIM_OVER;
	if (rc != CLAIM_OVER)
		fill(p, m, consumer, reply);
	reply_free(&reply);
	return rc;
}

void part_clear(struct part *p)
{
	job_clear(&p->job);
	chunk_message_clear(&p->chunk);
}

int part_release(const struct part *p, struct redis *r, bool keep, struct err *e)
{
	static const char *const names[] = { "parts", "*chunks" };
	struct key keys[2];
	struct redis_cmd c;
	struct reply *reply;
	int rc;

	cmd_init(&c);
	cmd_script(&c, &script_give_back, 2);
	keys_to_cmd(&c, keys, names, 2, p->job.id);
	cmd_int(&c, (long long)p->job.message.n);
	cmd_str(&c, p->nonce);
	cmd_str(&c, GROUP_WORKERS);
	cmd_str(&c, p->job.consumer);
	cmd_str(&c, p->job.message.id);
	cmd_int(&c, keep ? 0 : RELEASED_IDLE_MS);
	rc = redis_do(r, &c, &reply, e);
	cmd_clear(&c);
	if (rc == 0)
		rc = job_answer(reply, "give_back", e);
	reply_free(&reply);
	return rc;
}

int part_end(const struct part *p, struct redis *r, const struct part_end *end, struct err *e)
{
	static const char *const names[] = { "job", "parts", "out", "report", "*dead", "deadof", "*chunks" };
	const struct chunk *k = end->chunk;
	const struct buf *results = k != NULL ? k->results : NULL, *report = k != NULL ? k->report : NULL;
	struct key keys[7];
	struct redis_cmd c;
	struct reply *reply;
	struct buf reach;
	const char *said;
	int rc;

	buf_init(&reach, COLLECTION_TEXT_MAX);
	if (k != NULL && collection_reach_write(&k->reach, &reach) != 0) {
		buf_clear(&reach);
		return err_set(e, ERR_SYSTEM, 0, "no memory for a chunk");
	}
	cmd_init(&c);
	cmd_script(&c, &script_done, 7);
	keys_to_cmd(&c, keys, names, 7, p->job.id);
	cmd_str(&c, GROUP_WORKERS);
	cmd_str(&c, p->job.message.id);
	cmd_int(&c, (long long)p->job.message.n);
	cmd_str(&c, end->kind);
	cmd_int(&c, (long long)clock_unix_ms());
	cmd_int(&c, k != NULL ? (long long)k->accepted : 0);
	cmd_int(&c, k != NULL ? (long long)k->repaired : 0);
	cmd_int(&c, k != NULL ? (long long)k->rejected : 0);
	cmd_int(&c, (long long)end->bytes);
	cmd_int(&c, (long long)end->us);
	cmd_int(&c, (long long)end->units);
	if (results != NULL)
		cmd_bytes(&c, results->len ? results->data : "", results->len);
	else
		cmd_bytes(&c, end->head_len ? end->head : "", end->head_len);
	cmd_bytes(&c, report != NULL && report->len ? report->data : "", report != NULL ? report->len : 0);
	cmd_str(&c, buf_cstr(&reach));
	cmd_str(&c, p->nonce);
	cmd_int(&c, end->fields != NULL ? (long long)end->fields->count : 0);
	if (end->fields != NULL)
		args_to_cmd(end->fields, &c);
	if (k != NULL)
		args_to_cmd(k->letters, &c);
	rc = redis_insist(r, &c, &reply, e);
	cmd_clear(&c);
	buf_clear(&reach);
	said = reply_str(reply, NULL);
	if (rc == 0)
		rc = strcmp(said, "last") == 0 ? PART_LAST : strcmp(said, "taken") == 0 ? PART_TAKEN :
		    job_answer(reply, "done", e);
	reply_free(&reply);
	return rc;
}

int part_whole(const struct part *p, struct redis *r, struct err *e)
{
	static const char *const names[] = {
		"job", "parts", "ids", "out", "report", "*dead", "deadof", "*splits", "*jobs",
	};
	struct key keys[9];
	struct redis_cmd c;
	struct reply *reply;
	bool more;
	int rc;

	do {
		cmd_init(&c);
		cmd_script(&c, &script_whole, 9);
		keys_to_cmd(&c, keys, names, 9, p->job.id);
		cmd_str(&c, GROUP_WORKERS);
		cmd_int(&c, (long long)clock_unix_ms());
		cmd_int(&c, (long long)p->job.message.n);
		cmd_int(&c, FORGET_AT_ONCE);
		rc = redis_insist(r, &c, &reply, e);
		cmd_clear(&c);
		more = rc == 0 && strcmp(reply_str(reply, NULL), "more") == 0;
		if (rc == 0 && !more)
			rc = job_answer(reply, "whole", e);
		reply_free(&reply);
	} while (more);
	return rc;
}

/* Of the collection's bbox, from what the chunks came to. */
static struct collection_said judge(const struct job *j, const struct settings *s, const struct reply *reply,
    uint64_t features)
{
	const struct source *src = settings_source(s, j->source);
	struct collection_reach reach;
	struct collection_box box;
	struct pipeline_options o;

	pipeline_options_init(&o);
	collection_reach_read(&reach, reply_str(reply_at(reply, 5), NULL));
	collection_box_read(&box, reply_str(reply_at(reply, 6), NULL));
	return collection_judge(&box, &reach, features, src != NULL ? src->severity : o.severity);
}

static int finish_well(const struct job *j, struct redis *r, const struct settings *s, const struct reply *reply,
    bool *failed, struct err *e)
{
	const struct pipeline_totals t = {
		.head = "", .crs = reply_str(reply_at(reply, 4), NULL),
		.features = (uint64_t)reply_int(reply_at(reply, 3)),
	};
	const struct collection_said said = judge(j, s, reply, t.features);

	*failed = said.code != R_NONE && said.severity == SEV_REJECT;
	if (*failed)
		return finish_failed(j, r, s, said.code, said.reason, said.offset, e);
	return finish_successful(j, r, s, &t, &said, e);
}

/* The job as the one who ends it has it: the epoch and message that watch.lua named. */
static int finish(const struct job *j, struct redis *r, const struct settings *s, const struct reply *reply,
    struct err *e)
{
	struct job ending = *j;
	bool failed = strcmp(reply_str(reply_at(reply, 0), NULL), "failed") == 0;
	int rc;

	ending.epoch = reply_int(reply_at(reply, 1));
	ending.message.stream = STREAM_SPLITS;
	snprintf(ending.message.id, sizeof(ending.message.id), "%s", reply_str(reply_at(reply, 2), NULL));
	if (failed)
		rc = finish_failed(&ending, r, s, reject_find(reply_str(reply_at(reply, 3), NULL)),
		    reply_str(reply_at(reply, 4), NULL), (uint64_t)reply_int(reply_at(reply, 5)), e);
	else
		rc = finish_well(&ending, r, s, reply, &failed, e);
	if (rc == 0)
		log_info(failed ? "job_failed" : "job_done", LOG_STR("job", j->id), LOG_STR("source", j->source),
		    LOG_STR("trace", j->trace), LOG_INT("bytes", j->bytes),
		    LOG_INT("features", failed ? 0 : reply_int(reply_at(reply, 3))));
	return rc < 0 ? -1 : 0;	/* stale: somebody else is at it */
}

int part_watch(const struct job *j, struct redis *r, const struct settings *s, struct err *e)
{
	static const char *const names[] = { "job", "parts", "*chunks" };
	struct key keys[3];
	struct redis_cmd c;
	struct reply *reply;
	const char *said;
	int rc;

	cmd_init(&c);
	cmd_script(&c, &script_watch, 3);
	keys_to_cmd(&c, keys, names, 3, j->id);
	cmd_int(&c, (long long)clock_unix_ms());
	rc = redis_insist(r, &c, &reply, e);
	cmd_clear(&c);
	if (rc != 0)
		return -1;
	said = reply_str(reply_at(reply, 0), NULL);
	if (strcmp(said, "successful") == 0 || strcmp(said, "failed") == 0)
		rc = finish(j, r, s, reply, e);
	else if (reply_int(reply_at(reply, 3)) > 0)
		log_warn("work_put_back", LOG_STR("job", j->id), LOG_INT("chunks", reply_int(reply_at(reply, 3))));
	reply_free(&reply);
	return rc;
}
