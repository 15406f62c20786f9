/* server/structured_field: what RFC 8941 allows, what it does not, and how it is written again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "server/structured_field.h"

static int params(struct sf *f, struct buf *b)
{
	struct sf_text name;
	struct sf_item item;
	int n;

	while ((n = sf_param(f, &name, &item)) == 1) {
		buf_printf(b, ";%.*s", (int)name.len, name.text);
		if (item.type != SF_BOOLEAN || item.number == 0) {
			buf_putc(b, '=');
			sf_write(b, &item);
		}
	}
	return n;
}

/* The dictionary as section 4.1.2 writes it, or "broken". */
static const char *again(const char *text, struct buf *b)
{
	struct sf_text name;
	struct sf_item item;
	struct sf f;
	int n, inner;

	buf_reset(b);
	sf_init(&f, text);
	while ((n = sf_member(&f, &name)) == 1) {
		buf_printf(b, "%s%.*s", b->len > 0 ? ", " : "", (int)name.len, name.text);
		if (f.bare) {
			if (params(&f, b) < 0)
				return "broken";
			continue;
		}
		buf_putc(b, '=');
		if (sf_open(&f) == 1) {
			buf_putc(b, '(');
			for (int i = 0; (inner = sf_inner(&f, &item)) == 1; i++) {
				if (i > 0)
					buf_putc(b, ' ');
				sf_write(b, &item);
				if (params(&f, b) < 0)
					return "broken";
			}
			buf_putc(b, ')');
			if (inner < 0)
				return "broken";
		} else if (sf_item(&f, &item) < 0) {
			return "broken";
		} else {
			sf_write(b, &item);
		}
		if (params(&f, b) < 0)
			return "broken";
	}
	return n < 0 ? "broken" : buf_cstr(b);
}

static void dictionaries(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" }, { "  ", "" },
		/* Examples of section 3.2. */
		{ "en=\"Applepie\", da=:w4ZibGV0w6ZydGU=:", NULL },
		{ "a=?0, b, c; foo=bar", "a=?0, b, c;foo=bar" },
		{ "rating=1.5, feelings=(joy sadness)", NULL },
		{ "a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid", NULL },
		{ "abc=( \"foo\"   \"bar\" )", "abc=(\"foo\" \"bar\")" },
		{ "a=(\"foo\";a=1;b=2);lvl=5", NULL }, { "a=()", NULL }, { "a=( )", "a=()" },
		{ "a=1 ,\t b=2", "a=1, b=2" }, { "*a_-.*9=x", NULL }, { "a=1  ", "a=1" }, { "a=1;  b", "a=1;b" },
		{ "a=-0", "a=0" }, { "a=007", "a=7" }, { "a=-42", NULL }, { "a=999999999999999", NULL },
		{ "a=1.0", NULL }, { "a=1.50", "a=1.5" }, { "a=-0.5", NULL }, { "a=123456789012.125", NULL },
		{ "a=\"q\\\"b\\\\\"", NULL }, { "a=*t/x:y", NULL }, { "a=?1;b=?0", NULL }, { "a=::", NULL },
		{ "a=1, a=2", NULL },
		{ "A=1", "broken" }, { "1=1", "broken" }, { "a=", "broken" }, { "a=1,", "broken" }, { ",a=1", "broken" },
		{ "a=1 b=2", "broken" }, { "a = 1", "broken" }, { "a=(1", "broken" }, { "a=(\"x\"\"y\")", "broken" },
		{ "a=(1\t2)", "broken" }, { "a=((1))", "broken" }, { "a=1000000000000000", "broken" }, { "a=1.", "broken" },
		{ "a=1.2345", "broken" }, { "a=1234567890123.1", "broken" }, { "a=-", "broken" }, { "a=--1", "broken" },
		{ "a=\"x", "broken" }, { "a=\"\\n\"", "broken" }, { "a=\"\x7f\"", "broken" }, { "a=\"\xc3\xa4\"", "broken" },
		{ "a=\"\\", "broken" }, { "a=:AA", "broken" }, { "a=:A-A=:", "broken" }, { "a=?2", "broken" },
		{ "a=?", "broken" }, { "a=1;", "broken" }, { "a=1;B", "broken" }, { "a=1;b=", "broken" },
		{ "a;b=;c", "broken" }, { "a(1)", "broken" }, { "a=1\n", "broken" }, { "\ta=1", "broken" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *want = cases[i][1] != NULL ? cases[i][1] : cases[i][0], *got = again(cases[i][0], &b);

		if (strcmp(got, want) != 0)
			fail_msg("%s: %s, not %s", cases[i][0], got, want);
	}
	buf_clear(&b);
}

static void byte_sequences_are_found(void **state)
{
	static const struct { const char *text, *name; long want; } cases[] = {
		{ "a=:AAAA:, b=:AQID:", "b", 3 }, { "b=:AQ==:;x=y", "b", 1 }, { "b=:AAAA:, b=:AQI=:", "b", 2 },
		{ "b=::", "b", 0 }, { "b=:AQIDBA==:", "b", 4 }, { "b=:AQIDBAU=:", "b", -2 },
		{ "b=:AQIDBAUGBwgJ:", "b", -2 },
		{ "a=(1 2), b=:AQID:", "b", 3 }, { "b=1", "b", -2 }, { "b", "b", -2 }, { "b=\"AQID\"", "b", -2 },
		{ "b=:AQID:, b=1", "b", -2 }, { "bb=:AQID:", "b", -2 }, { "", "b", -2 }, { "b=:AQI:", "b", -2 },
		{ "b=:A=AA:", "b", -2 }, { "b=:AQID:,", "b", -1 }, { "b=:AQID", "b", -1 }, { "b=:AQID:;", "b", -1 },
	};
	unsigned char out[4];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sf_text name = { cases[i].name, strlen(cases[i].name) };
		long got = sf_find_bytes(cases[i].text, &name, out, sizeof(out));

		if (got != cases[i].want)
			fail_msg("%s: %ld", cases[i].text, got);
		for (long k = 0; k < got && strstr(cases[i].text, "AAAA") == NULL; k++)
			assert_int_equal(out[k], k + 1);
	}
}

static void strings_lose_their_escapes(void **state)
{
	struct sf_item item;
	struct sf f;
	char out[5];

	(void)state;
	sf_init(&f, "\"a\\\"\\\\b\"");
	assert_int_equal(sf_item(&f, &item), 1);
	assert_true(sf_unescape(&item, out, sizeof(out)));
	assert_string_equal(out, "a\"\\b");
	assert_false(sf_unescape(&item, out, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dictionaries),
		cmocka_unit_test(byte_sequences_are_found),
		cmocka_unit_test(strings_lose_their_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
