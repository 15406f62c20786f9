/*
 * The pipeline at its limits: what is too much ends with the feature or document, in bounded time and
 * memory, and what comes behind it goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/buf.h"
#include "tests/oracle/made_shapes.h"
#include "workers/pipeline/encode.h"
#include "workers/pipeline/pipeline.h"

#define HEAD "{\"type\":\"FeatureCollection\",\"features\":["
#define POINT "{\"type\":\"Feature\",\"properties\":null,\"geometry\":{\"type\":\"Point\",\"coordinates\":[1,2]}}"
#define PIECE ((size_t)64 << 10)

struct seen {
	enum outcome outcome[4];
	enum reject_code code[4];
	size_t vertices_after;
};

static int on_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	struct seen *s = ctx;

	(void)e;
	assert_true(v->feature->index < 4);
	s->outcome[v->feature->index] = v->outcome;
	s->code[v->feature->index] = v->code;
	s->vertices_after = v->feature->vertices_after > 0 ? v->feature->vertices_after : s->vertices_after;
	return 0;
}

/* The geometry as a feature, and a sound one behind it. */
static void run(const struct pipeline_options *o, struct geometry *g, struct seen *s)
{
	unsigned char severity[R_COUNT] = { 0 };
	struct feature f = { .geometry = g, .severity = severity };
	struct err e = ERR_INIT;
	struct pipeline *p;
	struct buf text;

	buf_init(&text, (size_t)1 << 28);
	buf_puts(&text, HEAD);
	encode_feature(&text, &f);
	buf_puts(&text, "," POINT "]}");
	assert_false(text.failed);
	memset(s, 0, sizeof(*s));
	assert_non_null(p = pipeline_new(o, on_verdict, s, &e));
	for (size_t at = 0; at < text.len; at += PIECE)
		assert_int_equal(pipeline_feed(p, text.data + at, text.len - at < PIECE ? text.len - at : PIECE, &e), 0);
	assert_int_equal(pipeline_finish(p, &e), 0);
	assert_int_equal(pipeline_totals(p).features, 2);
	assert_int_equal(s->outcome[1], OUTCOME_ACCEPTED);
	pipeline_free(&p);
	buf_clear(&text);
}

static void a_scribble_ends_with_a_dead_letter(void **state)
{
	struct arena *a = arena_new((size_t)1 << 28);
	struct pipeline_options o;
	struct seen s;

	(void)state;
	pipeline_options_init(&o);
	o.feature_timeout_ms = 100;	/* its millions of crossings take GEOS minutes */
	run(&o, made_scribble(a, 5000), &s);
	assert_int_equal(s.outcome[0], OUTCOME_REJECTED);
	assert_int_equal(s.code[0], R_FEATURE_TIMEOUT);
	o.feature_timeout_ms = 20000;	/* now its budget is what ends it, long before */
	run(&o, made_scribble(a, 5000), &s);
	assert_int_equal(s.outcome[0], OUTCOME_REJECTED);
	assert_true(s.code[0] == R_REPAIR_FAILED || s.code[0] == R_FEATURE_TIMEOUT);
	arena_free(&a);
}

static void a_million_vertices_with_a_hundred_faults_are_repaired(void **state)
{
	struct arena *a = arena_new((size_t)1 << 28);
	struct pipeline_options o;
	struct seen s;

	(void)state;
	pipeline_options_init(&o);
	o.max_feature_bytes = (size_t)64 << 20;
	o.feature_timeout_ms = 20000;
	run(&o, made_ring(a, 1000000, 100), &s);
	assert_int_equal(s.outcome[0], OUTCOME_REPAIRED);
	assert_int_equal(s.code[0], R_SELF_INTERSECTION);
	assert_true(s.vertices_after >= 1000000);
	arena_free(&a);
}

/* `begin`, then `filler` n times, in pieces; what pipeline_feed or pipeline_finish says in the end. */
static int run_long(const char *begin, const char *filler, size_t n, struct err *e)
{
	struct pipeline_options o;
	struct pipeline *p;
	char *piece = malloc(PIECE);
	struct seen s;
	int rc;

	pipeline_options_init(&o);
	for (size_t i = 0; i < PIECE; i++)
		piece[i] = filler[i % strlen(filler)];
	assert_non_null(p = pipeline_new(&o, on_verdict, &s, e));
	rc = pipeline_feed(p, begin, strlen(begin), e);
	for (size_t at = 0; at < n && rc == 0; at += PIECE)
		rc = pipeline_feed(p, piece, n - at < PIECE ? n - at : PIECE, e);
	if (rc == 0)
		rc = pipeline_finish(p, e);
	pipeline_free(&p);
	free(piece);
	return rc;
}

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void ten_thousand_levels_are_too_deep(void **state)
{
	static const char *const begins[] = { "", HEAD "{\"properties\":", "{\"a\":", "{\"type\":\"Point\",\"coordinates\":" };

	(void)state;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		struct err e = ERR_INIT;

		assert_int_equal(run_long(begins[i], "[", 10000, &e), -1);
		assert_int_equal(e.code, R_JSON_DEPTH);
		err_clear(&e);
		assert_int_equal(run_long(begins[i], "{\"a\":", 10000 * 5, &e), -1);
		assert_int_equal(e.code, R_JSON_DEPTH);
	}
}

/* First of all tests: the peak of the whole program is what can be asked for. */
static void tokens_of_300_mb_take_no_memory(void **state)
{
	static const char *const begins[] = {
		HEAD "{\"properties\":{\"n\":1", HEAD "{\"geometry\":{\"coordinates\":[1", "{\"id\":\"a", HEAD POINT ",\"",
		"{\"crs\":1", "1", "{\"a\":      ",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		struct err e = ERR_INIT;
		long before = peak_kib();

		assert_int_equal(run_long(begins[i], "1", (size_t)300 << 20, &e), -1);
		assert_true(e.cls == ERR_LIMIT || e.code == R_JSON_TRUNCATED || e.code == R_JSON_SYNTAX);
		print_message("%-40s %s, %ld KiB more\n", begins[i], reject_name((enum reject_code)e.code),
		    peak_kib() - before);
#ifndef __SANITIZE_ADDRESS__
		assert_true(peak_kib() - before < 64 << 10);
#endif
	}
}

/* A collection's members before its features count as one feature does, in whatever pieces they come. */
static void a_head_that_is_too_large_is_met_in_any_pieces(void **state)
{
	static const char *const documents[] = {
		"{\"type\":\"FeatureCollection\",\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]}",
		"{\"type\":\"FeatureCollection\",\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17],\"features\":[]}",
		"{\"features\":[],\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17],\"type\":\"FeatureCollection\"}",
	};
	struct pipeline_options o;
	struct seen s;

	(void)state;
	pipeline_options_init(&o);
	o.max_feature_bytes = 40;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		uint64_t offset[2];

		for (size_t whole = 0; whole < 2; whole++) {
			size_t n = strlen(documents[i]), step = whole ? n : 1;
			struct err e = ERR_INIT;
			struct pipeline *p = pipeline_new(&o, on_verdict, &s, &e);
			int rc = 0;

			assert_non_null(p);
			for (size_t at = 0; at < n && rc == 0; at += step)
				rc = pipeline_feed(p, documents[i] + at, step, &e);
			assert_int_equal(rc, -1);
			assert_int_equal(e.code, R_FEATURE_TOO_LARGE);
			offset[whole] = pipeline_offset(p);
			pipeline_free(&p);
		}
		assert_int_equal(offset[0], offset[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_of_300_mb_take_no_memory),
		cmocka_unit_test(ten_thousand_levels_are_too_deep),
		cmocka_unit_test(a_head_that_is_too_large_is_met_in_any_pieces),
		cmocka_unit_test(a_scribble_ends_with_a_dead_letter),
		cmocka_unit_test(a_million_vertices_with_a_hundred_faults_are_repaired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
