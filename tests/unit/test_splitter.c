/* splitter: where chunks end, and what that is learnt from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "tests/fakes/seed.h"
#include "tests/fakes/worker_steps.h"
#include "workers/splitter.h"

#define HEAD "{\"type\":\"FeatureCollection\",\"features\":["
#define SEGMENT_BYTES 65536
#define NEVER "chunk_features = 100000\nchunk_bytes = 67108864\n"	/* what they are limited to is neither */

static struct stage stage;
static struct redis *redis;
static struct err e;

static int setup(void **state)
{
	(void)state;
	if (stage_begin(&stage, NULL, "no") != 0)
		return -1;
	redis = stage.redis;
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

/* A collection that is being cut. */
struct cutting {
	struct settings *settings;
	struct buf doc;
	struct job job;
	struct splitter *splitter;
	long long upto;		/* features given out so far */
};

/* Features whose properties have so many bytes of text, and whose geometry has so many vertices. */
static void begin(struct cutting *c, const char *limits, int features, int text, int vertices)
{
	char conf[256], id[JOB_ID_LEN + 1];

	snprintf(conf, sizeof(conf), "[worker]\n%schunks_outstanding = 10000\nsplit_bytes = 1\n[source acme]\n"
	    "secret = x\n", limits);
	stage.settings = c->settings = settings_parse(conf, strlen(conf), &e);
	assert_non_null(c->settings);
	buf_init(&c->doc, (size_t)64 << 20);
	buf_puts(&c->doc, HEAD);
	for (int i = 0; i < features; i++) {
		buf_puts(&c->doc, i > 0 ? "," : "");
		buf_puts(&c->doc, "{\"type\":\"Feature\",\"properties\":{\"a\":\"");
		for (int k = 0; k < text; k++)
			buf_puts(&c->doc, "x");
		buf_puts(&c->doc, "\"},\"geometry\":{\"type\":\"LineString\",\"coordinates\":[");
		for (int k = 0; k < vertices; k++)
			buf_puts(&c->doc, k > 0 ? ",[1,2]" : "[1,2]");
		buf_puts(&c->doc, "]}}");
	}
	buf_puts(&c->doc, "]}");
	assert_false(c->doc.failed);
	seed_job(redis, "acme", NULL, c->doc.data, c->doc.len, SEGMENT_BYTES, id);
	steps_divide(&stage, &c->job, sizeof(HEAD) - 1);
	c->splitter = splitter_new(c->settings, redis, stage.body, &c->job, &e);
	assert_non_null(c->splitter);
	c->upto = 0;
}

/* How many features the next chunk has. */
static long long next(struct cutting *c)
{
	long long before = c->upto;

	assert_int_equal(splitter_step(c->splitter, &e), SPLIT_MORE);
	c->upto = strtoll(seed_field(redis, c->job.id, "split_next"), NULL, 10);
	return c->upto - before;
}

static void end(struct cutting *c)
{
	splitter_free(&c->splitter);
	job_clear(&c->job);
	buf_clear(&c->doc);
	stage.settings = NULL;
	settings_free(&c->settings);
}

static void a_chunk_has_no_more_features_than_it_may(void **state)
{
	struct cutting c;

	(void)state;
	begin(&c, "chunk_features = 7\n", 30, 1, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(next(&c), 7);
	assert_int_equal(next(&c), 2);
	end(&c);
}

/* Past it it ends: with the feature that is the first to reach it. */
static void a_chunk_has_no_more_bytes_than_it_may(void **state)
{
	struct cutting c;

	(void)state;
	begin(&c, "chunk_features = 100000\nchunk_bytes = 65536\n", 200, 1000, 1);
	for (int i = 0; i < 3; i++) {
		long long n = next(&c);

		assert_in_range(n * (long long)(c.doc.len / 200), 65536, 65536 + 2000);
	}
	end(&c);
}

/* A feature with many vertices is as much work as many with few: their text alone would not tell. */
static void vertices_are_work(void **state)
{
	struct cutting c;

	(void)state;
	begin(&c, NEVER, 40, 1, 10000);
	assert_in_range(next(&c), 9, 10);
	end(&c);
}

static void costs(const struct cutting *c, const char *us, const char *units)
{
	seed_drop(redis, "HSET", wire_key("job", c->job.id).text, "cost_us", us, "cost_units", units, NULL);
}

/* So that a chunk is about a tenth of a second of work, whatever a vertex costs here. */
static void what_chunks_took_says_how_large_the_next_are(void **state)
{
	struct cutting c;
	long long first;

	(void)state;
	begin(&c, NEVER, 60000, 1, 1);
	first = next(&c);		/* a microsecond for a unit, while nothing is known */
	assert_in_range(first, 8000, 12000);
	costs(&c, "1000000", "100000");
	next(&c);			/* cut before anybody says so */
	assert_in_range(next(&c), first / 10 - 100, first / 10 + 100);
	costs(&c, "2000000", "100000");
	next(&c);
	assert_in_range(next(&c), first / 20 - 100, first / 20 + 100);
	costs(&c, "500000", "100000");
	next(&c);
	assert_in_range(next(&c), first / 5 - 100, first / 5 + 100);
	costs(&c, "4000000000", "1");	/* within reason */
	next(&c);
	assert_in_range(next(&c), 100, first / 40);
	end(&c);
}

/* They are one worker's, and cost no more than the length of a string to find out. */
static void a_small_document_is_not_cut(void **state)
{
	struct settings *s = settings_parse("", 0, &e);
	struct job j = { .coding = CODING_NONE };

	(void)state;
	assert_non_null(s);
	j.bytes = (uint64_t)s->worker.split_bytes - 1;
	assert_false(splitter_may(&j, s));
	j.bytes++;
	assert_true(splitter_may(&j, s));
	j.coding = CODING_GZIP;
	j.bytes = 100000;	/* a twentieth is the least that could become long enough */
	assert_false(splitter_may(&j, s));
	j.bytes = 110000;
	assert_true(splitter_may(&j, s));
	settings_free(&s);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_chunk_has_no_more_features_than_it_may),
		TEST(a_chunk_has_no_more_bytes_than_it_may),
		TEST(vertices_are_work),
		TEST(what_chunks_took_says_how_large_the_next_are),
		TEST(a_small_document_is_not_cut),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
