/* chunked: the data come out wherever the bytes are split, and what is malformed is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "server/chunked.h"

/* Reads text in pieces of `step`, taking at most `bite` of the data at a time. used becomes where it ended. */
static enum chunked_step read_in_steps(const char *text, size_t step, size_t bite, char out[128], size_t *end)
{
	struct chunked c = { 0 };
	enum chunked_step s = CHUNKED_MORE;
	size_t n = strlen(text), at = 0, used, have;
	char *to = out;

	while (at < n && s != CHUNKED_BAD && s != CHUNKED_END) {
		size_t piece = step < n - at ? step : n - at;

		s = chunked_next(&c, text + at, piece, &used, &have);
		at += used;
		if (s == CHUNKED_DATA) {
			have = bite < have ? bite : have;
			memcpy(to, text + at, have);
			to += have;
			at += have;
			chunked_took(&c, have);
		}
	}
	*to = '\0';
	*end = at;
	return s;
}

static void bodies(void **state)
{
	static const struct { enum chunked_step want; const char *text, *data; } cases[] = {
		{ CHUNKED_END, "0\r\n\r\nGET", "" },
		{ CHUNKED_END, "5\r\nhello\r\n0\r\n\r\nGET", "hello" },
		{ CHUNKED_END, "0005;a=b\r\nhello\r\n1;\r\n!\r\n00;x\r\n\r\nGET", "hello!" },
		{ CHUNKED_END, "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\nB: c\r\n\r\nGET",
		    "01234567890123456789" },
		{ CHUNKED_END, "3\r\n\r\n0\r\n0\r\n\r\nGET", "\r\n0" },
		{ CHUNKED_MORE, "5\r\nhello\r\n0\r\n\r", "hello" },
		{ CHUNKED_MORE, "5\r\nhello\r\n0\r\nA: b\r\n", "hello" },
		{ CHUNKED_BAD, "zz\r\n", "" }, { CHUNKED_BAD, "\r\n", "" }, { CHUNKED_BAD, ";a\r\n", "" },
		{ CHUNKED_BAD, "-1\r\n", "" }, { CHUNKED_BAD, "+1\r\n", "" }, { CHUNKED_BAD, "0x1\r\n", "" },
		{ CHUNKED_BAD, " 1\r\n", "" }, { CHUNKED_BAD, "1 \r\n", "" },
		{ CHUNKED_BAD, "1\nx", "" }, { CHUNKED_BAD, "1\rx", "" },
		{ CHUNKED_BAD, "1\r\nx\n", "x" }, { CHUNKED_BAD, "1\r\nxy", "x" }, { CHUNKED_BAD, "1\r\nx\ry", "x" },
		{ CHUNKED_BAD, "1;a\nb\r\nx", "" }, { CHUNKED_BAD, "1;\x01\r\n", "" },
		{ CHUNKED_BAD, "0\r\n\nx", "" }, { CHUNKED_BAD, "0\r\nA: b\nc\r\n\r\n", "" },
		{ CHUNKED_BAD, "0\r\n A: b\r\n\r\n", "" }, { CHUNKED_BAD, "0\r\n\rx", "" },
		{ CHUNKED_BAD, "1000000000000000\r\n", "" }, { CHUNKED_BAD, "ffffffffffffffffffff\r\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t step = 1; step <= strlen(cases[i].text); step++)
			for (size_t bite = 1; bite < 12; bite += 5) {
				char out[128];
				size_t end;
				enum chunked_step got = read_in_steps(cases[i].text, step, bite, out, &end);

				/* At the end of the text DATA means that the chunk goes on. */
				if (got == CHUNKED_DATA)
					got = CHUNKED_MORE;
				if (got != cases[i].want || strcmp(out, cases[i].data) != 0)
					fail_msg("%d, \"%s\" in steps of %zu: %s", got, out, step, cases[i].text);
				if (got == CHUNKED_END)
					assert_string_equal(cases[i].text + end, "GET");
			}
}

/* Bytes that are no data cost us as much as those that are. */
static void waste_has_an_end(void **state)
{
	char line[3 + 1000 + 2 + 4];
	struct chunked c = { 0 };
	size_t used, have, sent = 0;
	enum chunked_step s;

	(void)state;
	memset(line, 'e', sizeof(line));
	memcpy(line, "1;a", 3);
	memcpy(line + 1003, "\r\nx\r\n", 5);
	for (;;) {
		s = chunked_next(&c, line, 1008, &used, &have);
		if (s != CHUNKED_DATA)
			break;
		sent += used;
		chunked_took(&c, 1);
		assert_int_equal(chunked_next(&c, line + used + 1, 1008 - used - 1, &used, &have), CHUNKED_MORE);
		assert_true(sent < 2 * CHUNKED_WASTE_MAX);
	}
	assert_int_equal(s, CHUNKED_BAD);
	assert_true(sent > CHUNKED_WASTE_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bodies), cmocka_unit_test(waste_has_an_end) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
