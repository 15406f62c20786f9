/*
 * Every document of fixtures/, fed in pieces of any size, by the default severities and by the mildest
 * ones: the same verdicts, the same texts, the same offsets, to the byte.
 */
#include <fnmatch.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "workers/pipeline/pipeline.h"

#define LARGE 20000	/* bytes; larger ones are not fed byte by byte */

static struct pipeline_options options;
static size_t documents;

static int on_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	struct buf *told = ctx;

	(void)e;
	verdict_write(told, v, NULL);
	if (v->text != NULL)
		buf_append(told, v->text, v->text_len);
	return buf_putc(told, '\n');
}

static void run(const struct buf *document, size_t step, struct buf *told)
{
	struct err e = ERR_INIT;
	struct pipeline *p = pipeline_new(&options, on_verdict, told, &e);
	int rc = 1;

	assert_non_null(p);
	for (int pass = 0; rc == 1; pass++) {
		assert_true(pass < 2);
		buf_reset(told);
		rc = 0;
		for (size_t at = 0, n; at < document->len && rc == 0; at += n) {
			n = step < document->len - at ? step : document->len - at;
			rc = pipeline_feed(p, document->data + at, n, &e);
		}
		rc = rc == 0 ? pipeline_finish(p, &e) : rc;
	}
	buf_printf(told, "%d %d %llu", rc, e.code, (unsigned long long)(rc == 0 ? 0 : pipeline_offset(p)));
	pipeline_free(&p);
}

static void read_file(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "rb");
	char bytes[4096];
	size_t n;

	assert_non_null(f);
	while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		assert_int_equal(buf_append(b, bytes, n), 0);
	fclose(f);
}

static int one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	static const size_t steps[] = { 1, 2, 3, 7, 64, 1000 };
	struct buf document, whole, pieces;

	(void)st;
	(void)at;
	if (type != FTW_F || fnmatch("*json*", path, 0) != 0 || fnmatch("*.expect", path, 0) == 0 ||
	    fnmatch("*.out", path, 0) == 0)
		return 0;
	buf_init(&document, (size_t)1 << 28);
	buf_init(&whole, (size_t)1 << 28);
	buf_init(&pieces, (size_t)1 << 28);
	read_file(path, &document);
	run(&document, document.len + 1, &whole);
	for (size_t i = document.len > LARGE ? 4 : 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		run(&document, steps[i], &pieces);
		if (pieces.len != whole.len || memcmp(pieces.data, whole.data, whole.len) != 0) {
			fprintf(stderr, "%s by %zu:\n%s\nwhole:\n%s\n", path, steps[i], buf_cstr(&pieces),
			    buf_cstr(&whole));
			fail();
		}
	}
	documents++;
	buf_clear(&document);
	buf_clear(&whole);
	buf_clear(&pieces);
	return 0;
}

static void all(void)
{
	documents = 0;
	assert_int_equal(nftw("fixtures", one, 16, FTW_PHYS), 0);
	assert_true(documents > 100);
}

static void by_default(void **state)
{
	(void)state;
	pipeline_options_init(&options);
	all();
}

static void as_sequences(void **state)
{
	(void)state;
	pipeline_options_init(&options);
	options.sequence = true;
	all();
}

static void where_all_is_waived(void **state)
{
	(void)state;
	pipeline_options_init(&options);
	for (int code = 1; code < R_COUNT; code++)
		if (reject_info((enum reject_code)code)->allowed >> SEV_WARN & 1)
			options.severity[code] = SEV_WARN;
	all();
}

static void where_all_is_mended(void **state)
{
	(void)state;
	pipeline_options_init(&options);
	for (int code = 1; code < R_COUNT; code++)
		if (reject_info((enum reject_code)code)->allowed >> SEV_FIX & 1)
			options.severity[code] = SEV_FIX;
	options.target_crs = "EPSG:3857";
	options.precision = 2;
	all();
}

static void by_small_limits(void **state)
{
	(void)state;
	pipeline_options_init(&options);
	options.max_token_bytes = 20;	/* a type is shorter */
	options.max_feature_bytes = 100;
	options.max_depth = 8;
	all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_default),
		cmocka_unit_test(as_sequences),
		cmocka_unit_test(where_all_is_waived),
		cmocka_unit_test(where_all_is_mended),
		cmocka_unit_test(by_small_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
