/* reject: the table of codes holds together. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "schema/reject.h"

static void every_code_is_complete_and_found_by_name(void **state)
{
	(void)state;
	for (int i = 1; i < R_COUNT; i++) {
		const struct reject_info *info = reject_info((enum reject_code)i);

		assert_int_equal(reject_find(info->name), i);
		assert_string_equal(reject_name((enum reject_code)i), info->name);
		assert_true(strspn(info->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")
		    == strlen(info->name));
		assert_true(strlen(info->section) > 0);
		assert_true(strlen(info->example) > 0 && strpbrk(info->example, "|`") == NULL);
		assert_int_equal(info->meaning[strlen(info->meaning) - 1], '.');
		assert_int_equal(info->advice[strlen(info->advice) - 1], '.');
	}
}

/* A default that a source may not choose could never be gone back to. */
static void defaults_are_among_the_choices(void **state)
{
	(void)state;
	for (int i = 1; i < R_COUNT; i++) {
		const struct reject_info *info = reject_info((enum reject_code)i);

		assert_true(info->allowed >> info->severity & 1);
		assert_true(info->allowed >> SEV_REJECT & 1);
	}
}

static void unknown_names_and_codes_are_none(void **state)
{
	(void)state;
	assert_int_equal(reject_find("NO_SUCH_CODE"), R_NONE);
	assert_int_equal(reject_find(""), R_NONE);
	assert_string_equal(reject_name(R_NONE), "");
	assert_string_equal(reject_name(R_COUNT), "");
}

/* Fixed in the interface: RFC 7946 says that parsers should not reject for winding. */
static void winding_is_never_rejected_by_default(void **state)
{
	(void)state;
	assert_int_equal(reject_info(R_WINDING)->severity, SEV_FIX);
	assert_string_equal(severity_name(SEV_FIX), "fix");
	assert_string_equal(severity_name(SEV_WARN), "warn");
	assert_string_equal(severity_name(SEV_REJECT), "reject");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_is_complete_and_found_by_name),
		cmocka_unit_test(defaults_are_among_the_choices),
		cmocka_unit_test(unknown_names_and_codes_are_none),
		cmocka_unit_test(winding_is_never_rejected_by_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
