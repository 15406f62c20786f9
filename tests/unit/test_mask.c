/* mask: features that must not be decoded are found by brackets and strings, at every split point, and covered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "workers/mask.h"

#define LONG "{\"type\":\"Feature\",\"id\":\"}]\\\"[\",\"properties\":{\"features\":[1]},\"geometry\":null}"
#define COVER "{\"type\":\"Feature\",\"properties\":null,\"geometry\":null                         }"

/* `want`: where feature n of doc is; "" if it is not found. */
static const struct { const char *doc; uint64_t n; const char *want; } cases[] = {
	{ "{\"type\":\"FeatureCollection\",\"features\":[{\"a\":1},{\"b\":[2]}]}", 0, "{\"a\":1}" },
	{ "{\"features\":[ {\"a\":1} , {\"b\":[2]} ],\"x\":{}}", 1, "{\"b\":[2]}" },
	{ "{\"features\":[null,\"]}\",5,[[]],{\"b\":\"\\\\\"}]}", 4, "{\"b\":\"\\\\\"}" },
	{ "{\"features\":[null,\"]}\",5,[[]],{}]}", 3, "[[]]" },
	{ "{\"features\":[{},{}]}", 2, "" },
	{ "{\"name\":\"features\",\"n\":[1,{}],\"m\":{\"features\":[{\"x\":1}]},\"features\":[{\"y\":1}]}", 0, "{\"y\":1}" },
	{ "{\"features\":{\"a\":1}}", 0, "{\"features\":{\"a\":1}}" },
	{ "\xef\xbb\xbf {\"type\":\"Feature\"}\n", 0, "{\"type\":\"Feature\"}" },
	{ "{\"a\":1}\n{\"b\":1}\n{\"c\":1}", 1, "{\"b\":1}" },
	{ "\x1e{\"a\":\"\n\x1e{\"b\":1}\n\x1e{\"c\":1}\n", 2, "{\"c\":1}" },
	{ "\x1e{\"features\":[{\"p\":1},{\"q\":1}]}\n\x1e{\"c\":1}\n", 2, "{\"c\":1}" },
};

static void each_is_found_at_every_split_point(void **state)
{
	struct mask m;

	(void)state;
	mask_init(&m, 1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t step = 1; step <= strlen(cases[i].doc); step++) {
			size_t n = strlen(cases[i].doc), len = strlen(cases[i].want);
			bool all = false;

			mask_reset(&m);
			mask_add(&m, cases[i].n);
			mask_seek(&m, 0, false, 0);
			for (size_t at = 0; at < n && !all; at += step)
				all = mask_find(&m, cases[i].doc + at, n - at < step ? n - at : step);
			assert_int_equal(all, len > 0);
			assert_int_equal(m.range[0].to - m.range[0].from, len);
			assert_memory_equal(cases[i].doc + m.range[0].from, cases[i].want, len);
		}
	mask_clear(&m);
}

static void a_chunk_begins_behind_a_feature(void **state)
{
	static const char chunk[] = " , {\"a\":1},{\"b\":2}";
	struct mask m;

	(void)state;
	mask_init(&m, 1000);
	mask_add(&m, 7);
	mask_add(&m, 8);
	mask_seek(&m, 1000, true, 7);
	assert_true(mask_find(&m, chunk, strlen(chunk)));
	assert_int_equal(m.range[0].from, 1003);
	assert_int_equal(m.range[0].to, 1010);
	assert_int_equal(m.range[1].from, 1011);
	assert_int_equal(m.range[1].to, 1018);
	mask_clear(&m);
}

static void what_is_covered_is_harmless_and_as_long(void **state)
{
	static const char doc[] = "{\"features\":[{\"a\":1}," LONG ",{\"c\":1}]}";
	static const char want[] = "{\"features\":[{     }," COVER ",{\"c\":1}]}";
	const struct mask_range *r = NULL;
	struct err e = ERR_INIT;
	struct mask m;

	(void)state;
	assert_int_equal(strlen(LONG), strlen(COVER));
	mask_init(&m, 20);
	for (size_t step = 1; step <= strlen(doc); step++) {
		mask_reset(&m);
		mask_add(&m, 0);
		mask_add(&m, 1);
		mask_seek(&m, 0, false, 0);
		assert_true(mask_find(&m, doc, strlen(doc)));
		for (size_t at = 0; at < strlen(doc); at += step) {
			size_t n = strlen(doc) - at < step ? strlen(doc) - at : step;
			const char *bytes = doc + at;

			assert_int_equal(mask_apply(&m, at, &bytes, n, &e), 0);
			assert_memory_equal(bytes, want + at, n);
		}
		assert_int_equal(mask_feature(&m, 1, (uint64_t)(strstr(doc, LONG) - doc), &r), MASK_IS);
		assert_int_equal(r->text.len, 24);	/* what is kept, and a sequence of UTF-8 more */
		assert_memory_equal(r->text.data, LONG, 24);
		assert_int_equal(mask_feature(&m, 2, strlen(doc) - 9, &r), MASK_NONE);
		assert_int_equal(mask_feature(&m, 1, 5, &r), MASK_WRONG);
		assert_int_equal(mask_feature(&m, 2, (uint64_t)(strstr(doc, LONG) - doc), &r), MASK_WRONG);
	}
	mask_clear(&m);
}

static void more_than_may_be_are_left(void **state)
{
	struct mask m;

	(void)state;
	mask_init(&m, 20);
	for (uint64_t i = 0; i < MASKS_MOST + 5; i++)
		mask_add(&m, i);
	assert_int_equal(m.count, MASKS_MOST);
	mask_clear(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_found_at_every_split_point),
		cmocka_unit_test(a_chunk_begins_behind_a_feature),
		cmocka_unit_test(what_is_covered_is_harmless_and_as_long),
		cmocka_unit_test(more_than_may_be_are_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
