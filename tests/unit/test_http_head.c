/* http_head: what is a request and what is none, wherever its bytes are split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "server/http_head.h"

#define H "Host: x\r\n"

static const struct head_limits limits = { .bytes = 512, .target_bytes = 64, .fields = 8 };

/* Finds the head with `step` more bytes at a time, each in memory that ends where they end. */
static long find_in_steps(const char *text, size_t n, size_t step, struct refusal *why)
{
	struct head_scan scan = { 0 };
	long rc = 0;

	for (size_t have = step < n ? step : n; rc == 0; have = have + step < n ? have + step : n) {
		char *copy = malloc(have);

		memcpy(copy, text, have);
		rc = head_find(&scan, copy, have, &limits, why);
		free(copy);
		if (have == n)
			break;
	}
	return rc;
}

/* P_NONE: it is a request. P_COUNT: more is needed. */
static enum problem read_in_steps(struct http_head *h, const char *text, size_t n, size_t step)
{
	struct refusal why = { .problem = P_NONE };
	long found = find_in_steps(text, n, step, &why);

	memset(h, 0, sizeof(*h));
	if (found == 0)
		return P_COUNT;
	if (found > 0 && head_parse(h, text, (size_t)found, &why) != 0)
		assert_true(why.detail[0] != '\0');
	return why.problem;
}

static enum problem verdict(const char *text, size_t n)
{
	struct http_head h;
	enum problem whole = read_in_steps(&h, text, n, n);

	head_clear(&h);
	for (size_t step = 1; step < n && step < 40; step++) {
		enum problem p = read_in_steps(&h, text, n, step);

		if (p != whole)
			fail_msg("%s, but %s in steps of %zu: %s", problem_code(whole), problem_code(p), step, text);
		head_clear(&h);
	}
	return whole;
}

static void verdicts(void **state)
{
	static const struct { enum problem want; const char *text; } cases[] = {
		{ P_NONE, "GET / HTTP/1.1\r\n" H "\r\n" },
		{ P_NONE, "\r\nGET / HTTP/1.1\r\n" H "\r\n" },
		{ P_NONE, "GET / HTTP/1.1\r\n" H "\r\nGET" },
		{ P_NONE, "GET / HTTP/1.9\r\n" H "\r\n" },
		{ P_NONE, "GET / HTTP/1.0\r\n\r\n" },
		{ P_NONE, "OPTIONS * HTTP/1.1\r\n" H "\r\n" },
		{ P_NONE, "GET http://X/a?b HTTP/1.1\r\n" H "\r\n" },
		{ P_NONE, "GET https://x?b HTTP/1.1\r\n" H "\r\n" },
		{ P_NONE, "G / HTTP/1.1\r\nHost: [::1]:80\r\nA:\r\nB: \t b \t \r\nC: a\xc3\xa4\r\n\r\n" },
		{ P_NONE, "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999999\r\n\r\n" },
		{ P_COUNT, "" }, { P_COUNT, "\r\n" }, { P_COUNT, "GET" }, { P_COUNT, "GET / HTTP/1.1\r\n" H "\r" },

		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1\r\nHost: x\n\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1\r\n" H "\n" },
		{ P_REQUEST_MALFORMED, "\n" }, { P_REQUEST_MALFORMED, "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /\r\n\r\n" },
		{ P_REQUEST_MALFORMED, "GET\r\n\r\n" }, { P_REQUEST_MALFORMED, "GET\r\nHost" },
		{ P_REQUEST_MALFORMED, "GET  / HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1 \r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /  HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, " GET / HTTP/1.1\r\n" },
		{ P_REQUEST_MALFORMED, "G(T / HTTP/1.1\r\n" },
		{ P_REQUEST_MALFORMED, "\x16\x03\x01\x02" },
		{ P_REQUEST_MALFORMED, "GETGETGETGETGETGETGETGETGETGETGETGET" },
		{ P_REQUEST_MALFORMED, "GET / http/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.10\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTPS/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET x HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "CONNECT x:80 HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET ftp://x/ HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /a%00 HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /a%0ab HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /a%7f HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /a% HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /a%4 HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /a%4g HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /a%2Fb HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /?a=%00 HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /?a=%x HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /a#b HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET /a\tb HTTP/1.1\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1\r\n A: b\r\n" H "\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1\r\n" H "A : b\r\n\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1\r\n" H "A\r\n\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1\r\n" H ": b\r\n\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1\r\n" H "A: b\r\r\n\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1\r\n" H "A: \x01\r\n\r\n" },
		{ P_REQUEST_MALFORMED, "GET / HTTP/1.1\r\n" H "A: \x7f\r\n\r\n" },

		{ P_HTTP_VERSION, "GET / HTTP/2.0\r\n" H "\r\n" },
		{ P_HTTP_VERSION, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
		{ P_HTTP_VERSION, "GET / HTTP/0.9\r\n\r\n" },

		{ P_HOST, "GET / HTTP/1.1\r\n\r\n" },
		{ P_HOST, "GET / HTTP/1.1\r\n" H H "\r\n" },
		{ P_HOST, "GET / HTTP/1.0\r\n" H "Host: y\r\n\r\n" },
		{ P_HOST, "GET / HTTP/1.1\r\nHost:\r\n\r\n" },
		{ P_HOST, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n" },
		{ P_HOST, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" },
		{ P_HOST, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n" },
		{ P_HOST, "GET http://y/ HTTP/1.1\r\n" H "\r\n" },

		{ P_BODY_FRAMING, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n" },
		{ P_BODY_FRAMING, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" },
		{ P_BODY_FRAMING, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" },
		{ P_BODY_FRAMING, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n" },
		{ P_BODY_FRAMING, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n" },
		{ P_REQUEST_MALFORMED, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \vchunked\r\n\r\n" },
		{ P_BODY_FRAMING, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" },
		{ P_BODY_FRAMING, "POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n" },
		{ P_BODY_FRAMING, "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n" },
		{ P_BODY_FRAMING, "POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n" },
		{ P_BODY_FRAMING, "POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n" },
		{ P_BODY_FRAMING, "POST / HTTP/1.1\r\n" H "Content-Length: 1.0\r\n\r\n" },
		{ P_BODY_FRAMING, "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n" },
		{ P_EXPECTATION, "POST / HTTP/1.1\r\n" H "Expect: cake\r\n\r\n" },
		{ P_TARGET_TOO_LONG, "GET /0123456789012345678901234567890123456789012345678901234567890123456789"
		    "0123456789012345678901234567890123456789012345678901234567890123456789" },
		{ P_HEADERS_TOO_LARGE, "GET / HTTP/1.1\r\n" H "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum problem want = cases[i].want, got = verdict(cases[i].text, strlen(cases[i].text));

		if (got != want)
			fail_msg("%s instead of %s: %s", problem_code(got), problem_code(want), cases[i].text);
	}
}

static void a_nul_anywhere(void **state)
{
	static const char text[] = "GET /abc HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n";
	char copy[sizeof(text)];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		enum problem p;

		memcpy(copy, text, sizeof(text));
		copy[i] = '\0';
		p = verdict(copy, sizeof(text) - 1);
		assert_true(p != P_NONE);
	}
}

static void too_large(void **state)
{
	char text[1024] = "GET / HTTP/1.1\r\nHost: x\r\nA: ";
	size_t n = strlen(text);

	(void)state;
	memset(text + n, 'a', sizeof(text) - n);
	assert_int_equal(verdict(text, sizeof(text)), P_HEADERS_TOO_LARGE);
	memcpy(text + limits.bytes - 4, "\r\n\r\n", 4);
	assert_int_equal(verdict(text, sizeof(text)), P_NONE);
	memcpy(text + limits.bytes - 4, "a\r\n\r\n", 5);
	assert_int_equal(verdict(text, sizeof(text)), P_HEADERS_TOO_LARGE);
}

static void what_is_read(void **state)
{
	static const char text[] = "POST http://Ex.org:80/a%20b+c?d=%41&e HTTP/1.1\r\nHost: ex.org:80\r\n"
	    "Content-Length: 12345\r\nExpect: 100-Continue\r\nConnection: x,  Close\r\nA:  b c\t\r\n\r\n";
	struct http_head h;

	(void)state;
	assert_int_equal(read_in_steps(&h, text, strlen(text), 7), P_NONE);
	assert_string_equal(h.method, "POST");
	assert_string_equal(h.path, "/a b+c");
	assert_string_equal(h.query, "?d=%41&e");
	assert_int_equal(h.length, 12345);
	assert_int_equal(h.count, 5);
	assert_string_equal(h.fields[4].name, "A");
	assert_string_equal(h.fields[4].value, "b c");
	assert_true(h.expects && h.close && !h.chunked && !h.old);
	head_clear(&h);

	assert_int_equal(read_in_steps(&h, "GET https://x HTTP/1.0\r\nHost: x\r\n\r\n", 36, 36), P_NONE);
	assert_string_equal(h.path, "/");
	assert_string_equal(h.query, "");
	assert_int_equal(h.length, -1);
	assert_true(h.old && h.close);
	head_clear(&h);
}

static void escapes(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(percent_decode(out, "a%2fB%C3%a4+", 12, true), 0);
	assert_string_equal(out, "a/B\xc3\xa4 ");
	assert_int_equal(percent_decode(out, "+", 1, false), 0);
	assert_string_equal(out, "+");
	assert_int_equal(percent_decode(out, "%4", 2, false), -1);
	assert_int_equal(percent_decode(out, "%00", 3, false), -1);
	assert_int_equal(percent_decode(out, "%@1", 3, false), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(a_nul_anywhere),
		cmocka_unit_test(too_large),
		cmocka_unit_test(what_is_read),
		cmocka_unit_test(escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
