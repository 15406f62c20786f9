/* worker_steps - see worker_steps.h. */
#include "tests/fakes/worker_steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/fakes/seed.h"
#include "workers/splitter.h"

#define LEASE_MS 60000
#define BLOCK_MS 10
#define MAX_DELIVERIES 5

void steps_message(struct stage *s, const char *consumer, enum stream from, const char *job, struct message *m)
{
	struct err e = ERR_INIT;
	struct queue q;

	memset(m, 0, sizeof(*m));
	queue_init(&q, s->redis, consumer, LEASE_MS, BLOCK_MS);
	do {	/* others may be pending still */
		if (queue_next(&q, from != STREAM_SPLITS, m, &e) < 0)
			fail_msg("%s: %s", stream_name(from), e.text);
	} while (m->id[0] == '\0' || m->stream != from || (job != NULL && strcmp(m->job, job) != 0));
	queue_clear(&q);
}

void steps_claim(struct stage *s, const char *consumer, enum stream from, struct job *j)
{
	struct err e = ERR_INIT;
	struct message m;

	steps_message(s, consumer, from, NULL, &m);
	assert_int_equal(job_claim(j, s->redis, &m, consumer, MAX_DELIVERIES, &e), CLAIM_RUN);
}

void steps_divide(struct stage *s, struct job *j, size_t head_end)
{
	struct pipeline_place place = { 0 };
	struct job_split at = { 0 };
	struct err e = ERR_INIT;

	steps_claim(s, "w-0", STREAM_JOBS, j);
	assert_true(splitter_may(j, s->settings));
	assert_int_equal(splitter_probe(s->body, j, s->settings, &at, &place, &e), 0);
	assert_int_equal(at.head_end, head_end);
	assert_int_equal(job_divide(j, s->redis, &at, &e), 0);
	assert_int_equal(job_divide(j, s->redis, &at, &e), 0);	/* the reply was lost */
	job_clear(j);
	steps_claim(s, "w-0", STREAM_SPLITS, j);
	assert_int_equal(j->split.state, 'o');
}

int steps_cut(struct stage *s, const struct job *j)
{
	struct err e = ERR_INIT;
	struct splitter *splitter = splitter_new(s->settings, s->redis, s->body, j, &e);
	int rc;

	assert_non_null(splitter);
	do {
		rc = splitter_step(splitter, &e);
	} while (rc == SPLIT_MORE);
	splitter_free(&splitter);
	return rc;
}

static void add_number(struct args *fields, const char *name, uint64_t n)
{
	args_str(fields, name);
	args_uint(fields, n);
}

int steps_end(struct stage *s, const struct part *p, const char *kind, uint64_t features,
    const struct collection_reach *reach)
{
	struct buf results = { .data = (char *)(uintptr_t)"lines", .len = 5 }, none = { .data = NULL };
	struct args letters, fields;
	struct chunk c = { .accepted = features, .results = &results, .report = &none, .letters = &letters };
	struct part_end end = { .kind = kind, .bytes = p->chunk.received, .us = 5, .units = 7, .fields = &fields };
	struct err e = ERR_INIT;
	int rc;

	args_init(&letters, 10);
	args_init(&fields, 1000);
	if (reach != NULL)
		c.reach = *reach;
	if (strcmp(kind, "features") == 0)
		end.chunk = &c;
	if (strcmp(kind, "failed") == 0) {
		add_number(&fields, "fail", p->job.message.n);
		args_str(&fields, "fail_code");
		args_str(&fields, "JSON_SYNTAX");
		add_number(&fields, "fail_offset", p->chunk.from);
	}
	if (strcmp(kind, "tail") == 0) {
		add_number(&fields, "next", p->chunk.first);
		add_number(&fields, "chunk", p->job.message.n);
	}
	rc = part_end(p, s->redis, &end, &e);
	args_clear(&letters);
	args_clear(&fields);
	return rc;
}

void steps_version(struct stage *s, const char *stream, long long version)
{
	struct reply *reply = seed_do(s->redis, "XRANGE", wire_key(stream, NULL).text, "-", "+", NULL);

	assert_true(reply_count(reply) > 0);
	for (size_t i = 0; i < reply_count(reply); i++)
		assert_int_equal(reply_int(reply_field(reply_at(reply_at(reply, i), 1), 0, "v")), version);
	reply_free(&reply);
}
