/*
 * repair: whichever allocation fails, the call fails in words; ASan sees to it that nothing leaks.
 *
 * All scratch comes through work.c, so this program brings its own copy of that file, whose
 * malloc counts down; the one in the library is then not linked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

static long until_failure;	/* allocations that still work */

static void *counted_malloc(size_t n)
{
	return until_failure-- > 0 ? malloc(n) : NULL;
}

static void *counted_calloc(size_t count, size_t size)
{
	return until_failure-- > 0 ? calloc(count, size) : NULL;
}

static void *counted_realloc(void *old, size_t n)
{
	return until_failure-- > 0 ? realloc(old, n) : NULL;
}

#define malloc counted_malloc
#define calloc counted_calloc
#define realloc counted_realloc
#include "workers/pipeline/repair/work.c"
#undef malloc
#undef calloc
#undef realloc

#include "tests/oracle/made_shapes.h"
#include "tests/unit/shapes.h"

static const struct repair_limits limits = REPAIR_LIMITS_INIT;

/* Between them they go through every step: merges, crossings, holes apart, many rings, budgets. */
static struct geometry *subject(int i)
{
	static const char *const texts[] = {
		"POLYGON((0 0,4 4,4 0,0 4,0 0))",
		"POLYGON((0 0,9 0,9 3,20 3,9 3,9 9,0 9,0 0),(11 2,12 2,12 4,11 2),(9 5,12 5,12 6,9 5))",
		"MULTIPOLYGON(((0 0,9 9,5 5.000000000000001,0 0),(11 2,12 2,12 4,11 2)),((3 0,3 6,2 6,3 0)))",
		"POLYGON((0 0,4 4,4 0,1.0000000000000002 3,1 3.0000000000000004,4 1,0 4,0 0))",
	};

	shapes_reset();
	if (i < 4)
		return shape(texts[i]);
	return i == 4 ? made_bow_tie(made_squares(shapes_arena, 7, 1, true)) : made_scribble(shapes_arena, 60);
}

static void each_failure_is_reported(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		struct geometry *g = subject(i), *out = NULL;
		long n = 0;

		for (; out == NULL; n++) {
			struct err e = ERR_INIT;

			until_failure = n;
			out = repair_areal(g, shapes_arena, &limits, NULL, &e);
			assert_true(out != NULL || e.cls == ERR_SYSTEM);
		}
		assert_true(n > 10);
		for (int verdict = -1; verdict == -1; n++) {
			struct err e = ERR_INIT;

			until_failure = n - 30;
			verdict = repair_suspect(g, &limits, &e);
			assert_true(verdict == 1 || (verdict == -1 && e.cls == ERR_SYSTEM));
		}
		for (n = 0, out = NULL; out == NULL; n++) {
			struct err e = ERR_INIT;
			struct repair *r;

			until_failure = n;
			if (repair_open(&r, g, &limits, &e) == 1)
				out = repair_finish(&r, shapes_arena, NULL, &e);
			assert_null(r);
			assert_true(out != NULL || e.cls == ERR_SYSTEM);
		}
	}
}

static void a_full_arena_is_reported(void **state)
{
	struct arena *small = arena_new(200);
	struct err e = ERR_INIT;

	(void)state;
	until_failure = 1000000;
	assert_null(repair_areal(subject(4), small, &limits, NULL, &e));
	assert_int_equal(e.cls, ERR_SYSTEM);
	arena_free(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failure_is_reported),
		cmocka_unit_test(a_full_arena_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
