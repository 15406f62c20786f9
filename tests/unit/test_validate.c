/* validate: each rule, where it points, and what a source may choose. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/shapes.h"
#include "workers/pipeline/validate.h"

#define C "/geometry/coordinates"

static const struct {
	const char *in;
	bool projected;
	const char *findings;
	enum reject_code fatal;
} cases[] = {
	{ "POINT(180 90)", false, "", R_NONE },
	{ "POINT(-180 -90 1e9)", false, "", R_NONE },
	{ "POINT()", false, "COORDS_EMPTY@" C, R_NONE },
	{ "LINESTRING()", false, "COORDS_EMPTY@" C, R_NONE },
	{ "POLYGON()", false, "COORDS_EMPTY@" C, R_NONE },
	{ "GEOMETRYCOLLECTION()", false, "", R_NONE },
	{ "GEOMETRYCOLLECTION(POINT(1 2),POINT())", false,
	    "COORDS_EMPTY@/geometry/geometries/1/coordinates", R_NONE },

	{ "LINESTRING(1 1)", false, "LINE_SHORT@" C, R_LINE_SHORT },
	{ "LINESTRING(1 1,1 1)", false, "", R_NONE },
	{ "MULTILINESTRING((1 1,2 2),(3 3))", false, "LINE_SHORT@" C "/1", R_LINE_SHORT },
	{ "MULTILINESTRING((1 1,2 2),())", false, "LINE_SHORT@" C "/1", R_LINE_SHORT },

	{ "POLYGON((0 0,1 0,0 0))", false, "RING_SHORT@" C "/0", R_RING_SHORT },
	{ "POLYGON((0 0,9 0,9 9,0 0),())", false, "RING_SHORT@" C "/1", R_RING_SHORT },
	{ "MULTIPOLYGON(((0 0,9 0,9 9,0 0)),((0 0,1 1,0 0)))", false, "RING_SHORT@" C "/1/0",
	    R_RING_SHORT },
	{ "POLYGON((0 0,9 0,9 9,0 9))", false, "RING_UNCLOSED@" C "/0", R_RING_UNCLOSED },
	{ "POLYGON((0 0,9 0,9 9))", false, "RING_SHORT@" C "/0", R_RING_SHORT },
	/* The last position must be the first in all its numbers. */
	{ "POLYGON((0 0 1,9 0 1,9 9 1,0 0 2))", false, "RING_UNCLOSED@" C "/0", R_RING_UNCLOSED },
	{ "POLYGON((0 0,9 0 1,9 9 1,0 0 2))", false, "RING_UNCLOSED@" C "/0", R_RING_UNCLOSED },
	{ "POLYGON((0 0,9 0 1,9 9 1,0 0))", false, "", R_NONE },

	{ "POINT(180.5 10)", false, "LON_RANGE@" C, R_LON_RANGE },
	{ "MULTIPOINT(1 1,2 2,-200 3)", false, "LON_RANGE@" C "/2", R_LON_RANGE },
	{ "LINESTRING(190 10,200 11)", false, "LON_RANGE@" C "/0", R_LON_RANGE },
	{ "LINESTRING(0 10,400 11)", false, "LON_RANGE@" C "/1", R_LON_RANGE },
	/* Across 180 from this side of it: for antimeridian.c. */
	{ "LINESTRING(170 10,190 11)", false, "", R_NONE },
	{ "LINESTRING(-170 10,-190 11)", false, "", R_NONE },
	{ "POINT(100 90.001)", false, "LAT_RANGE@" C, R_LAT_RANGE },
	{ "LINESTRING(100 10,120 -91)", false, "LAT_RANGE@" C "/1", R_LAT_RANGE },
	{ "POLYGON((0 0,9 0,9 99,0 0))", false, "LIKELY_SWAPPED@" C " LAT_RANGE@" C "/0/2",
	    R_LAT_RANGE },
	{ "POINT(48.2 116.3)", false, "LIKELY_SWAPPED@" C " LAT_RANGE@" C, R_LAT_RANGE },
	{ "POINT(500000 5300000)", false, "LIKELY_PROJECTED@" C, R_LIKELY_PROJECTED },
	{ "LINESTRING(-13000 6710000,-12000 6711000)", false, "LIKELY_PROJECTED@" C,
	    R_LIKELY_PROJECTED },
	/* One wild position among many is no CRS. */
	{ "LINESTRING(1 1,2 2,3 3,4000 4)", false, "LON_RANGE@" C "/3", R_LON_RANGE },
	{ "POINT(500000 5300000)", true, "", R_NONE },
	{ "LINESTRING(1 1,2 2,3 3,4000 4)", true, "", R_NONE },
	{ "GEOMETRYCOLLECTION(POINT(1 2),GEOMETRYCOLLECTION(MULTIPOINT(1 2,3 91)))", false,
	    "LIKELY_SWAPPED@/geometry/geometries/1/geometries/0/coordinates "
	    "LAT_RANGE@/geometry/geometries/1/geometries/0/coordinates/1", R_LAT_RANGE },
};

static void each_rule_has_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct validate_context v = { .lonlat = !cases[i].projected };
		struct feature *f;

		shapes_reset();
		f = shape_feature(cases[i].in);
		validate_feature(f, &v);
		assert_string_equal(shape_findings(f), cases[i].findings);
		assert_int_equal(f->fatal, cases[i].fatal);
		assert_true(geometry_equal(f->geometry, shape(cases[i].in)));
		assert_false(f->geometry_changed);
	}
}

static const struct {
	enum reject_code code;
	enum severity severity;
	const char *in, *out, *findings;
	enum reject_code fatal;
} choices[] = {
	{ R_RING_UNCLOSED, SEV_FIX, "POLYGON((0 0,9 0,9 9),(1 1,2 2,2 1,1 1))",
	    "POLYGON((0 0,9 0,9 9,0 0),(1 1,2 2,2 1,1 1))", "RING_UNCLOSED@" C "/0", R_NONE },
	{ R_RING_UNCLOSED, SEV_FIX, "MULTIPOLYGON(((0 0 1,9 0 1,9 9 1,0 0 1)),((0 0 1,9 0 2,9 9 3)))",
	    "MULTIPOLYGON(((0 0 1,9 0 1,9 9 1,0 0 1)),((0 0 1,9 0 2,9 9 3,0 0 1)))",
	    "RING_UNCLOSED@" C "/1/0", R_NONE },
	{ R_RING_UNCLOSED, SEV_FIX, "POLYGON((0 0,9 0))", "POLYGON((0 0,9 0))", "RING_SHORT@" C "/0",
	    R_RING_SHORT },
	{ R_COORDS_EMPTY, SEV_REJECT, "POLYGON()", "POLYGON()", "COORDS_EMPTY@" C, R_COORDS_EMPTY },
	{ R_LON_RANGE, SEV_WARN, "POINT(181 0)", "POINT(181 0)", "LON_RANGE@" C, R_NONE },
	{ R_LON_RANGE, SEV_FIX, "POINT(181 0)", "POINT(-179 0)", "LON_RANGE@" C, R_NONE },
	{ R_LON_RANGE, SEV_FIX, "MULTIPOINT(181 0,10 0,-541 0)", "MULTIPOINT(-179 0,10 0,179 0)",
	    "LON_RANGE@" C "/0", R_NONE },
	{ R_LON_RANGE, SEV_FIX, "LINESTRING(190 10,200 11)", "LINESTRING(-170 10,-160 11)",
	    "LON_RANGE@" C "/0", R_NONE },
	/* Two turns wide: nothing that is taken off puts it into the world. */
	{ R_LON_RANGE, SEV_FIX, "LINESTRING(-500 0,0 0,500 0)", "LINESTRING(-500 0,0 0,500 0)",
	    "LON_RANGE@" C "/0", R_LON_RANGE },
	{ R_LIKELY_PROJECTED, SEV_WARN, "POINT(5000 0)", "POINT(5000 0)",
	    "LIKELY_PROJECTED@" C " LON_RANGE@" C, R_LON_RANGE },
	{ R_LIKELY_SWAPPED, SEV_REJECT, "POINT(48 116)", "POINT(48 116)", "LIKELY_SWAPPED@" C,
	    R_LIKELY_SWAPPED },
};

static void a_source_may_choose(void **state)
{
	const struct validate_context v = { .lonlat = true };

	(void)state;
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		struct feature *f;

		shapes_reset();
		f = shape_feature(choices[i].in);
		shape_severity(f, choices[i].code, choices[i].severity);
		validate_feature(f, &v);
		assert_string_equal(shape_findings(f), choices[i].findings);
		assert_string_equal(shape_text(f->geometry), choices[i].out);
		assert_int_equal(f->fatal, choices[i].fatal);
		assert_int_equal(f->geometry_changed, strcmp(choices[i].in, choices[i].out) != 0);
	}
}

static void null_geometry_breaks_no_rule(void **state)
{
	const struct validate_context v = { .lonlat = true };
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature(NULL);
	validate_feature(f, &v);
	assert_int_equal(f->finding_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_has_its_place),
		cmocka_unit_test(a_source_may_choose),
		cmocka_unit_test(null_geometry_breaks_no_rule),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&shapes_arena);
	return failed;
}
