/* schema/wire: ids and keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "schema/wire.h"

static void job_ids(void **state)
{
	static const unsigned char zeros[10], ones[10] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };
	char id[JOB_ID_LEN + 1], later[JOB_ID_LEN + 1];

	(void)state;
	wire_job_id(id, 0, zeros);
	assert_string_equal(id, "0-00000000000000000000000000");
	wire_job_id(id, 1469918176385ULL, ones);	/* the encodeTime example of the ULID specification */
	assert_string_equal(id, "0-01aryz6s41zzzzzzzzzzzzzzzz");
	wire_job_id(later, 1469918176386ULL, zeros);
	assert_true(strcmp(id, later) < 0);
	assert_true(wire_is_job_id(id));
	assert_false(wire_is_job_id("1-01aryz6s41zzzzzzzzzzzzzzzz"));
	assert_false(wire_is_job_id("0-01ARZ3NDEKZZZZZZZZZZZZZZZZ"));
	assert_false(wire_is_job_id("0-01arz3ndekzzzzzzzzzzzzzzz"));
	assert_false(wire_is_job_id("0-01arz3ndekzzzzzzzzzzzzzzz*"));
	assert_false(wire_is_job_id(""));
}

static void keys(void **state)
{
	struct key k = wire_key("raw", "0-x"), jobs = wire_key("jobs", NULL), seen = wire_seen_key("acme", "d:1");

	(void)state;
	assert_string_equal(k.text, "gs:{p0}:raw:0-x");
	assert_string_equal(jobs.text, "gs:{p0}:jobs");
	assert_string_equal(seen.text, "gs:{p0}:seen:acme:d:1");
}

static void letter_ids(void **state)
{
	static const char *const broken[] = {
		"", "0-", "0-1", "0-1-", "0--1", "1-1-1", "0-1-1-1", "0-a-1", "0-1-1 ", "0-12345678901234567890-1",
	};

	(void)state;
	assert_string_equal(wire_letter_stream_id("0-1700000000000-3"), "1700000000000-3");
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if (wire_letter_stream_id(broken[i]) != NULL)
			fail_msg("%s", broken[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(job_ids),
		cmocka_unit_test(keys),
		cmocka_unit_test(letter_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
