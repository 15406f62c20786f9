/* geometry: areas, equality, the arrays' shape. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/shapes.h"

static void area_is_shells_less_holes(void **state)
{
	static const struct {
		const char *text;
		double area;
	} cases[] = {
		{ "POINT(1 2)", 0 },
		{ "LINESTRING(0 0,4 0,4 4,0 0)", 0 },
		{ "POLYGON()", 0 },
		{ "POLYGON((0 0,4 0,4 4,0 4,0 0))", 16 },
		{ "POLYGON((0 0,0 4,4 4,4 0,0 0))", 16 },
		{ "POLYGON((0 0 9,4 0 9,4 4 9,0 4 9,0 0 9),(1 1,1 2,2 2,2 1,1 1))", 15 },
		{ "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,7 5,7 7,5 5)))", 2.5 },
		{ "GEOMETRYCOLLECTION(POLYGON((0 0,4 0,4 4,0 4,0 0)),POINT(1 1))", 16 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		shapes_reset();
		assert_float_equal(geometry_area(shape(cases[i].text)), cases[i].area, 0);
	}
}

static void ring_area_keeps_its_digits_far_from_the_origin(void **state)
{
	struct geometry *g;

	(void)state;
	shapes_reset();
	g = shape("POLYGON((5000000000 5000000000,5000000001 5000000000,5000000001 5000000001,"
	    "5000000000 5000000001,5000000000 5000000000))");
	assert_float_equal(geometry_ring_area(g, 0, 5), 1, 0);
	g = shape("POLYGON((5000000000 5000000000,5000000000 5000000001,5000000001 5000000001,"
	    "5000000001 5000000000,5000000000 5000000000))");
	assert_float_equal(geometry_ring_area(g, 0, 5), -1, 0);
}

static void equality_sees_structure_numbers_and_gaps(void **state)
{
	const char *base = "MULTIPOLYGON(((0 0 1,1 0,1 1,0 0 1)),((5 5,7 5,7 7,5 5)))";
	static const char *const others[] = {
		"MULTIPOLYGON(((0 0 1,1 0,1 1,0 0 1)),((5 5,7 5,7 8,5 5)))",
		"MULTIPOLYGON(((0 0 1,1 0 0,1 1,0 0 1)),((5 5,7 5,7 7,5 5)))",
		"MULTIPOLYGON(((0 0 1,1 0,1 1,0 0 1),(5 5,7 5,7 7,5 5)))",
		"POLYGON((0 0 1,1 0,1 1,0 0 1),(5 5,7 5,7 7,5 5))",
		"GEOMETRYCOLLECTION(MULTIPOLYGON(((0 0 1,1 0,1 1,0 0 1)),((5 5,7 5,7 7,5 5))))",
	};

	(void)state;
	shapes_reset();
	assert_true(geometry_equal(shape(base), shape(base)));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(geometry_equal(shape(base), shape(others[i])));
}

static void a_full_arena_gives_no_geometry(void **state)
{
	struct arena *a = arena_new(1000);

	(void)state;
	assert_null(geometry_new(a, GEOM_LINESTRING, 2, 1000, 1, 1));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(area_is_shells_less_holes),
		cmocka_unit_test(ring_area_keeps_its_digits_far_from_the_origin),
		cmocka_unit_test(equality_sees_structure_numbers_and_gaps),
		cmocka_unit_test(a_full_arena_gives_no_geometry),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&shapes_arena);
	return failed;
}
