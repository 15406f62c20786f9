/* lib/json: commas, escapes, and bytes that are no UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/json.h"

static void objects_and_arrays(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	json_object(&b, NULL);
	json_str(&b, "a", "x,{[");
	json_array(&b, "list");
	json_int(&b, NULL, -1);
	json_uint(&b, NULL, UINT64_MAX);
	json_object(&b, NULL);
	json_end_object(&b);
	json_end_array(&b);
	json_bool(&b, "t", true);
	json_raw(&b, "r", "[1]", 3);
	json_time(&b, "at", 951782400123ULL);
	json_end_object(&b);
	assert_string_equal(buf_cstr(&b), "{\"a\":\"x,{[\",\"list\":[-1,18446744073709551615,{}],"
	    "\"t\":true,\"r\":[1],\"at\":\"2000-02-29T00:00:00.123Z\"}");
	buf_clear(&b);
}

static void strings_are_always_valid(void **state)
{
	static const struct { const char *in; size_t n; const char *out; } cases[] = {
		{ "a\"b\\c", 5, "\"a\\\"b\\\\c\"" },
		{ "\0\n\x1f", 3, "\"\\u0000\\u000a\\u001f\"" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d\"" },
		{ "\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },		/* overlong */
		{ "\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },	/* surrogate */
		{ "\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },		/* cut short */
		{ "\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_reset(&b);
		json_strn(&b, NULL, cases[i].in, cases[i].n);
		assert_string_equal(buf_cstr(&b), cases[i].out);
	}
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_and_arrays),
		cmocka_unit_test(strings_are_always_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
