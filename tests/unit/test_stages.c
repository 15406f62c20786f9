/* stages: their order, seen from outside: what goes in, what comes out in the target CRS. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/shapes.h"
#include "workers/pipeline/reproject.h"
#include "workers/pipeline/stages.h"

#define C "/geometry/coordinates"
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct stages *stages(const char *source, const char *target, int precision)
{
	struct pipeline_options o = {
		.source_crs = source, .target_crs = target, .precision = precision, .max_area_loss = 0.5,
	};
	struct err e = ERR_INIT;
	struct stages *s = stages_new(&o, NULL, &e);

	if (s == NULL)
		fail_msg("%s", e.text);
	return s;
}

static const struct {
	const char *source, *target;
	int precision;
	const char *in, *out, *findings;
	enum reject_code fatal;
	bool repaired;
} cases[] = {
	{ NULL, NULL, -1, "POLYGON((0 0,4 0,4 4,0 0))", "POLYGON((0 0,4 0,4 4,0 0))", "", R_NONE, false },
	{ NULL, NULL, -1, "POINT(12 91)", NULL, "LIKELY_SWAPPED@" C " LAT_RANGE@" C, R_LAT_RANGE, false },
	{ NULL, NULL, -1, "POLYGON((0 0,4 4,4 0,0 0))", "POLYGON((0 0,4 0,4 4,0 0))", "WINDING@" C "/0",
	    R_NONE, false },
	{ NULL, NULL, -1, "POLYGON((0 0,4 4,4 4,0 0))", NULL,
	    "TOO_FEW_POINTS@" C "/0/0 ZERO_AREA@" C "/0 REPAIR_EMPTY@" C "/0/0", R_REPAIR_EMPTY, false },
	/* Cut before it is judged: as one ring in the plane it would seem sound. */
	{ NULL, NULL, -1, "POLYGON((170 0,-170 0,-170 9,170 9,170 0))",
	    "MULTIPOLYGON(((-180 0,-170 0,-170 9,-180 9,-180 0)),((180 9,170 9,170 0,180 0,180 9)))",
	    "ANTIMERIDIAN@" C "/0/1", R_NONE, false },
	/* A fault of a polygon that is cut is placed in the document's geometry. */
	{ NULL, NULL, 6, "POLYGON((170 0,-170 0,-170 9,-175 -3,-165 9,170 9,170 0))", NULL, NULL, R_NONE,
	    true },
	/* Cut before the move, so that no shape runs across the whole of the map. */
	{ NULL, "EPSG:3857", 0, "LINESTRING(179 0,-179 0)",
	    "MULTILINESTRING((19926189 0,20037508 0),(-20037508 0,-19926189 0))",
	    "ANTIMERIDIAN@" C "/1", R_NONE, false },
	/* And after it, where the source had no antimeridian. */
	{ "EPSG:3832", NULL, 3, "LINESTRING(3228000 0,3451000 0)",
	    "MULTILINESTRING((178.998 0,180 0),(-180 0,-178.999 0))", "ANTIMERIDIAN@" C, R_NONE, false },
	/* Round the pole in the plane; the winding tells which side, and it was wrong. */
	{ "EPSG:3413", NULL, 1, "POLYGON((1000000 0,0 -1000000,-1000000 0,0 1000000,1000000 0))",
	    "POLYGON((-180 80.8,-135 80.8,-45 80.8,45 80.8,135 80.8,180 80.8,180 90,-180 90,-180 80.8))",
	    "WINDING@" C "/0 ANTIMERIDIAN@" C, R_NONE, false },
	/* Ranges are no matter in metres. */
	{ "EPSG:3857", "EPSG:3857", -1, "POINT(5000 9000)", "POINT(5000 9000)", "", R_NONE, false },
	{ NULL, NULL, 1, "POINT(1.26 2.34)", "POINT(1.3 2.3)", "", R_NONE, false },
	{ NULL, "EPSG:3857", -1, "POLYGON()", "POLYGON()", "COORDS_EMPTY@" C, R_NONE, false },
	{ NULL, "EPSG:3857", 2, "GEOMETRYCOLLECTION()", "GEOMETRYCOLLECTION()", "", R_NONE, false },
};

static void each_case_comes_out_as_it_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct stages *s = stages(cases[i].source, cases[i].target, cases[i].precision);
		struct feature *f;

		shapes_reset();
		f = shape_feature(cases[i].in);
		stages_run(s, f);
		if (cases[i].findings != NULL)
			assert_string_equal(shape_findings(f), cases[i].findings);
		assert_int_equal(f->fatal, cases[i].fatal);
		assert_int_equal(f->repaired, cases[i].repaired);
		if (cases[i].out != NULL)
			assert_string_equal(shape_text(f->geometry), cases[i].out);
		stages_free(&s);
	}
}

static void a_fault_behind_a_cut_is_placed_in_the_document(void **state)
{
	struct stages *s = stages(NULL, NULL, -1);
	struct feature *f;
	const struct finding *n;
	char path[64];

	(void)state;
	shapes_reset();
	/* The ring crosses itself beside position 6; the cut makes other rings of it. */
	f = shape_feature("POLYGON((160 -8,-170 -8,-170 8,160 8,160 2,164 -2,161 0.9,164 3,164.5 -3,"
	    "160 -8))");
	stages_run(s, f);
	assert_int_equal(f->fatal, R_NONE);
	assert_true(f->repaired);
	n = NULL;
	for (size_t i = 0; i < f->finding_count; i++)
		if (reject_info(f->findings[i].code)->stage == STAGE_TOPOLOGY && n == NULL)
			n = &f->findings[i];
	assert_non_null(n);
	assert_string_equal(place_format(f, &n->place, path, sizeof(path)), C "/0/6");
	stages_free(&s);
}

static void bit_for_bit_where_nothing_is_wrong(void **state)
{
	const char *in = "POLYGON((0.1 0.2,4.30000000000000004 0.7,4.1 4.9,0.1 0.2))";
	struct stages *s = stages("EPSG:4326", "OGC:CRS84", -1);
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature(in);
	f->box_len = 4;
	memcpy(f->box, (double[4]){ 0, 0, 5, 5 }, sizeof(double[4]));
	stages_run(s, f);
	assert_true(geometry_equal(f->geometry, shape(in)));
	assert_false(f->geometry_changed || f->repaired || f->box_stale);
	assert_int_equal(f->finding_count, 0);
	stages_free(&s);
}

static void the_box_follows_the_geometry(void **state)
{
	struct stages *s = stages(NULL, "EPSG:3857", -1);
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature("POINT(180 0)");
	f->box_len = 4;
	memcpy(f->box, (double[4]){ 180, 0, 180, 0 }, sizeof(double[4]));
	stages_run(s, f);
	assert_true(f->box_stale);
	assert_float_equal(f->box[0], 20037508.342789244, 1e-6);
	stages_free(&s);
}

/* A ring that was turned lies where it lay: a bbox with room stays. */
static void a_turned_ring_keeps_its_box(void **state)
{
	static const double box[4] = { -1, -1, 11, 11 };
	struct stages *s = stages(NULL, NULL, -1);
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature("POLYGON((0 0,0 10,10 10,10 0,0 0))");
	f->box_len = 4;
	memcpy(f->box, box, sizeof(box));
	stages_run(s, f);
	assert_string_equal(shape_text(f->geometry), "POLYGON((0 0,10 0,10 10,0 10,0 0))");
	assert_false(f->box_stale);
	assert_memory_equal(f->box, box, sizeof(box));
	stages_free(&s);
}

static void null_geometry_passes(void **state)
{
	struct stages *s = stages(NULL, "EPSG:3857", 3);
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature(NULL);
	stages_run(s, f);
	assert_int_equal(f->finding_count, 0);
	stages_free(&s);
}

static void an_unknown_crs_makes_no_stages(void **state)
{
	struct pipeline_options o = { .precision = -1 };
	struct err e = ERR_INIT;

	(void)state;
	assert_null(stages_new(&o, "EPSG:0", &e));
	assert_int_equal(e.cls, ERR_INPUT);
	assert_int_equal(e.code, R_CRS_UNKNOWN);
}

/* Wherever the feature's memory ends, it is the feature that fails, in words. */
static void memory_that_ends_costs_the_feature(void **state)
{
	const char *in = "GEOMETRYCOLLECTION(POLYGON((170 0,-170 9,-170 0,170 9,170 0)),"
	    "LINESTRING(0 0 1,5 5))";
	struct stages *s = stages(NULL, "EPSG:3857", 2);
	bool failed = false, passed = false;

	(void)state;
	for (size_t room = 0; !passed && room < 100000; room += 64) {
		struct arena *small = arena_new(room);
		struct feature *f;

		shapes_reset();
		f = shape_feature(in);
		f->arena = small;
		stages_run(s, f);
		if (f->fatal != R_NONE) {
			assert_int_equal(f->fatal, R_FEATURE_MEMORY);
			failed = true;
		} else
			passed = true;
		arena_free(&small);
	}
	assert_true(failed && passed);
	stages_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_comes_out_as_it_should),
		cmocka_unit_test(a_fault_behind_a_cut_is_placed_in_the_document),
		cmocka_unit_test(bit_for_bit_where_nothing_is_wrong),
		cmocka_unit_test(the_box_follows_the_geometry),
		cmocka_unit_test(a_turned_ring_keeps_its_box),
		cmocka_unit_test(null_geometry_passes),
		cmocka_unit_test(an_unknown_crs_makes_no_stages),
		cmocka_unit_test(memory_that_ends_costs_the_feature),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	reproject_forget();
	arena_free(&shapes_arena);
	return failed;
}
