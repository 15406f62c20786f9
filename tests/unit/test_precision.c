/* precision: the grid's own doubles, and lines that keep their length. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/shapes.h"
#include "workers/pipeline/precision.h"

static void values_are_the_doubles_that_the_decimals_read_as(void **state)
{
	static const struct {
		double in;
		int decimals;
		double out;
	} cases[] = {
		{ 1.2345, 3, 1.235 }, { -1.2345, 3, -1.235 }, { 1.5, 0, 2 }, { 2.5, 0, 3 },
		{ 0.1, 1, 0.1 }, { 0.3, 1, 0.3 }, { 179.99999994, 7, 179.9999999 }, { 1e300, 3, 1e300 },
		{ 123456789.123456, 15, 123456789.123456 }, { 0.7, 15, 0.7 }, { -0.0, 3, 0.0 }, { -0.0004, 3, 0.0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double got = precision_value(cases[i].in, cases[i].decimals);

		assert_memory_equal(&got, &cases[i].out, sizeof(got));
		assert_true(precision_value(got, cases[i].decimals) == got);
	}
}

static void every_grid_value_reads_back(void **state)
{
	char text[32];

	(void)state;
	for (int i = 0; i < 200000; i += 7) {
		double want;

		snprintf(text, sizeof(text), "%d.%05d", i / 100000, i % 100000);
		want = strtod(text, NULL);
		assert_true(precision_value(want + 3e-6, 5) == want);
	}
}

static void structure_and_gaps_stay(void **state)
{
	(void)state;
	shapes_reset();
	assert_string_equal(shape_text(precision_round(
	    shape("MULTIPOLYGON(((0.4 0 1.26,9.6 0,9 9,0.4 0 1.26)),((20 20,21 20,21 21,20 20)))"), 0,
	    shapes_arena)), "MULTIPOLYGON(((0 0 1,10 0,9 9,0 0 1)),((20 20,21 20,21 21,20 20)))");
	assert_string_equal(shape_text(precision_round(shape("POINT()"), 0, shapes_arena)), "POINT()");
}

static void lines_keep_their_length(void **state)
{
	(void)state;
	shapes_reset();
	assert_string_equal(shape_text(precision_round(
	    shape("MULTILINESTRING((0.1 0.1,0.2 0.2),(1.1 1.1,2.2 2.2))"), 0, shapes_arena)),
	    "MULTILINESTRING((0.1 0.1,0.2 0.2),(1 1,2 2))");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_the_doubles_that_the_decimals_read_as),
		cmocka_unit_test(every_grid_value_reads_back),
		cmocka_unit_test(structure_and_gaps_stay),
		cmocka_unit_test(lines_keep_their_length),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&shapes_arena);
	return failed;
}
