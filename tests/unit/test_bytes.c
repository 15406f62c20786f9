/* bytes: what it lets pass, what it stops at, and that cuts do not matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workers/pipeline/bytes.h"

#define LIMIT 24

struct sighting {
	enum bytes_event event;
	uint64_t at;
};

/* The events of a text that is fed in pieces of `most` bytes and with a cut, without those that depend on pieces. */
static size_t scan_pieces(const char *text, size_t len, size_t cut, size_t most, struct sighting *seen, size_t room)
{
	enum bytes_event event;
	struct bytes b;
	size_t count = 0, at = 0;

	bytes_init(&b, 0, LIMIT);
	while (at < len) {
		size_t rest = (at < cut ? cut : len) - at, n = rest < most ? rest : most;
		char *piece = malloc(n);	/* so that reading past it is seen */

		memcpy(piece, text + at, n);
		at += bytes_scan(&b, piece, n, &event);
		free(piece);
		assert_int_equal(b.at, at);
		if (event == BYTES_CLEAN || event == BYTES_SKIPPED)
			continue;
		assert_true(count < room);
		seen[count].event = event;
		seen[count++].at = b.fault_at;
		if (event == BYTES_UTF8 || event == BYTES_CONTROL)
			break;
		if (event == BYTES_SEPARATOR) {
			at++;
			b.at++;
		}
	}
	return count;
}

static size_t scan(const char *text, size_t len, size_t cut, struct sighting *seen, size_t room)
{
	return scan_pieces(text, len, cut, len, seen, room);
}

static const struct {
	const char *text;
	struct sighting want[4];
} cases[] = {
	{ "", {{ 0, 0 }} },
	{ "{\"type\":\"Point\",\"coordinates\":[1,2]}\r\n\t ", {{ 0, 0 }} },
	{ "0123456789abcdef0123456789abcdef\f", {{ BYTES_CONTROL, 32 }} },
	{ "\v", {{ BYTES_CONTROL, 0 }} },
	{ "\x1e{}\n\x1e{}", {{ BYTES_SEPARATOR, 0 }, { BYTES_SEPARATOR, 4 }} },
	{ "\"\x1e\"", {{ BYTES_CONTROL, 1 }} },
	{ "\"\\\"\x1e", {{ BYTES_CONTROL, 3 }} },
	{ "\"\\\\\"\x1e", {{ BYTES_SEPARATOR, 4 }} },
	{ "\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\x7f", {{ 0, 0 }} },
	{ "aaaaaaaaaaaaaaaaaaaaa\x80", {{ BYTES_UTF8, 21 }} },
	{ "a\xc0\xaf", {{ BYTES_UTF8, 1 }} },
	{ "a\xc1\xbf", {{ BYTES_UTF8, 1 }} },
	{ "a\xe0\x9f\xbf", {{ BYTES_UTF8, 1 }} },
	{ "a\xf0\x8f\xbf\xbf", {{ BYTES_UTF8, 1 }} },
	{ "a\xed\xa0\x80", {{ BYTES_UTF8, 1 }} },
	{ "a\xf4\x90\x80\x80", {{ BYTES_UTF8, 1 }} },
	{ "a\xf5\x80\x80\x80", {{ BYTES_UTF8, 1 }} },
	{ "a\xff", {{ BYTES_UTF8, 1 }} },
	{ "a\xe2\x82z", {{ BYTES_UTF8, 1 }} },
	{ "\"\\ud834\\udd1e\"", {{ 0, 0 }} },
	{ "\"\\uD834\\uDD1E\\ud834\\udd1e\"", {{ 0, 0 }} },
	{ "\"\\ud800\"", {{ BYTES_SURROGATE, 1 }} },
	{ "\"\\ud800x\"", {{ BYTES_SURROGATE, 1 }} },
	{ "\"\\ud800\\n\"", {{ BYTES_SURROGATE, 1 }} },
	{ "\"\\ud800\xc3\xa4\"", {{ BYTES_SURROGATE, 1 }} },
	{ "\"\\ud800\\u0041\"", {{ BYTES_SURROGATE, 1 }} },
	{ "\"\\ud800\\ud800\\udc00\"", {{ BYTES_SURROGATE, 1 }} },
	{ "\"\\udc00\"", {{ BYTES_SURROGATE, 1 }} },
	{ "\"\\udc00\\udbff\"", {{ BYTES_SURROGATE, 1 }, { BYTES_SURROGATE, 7 }} },
	{ "\"\\\\ud800\"", {{ 0, 0 }} },
	{ "\\ud800", {{ 0, 0 }} },
	{ "\"123456789012345678901234\"", {{ 0, 0 }} },
	{ "\"1234567890123456789012345\" \"a\"", {{ BYTES_LONG_STRING, 0 }} },
	{ "[\"1234567890123456789012\\\"5678901\xc3\xa4\" \x1e", {{ BYTES_LONG_STRING, 1 }, { BYTES_SEPARATOR, 37 }} },
	{ "[\"12345678901234567890123\\ud83d\\ude00...\\\\\",\"\\udc00\"]",
	  {{ BYTES_LONG_STRING, 1 }, { BYTES_SURROGATE, 45 }} },
};

static void cases_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].text), wanted = 0;
		struct sighting seen[8];

		while (cases[i].want[wanted].event != BYTES_CLEAN)
			wanted++;
		for (size_t cut = 0; cut <= len; cut++) {
			size_t n = scan(cases[i].text, len, cut, seen, 8);

			if (n != wanted)
				fail_msg("case %zu, cut %zu: %zu events", i, cut, n);
			for (size_t k = 0; k < n; k++)
				if (seen[k].event != cases[i].want[k].event || seen[k].at != cases[i].want[k].at)
					fail_msg("case %zu, cut %zu: event %d at %d", i, cut, seen[k].event,
					    (int)seen[k].at);
		}
	}
}

/* The fast path must stop at the same bytes wherever they lie in its blocks. */
static void every_byte_at_every_place(void **state)
{
	char text[48];
	struct sighting seen[4];

	(void)state;
	for (int c = 0; c < 256; c++)
		for (size_t at = 0; at < 40 && c != '"'; at++) {
			bool control = c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != 0x1e;
			enum bytes_event want = c == 0x1e ? BYTES_SEPARATOR : control ? BYTES_CONTROL :
			    c >= 0x80 ? BYTES_UTF8 : BYTES_CLEAN;
			size_t n;

			memset(text, '.', sizeof(text));
			text[at] = (char)c;
			n = scan(text, sizeof(text), 0, seen, 4);
			assert_int_equal(n, want != BYTES_CLEAN);
			if (n > 0) {
				assert_int_equal(seen[0].event, want);
				assert_int_equal(seen[0].at, at);
			}
		}
}

/* Blocks of sixteen bytes against a byte at a time: quotes, breaks and limits in any order. */
static void blocks_see_what_bytes_see(void **state)
{
	static const char alphabet[] = "\"\"\"\"\"\"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,:\n\t\\u\xc3\xa4\x01\x1e";
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 100000; round++) {
		size_t kinds = round % 3 == 0 ? sizeof(alphabet) - 1 : round % 3 == 1 ? 47 : 41, n, wanted;
		struct sighting seen[100], want[100];
		char text[96];

		for (size_t i = 0; i < sizeof(text); i++) {
			random = random * 1664525 + 1013904223;
			text[i] = alphabet[(random >> 8) % kinds];
		}
		n = scan(text, sizeof(text), 0, seen, 100);
		wanted = scan_pieces(text, sizeof(text), 0, 1, want, 100);
		assert_int_equal(n, wanted);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(seen[i].event, want[i].event);
			assert_int_equal(seen[i].at, want[i].at);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases_at_every_cut),
		cmocka_unit_test(every_byte_at_every_place),
		cmocka_unit_test(blocks_see_what_bytes_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
