/* Chunks of an encoded document: they hold its text, as much of it as may be, and what they hold is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/frame.h"
#include "schema/chunk_message.h"
#include "tests/fakes/seed.h"
#include "tests/fakes/worker_steps.h"
#include "workers/body_reader.h"
#include "workers/finish.h"
#include "workers/patience.h"
#include "workers/splitter.h"

static struct stage stage;
static struct redis *redis, *body;
static struct settings *settings;
static struct err e;

static int setup(void **state)
{
	(void)state;
	if (stage_begin(&stage, "[source acme]\nsecret = x\n", "no") != 0)
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
	settings->worker.chunk_features = 2;
	settings->worker.chunk_bytes = 4 << 20;
	settings->worker.chunks_outstanding = 10;
	settings->worker.split_bytes = 1;
	settings->worker.max_feature_bytes = 32 << 20;
	return stage_fresh(&stage);
}

#define F "{\"type\":\"Feature\",\"id\":1,\"properties\":null,\"geometry\":null}"
#define HEAD "{\"type\":\"FeatureCollection\",\"features\":["
#define DOC HEAD F "," F "," F "," F ",17,18," F "]}"
#define PARTS 5

static void pack(struct buf *out, const char *text, size_t n)
{
	struct frame_writer *w = frame_writer_new(&e);

	buf_init(out, 64 << 20);
	assert_int_equal(frame_pack(w, text, n, n + 1000, out, &e), 1);
	frame_writer_free(&w);
}

/* Of a body: encoded, put in Redis, divided, and claimed by a splitter. */
static void divided(struct job *j, const char *encoded, size_t n)
{
	char id[JOB_ID_LEN + 1];

	seed_encoded(redis, "acme", "zstd", encoded, n, 50, id);
	steps_divide(&stage, j, strlen(HEAD));
}

static void divided_text(struct job *j, const char *text, size_t n)
{
	struct buf b;

	pack(&b, text, n);
	divided(j, b.data, b.len);
	buf_clear(&b);
}

static void message_of(const struct job *j, unsigned n, struct chunk_message *m)
{
	char number[16];
	struct reply *reply;
	const char *bytes;
	size_t len;

	snprintf(number, sizeof(number), "%u", n);
	reply = seed_do(redis, "HGET", wire_key("parts", j->id).text, number, NULL);
	bytes = reply_str(reply, &len);
	assert_int_equal(chunk_message_read(m, bytes, len, &e), 0);
	reply_free(&reply);
}

/* By the reader that workers have. */
static void unpacked(const struct job *j, const struct chunk_message *m, struct buf *out)
{
	struct body_reader *r = body_reader_new(body, j, settings, &e);
	const char *bytes;
	size_t n;

	buf_init(out, 64 << 20);
	assert_int_equal(body_reader_text(r, m->text, m->text_len, &e), 0);
	while (body_reader_next(r, &bytes, &n, &e) == 0)
		buf_append(out, bytes, n);
	body_reader_free(&r);
}

static long long field(const struct job *j, const char *name)
{
	return strtoll(seed_field(redis, j->id, name), NULL, 10);
}

static long long room(const char *kind)
{
	return strtoll(seed_text(redis, "HGET", wire_key("room", NULL).text, kind, NULL), NULL, 10);
}

static void chunks_hold_the_text_in_order(void **state)
{
	static const char doc[] = DOC;
	size_t at = strlen(HEAD), received = 0;
	long long held;
	struct job j;

	(void)state;
	divided_text(&j, doc, strlen(doc));
	held = room("queued:acme");
	assert_int_equal(steps_cut(&stage, &j), SPLIT_DONE);
	assert_int_equal(field(&j, "split_chunk"), PARTS);
	for (unsigned i = 0; i < PARTS; i++) {
		struct chunk_message m;
		struct buf text;

		message_of(&j, i, &m);
		unpacked(&j, &m, &text);
		assert_int_equal(m.from, at);
		assert_int_equal(text.len, m.to - m.from);
		assert_memory_equal(text.data, doc + at, text.len);
		assert_int_equal(m.features, i == 3 ? 1 : i == 4 ? 0 : 2);
		at = i == 2 ? m.to - 1 : m.to;		/* 18: with the byte that ends it */
		received += m.received;
		assert_int_equal(m.tail, i == 4);
		buf_clear(&text);
		chunk_message_clear(&m);
	}
	assert_int_equal(at, strlen(doc));
	assert_int_equal(received, j.bytes);
	assert_true(field(&j, "texts") > 0);
	assert_int_equal(room("queued:acme"), held + field(&j, "texts"));
	assert_int_equal(field(&j, "v"), WIRE_TEXTS);
	steps_version(&stage, "splits", WIRE_TEXTS);	/* workers that know of no text leave it */
	steps_version(&stage, "chunks", WIRE_TEXTS);
	job_clear(&j);
}

/* The same messages, byte for byte, as of one that was not interrupted. */
static void another_splitter_gives_out_the_rest(void **state)
{
	static struct chunk_message want[PARTS];
	struct job j, again;
	struct splitter *s;

	(void)state;
	divided_text(&j, DOC, strlen(DOC));
	assert_int_equal(steps_cut(&stage, &j), SPLIT_DONE);
	for (unsigned i = 0; i < PARTS; i++)
		message_of(&j, i, &want[i]);
	job_clear(&j);
	assert_int_equal(stage_fresh(&stage), 0);
	divided_text(&j, DOC, strlen(DOC));
	s = splitter_new(settings, redis, body, &j, &e);
	for (int i = 0; i < 3; i++)
		assert_int_equal(splitter_step(s, &e), SPLIT_MORE);
	assert_int_equal(job_claim(&again, redis, &j.message, "w-1", 5, &e), CLAIM_RUN);
	assert_int_equal(splitter_step(s, &e), SPLIT_STALE);
	splitter_free(&s);
	assert_int_equal(again.split.chunk, 3);
	assert_int_equal(steps_cut(&stage, &again), SPLIT_DONE);
	for (unsigned i = 0; i < PARTS; i++) {
		struct chunk_message have;

		message_of(&j, i, &have);
		assert_int_equal(have.first, want[i].first);
		assert_int_equal(have.from, want[i].from);
		assert_int_equal(have.twice_count, want[i].twice_count);
		assert_int_equal(have.text_len, want[i].text_len);
		assert_memory_equal(have.text, want[i].text, have.text_len);
		chunk_message_clear(&have);
		chunk_message_clear(&want[i]);
	}
	job_clear(&j);
	job_clear(&again);
}

static int end_of(const struct part *p, const char *kind)
{
	return steps_end(&stage, p, kind, p->chunk.features, NULL);
}

static void taken(struct part *p, const struct job *j, unsigned n)
{
	struct message m = { .stream = STREAM_CHUNKS, .n = n };
	char entry[16];

	snprintf(entry, sizeof(entry), "e%u", n);
	snprintf(m.id, sizeof(m.id), "%s", seed_text(redis, "HGET", wire_key("parts", j->id).text, entry, NULL));
	memcpy(m.job, j->id, sizeof(m.job));
	assert_int_equal(part_take(p, redis, &m, "w-0", 5, &e), CLAIM_RUN);
	assert_non_null(p->chunk.text);
}

static void no_more_text_is_out_than_may_be(void **state)
{
	struct splitter *s;
	struct part p;
	struct job j;
	long long before, most;
	int given = 0;

	(void)state;
	settings->worker.chunk_features = 1;
	divided_text(&j, DOC, strlen(DOC));
	settings->worker.chunk_bytes = 80;
	most = 10 * 80 / 4;
	s = splitter_new(settings, redis, body, &j, &e);
	while (splitter_step(s, &e) == SPLIT_MORE) {
		given++;
		assert_in_range(field(&j, "texts"), 1, most);
	}
	assert_in_range(given, 1, 5);
	assert_int_equal(splitter_step(s, &e), SPLIT_FULL);
	before = field(&j, "texts");
	taken(&p, &j, 0);
	assert_int_equal(end_of(&p, "features"), PART_DONE);
	assert_true(field(&j, "texts") < before);
	part_clear(&p);
	assert_int_equal(splitter_step(s, &e), SPLIT_MORE);
	splitter_free(&s);
	/* One that is larger than all that may be out goes alone. */
	settings->worker.chunk_bytes = 1;
	for (int i = 1; i <= given; i++) {
		taken(&p, &j, (unsigned)i);
		assert_int_equal(end_of(&p, "features"), PART_DONE);
		part_clear(&p);
	}
	assert_int_equal(field(&j, "texts"), 0);
	job_clear(&j);
	steps_claim(&stage, "w-0", STREAM_SPLITS, &j);
	s = splitter_new(settings, redis, body, &j, &e);
	assert_int_equal(splitter_step(s, &e), SPLIT_MORE);
	assert_int_equal(splitter_step(s, &e), SPLIT_FULL);
	/* One that waits learns that it is over: nobody takes the chunks that are out. */
	seed_drop(redis, "HSET", wire_key("job", j.id).text, "state", "dismissed", NULL);
	assert_int_equal(splitter_step(s, &e), SPLIT_STALE);
	splitter_free(&s);
	job_clear(&j);
}

/* Many documents, each within its bound, would fill it: then nobody could take a chunk, and none would ever be done. */
static void text_does_not_fill_the_memory_of_redis(void **state)
{
	struct key chunks = wire_key("chunks", NULL);
	struct splitter *s;
	struct part p;
	struct job j;

	(void)state;
	divided_text(&j, DOC, strlen(DOC));
	s = splitter_new(settings, redis, body, &j, &e);
	seed_drop(redis, "XADD", chunks.text, "*", "v", "1", "job", "0-another", "n", "0", NULL);
	seed_drop(redis, "CONFIG", "SET", "maxmemory", seed_text(redis, "EVAL",
	    "return string.format('%d', redis.call('INFO', 'memory'):match('used_memory:(%d+)') / 0.78)", "0", NULL), NULL);
	assert_int_equal(splitter_step(s, &e), SPLIT_FULL);	/* another document's is out */
	seed_drop(redis, "XTRIM", chunks.text, "MAXLEN", "0", NULL);
	assert_int_equal(splitter_step(s, &e), SPLIT_MORE);	/* one, so that they get on */
	assert_int_equal(splitter_step(s, &e), SPLIT_FULL);
	taken(&p, &j, 0);
	assert_int_equal(end_of(&p, "features"), PART_DONE);
	part_clear(&p);
	assert_int_equal(splitter_step(s, &e), SPLIT_MORE);
	assert_int_equal(splitter_step(s, &e), SPLIT_FULL);
	seed_drop(redis, "CONFIG", "SET", "maxmemory", "0", NULL);
	assert_int_equal(splitter_step(s, &e), SPLIT_MORE);
	assert_int_equal(splitter_step(s, &e), SPLIT_MORE);
	splitter_free(&s);
	job_clear(&j);
}

static void what_is_done_holds_nothing(void **state)
{
	struct part p;
	long long held;
	struct job j;

	(void)state;
	divided_text(&j, DOC, strlen(DOC));
	held = room("queued:acme");
	assert_int_equal(steps_cut(&stage, &j), SPLIT_DONE);
	for (unsigned i = 0; i < PARTS; i++) {
		long long rest = 0;

		taken(&p, &j, i);
		assert_int_equal(end_of(&p, i == 4 ? "tail" : "features"), i == 4 ? PART_LAST : PART_DONE);
		part_clear(&p);
		for (unsigned k = i + 1; k < PARTS; k++) {
			char number[16];

			snprintf(number, sizeof(number), "%u", k);
			rest += seed_int(redis, "HSTRLEN", wire_key("parts", j.id).text, number, NULL);
		}
		assert_int_equal(field(&j, "texts"), rest);
		assert_int_equal(room("queued:acme"), held + rest);
	}
	assert_int_equal(field(&j, "parsed"), j.bytes);
	assert_int_equal(part_watch(&j, redis, settings, &e), 0);
	assert_string_equal(seed_field(redis, j.id, "state"), "successful");
	assert_int_equal(room("queued:acme"), 0);
	assert_int_equal(room("kept:acme"), held);
	assert_int_equal(field(&j, "held"), held);
	assert_int_equal(field(&j, "v"), WIRE_PACKED);
	job_clear(&j);
}

/* It takes the chunks above it with it, and the end takes what is left. */
static void neither_does_what_failed(void **state)
{
	struct part p;
	long long held;
	struct job j;

	(void)state;
	divided_text(&j, DOC, strlen(DOC));
	held = room("queued:acme");
	assert_int_equal(steps_cut(&stage, &j), SPLIT_DONE);
	taken(&p, &j, 1);
	assert_int_equal(end_of(&p, "failed"), PART_DONE);
	part_clear(&p);
	assert_int_equal(field(&j, "texts"), seed_int(redis, "HSTRLEN", wire_key("parts", j.id).text, "0", NULL));
	assert_int_equal(finish_failed(&j, redis, settings, R_BODY_LOST, "gone", 0, &e), 0);
	assert_string_equal(seed_field(redis, j.id, "texts"), "");
	assert_int_equal(room("queued:acme"), 0);
	assert_int_equal(room("kept:acme"), held);
	assert_int_equal(field(&j, "held"), held);
	job_clear(&j);
}

static void given_up_it_is_any_workers_again(void **state)
{
	struct part p;
	long long held;
	struct message m;
	struct job j;

	(void)state;
	divided_text(&j, DOC, strlen(DOC));
	held = room("queued:acme");
	assert_int_equal(steps_cut(&stage, &j), SPLIT_DONE);
	taken(&p, &j, 2);
	assert_int_equal(part_whole(&p, redis, &e), 0);
	part_clear(&p);
	assert_int_equal(room("queued:acme"), held);
	assert_int_equal(field(&j, "held"), held);
	assert_string_equal(seed_field(redis, j.id, "texts"), "");
	assert_int_equal(field(&j, "v"), WIRE_PACKED);
	steps_message(&stage, "w-0", STREAM_JOBS, NULL, &m);
	job_clear(&j);
}

/* A stream that is cut off, or followed by something else: who decodes it meets that, behind all that is before. */
static void a_fault_of_the_encoding_is_left_to_the_tail(void **state)
{
	struct chunk_message m;
	struct buf b;
	struct job j;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(stage_fresh(&stage), 0);
		pack(&b, DOC, strlen(DOC));
		if (i == 0)
			buf_append(&b, "no frame", 8);
		else	/* a second frame, which ends early, while the features go on */
			buf_append(&b, b.data, 20);
		divided(&j, b.data, b.len);
		buf_clear(&b);
		assert_int_equal(steps_cut(&stage, &j), SPLIT_DONE);
		message_of(&j, PARTS - 1, &m);
		assert_true(m.tail && !m.whole);
		assert_null(m.text);
		assert_int_equal(m.to, 0);
		chunk_message_clear(&m);
		job_clear(&j);
	}
}

/* Some that cannot be made much shorter. */
static void letters(char *out, size_t n)
{
	uint32_t dice = 1;

	for (size_t i = 0; i < n; i++) {
		dice = dice * 1664525 + 1013904223;
		out[i] = (char)('a' + (dice >> 24) % 26);
	}
}

/* Its text would have to be held: one worker, who passes over it, reads the document. */
static void chunks_are_given_up_for_a_feature_that_is_too_long(void **state)
{
	static const char begin[] = HEAD F "," F "," F ",{\"type\":\"Feature\",\"x\":\"";
	size_t n = 3 << 20;
	char *doc = malloc(n);
	struct chunk_message m;
	struct job j;

	(void)state;
	letters(doc, n);
	memcpy(doc, begin, sizeof(begin) - 1);
	memcpy(doc + n - 4, "\"}]}", 4);
	divided_text(&j, doc, n);
	settings->worker.max_feature_bytes = 1024;
	settings->worker.chunk_bytes = 1024;
	assert_int_equal(steps_cut(&stage, &j), SPLIT_DONE);
	message_of(&j, 1, &m);
	assert_true(m.whole);
	assert_null(m.text);
	chunk_message_clear(&m);
	job_clear(&j);
	free(doc);
}

/* What lies in front of its checkpoint may take longer to decode than a process has when it is told to end. */
static void who_is_to_stop_does_not_decode_on(void **state)
{
	static const char begin[] = "{\"type\":\"Feature\",\"x\":\"", end[] = "\"}";
	const size_t one = 200000, count = 20, head = strlen(HEAD), n = head + count * (one + 1) + 1;
	char *doc = malloc(n);
	struct job j, again;
	struct splitter *s;

	(void)state;
	letters(doc, n);
	memcpy(doc, HEAD, head);
	for (size_t i = 0; i < count; i++) {
		char *at = doc + head + i * (one + 1);

		memcpy(at, begin, sizeof(begin) - 1);
		memcpy(at + one - 2, end, 2);
		at[one] = ',';
	}
	memcpy(doc + n - 2, "]}", 2);
	divided_text(&j, doc, n);
	s = splitter_new(settings, redis, body, &j, &e);
	for (int i = 0; i < 8; i++)
		assert_int_equal(splitter_step(s, &e), SPLIT_MORE);
	splitter_free(&s);
	assert_int_equal(job_claim(&again, redis, &j.message, "w-1", 5, &e), CLAIM_RUN);
	s = splitter_new(settings, redis, body, &again, &e);
	patience_begin(0);
	raise(SIGTERM);
	assert_int_equal(splitter_step(s, &e), -1);
	assert_int_equal(e.cls, ERR_RETRY);
	patience_begin(0);
	err_clear(&e);
	assert_int_equal(splitter_step(s, &e), SPLIT_MORE);	/* told otherwise, it goes on where it was */
	splitter_free(&s);
	job_clear(&again);
	job_clear(&j);
	free(doc);
}

/* What stands behind the features may be long, too. */
static void a_long_tail_has_no_text(void **state)
{
	static const char begin[] = HEAD F "],\"x\":\"";
	size_t n = 3 << 20;
	char *doc = malloc(n);
	struct chunk_message m;
	struct job j;

	(void)state;
	letters(doc, n);
	memcpy(doc, begin, sizeof(begin) - 1);
	memcpy(doc + n - 2, "\"}", 2);
	divided_text(&j, doc, n);
	assert_int_equal(steps_cut(&stage, &j), SPLIT_DONE);
	message_of(&j, 1, &m);
	assert_true(m.tail && !m.whole);
	assert_null(m.text);
	chunk_message_clear(&m);
	job_clear(&j);
	free(doc);
}

/* By what of it was decoded; one that could not become long is not even looked at. */
static void only_what_becomes_long_is_cut(void **state)
{
	struct pipeline_place place = { 0 };
	struct job_split at = { 0 };
	char id[JOB_ID_LEN + 1];
	struct buf text, b;
	struct job j;

	(void)state;
	buf_init(&text, 64 << 20);
	buf_puts(&text, HEAD F);
	while (text.len < 1000000)
		buf_printf(&text, ",{\"type\":\"Feature\",\"id\":%zu,\"properties\":null,\"geometry\":null}",
		    text.len * 7919 % 1000003);
	buf_puts(&text, "]}");
	pack(&b, text.data, text.len);
	seed_encoded(redis, "acme", "zstd", b.data, b.len, 20000, id);
	steps_claim(&stage, "w-0", STREAM_JOBS, &j);
	settings->worker.split_bytes = 400000;	/* a decoder is not yet at its best in the sample */
	assert_true(b.len < 400000 && splitter_may(&j, settings));
	assert_int_equal(splitter_probe(body, &j, settings, &at, &place, &e), 0);
	settings->worker.split_bytes = (int64_t)b.len * 20 < 1600000 ? (int64_t)b.len * 20 : 1600000;
	assert_true(splitter_may(&j, settings));
	assert_int_equal(splitter_probe(body, &j, settings, &at, &place, &e), 1);
	settings->worker.split_bytes = (int64_t)b.len * 20 + 1;
	assert_false(splitter_may(&j, settings));
	buf_clear(&text);
	buf_clear(&b);
	job_clear(&j);
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(chunks_hold_the_text_in_order),
		TEST(another_splitter_gives_out_the_rest),
		TEST(no_more_text_is_out_than_may_be),
		TEST(text_does_not_fill_the_memory_of_redis),
		TEST(what_is_done_holds_nothing),
		TEST(neither_does_what_failed),
		TEST(given_up_it_is_any_workers_again),
		TEST(a_fault_of_the_encoding_is_left_to_the_tail),
		TEST(chunks_are_given_up_for_a_feature_that_is_too_long),
		TEST(who_is_to_stop_does_not_decode_on),
		TEST(a_long_tail_has_no_text),
		TEST(only_what_becomes_long_is_cut),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
