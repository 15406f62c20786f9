/* workers/courier/backoff: the wait grows, never past its limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "workers/courier/backoff.h"

static const struct backoff limits = { 1000, 60000 };

static void width(void **state)
{
	static const struct { unsigned attempts; uint64_t widest; } cases[] = {
		{ 0, 1000 }, { 1, 1000 }, { 2, 2000 }, { 3, 4000 }, { 6, 32000 }, { 7, 60000 }, { 8, 60000 },
		{ 4000000000u, 60000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t widest = cases[i].widest;

		/* Full jitter: all of 0 … widest, and nothing else. */
		assert_int_equal(backoff_wait_ms(&limits, cases[i].attempts, 0, 0), 0);
		assert_int_equal(backoff_wait_ms(&limits, cases[i].attempts, 0, widest), widest);
		assert_int_equal(backoff_wait_ms(&limits, cases[i].attempts, 0, widest + 1), 0);
		assert_true(backoff_wait_ms(&limits, cases[i].attempts, 0, UINT64_MAX) <= widest);
	}
}

static void retry_after(void **state)
{
	(void)state;
	assert_int_equal(backoff_wait_ms(&limits, 1, 5000, 0), 5000);
	assert_int_equal(backoff_wait_ms(&limits, 1, 500, 900), 900);
	assert_int_equal(backoff_wait_ms(&limits, 1, 3600000, 0), 60000);
}

static void extremes(void **state)
{
	const struct backoff one = { 1, 1 }, wide = { 3600000, UINT64_MAX / 2 };

	(void)state;
	assert_true(backoff_wait_ms(&one, 12, 0, 7) <= 1);
	assert_true(backoff_wait_ms(&wide, 4000000000u, 0, UINT64_MAX) <= UINT64_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(width),
		cmocka_unit_test(retry_after),
		cmocka_unit_test(extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
