/* Chunks between splitter and worker: the message, and the scripts against a real Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/chunk_message.h"
#include "schema/scripts.h"
#include "tests/fakes/seed.h"
#include "tests/fakes/worker_steps.h"
#include "workers/splitter.h"
#include "workers/suspects.h"

static struct stage stage;
static struct redis *redis, *body;
static struct settings *settings;
static struct err e;

static int setup(void **state)
{
	static const char conf[] = "[worker]\nchunk_features = 2\nchunks_outstanding = 3\nsplit_bytes = 1\n"
	    "[source acme]\nsecret = x\n";

	(void)state;
	if (stage_begin(&stage, conf, "no") != 0)
		return -1;
	redis = stage.redis;
	settings = stage.settings;
	body = stage.body;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return stage_end(&stage);
}

static int fresh(void **state)
{
	(void)state;
	err_clear(&e);
	return stage_fresh(&stage);
}

/* ---- the message ---- */

static void a_message_comes_back_as_it_went(void **state)
{
	uint64_t twice[] = { 0, 3, 77 };
	char text[] = "any\0bytes";
	struct chunk_message out, in = {
		.first = 5, .features = 80, .from = 1000, .to = 9000, .segment = 3, .skip = 17, .head_end = 40,
		.twice = twice, .twice_count = 3, .vertices = 1234, .tail = true, .until = 4,
		.text = text, .text_len = sizeof(text), .received = 77, .whole = true,
	};
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	assert_int_equal(chunk_message_write(&in, &b, &e), 0);
	buf_append(&b, "\x98\x06\x2a", 3);	/* field 99 of a later version: 42 */
	assert_int_equal(chunk_message_read(&out, b.data, b.len, &e), 0);
	assert_memory_equal(out.twice, twice, sizeof(twice));
	assert_int_equal(out.first, 5);
	assert_int_equal(out.to, 9000);
	assert_int_equal(out.skip, 17);
	assert_true(out.tail);
	assert_int_equal(out.until, 4);
	assert_int_equal(out.text_len, sizeof(text));
	assert_memory_equal(out.text, text, sizeof(text));
	assert_int_equal(out.received, 77);
	assert_true(out.whole);
	chunk_message_clear(&out);
	in.text = NULL;
	in.text_len = 0;
	assert_int_equal(chunk_message_write(&in, &b, &e), 0);
	assert_int_equal(chunk_message_read(&out, b.data, b.len, &e), 0);
	assert_null(out.text);
	chunk_message_clear(&out);
	assert_int_equal(chunk_message_read(&out, "\xff\xff", 2, &e), -1);
	assert_int_equal(e.cls, ERR_INPUT);
	buf_clear(&b);
}

/* ---- a job in chunks ---- */

#define F "{\"type\":\"Feature\",\"id\":1,\"properties\":null,\"geometry\":null}"
#define HEAD "{\"type\":\"FeatureCollection\",\"features\":["
#define DOC HEAD F "," F "," F "," F "," F "," F "," F "]}"

/* A job that was divided, and claimed by a splitter. */
static void divided(struct job *j, const char *doc)
{
	char id[JOB_ID_LEN + 1];

	seed_job(redis, "acme", NULL, doc, strlen(doc), 50, id);
	steps_divide(&stage, j, (size_t)(strchr(doc, '[') + 1 - doc));
}

static long long length(const char *stream)
{
	struct key key = wire_key(stream, NULL);

	return seed_int(redis, "XLEN", key.text, NULL);
}

static void count(void *ctx)
{
	++*(int *)ctx;
}

static void no_more_are_out_than_may_be_and_another_goes_on(void **state)
{
	struct splitter *s;
	struct job j, again;
	int segments = 0;

	(void)state;
	divided(&j, DOC);
	assert_int_equal(length("jobs"), 0);
	assert_int_equal(length("splits"), 1);
	s = splitter_new(settings, redis, body, &j, &e);
	for (int i = 0; i < 3; i++)
		assert_int_equal(splitter_step(s, &e), SPLIT_MORE);
	assert_int_equal(splitter_step(s, &e), SPLIT_FULL);
	assert_int_equal(length("chunks"), 3);
	splitter_free(&s);
	assert_string_equal(seed_field(redis, j.id, "split_next"), "6");
	/* Another takes over; the first is fenced off. */
	assert_int_equal(job_claim(&again, redis, &j.message, "w-1", 5, &e), CLAIM_RUN);
	s = splitter_new(settings, redis, body, &j, &e);
	assert_int_equal(splitter_step(s, &e), SPLIT_STALE);
	splitter_free(&s);
	seed_drop(redis, "HSET", wire_key("job", j.id).text, "left", "0", NULL);
	s = splitter_new(settings, redis, body, &again, &e);
	splitter_on_segment(s, count, &segments);
	assert_int_equal(splitter_step(s, &e), SPLIT_MORE);	/* the seventh feature */
	assert_in_range(segments, 1, 3);	/* of eleven: it begins where the first had got to */
	assert_int_equal(splitter_step(s, &e), SPLIT_DONE);	/* the tail */
	splitter_free(&s);
	assert_string_equal(seed_field(redis, j.id, "split"), "done");
	assert_string_equal(seed_field(redis, j.id, "split_next"), "7");
	assert_int_equal(length("chunks"), 5);
	job_clear(&j);
	job_clear(&again);
}

/* Or somebody else would take the job from a splitter that is at a large one. */
static void in_a_long_feature_a_sign_of_life_is_given_at_each_segment(void **state)
{
	static const char begin[] = "{\"type\":\"FeatureCollection\",\"features\":[{\"a\":\"";
	char doc[sizeof(begin) + 5000 + 5];
	struct splitter *s;
	struct job j;
	int times = 0;

	(void)state;
	memset(doc, 'x', sizeof(doc));
	memcpy(doc, begin, sizeof(begin) - 1);
	memcpy(doc + sizeof(doc) - 5, "\"}]}", 5);
	divided(&j, doc);
	s = splitter_new(settings, redis, body, &j, &e);
	splitter_on_segment(s, count, &times);
	assert_int_equal(splitter_step(s, &e), SPLIT_MORE);
	assert_in_range(times, 5000 / 50, 5000 / 50 + 3);
	splitter_free(&s);
	job_clear(&j);
}

#define PARTS 5

static struct collection_reach reaches[PARTS];	/* what the features of each come to */

static int end_of(const struct part *p, const char *kind, uint64_t features)
{
	return steps_end(&stage, p, kind, features, &reaches[p->job.message.n]);
}

/* All of a document's chunks, cut and taken. */
static void all_taken(struct job *j, struct part parts[PARTS])
{
	divided(j, DOC);
	settings->worker.chunks_outstanding = 10;
	assert_int_equal(steps_cut(&stage, j), SPLIT_DONE);
	settings->worker.chunks_outstanding = 3;
	for (int i = 0; i < PARTS; i++) {
		struct message m;

		steps_message(&stage, "w-2", STREAM_CHUNKS, NULL, &m);
		for (int k = 0; k < i; k++)	/* a queue of its own each time: those that are pending come again */
			assert_int_equal(seed_int(redis, "XACK", wire_key("chunks", NULL).text, "workers",
			    parts[k].job.message.id, NULL) >= 0, 1);
		while ((int)m.n != i)
			steps_message(&stage, "w-3", STREAM_CHUNKS, NULL, &m);
		assert_int_equal(part_take(&parts[i], redis, &m, "w-2", 5, &e), CLAIM_RUN);
	}
}

static void a_chunk_done_twice_counts_once_and_the_last_ends_the_job(void **state)
{
	struct part parts[PARTS], twin;
	long long messages;
	struct message m;
	struct job j;

	(void)state;
	all_taken(&j, parts);
	assert_int_equal(parts[0].chunk.features, 2);
	assert_int_equal(parts[0].chunk.twice_count, 1);	/* all have id 1 */
	assert_int_equal(parts[3].chunk.features, 1);
	assert_true(parts[4].chunk.tail);
	assert_int_equal(part_take(&twin, redis, &parts[1].job.message, "w-9", 5, &e), CLAIM_RUN);
	assert_int_equal(end_of(&parts[4], "tail", 0), PART_DONE);
	/* Who had it before has it no more: under its number there may be other features by now. */
	assert_int_equal(end_of(&parts[1], "features", 2), PART_TAKEN);
	assert_int_equal(seed_int(redis, "HEXISTS", wire_key("parts", j.id).text, "1", NULL), 1);
	assert_int_equal(end_of(&twin, "features", 2), PART_DONE);
	assert_int_equal(end_of(&twin, "features", 2), PART_STALE);
	assert_int_equal(end_of(&parts[1], "features", 2), PART_STALE);
	part_clear(&twin);
	assert_int_equal(part_take(&twin, redis, &parts[1].job.message, "w-9", 5, &e), CLAIM_OVER);
	/* Nor of one that nobody has taken, as a Redis may know it that lost its last second. */
	seed_drop(redis, "HDEL", wire_key("parts", j.id).text, "c0", NULL);
	messages = length("chunks");
	assert_int_equal(end_of(&parts[0], "features", 2), PART_TAKEN);
	assert_int_equal(length("chunks"), messages);
	m = parts[0].job.message;
	part_clear(&parts[0]);
	assert_int_equal(part_take(&parts[0], redis, &m, "w-1", 5, &e), CLAIM_RUN);
	assert_int_equal(end_of(&parts[0], "features", 2), PART_DONE);
	assert_int_equal(part_watch(&j, redis, settings, &e), 0);	/* not yet */
	assert_string_equal(seed_field(redis, j.id, "state"), "running");
	assert_int_equal(end_of(&parts[2], "features", 2), PART_DONE);
	assert_int_equal(end_of(&parts[3], "features", 1), PART_LAST);
	assert_string_equal(seed_field(redis, j.id, "accepted"), "7");
	assert_int_equal(part_watch(&j, redis, settings, &e), 0);
	assert_string_equal(seed_field(redis, j.id, "state"), "successful");
	assert_int_equal(part_watch(&j, redis, settings, &e), 0);
	assert_int_equal(length("splits"), 0);
	assert_int_equal(length("outbox"), 1);
	assert_int_equal(seed_int(redis, "EXISTS", wire_key("parts", j.id).text, wire_key("ids", j.id).text, NULL), 0);
	for (int i = 0; i < PARTS; i++)
		part_clear(&parts[i]);
	job_clear(&j);
}

/* The script puts together what chunks come to, in whatever order they end, as C does. */
static void how_far_chunks_reach_is_put_together(void **state)
{
	static const double numbers[] = { 0.1, -1e-7, 123456789.25, -180, 5e-324, 1.7976931348623157e308, 3, -0.0 };
	static const int order[] = { 4, 1, 0, 2, 3 };
	struct collection_reach all = collection_reach_none;
	struct part parts[PARTS];
	struct job j;
	struct buf want;

	(void)state;
	all_taken(&j, parts);
	buf_init(&want, COLLECTION_TEXT_MAX);
	for (unsigned i = 0; i < PARTS; i++) {
		struct collection_reach *r = &reaches[i];

		*r = collection_reach_none;
		if (i == 4)
			continue;
		r->features = i == 3 ? 1 : 2;
		for (unsigned k = 0; k < 2; k++) {
			r->made.low[k] = r->given.low[k] = numbers[(2 * i + k) % 8];
			r->made.high[k] = r->given.high[k] = numbers[(3 * i + k + 1) % 8];
		}
		r->made.near_west = i == 2 ? -7.5 : r->made.near_west;
		r->given.flat = i == 1;
		r->mixed = i == 2;
		all.features += r->features;
		all.mixed |= r->mixed;
		reach_add(&all.given, &r->given);
		reach_add(&all.made, &r->made);
	}
	for (int i = 0; i < PARTS; i++)
		assert_int_equal(end_of(&parts[order[i]], order[i] == 4 ? "tail" : "features",
		    reaches[order[i]].features), i == 4 ? PART_LAST : PART_DONE);
	assert_int_equal(collection_reach_write(&all, &want), 0);
	assert_string_equal(seed_field(redis, j.id, "reach"), buf_cstr(&want));
	buf_clear(&want);
	memset(reaches, 0, sizeof(reaches));
	for (int i = 0; i < PARTS; i++)
		part_clear(&parts[i]);
	job_clear(&j);
}

static void of_failures_the_first_in_the_document_counts(void **state)
{
	struct part parts[PARTS], late;
	struct job j;

	(void)state;
	all_taken(&j, parts);
	assert_int_equal(end_of(&parts[3], "failed", 0), PART_DONE);
	assert_int_equal(part_take(&late, redis, &parts[4].job.message, "w-9", 5, &e), CLAIM_OVER);
	assert_int_equal(end_of(&parts[0], "features", 2), PART_DONE);
	assert_int_equal(end_of(&parts[1], "failed", 0), PART_LAST);
	assert_int_equal(end_of(&parts[2], "features", 2), PART_STALE);
	assert_int_equal(part_watch(&j, redis, settings, &e), 0);
	assert_string_equal(seed_field(redis, j.id, "state"), "failed");
	assert_string_equal(seed_field(redis, j.id, "code"), "JSON_SYNTAX");
	assert_int_equal(strtoull(seed_field(redis, j.id, "offset"), NULL, 10), parts[1].chunk.from);
	assert_int_equal(seed_int(redis, "EXISTS", wire_key("out", j.id).text, NULL), 0);
	for (int i = 0; i < PARTS; i++)
		part_clear(&parts[i]);
	job_clear(&j);
}

/* Who ended it so died in between; by the settings of who looks after it, the document is sound. */
static void a_document_that_was_about_to_fail_fails(void **state)
{
	struct key deadof;
	struct part parts[PARTS];
	struct job j;

	(void)state;
	all_taken(&j, parts);
	for (int i = 0; i < PARTS; i++)
		assert_int_equal(end_of(&parts[i], i == 4 ? "tail" : "features", i == 4 ? 0 : i == 3 ? 1 : 2),
		    i == 4 ? PART_LAST : PART_DONE);
	deadof = wire_key("deadof", j.id);
	seed_drop(redis, "RPUSH", deadof.text, "1-1", NULL);
	assert_int_equal(job_forget_letters(&j, redis, R_BBOX_MISMATCH, "a box", 12, &e), 0);
	assert_int_equal(part_watch(&j, redis, settings, &e), 0);
	assert_string_equal(seed_field(redis, j.id, "state"), "failed");
	assert_string_equal(seed_field(redis, j.id, "code"), "BBOX_MISMATCH");
	assert_string_equal(seed_field(redis, j.id, "offset"), "12");
	for (int i = 0; i < PARTS; i++)
		part_clear(&parts[i]);
	job_clear(&j);
}

static void a_chunk_that_is_tried_too_often_is_worn_unless_a_feature_is_to_blame(void **state)
{
	struct part parts[PARTS], p;
	struct obituary o = { .known = true, .token = "a", .code = R_FEATURE_CRASH };
	struct job j;

	(void)state;
	all_taken(&j, parts);
	for (int i = 1; i < 3; i++) {
		assert_int_equal(part_take(&p, redis, &parts[0].job.message, "w", 3, &e), CLAIM_RUN);
		part_clear(&p);
	}
	assert_int_equal(part_take(&p, redis, &parts[0].job.message, "w", 3, &e), CLAIM_WORN);
	part_clear(&p);
	memcpy(o.job, j.id, sizeof(o.job));
	assert_int_equal(suspects_report(redis, &o, &e), 0);
	assert_int_equal(part_take(&p, redis, &parts[0].job.message, "w", 3, &e), CLAIM_RUN);
	assert_non_null(p.job.suspects);
	part_clear(&p);
	/* The tail may be done before: its checkpoint is no reason to forget who was suspected. */
	assert_int_equal(end_of(&parts[4], "tail", 0), PART_DONE);
	o.feature = 1;
	assert_int_equal(suspects_report(redis, &o, &e), 0);
	assert_int_equal(part_take(&p, redis, &parts[0].job.message, "w", 3, &e), CLAIM_RUN);
	assert_non_null(strstr(p.job.suspects, "0 1 a "));
	assert_non_null(strstr(p.job.suspects, "1 1 a "));
	part_clear(&p);
	for (int i = 0; i < PARTS; i++)
		part_clear(&parts[i]);
	job_clear(&j);
}

static void a_chunk_that_is_given_back_was_not_tried(void **state)
{
	struct part parts[PARTS], p, twin;
	struct job j;

	(void)state;
	all_taken(&j, parts);
	for (int i = 0; i < 7; i++) {
		assert_int_equal(part_take(&p, redis, &parts[0].job.message, "w-2", 3, &e), CLAIM_RUN);
		assert_int_equal(part_release(&p, redis, i % 2, &e), 0);
		assert_int_equal(part_release(&p, redis, i % 2, &e), 1);	/* the reply was lost */
		part_clear(&p);
	}
	/* Whoever has it by now keeps it. */
	assert_int_equal(part_take(&p, redis, &parts[0].job.message, "w-2", 3, &e), CLAIM_RUN);
	assert_int_equal(part_take(&twin, redis, &parts[0].job.message, "w-3", 3, &e), CLAIM_RUN);
	assert_int_equal(part_release(&p, redis, false, &e), 1);
	part_clear(&p);
	assert_int_equal(part_release(&twin, redis, false, &e), 0);
	/* The last of all_taken was never given back: that one was a try, and so was p's. */
	assert_int_equal(part_take(&p, redis, &parts[0].job.message, "w-2", 2, &e), CLAIM_WORN);
	part_clear(&p);
	part_clear(&twin);
	for (int i = 0; i < PARTS; i++)
		part_clear(&parts[i]);
	job_clear(&j);
}

static void a_chunk_that_nobody_can_read_is_no_error_of_who_takes_it(void **state)
{
	struct part parts[PARTS], p;
	struct job j;

	(void)state;
	all_taken(&j, parts);
	seed_drop(redis, "HSET", wire_key("parts", j.id).text, "0", "\xff\xff", NULL);
	assert_int_equal(part_take(&p, redis, &parts[0].job.message, "w", 5, &e), CLAIM_RUN);
	assert_true(p.unreadable);
	part_clear(&p);
	assert_int_equal(part_take(&p, redis, &parts[0].job.message, "w", 1, &e), CLAIM_WORN);
	assert_true(p.unreadable);
	part_clear(&p);
	for (int i = 0; i < PARTS; i++)
		part_clear(&parts[i]);
	job_clear(&j);
}

/* Counts that do not add up are a fault in here or in Redis: trying to end the job wears it out. */
static void a_job_that_cannot_be_ended_is_tried_so_often(void **state)
{
	struct part parts[PARTS];
	struct job j, again;

	(void)state;
	all_taken(&j, parts);
	assert_int_equal(end_of(&parts[4], "tail", 0), PART_DONE);
	assert_int_equal(job_claim(&again, redis, &j.message, "w", 3, &e), CLAIM_RUN);
	assert_int_equal(part_watch(&again, redis, settings, &e), 0);
	assert_string_equal(seed_field(redis, j.id, "tries"), "0");	/* to look is no try */
	job_clear(&again);
	for (int i = 0; i < 4; i++)
		assert_int_equal(end_of(&parts[i], "features", 2), i < 3 ? PART_DONE : PART_LAST);	/* 8, not 7 */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(job_claim(&again, redis, &j.message, "w", 3, &e), CLAIM_RUN);
		assert_int_equal(part_watch(&again, redis, settings, &e), -1);
		err_clear(&e);
		job_clear(&again);
	}
	assert_int_equal(job_claim(&again, redis, &j.message, "w", 3, &e), CLAIM_WORN);
	job_clear(&again);
	for (int i = 0; i < PARTS; i++)
		part_clear(&parts[i]);
	job_clear(&j);
}

/* What older workers cannot read they are not given, in any of the streams. */
static void a_job_of_a_newer_version_stays_one(void **state)
{
	char id[JOB_ID_LEN + 1];
	struct message m;
	struct splitter *s;
	struct part p;
	struct job j;

	(void)state;
	seed_job(redis, "acme", NULL, DOC, strlen(DOC), 50, id);
	seed_drop(redis, "HSET", wire_key("job", id).text, "v", "2", NULL);
	steps_divide(&stage, &j, strlen(HEAD));
	steps_version(&stage, "splits", 2);
	s = splitter_new(settings, redis, body, &j, &e);
	assert_int_equal(splitter_step(s, &e), SPLIT_MORE);
	splitter_free(&s);
	steps_version(&stage, "chunks", 2);
	seed_drop(redis, "XTRIM", wire_key("chunks", NULL).text, "MAXLEN", "0", NULL);
	assert_int_equal(part_watch(&j, redis, settings, &e), 0);
	steps_version(&stage, "chunks", 2);
	steps_message(&stage, "w-0", STREAM_CHUNKS, NULL, &m);
	assert_int_equal(part_take(&p, redis, &m, "w-0", 5, &e), CLAIM_RUN);
	assert_int_equal(part_whole(&p, redis, &e), 0);
	steps_version(&stage, "jobs", 2);
	part_clear(&p);
	job_clear(&j);
}

static void given_up_it_is_one_workers_again(void **state)
{
	struct part parts[PARTS];
	struct message m;
	struct job j, whole;

	(void)state;
	all_taken(&j, parts);
	assert_int_equal(end_of(&parts[0], "features", 2), PART_DONE);
	seed_drop(redis, "HSET", wire_key("job", j.id).text, "dropped:LON_RANGE", "3", NULL);	/* the janitor did */
	assert_int_equal(part_whole(&parts[4], redis, &e), 0);
	assert_int_equal(part_whole(&parts[4], redis, &e), 1);
	assert_string_equal(seed_field(redis, j.id, "dropped:LON_RANGE"), "");
	assert_int_equal(end_of(&parts[1], "features", 2), PART_STALE);
	assert_int_equal(length("splits"), 0);
	steps_message(&stage, "w-5", STREAM_JOBS, NULL, &m);
	assert_int_equal(job_claim(&whole, redis, &m, "w-5", 5, &e), CLAIM_RUN);
	assert_true(whole.whole && whole.split.state == '\0' && whole.next == 0);
	assert_string_equal(seed_field(redis, j.id, "accepted"), "");
	assert_string_equal(seed_field(redis, j.id, "reach"), "");
	for (int i = 0; i < PARTS; i++)
		part_clear(&parts[i]);
	job_clear(&j);
	job_clear(&whole);
}

/* whole.lua once, of a worker that then dies. */
static void begin_to_give_up(const struct part *p, const char *letters, const char *want)
{
	static const char *const names[] = {
		"job", "parts", "ids", "out", "report", "dead", "deadof", "splits", "jobs",
	};
	struct key keys[9];
	struct redis_cmd c;
	struct reply *reply;

	cmd_init(&c);
	cmd_script(&c, &script_whole, 9);
	for (int i = 0; i < 9; i++) {
		keys[i] = wire_key(names[i], i == 5 || i > 6 ? NULL : p->job.id);
		cmd_str(&c, keys[i].text);
	}
	cmd_str(&c, "workers");
	cmd_int(&c, 1);
	cmd_int(&c, (long long)p->job.message.n);
	cmd_str(&c, letters);
	assert_int_equal(redis_do(redis, &c, &reply, &e), 0);
	assert_string_equal(reply_str(reply, NULL), want);
	reply_free(&reply);
	cmd_clear(&c);
}

/* Many letters go some at a time; until all have, nothing that chunks make counts, and the chunk leads on. */
static void what_is_being_given_up_goes_on_whoever_dies(void **state)
{
	static const char many[] = "for i = 1, 3500 do "
	    "redis.call('RPUSH', KEYS[2], redis.call('XADD', KEYS[1], '*', 'job', 'x')) end";
	struct part parts[PARTS], next_one;
	struct message m;
	struct splitter *s;
	struct reply *stats;
	const char *calls;
	struct job j, whole;

	(void)state;
	all_taken(&j, parts);
	assert_int_equal(end_of(&parts[0], "features", 2), PART_DONE);
	seed_drop(redis, "EVAL", many, "2", wire_key("dead", NULL).text, wire_key("deadof", j.id).text, NULL);
	seed_drop(redis, "HSET", wire_key("job", j.id).text, "dead", "14000", "split", "open", NULL);
	seed_drop(redis, "HSET", wire_key("room", NULL).text, "dead:acme", "14000", NULL);
	s = splitter_new(settings, redis, body, &j, &e);
	begin_to_give_up(&parts[3], "1000", "more");
	assert_int_equal(length("dead"), 2500);
	assert_string_equal(seed_text(redis, "HGET", wire_key("room", NULL).text, "dead:acme", NULL), "10000");

	assert_int_equal(end_of(&parts[1], "features", 2), PART_STALE);
	assert_int_equal(end_of(&parts[2], "failed", 0), PART_STALE);
	assert_int_equal(end_of(&parts[3], "failed", 0), PART_STALE);
	assert_int_equal(end_of(&parts[4], "tail", 0), PART_STALE);
	begin_to_give_up(&parts[4], "1000", "stale");
	assert_int_equal(splitter_step(s, &e), SPLIT_STALE);
	splitter_free(&s);
	assert_int_equal(length("jobs"), 0);
	assert_int_equal(seed_int(redis, "HLEN", wire_key("parts", j.id).text, NULL), 3);

	/* Who looks after it ends nothing, but writes the chunk's lost message again. */
	assert_int_equal(part_watch(&j, redis, settings, &e), 0);
	assert_string_equal(seed_field(redis, j.id, "state"), "running");
	assert_int_equal(length("outbox"), 0);
	steps_message(&stage, "w-4", STREAM_CHUNKS, NULL, &m);
	assert_int_equal(part_take(&next_one, redis, &m, "w-4", 5, &e), CLAIM_RUN);
	assert_int_equal(next_one.job.message.n, 3);
	assert_true(next_one.job.whole);

	seed_drop(redis, "CONFIG", "RESETSTAT", NULL);
	assert_int_equal(part_whole(&next_one, redis, &e), 0);
	stats = seed_do(redis, "INFO", "commandstats", NULL);
	assert_non_null(calls = strstr(reply_str(stats, NULL), "cmdstat_evalsha:calls="));
	assert_int_equal(strtol(calls + strlen("cmdstat_evalsha:calls="), NULL, 10), 2500 / FORGET_AT_ONCE + 1);
	assert_null(strstr(reply_str(stats, NULL), "cmdstat_lrange"));
	reply_free(&stats);
	assert_int_equal(length("dead"), 0);
	assert_string_equal(seed_text(redis, "HGET", wire_key("room", NULL).text, "dead:acme", NULL), "0");
	assert_int_equal(part_whole(&next_one, redis, &e), 1);
	assert_int_equal(length("splits"), 0);
	assert_int_equal(length("jobs"), 1);
	steps_message(&stage, "w-5", STREAM_JOBS, NULL, &m);
	assert_int_equal(job_claim(&whole, redis, &m, "w-5", 5, &e), CLAIM_RUN);
	assert_true(whole.whole && whole.split.state == '\0' && whole.next == 0);
	part_clear(&next_one);
	for (int i = 0; i < PARTS; i++)
		part_clear(&parts[i]);
	job_clear(&j);
	job_clear(&whole);
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_comes_back_as_it_went),
		TEST(no_more_are_out_than_may_be_and_another_goes_on),
		TEST(in_a_long_feature_a_sign_of_life_is_given_at_each_segment),
		TEST(a_chunk_done_twice_counts_once_and_the_last_ends_the_job),
		TEST(how_far_chunks_reach_is_put_together),
		TEST(of_failures_the_first_in_the_document_counts),
		TEST(a_document_that_was_about_to_fail_fails),
		TEST(a_chunk_that_is_tried_too_often_is_worn_unless_a_feature_is_to_blame),
		TEST(a_chunk_that_is_given_back_was_not_tried),
		TEST(a_chunk_that_nobody_can_read_is_no_error_of_who_takes_it),
		TEST(a_job_that_cannot_be_ended_is_tried_so_often),
		TEST(a_job_of_a_newer_version_stays_one),
		TEST(given_up_it_is_one_workers_again),
		TEST(what_is_being_given_up_goes_on_whoever_dies),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
