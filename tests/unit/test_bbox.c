/* bbox: what it is checked against, and how it is made anew. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/shapes.h"
#include "workers/pipeline/bbox.h"

static void extent_covers_all_members(void **state)
{
	struct extent e;

	(void)state;
	shapes_reset();
	e = extent_of(shape("GEOMETRYCOLLECTION(POINT(1 2 3),GEOMETRYCOLLECTION(LINESTRING(-5 9,4 0)))"));
	assert_float_equal(e.min[0], -5, 0);
	assert_float_equal(e.min[1], 0, 0);
	assert_float_equal(e.max[0], 4, 0);
	assert_float_equal(e.max[1], 9, 0);
	assert_true(e.finite);
	e = extent_of(shape("POLYGON()"));
	assert_true(e.min[0] > e.max[0] && e.finite);
	assert_false(extent_of(shape("MULTIPOINT(1 2,inf 3)")).finite);
	assert_false(extent_of(shape("MULTIPOINT(1 2,3 nan)")).finite);
}

static const struct {
	const char *in;
	unsigned len;
	double box[6];
	bool projected;
	const char *findings;
	enum reject_code fatal;
} checks[] = {
	{ "POINT(1 2)", 4, { 1, 2, 1, 2 }, false, "", R_NONE },
	{ "POINT(1 2 3)", 6, { 0, 0, 0, 9, 9, 9 }, false, "", R_NONE },
	{ "LINESTRING(1 2,3 4)", 4, { 1, 2, 2.9, 4 }, false, "BBOX_MISMATCH@/bbox", R_NONE },
	{ "LINESTRING(1 2,3 4)", 4, { 1, 2, 3, 3.9 }, false, "BBOX_MISMATCH@/bbox", R_NONE },
	{ "POINT(1 2)", 4, { 0, 3, 2, 1 }, false, "BBOX_ORDER@/bbox", R_BBOX_ORDER },
	{ "POINT(1 2 3)", 6, { 0, 0, 9, 9, 9, 1 }, false, "BBOX_ORDER@/bbox", R_BBOX_ORDER },
	{ NULL, 4, { 0, 3, 2, 1 }, false, "BBOX_ORDER@/bbox", R_BBOX_ORDER },
	{ NULL, 4, { 0, 0, 2, 1 }, false, "", R_NONE },
	/* West of east: across the antimeridian, where there is one. */
	{ "MULTIPOINT(175 2,-175 3)", 4, { 170, 0, -170, 9 }, false, "", R_NONE },
	{ "MULTIPOINT(175 2,-165 3)", 4, { 170, 0, -170, 9 }, false, "BBOX_MISMATCH@/bbox", R_NONE },
	{ "POINT(1 2)", 4, { 170, 0, -170, 9 }, true, "BBOX_ORDER@/bbox", R_BBOX_ORDER },
	/* Digits that a shorter number does not have. */
	{ "POINT(10.1234567891 2)", 4, { 10.123456789, 2, 10.123456789, 2 }, false, "", R_NONE },
};

static void box_is_checked_against_geometry(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct feature *f;

		shapes_reset();
		f = shape_feature(checks[i].in);
		f->box_len = checks[i].len;
		memcpy(f->box, checks[i].box, sizeof(f->box));
		bbox_check(f, !checks[i].projected);
		assert_string_equal(shape_findings(f), checks[i].findings);
		assert_int_equal(f->fatal, checks[i].fatal);
		assert_false(f->box_stale);
	}
}

static void fix_means_anew(void **state)
{
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature("POINT(1 2)");
	f->box_len = 4;
	shape_severity(f, R_BBOX_MISMATCH, SEV_FIX);
	bbox_check(f, true);
	assert_true(f->box_stale);
}

static const struct {
	const char *in;
	unsigned len_before;
	bool projected;
	unsigned len;
	double box[6];
} renewals[] = {
	{ "POLYGON((0 0,4 0,4 3,0 0))", 4, false, 4, { 0, 0, 4, 3 } },
	{ "LINESTRING(0 0 5,4 3)", 6, false, 6, { 0, 0, 5, 4, 3, 5 } },
	{ "LINESTRING(0 0 5,4 3 -1)", 4, false, 4, { 0, 0, 4, 3 } },
	{ "LINESTRING(0 0,4 3)", 6, false, 4, { 0, 0, 4, 3 } },
	{ "POLYGON()", 4, false, 0, { 0 } },
	/* RFC 7946 5.2: Fiji, cut. */
	{ "MULTIPOLYGON(((177 -20,180 -20,180 -16,177 -20)),((-180 -20,-178 -18,-180 -16,-180 -20)))", 4,
	    false, 4, { 177, -20, -178, -16 } },
	{ "MULTIPOLYGON(((177 -20,180 -20,180 -16,177 -20)),((-180 -20,-178 -18,-180 -16,-180 -20)))", 4,
	    true, 4, { -180, -20, 180, -16 } },
	{ "GEOMETRYCOLLECTION(POINT(100 1),MULTILINESTRING((170 0,180 1),(-180 1,-170 2)))", 4, false, 4,
	    { 100, 0, -170, 2 } },
	/* Round the pole (5.3) and round the world: no gap. */
	{ "MULTIPOINT(177 -18,180 -17,-180 -16.5,-178 -16)", 4, false, 4, { 177, -18, -178, -16 } },
	{ "POLYGON((-180 60,180 60,180 90,-180 90,-180 60))", 4, false, 4, { -180, 60, 180, 90 } },
	{ "MULTILINESTRING((-180 0,0 0),(0 0,180 0))", 4, false, 4, { -180, 0, 180, 0 } },
};

static void box_is_made_anew(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(renewals) / sizeof(renewals[0]); i++) {
		struct feature *f;

		shapes_reset();
		f = shape_feature(renewals[i].in);
		f->geometry_changed = true;
		f->box_len = renewals[i].len_before;
		bbox_renew(f, !renewals[i].projected);
		assert_true(f->box_stale);
		assert_int_equal(f->box_len, renewals[i].len);
		for (unsigned k = 0; k < f->box_len; k++)
			assert_float_equal(f->box[k], renewals[i].box[k], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extent_covers_all_members),
		cmocka_unit_test(box_is_checked_against_geometry),
		cmocka_unit_test(fix_means_anew),
		cmocka_unit_test(box_is_made_anew),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&shapes_arena);
	return failed;
}
