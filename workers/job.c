/* job - see job.h. */
#include "workers/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/crypto.h"
#include "schema/scripts.h"
#include "workers/patience.h"


static char *copy_text(const struct reply *r)
{
	size_t n;
	const char *s = reply_str(r, &n);

	return n == 0 ? NULL : strndup(s, n);
}

/* Of the media types that the front end takes; parameters may follow. */
static bool is_sequence(const struct reply *type)
{
	static const char *const types[] = {
		"application/geo+json-seq", "application/json-seq", "application/x-ndjson", "application/ndjson",
		"application/jsonl",
	};
	size_t n;
	const char *s = reply_str(type, &n);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && n > 0; i++)
		if (strncasecmp(s, types[i], strlen(types[i])) == 0)
			return true;
	return false;
}

static uint64_t number(const struct reply *r, size_t first, const char *name)
{
	return (uint64_t)reply_int(reply_field(r, first, name));
}

static void fill_split(struct job_split *s, const struct reply *r, size_t first)
{
	s->state = reply_str(reply_field(r, first, "split"), NULL)[0];
	s->head_end = number(r, first, "head_end");
	s->at = number(r, first, "split_at");
	s->segment = number(r, first, "split_segment");
	s->skip = number(r, first, "split_skip");
	s->next = number(r, first, "split_next");
	s->chunk = number(r, first, "split_chunk");
}

void job_fill(struct job *j, const struct message *m, const char *consumer, const struct reply *r, size_t first)
{
	size_t n;
	const char *encoding = reply_str(reply_field(r, first, "encoding"), &n);

	memset(j, 0, sizeof(*j));
	j->message = *m;
	memcpy(j->id, m->job, sizeof(j->id));
	j->consumer = consumer;
	trace_id(reply_str(reply_field(r, first, "trace"), NULL), j->trace);
	snprintf(j->source, sizeof(j->source), "%s", reply_str(reply_field(r, first, "source"), NULL));
	j->crs = copy_text(reply_field(r, first, "crs"));
	j->pass_crs = copy_text(reply_field(r, first, "pass_crs"));
	j->anew = copy_text(reply_field(r, first, "anew"));
	j->target = copy_text(reply_field(r, first, "target"));
	j->sequence = is_sequence(reply_field(r, first, "type"));
	j->suspects = copy_text(reply_field(r, first, "suspects"));
	j->fail_reason = copy_text(reply_field(r, first, "fail_reason"));
	j->fail_code = reject_find(reply_str(reply_field(r, first, "fail_code"), NULL));
	j->fail_offset = number(r, first, "fail_offset");
	j->reach = copy_text(reply_field(r, first, "reach"));
	j->segments = number(r, first, "segments");
	j->bytes = number(r, first, "bytes");
	j->coding = n > 0 ? coding_of(encoding, n) : CODING_NONE;
	j->next = number(r, first, "next");
	j->parsed = number(r, first, "parsed");
	j->whole = reply_field(r, first, "whole") != NULL;
	fill_split(&j->split, r, first);
}

void job_nonce(char nonce[JOB_NONCE_LEN + 1])
{
	unsigned char dice[JOB_NONCE_LEN / 2];

	random_bytes(dice, sizeof(dice));
	hex_encode(nonce, dice, sizeof(dice));
}

int job_claim(struct job *j, struct redis *r, const struct message *m, const char *consumer,
    long long max_deliveries, struct err *e)
{
	char nonce[JOB_NONCE_LEN + 1];

	job_nonce(nonce);
	return job_claim_as(j, r, m, consumer, max_deliveries, nonce, e);
}

int job_claim_as(struct job *j, struct redis *r, const struct message *m, const char *consumer,
    long long max_deliveries, const char *nonce, struct err *e)
{
	struct key key = wire_key("job", m->job);
	struct redis_cmd c;
	struct reply *reply;
	const char *verdict;
	int rc;

	memset(j, 0, sizeof(*j));
	cmd_init(&c);
	cmd_script(&c, &script_claim, 1);
	cmd_str(&c, key.text);
	cmd_str(&c, consumer);
	cmd_int(&c, (long long)clock_unix_ms());
	cmd_int(&c, max_deliveries);
	cmd_str(&c, nonce);
	rc = redis_insist(r, &c, &reply, e);
	cmd_clear(&c);
	if (rc != 0)
		return -1;
	verdict = reply_str(reply_at(reply, 0), NULL);
	rc = CLAIM_OVER;
	if (strcmp(verdict, "run") == 0)
		rc = CLAIM_RUN;
	else if (strcmp(verdict, "worn") == 0)
		rc = CLAIM_WORN;
	if (rc != CLAIM_OVER) {
		job_fill(j, m, consumer, reply, 2);	/* behind the verdict and the epoch */
		j->epoch = reply_int(reply_at(reply, 1));
	}
	reply_free(&reply);
	return rc;
}

void job_clear(struct job *j)
{
	free(j->crs);
	free(j->pass_crs);
	free(j->anew);
	free(j->target);
	free(j->suspects);
	free(j->reach);
	free(j->fail_reason);
	j->crs = j->pass_crs = j->anew = j->target = j->suspects = j->reach = j->fail_reason = NULL;
}

int job_answer(const struct reply *reply, const char *script, struct err *e)
{
	const char *word = reply_str(reply, NULL);

	if (strcmp(word, "ok") == 0)
		return 0;
	if (strcmp(word, "stale") == 0)
		return 1;
	return err_set(e, ERR_SYSTEM, 0, "%s.lua answered '%.40s'", script, word);
}

typedef int (*do_fn)(struct redis *, const struct redis_cmd *, struct reply **, struct err *);

static int call(do_fn redis_call, struct redis *r, struct redis_cmd *c, struct err *e)
{
	struct reply *reply;
	int rc = redis_call(r, c, &reply, e);

	if (rc == 0)
		rc = job_answer(reply, c->script->name, e);
	reply_free(&reply);
	cmd_clear(c);
	return rc;
}

int job_renew(struct job *j, struct redis *r, uint64_t parsed, struct err *e)
{
	struct key key = wire_key("job", j->id), jobs = wire_key(stream_name(j->message.stream), NULL);
	struct redis_cmd c;

	if (parsed > j->parsed)	/* one that goes over old ground shows no progress */
		j->parsed = parsed;
	cmd_init(&c);
	cmd_script(&c, &script_renew, 2);
	cmd_str(&c, key.text);
	cmd_str(&c, jobs.text);
	cmd_int(&c, j->epoch);
	cmd_str(&c, GROUP_WORKERS);
	cmd_str(&c, j->consumer);
	cmd_str(&c, j->message.id);
	cmd_int(&c, (long long)j->parsed);
	cmd_int(&c, (long long)clock_unix_ms());
	return call(redis_do, r, &c, e);
}

int job_forget_letters(const struct job *j, struct redis *r, enum reject_code code, const char *why, uint64_t offset,
    struct err *e)
{
	struct key job = wire_key("job", j->id), dead = wire_key("dead", NULL), of = wire_key("deadof", j->id),
	    jobs = wire_key(stream_name(j->message.stream), NULL);
	struct reply *reply;
	struct redis_cmd c;
	long long n;
	int rc;

	do {
		cmd_init(&c);
		cmd_script(&c, &script_forget, 4);
		cmd_str(&c, job.text);
		cmd_str(&c, dead.text);
		cmd_str(&c, of.text);
		cmd_str(&c, jobs.text);
		cmd_int(&c, j->epoch);
		cmd_str(&c, GROUP_WORKERS);
		cmd_str(&c, j->consumer);
		cmd_str(&c, j->message.id);
		cmd_int(&c, FORGET_AT_ONCE);
		if (code != R_NONE)
			cmd_str(&c, reject_name(code));
		cmd_str(&c, why);
		if (code != R_NONE)
			cmd_int(&c, (long long)offset);
		rc = redis_insist(r, &c, &reply, e);
		cmd_clear(&c);
		n = rc == 0 ? reply_int(reply) : 0;
		reply_free(&reply);
	} while (n > 0);
	return rc;
}

int job_restart(struct job *j, struct redis *r, const char *crs, struct err *e)
{
	static const char *const keys[] = { "job", "out", "report", "dead", "deadof" };
	struct key key[5];
	struct redis_cmd c;

	/* One that is there is what this pass went by, after a restart by another worker; the pipeline holds it. */
	if (j->pass_crs == NULL && (j->pass_crs = strdup(crs)) == NULL)
		return err_errno(e, "job");
	if (job_forget_letters(j, r, R_NONE, crs, 0, e) != 0)
		return -1;
	j->next = j->parsed = 0;
	cmd_init(&c);
	cmd_script(&c, &script_restart, 5);
	for (int i = 0; i < 5; i++) {
		key[i] = wire_key(keys[i], i == 3 ? NULL : j->id);
		cmd_str(&c, key[i].text);
	}
	cmd_int(&c, j->epoch);
	cmd_str(&c, crs);
	cmd_int(&c, (long long)clock_unix_ms());
	return call(redis_insist, r, &c, e);
}

int job_release(struct job *j, struct redis *r, bool keep, bool tried, struct err *e)
{
	struct key key = wire_key("job", j->id), jobs = wire_key(stream_name(j->message.stream), NULL);
	struct redis_cmd c;

	cmd_init(&c);
	cmd_script(&c, &script_release, 2);
	cmd_str(&c, key.text);
	cmd_str(&c, jobs.text);
	cmd_int(&c, j->epoch);
	cmd_str(&c, GROUP_WORKERS);
	cmd_str(&c, j->consumer);
	cmd_str(&c, j->message.id);
	cmd_int(&c, keep ? 0 : RELEASED_IDLE_MS);
	cmd_str(&c, tried ? "1" : "0");
	return call(redis_do, r, &c, e);
}

int job_aim(struct job *j, const struct source *src, struct err *e)
{
	if (j->target == NULL && (j->target = strdup(src->target_crs)) == NULL)
		return err_errno(e, "job");
	return 0;
}

int job_divide(const struct job *j, struct redis *r, const struct job_split *at, struct err *e)
{
	static const char *const keys[] = { "job", "jobs", "splits" };
	struct key key[3];
	struct redis_cmd c;

	cmd_init(&c);
	cmd_script(&c, &script_divide, 3);
	for (int i = 0; i < 3; i++) {
		key[i] = wire_key(keys[i], i == 0 ? j->id : NULL);
		cmd_str(&c, key[i].text);
	}
	cmd_int(&c, j->epoch);
	cmd_str(&c, GROUP_WORKERS);
	cmd_str(&c, j->message.id);
	cmd_int(&c, (long long)clock_unix_ms());
	cmd_int(&c, (long long)at->head_end);
	cmd_int(&c, (long long)at->segment);
	cmd_int(&c, (long long)at->skip);
	cmd_str(&c, j->target != NULL ? j->target : "");
	return call(redis_insist, r, &c, e);
}
