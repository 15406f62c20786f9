/* problem: every code has what RFC 9457 asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "server/problem.h"

static void every_code_is_whole(void **state)
{
	(void)state;
	for (int p = 1; p < P_COUNT; p++) {
		struct refusal why = { .problem = P_NONE };
		struct buf b;
		const char *text;

		refuse(&why, (enum problem)p, "because of \"%d\"", p);
		buf_init(&b, 4096);
		problem_write(&b, &why);
		text = buf_cstr(&b);
		assert_true(problem_status((enum problem)p) >= 400);
		assert_non_null(strstr(text, problem_code((enum problem)p)));
		assert_non_null(strstr(text, "\"detail\":\"because of \\\""));
		assert_null(strstr(text, "\"title\":\"\""));
		assert_null(strstr(text, "\"type\":\"\""));
		buf_clear(&b);
	}
}

static void the_first_refusal_stays(void **state)
{
	struct refusal why = { .problem = P_NONE };

	(void)state;
	assert_int_equal(refuse_for_now(&why, P_STORE_UNAVAILABLE, 7, "one"), -1);
	assert_int_equal(refuse(&why, P_BODY_EMPTY, "two"), -1);
	assert_int_equal(why.problem, P_STORE_UNAVAILABLE);
	assert_int_equal(why.retry_after_s, 7);
	assert_string_equal(why.detail, "one");
}

static void words_are_optional(void **state)
{
	struct refusal why = { .problem = P_JOB_UNKNOWN };
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	problem_write(&b, &why);
	assert_string_equal(buf_cstr(&b),
	    "{\"type\":\"http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-job\","
	    "\"title\":\"There is no such job\",\"status\":404,\"code\":\"JOB_UNKNOWN\"}");
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_is_whole),
		cmocka_unit_test(the_first_refusal_stays),
		cmocka_unit_test(words_are_optional),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
