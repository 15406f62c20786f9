/* server/digest: Content-Digest (RFC 9530), with the RFC's own values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "server/digest.h"

/* Of {"hello": "world"} and a line feed, as in sections 2 and B.1. */
#define LONG "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:"
#define SHORT "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"

static void headers_are_judged(void **state)
{
	static const struct { const char *text; bool is256, is512; } cases[] = {
		{ SHORT, true, false }, { LONG, false, true }, { SHORT ", " LONG, true, true },
		{ LONG "," SHORT ",md5=:AAAA:", true, true }, { "sha=:AAAA:, " SHORT, true, false },
		{ "sha-256=:AAAA:, " LONG, false, true }, { SHORT ";q=1", true, false },
		{ "", false, false }, { "md5=:AAAA:", false, false }, { "sha-256=:AAAA:", false, false },
		{ "sha-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=", false, false },
		{ "SHA-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", false, false },
		{ SHORT ",", false, false }, { SHORT " " LONG, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct refusal why = { .problem = P_NONE };
		struct digest d;
		int rc = digest_read(&d, cases[i].text, &why);
		bool any = cases[i].is256 || cases[i].is512;

		if (rc != (any ? 0 : -1) || (why.problem == P_DIGEST_MALFORMED) == any)
			fail_msg("%s: %s", cases[i].text, why.detail);
		if (any)
			assert_true(d.sha256 == cases[i].is256 && d.sha512 == cases[i].is512);
	}
}

static void values_of_the_rfc(void **state)
{
	static const char body[] = "{\"hello\": \"world\"}\n";
	struct refusal why = { .problem = P_NONE };
	struct sha256 *s = sha256_new(NULL);
	struct sha512 *l = sha512_new(NULL);
	unsigned char short_hash[SHA256_BYTES], long_hash[SHA512_BYTES];
	struct digest d;

	(void)state;
	assert_int_equal(digest_read(&d, SHORT ", " LONG, &why), 0);
	sha256_add(s, body, sizeof(body) - 1);
	sha512_add(l, body, sizeof(body) - 1);
	sha256_end(s, short_hash);
	sha512_end(l, long_hash);
	assert_memory_equal(d.want256, short_hash, SHA256_BYTES);
	assert_memory_equal(d.want512, long_hash, SHA512_BYTES);
	sha256_free(&s);
	sha512_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_judged),
		cmocka_unit_test(values_of_the_rfc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
