/* decode_names: ids that were chosen to crowd, and what is found twice among them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "lib/clock.h"
#include "workers/pipeline/decode_names.h"

#define MANY ((uint64_t)400000)

/* Each of them first, then again. */
static void add_twice(uint64_t (*nth)(uint64_t))
{
	struct ids ids = { .slot = NULL };
	uint64_t began = clock_thread_ms();

	for (int again = 0; again < 2; again++)
		for (uint64_t i = 0; i < MANY; i++) {
			assert_int_equal(ids_add(&ids, nth(i)), again);
			if (i % 1024 == 0)	/* in order it takes a fraction of a second, crowded several minutes */
				assert_true(clock_thread_ms() < began + 30000);
		}
	ids_clear(&ids);
}

/* Hashes stand in Redis, where other programs of other days compare them: they stay what they are. */
static void hashes_stay_the_same(void **state)
{
	char text[41];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 37 + 200);
	for (size_t n = 0; n < sizeof(text); n++) {
		uint64_t h = 7 ^ (n * 0x9e3779b97f4a7c15u);

		for (size_t i = 0; i < n; i += 8) {
			unsigned __int128 product;
			uint64_t w = 0;

			memcpy(&w, text + i, n - i < 8 ? n - i : 8);
			product = (unsigned __int128)(h ^ w ^ 0xa0761d6478bd642fu) * 0xe7037ed1a0b428dbu;
			h = (uint64_t)product ^ (uint64_t)(product >> 64);
		}
		assert_true(name_hash(text, n, 7) == h);
	}
}

static uint64_t alike_below(uint64_t i)
{
	return (i + 1) << 32 | 1;
}

static uint64_t alike_above(uint64_t i)
{
	return i + 1;
}

static uint64_t alike_within(uint64_t i)
{
	return (i & 0xffff) | (i >> 16) << 56 | 1 << 20;
}

static void hashes_that_are_chosen_do_not_crowd(void **state)
{
	(void)state;
	add_twice(alike_below);
	add_twice(alike_above);
	add_twice(alike_within);
}

static void the_first_name_that_is_there_is_named(void **state)
{
	struct names names = { .name = NULL };
	uint64_t at = 0;

	(void)state;
	for (uint64_t few = 2; few < 100; few += 90) {
		for (uint64_t i = 0; i < few; i++)
			assert_false(names_add(&names, 0, 1000 - i, i));
		assert_false(names_close(&names, 0, &at));
	}
	for (uint64_t i = 0; i < 100; i++)	/* 49 stands at 49 and, again, at 60; 39 at 70, 29 at 80 */
		assert_false(names_add(&names, 0, i < 60 || i % 10 != 0 ? i : 109 - i, i));
	assert_true(names_close(&names, 0, &at));
	assert_int_equal(at, 60);
	names_clear(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_stay_the_same),
		cmocka_unit_test(hashes_that_are_chosen_do_not_crowd),
		cmocka_unit_test(the_first_name_that_is_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
