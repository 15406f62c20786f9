/* winding: which rings are turned, and which are left. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/shapes.h"
#include "workers/pipeline/winding.h"

static const struct {
	const char *in, *out, *findings;
} cases[] = {
	{ "POLYGON((0 0,4 0,4 4,0 0))", "POLYGON((0 0,4 0,4 4,0 0))", "" },
	{ "POLYGON((0 0,4 4,4 0,0 0))", "POLYGON((0 0,4 0,4 4,0 0))",
	    "WINDING@/geometry/coordinates/0" },
	{ "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,2 1,2 2,1 1))",
	    "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,2 2,2 1,1 1))", "WINDING@/geometry/coordinates/1" },
	{ "POLYGON((0 0 1,4 4 2,4 0 3,0 0 1))", "POLYGON((0 0 1,4 0 3,4 4 2,0 0 1))",
	    "WINDING@/geometry/coordinates/0" },
	{ "MULTIPOLYGON(((0 0,4 0,4 4,0 0)),((5 5,9 9,9 5,5 5)))",
	    "MULTIPOLYGON(((0 0,4 0,4 4,0 0)),((5 5,9 5,9 9,5 5)))",
	    "WINDING@/geometry/coordinates/1/0" },
	{ "GEOMETRYCOLLECTION(LINESTRING(0 0,4 4,4 0,0 0),POLYGON((0 0,4 4,4 0,0 0)))",
	    "GEOMETRYCOLLECTION(LINESTRING(0 0,4 4,4 0,0 0),POLYGON((0 0,4 0,4 4,0 0)))",
	    "WINDING@/geometry/geometries/1/coordinates/0" },
	/* There and back: no area, no direction. */
	{ "POLYGON((0 0,4 4,8 8,0 0))", "POLYGON((0 0,4 4,8 8,0 0))", "" },
	{ "POLYGON()", "POLYGON()", "" },
};

static void rings_follow_the_right_hand(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct feature *f;
		bool wrong = cases[i].findings[0] != '\0';

		shapes_reset();
		f = shape_feature(cases[i].in);
		assert_int_equal(winding_check(f), wrong);
		assert_string_equal(shape_findings(f), cases[i].findings);
		assert_int_equal(winding_set(f->geometry), wrong);
		assert_string_equal(shape_text(f->geometry), cases[i].out);
		assert_false(winding_set(f->geometry));
	}
}

static void severity_decides(void **state)
{
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature(cases[1].in);
	shape_severity(f, R_WINDING, SEV_WARN);
	assert_false(winding_check(f));
	assert_int_equal(f->fatal, R_NONE);
	f = shape_feature(cases[1].in);
	shape_severity(f, R_WINDING, SEV_REJECT);
	assert_false(winding_check(f));
	assert_int_equal(f->fatal, R_WINDING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_follow_the_right_hand),
		cmocka_unit_test(severity_decides),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&shapes_arena);
	return failed;
}
