/* lib/decimal: as printf has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/decimal.h"

static void check(uint64_t v)
{
	char want[32], got[DECIMAL_MAX];
	int n = snprintf(want, sizeof(want), "%" PRIu64, v);

	assert_int_equal(decimal(got, v), n);
	assert_memory_equal(got, want, (size_t)n);
	n = snprintf(want, sizeof(want), "%" PRId64, (int64_t)v);
	assert_int_equal(decimal_signed(got, (int64_t)v), n);
	assert_memory_equal(got, want, (size_t)n);
}

static void as_printf_has_it(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (int i = 0; i < 20; i++, power *= 10)
		for (int d = -1; d <= 1; d++) {
			check(power + (uint64_t)d);
			check(0 - (power + (uint64_t)d));
		}
	check(UINT64_MAX);
	check((uint64_t)INT64_MIN);
	check((uint64_t)INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_printf_has_it) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
