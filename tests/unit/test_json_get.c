/* cli/json_get: single values out of JSON, and nothing out of what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/json_get.h"

static const char doc[] =
"{ \"a\" : 1, \"s\":\"x\\\"y\\\\\", \"o\":{\"a\":{\"b\":-5,\"c\":[]}}, \"l\":[10,{\"k\":\"}]\"},[1,2,3]],"
"\"\":7, \"t\":true, \"esc\":\"a\\u0041\x1b[0m\", \"last\":null}";

static void values(void **state)
{
	static const struct { const char *path, *want; } cases[] = {
		{ "a", "1" }, { "s", "\"x\\\"y\\\\\"" }, { "o.a.b", "-5" }, { "o.a.c", "[]" }, { "l.0", "10" },
		{ "l.1.k", "\"}]\"" }, { "l.2.2", "3" }, { "t", "true" }, { "last", "null" },
		{ "o", "{\"a\":{\"b\":-5,\"c\":[]}}" }, { "nothing", NULL }, { "o.b", NULL }, { "l.3", NULL },
		{ "a.b", NULL }, { "o.a.c.0", NULL }, { "s.0", NULL },
	};
	struct json_text v;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool found = json_get(&v, doc, sizeof(doc) - 1, cases[i].path);

		if (found != (cases[i].want != NULL))
			fail_msg("%s: %s", cases[i].path, found ? "found" : "not found");
		if (found && (v.n != strlen(cases[i].want) || memcmp(v.p, cases[i].want, v.n) != 0))
			fail_msg("%s: %.*s", cases[i].path, (int)v.n, v.p);
	}
	assert_true(json_get(&v, doc, sizeof(doc) - 1, ""));
	assert_int_equal(v.n, sizeof(doc) - 1);
}

static void typed(void **state)
{
	char s[16], tight[4];

	(void)state;
	assert_int_equal(json_get_int(doc, sizeof(doc) - 1, "o.a.b", 9), -5);
	assert_int_equal(json_get_int(doc, sizeof(doc) - 1, "s", 9), 9);
	assert_int_equal(json_get_int(doc, sizeof(doc) - 1, "t", 9), 9);
	assert_int_equal(json_get_int(doc, sizeof(doc) - 1, "nothing", 9), 9);
	json_get_string(s, sizeof(s), doc, sizeof(doc) - 1, "s");
	assert_string_equal(s, "x\"y\\");
	json_get_string(s, sizeof(s), doc, sizeof(doc) - 1, "a");
	assert_string_equal(s, "");
	json_get_string(s, sizeof(s), doc, sizeof(doc) - 1, "esc");
	assert_string_equal(s, "a\\u0041?[0m");
	json_get_string(tight, sizeof(tight), doc, sizeof(doc) - 1, "l.1.k");
	assert_string_equal(tight, "}]");
}

/* Every beginning of the document, in memory that ends where it ends. */
static void cut_anywhere(void **state)
{
	struct json_text v;
	char out[8];

	(void)state;
	for (size_t n = 0; n < sizeof(doc) - 1; n++) {
		char *copy = malloc(n + 1);

		memcpy(copy, doc, n);
		/* A value counts although what is around it does not end. */
		assert_int_equal(json_get(&v, copy, n, "last"), n > sizeof(doc) - 1 - strlen("null}"));
		json_get(&v, copy, n, "o.a.b");
		json_get_string(out, sizeof(out), copy, n, "esc");
		free(copy);
	}
	assert_false(json_get(&v, NULL, 0, "a"));
	assert_false(json_get(&v, "{\"a\"}", 5, "a"));
	assert_false(json_get(&v, "{\"a\":}", 6, "a"));
	assert_false(json_get(&v, "{\"a\":,}", 7, "a"));
	assert_false(json_get(&v, "]", 1, ""));
}

static void strings_stand_for_their_text(void **state)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "\"\"", "" }, { "\"a b\"", "a b" }, { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\"\\ud83d!\"", "\xef\xbf\xbd!" }, { "\"\\ude00\"", "\xef\xbf\xbd" }, { "\"\xc3\xa9\"", "\xc3\xa9" },
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct json_text t = { cases[i].text, strlen(cases[i].text) };

		buf_init(&b, 100);
		assert_int_equal(json_unescape(&b, &t), 0);
		assert_string_equal(buf_cstr(&b), cases[i].want);
		buf_clear(&b);
	}
}

static void only_strings_have_a_text(void **state)
{
	const struct json_text number = { "12", 2 }, nothing = { "\"", 1 };
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(json_unescape(&b, &number), -1);
	assert_int_equal(json_unescape(&b, &nothing), -1);
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(strings_stand_for_their_text),
		cmocka_unit_test(only_strings_have_a_text),
		cmocka_unit_test(typed),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
