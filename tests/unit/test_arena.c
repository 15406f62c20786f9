/* arena: aligned, bounded, and taken back at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/arena.h"

static void pieces_are_apart_and_aligned(void **state)
{
	struct arena *a = arena_new(1 << 20);
	unsigned char *pieces[200];

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		pieces[i] = arena_alloc(a, i);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % 16, 0);
		memset(pieces[i], (int)i, i);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_equal(pieces[i][k], i);
	arena_free(&a);
	assert_null(a);
	arena_free(&a);
}

static void the_ceiling_holds(void **state)
{
	struct arena *a = arena_new(1000);

	(void)state;
	assert_null(arena_alloc(a, 1001));
	assert_null(arena_alloc(a, SIZE_MAX));
	assert_null(arena_calloc(a, SIZE_MAX / 2, 3));
	assert_null(arena_strndup(a, "x", SIZE_MAX));
	assert_int_equal(arena_used(a), 0);
	assert_non_null(arena_alloc(a, 992));
	assert_null(arena_alloc(a, 16));
	arena_reset(a, 0);
	assert_int_equal(arena_used(a), 0);
	assert_non_null(arena_alloc(a, 992));
	arena_free(&a);
}

static void large_pieces_and_reset(void **state)
{
	struct arena *a = arena_new((size_t)1 << 24);
	const double *zeros;
	char *copy;

	(void)state;
	for (int round = 0; round < 3; round++) {
		assert_non_null(arena_alloc(a, 100));
		memset(arena_alloc(a, 1 << 20), 0xff, 1 << 20);
		zeros = arena_calloc(a, 1000, sizeof(double));
		for (size_t i = 0; i < 1000; i++)
			assert_true(zeros[i] == 0);
		copy = arena_strndup(a, "abcdef", 3);
		assert_string_equal(copy, "abc");
		assert_true(arena_used(a) >= (1 << 20) + 8000 + 100);
		arena_reset(a, round == 1 ? 0 : 1 << 21);
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_apart_and_aligned),
		cmocka_unit_test(the_ceiling_holds),
		cmocka_unit_test(large_pieces_and_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
