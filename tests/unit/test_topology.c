/* topology: GEOS's verdict on every case, its name and place, and what mending makes of it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>

#include "lib/clock.h"
#include "tests/oracle/made_shapes.h"
#include "tests/unit/shapes.h"
#include "workers/pipeline/topology.h"
#include "workers/pipeline/precision.h"
#include "workers/pipeline/topology/geos.h"
#include "workers/pipeline/topology/mender.h"

#define C "/geometry/coordinates"
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct topology *checker(double max_area_loss, unsigned timeout_ms)
{
	const struct topology_options o = { timeout_ms, max_area_loss, false };
	struct err e = ERR_INIT;
	struct topology *t = topology_new(&o, &e);

	assert_non_null(t);
	return t;
}

static bool never(void *ctx)
{
	(void)ctx;
	return false;
}

static bool is_valid(const struct geometry *g)
{
	struct geos *geos = geos_new(never, NULL);
	bool valid = geos_check(geos, g, NULL) == GEOS_VALID;

	geos_free(&geos);
	return valid;
}

/* A worker may be stopped, or the machine have no time for it: that is no fault of the feature. */
static void time_that_others_take_does_not_count(void **state)
{
	struct topology *t = checker(0.5, 300);
	uint64_t began = clock_mono_ms();
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature(NULL);
	f->geometry = made_ring(shapes_arena, 50000, 10);
	topology_start(t);
	while (clock_mono_ms() < began + 350)	/* what is waited for is the time itself */
		poll(NULL, 0, 350);
	assert_int_equal(topology_check(t, f), 0);
	assert_true(f->repaired);
	topology_free(&t);
}

static void sound_geometry_stays_as_it_is(void **state)
{
	static const char *const sound[] = {
		"POINT(1 2)", "POINT()", "MULTIPOINT(1 2,1 2)", "LINESTRING(0 0,1 1,0 1,1 0)",
		"LINESTRING()", "POLYGON()", "MULTIPOLYGON()", "LINESTRING(0 0,0 0,1 1)",
		"POLYGON((0 0,4 0,4 4,0 4,0 0))",
		"POLYGON((0 0,0 4,4 4,4 0,0 0))",		/* winding is no fault of topology */
		"POLYGON((0 0,4 0,4 0,4 4,0 4,0 0))",		/* nor are repeated points */
		"POLYGON((0 0,9 0,9 9,0 9,0 0),(0 0,2 4,4 4,0 0))",	/* a hole may touch */
		"POLYGON((0 0,9 0,9 9,0 9,0 0),(3 0,2 4,4 4,3 0))",
		"MULTIPOLYGON(((0 0,4 0,4 4,0 4,0 0)),((4 4,8 4,8 8,4 8,4 4)))",
		"MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0),(1 1,1 8,8 8,8 1,1 1)),((2 2,3 2,3 3,2 2)))",
		"GEOMETRYCOLLECTION(POLYGON((0 0,4 0,4 4,0 0)),POLYGON((0 0,4 0,4 4,0 0)))",
	};
	struct topology *t = checker(0.5, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sound); i++) {
		struct feature *f;

		shapes_reset();
		f = shape_feature(sound[i]);
		topology_start(t);
		assert_int_equal(topology_check(t, f), 0);
		assert_int_equal(f->finding_count, 0);
		assert_true(geometry_equal(f->geometry, shape(sound[i])));
		assert_false(f->repaired || f->geometry_changed);
	}
	topology_free(&t);
}

static const struct {
	const char *in, *codes;
	const char *ring;	/* the first fault's place; GEOS versions differ in the position */
	const char *reason;
	enum geometry_type type;	/* of what is made */
	double area;
	enum reject_code fatal;
} faults[] = {
	{ "POLYGON((0 0,4 4,0 4,4 0,0 0))", "SELF_INTERSECTION", C "/0", "Self-intersection",
	    GEOM_MULTIPOLYGON, 8, R_NONE },
	/* Runs over itself at one point, as a ring may not. */
	{ "POLYGON((0 0,8 0,8 8,4 0,0 8,0 0))", "RING_SELF_INTERSECTION", C "/0",
	    "Ring Self-intersection", GEOM_MULTIPOLYGON, 32, R_NONE },
	{ "POLYGON((0 0,4 0,4 4,0 4,0 0),(6 6,6 7,7 7,6 6))", "HOLE_OUTSIDE_SHELL", C "/1",
	    "Hole lies outside shell", GEOM_MULTIPOLYGON, 16.5, R_NONE },
	{ "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,1 8,8 8,8 1,1 1),(2 2,2 3,3 3,3 2,2 2))",
	    "HOLES_NESTED", C "/2", "Holes are nested", GEOM_POLYGON, 32, R_NONE },
	{ "POLYGON((0 0,4 0,4 4,0 4,0 0),(0 2,2 3,4 2,2 1,0 2))", "INTERIOR_DISCONNECTED", C "/1",
	    "Interior is disconnected", GEOM_MULTIPOLYGON, 12, R_NONE },
	{ "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0)),((2 2,3 2,3 3,2 2)))", "SHELLS_NESTED", C "/1/0",
	    "Nested shells", GEOM_MULTIPOLYGON, 81, R_NONE },
	{ "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0)),((0 0,9 0,9 9,0 9,0 0)))",
	    "SELF_INTERSECTION DUPLICATE_RINGS", C "/0/0", "Self-intersection",
	    GEOM_MULTIPOLYGON, 81, R_NONE },
	{ "POLYGON((0 0,9 0,9 9,0 9,0 0),(2 2,2 2,2 2,2 2))",
	    "TOO_FEW_POINTS ZERO_AREA", C "/1", "Too few points in geometry component",
	    GEOM_POLYGON, 81, R_NONE },
	/* Too far out and back: the spike goes, the square stays. */
	{ "POLYGON((0 0,4 0,9 0,4 0,4 4,0 4,0 0))", "SELF_INTERSECTION", C "/0", "Self-intersection",
	    GEOM_POLYGON, 16, R_NONE },
	{ "POLYGON((0 0,4 4,8 8,0 0))", "SELF_INTERSECTION ZERO_AREA REPAIR_EMPTY", C "/0",
	    "Self-intersection", GEOM_POLYGON, 0, R_REPAIR_EMPTY },
	{ "GEOMETRYCOLLECTION(POINT(1 1),POLYGON((0 0,4 4,0 4,4 0,0 0)))",
	    "SELF_INTERSECTION", "/geometry/geometries/1/coordinates/0", "Self-intersection",
	    GEOM_COLLECTION, 8, R_NONE },
	{ "LINESTRING(1 1,1 1)", "TOO_FEW_POINTS ZERO_LENGTH REPAIR_TYPE_CHANGED", C,
	    "Too few points in geometry component", GEOM_LINESTRING, 0, R_REPAIR_TYPE_CHANGED },
	{ "MULTILINESTRING((0 0,1 1),(2 2,2 2))", "TOO_FEW_POINTS ZERO_LENGTH", C "/1",
	    "Too few points in geometry component", GEOM_MULTILINESTRING, 0, R_NONE },
	{ "POLYGON((0 0,4 0,inf 4,0 0))", "INVALID_COORDINATE", C, "Invalid Coordinate", GEOM_POLYGON, 0,
	    R_INVALID_COORDINATE },
};

static void faults_are_named_placed_and_mended(void **state)
{
	struct topology *t = checker(0.5, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		struct feature *f;
		char path[256];

		shapes_reset();
		f = shape_feature(faults[i].in);
		topology_start(t);
		assert_int_equal(topology_check(t, f), faults[i].fatal == R_NONE ? 0 : -1);
		assert_string_equal(shape_codes(f), faults[i].codes);
		place_format(f, &f->findings[0].place, path, sizeof(path));
		assert_int_equal(strncmp(path, faults[i].ring, strlen(faults[i].ring)), 0);
		assert_string_equal(f->findings[0].reason, faults[i].reason);
		assert_int_equal(f->fatal, faults[i].fatal);
		if (f->fatal != R_NONE) {
			assert_false(f->repaired);
			continue;
		}
		assert_true(f->repaired && f->geometry_changed);
		assert_int_equal(f->geometry->type, faults[i].type);
		assert_float_equal(geometry_area(f->geometry), faults[i].area, 1e-9);
		assert_float_equal(f->area_after, faults[i].area, 1e-9);
		assert_true(f->vertices_before > 0 && f->vertices_after > 0);
		assert_true(geometry_equal(f->original, shape(faults[i].in)));

		/* Mended once is mended. */
		f->finding_count = 0;
		assert_int_equal(topology_check(t, f), 0);
		assert_int_equal(f->finding_count, 0);
	}
	topology_free(&t);
}

static void severity_decides(void **state)
{
	const char *bow = "POLYGON((0 0,4 4,0 4,4 0,0 0))";
	struct topology *t = checker(0.5, 0);
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature(bow);
	shape_severity(f, R_SELF_INTERSECTION, SEV_REJECT);
	topology_start(t);
	assert_int_equal(topology_check(t, f), -1);
	assert_int_equal(f->fatal, R_SELF_INTERSECTION);

	f = shape_feature(bow);
	shape_severity(f, R_SELF_INTERSECTION, SEV_WARN);
	topology_start(t);
	assert_int_equal(topology_check(t, f), 0);
	assert_true(geometry_equal(f->geometry, shape(bow)));
	/* What the source waived stays waived for what is made of it. */
	assert_int_equal(topology_check_output(t, f), 0);
	assert_int_equal(f->finding_count, 1);

	f = shape_feature("POLYGON((0 0,9 0,9 9,0 9,0 0),(2 2,3 3,4 4,2 2))");
	shape_severity(f, R_ZERO_AREA, SEV_REJECT);
	topology_start(t);
	assert_int_equal(topology_check(t, f), -1);
	assert_int_equal(f->fatal, R_ZERO_AREA);
	topology_free(&t);
}

static void too_much_area_lost_is_rejected(void **state)
{
	/* Three times the same square: two thirds of what the parts add up to goes. */
	const char *thrice = "MULTIPOLYGON(((0 0,2 0,2 2,0 2,0 0)),((0 0,2 0,2 2,0 2,0 0)),"
	    "((0 0,2 0,2 2,0 2,0 0)))";
	struct topology *strict = checker(0.5, 0), *lax = checker(0.7, 0);
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature(thrice);
	assert_int_equal(topology_check(strict, f), -1);
	assert_int_equal(f->fatal, R_REPAIR_AREA_LOSS);
	assert_false(f->repaired);
	f = shape_feature(thrice);
	assert_int_equal(topology_check(lax, f), 0);
	assert_float_equal(f->area_before, 12, 0);
	assert_float_equal(f->area_after, 4, 1e-9);
	topology_free(&strict);
	topology_free(&lax);
}

static void heights_survive(void **state)
{
	struct topology *t = checker(0.5, 0);
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature("POLYGON((0 0 10,4 4 10,0 4 10,4 0 10,0 0 10))");
	assert_int_equal(topology_check(t, f), 0);
	assert_int_equal(f->geometry->stride, 3);
	for (size_t i = 0; i < f->geometry->positions; i++)
		assert_float_equal(f->geometry->coords[3 * i + 2], 10, 1e-9);
	topology_free(&t);
}

static void output_faults_are_not_the_documents(void **state)
{
	struct topology *t = checker(0.5, 0);
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature("POLYGON((0 0,4 4,0 4,4 0,0 0))");
	topology_start(t);
	assert_int_equal(topology_check_output(t, f), 0);
	assert_string_equal(shape_findings(f), "OUTPUT_INVALID@" C);
	assert_false(f->repaired);
	assert_true(is_valid(f->geometry));

	f = shape_feature("POLYGON((0 0,4 4,0 4,4 0,0 0))");
	shape_severity(f, R_OUTPUT_INVALID, SEV_REJECT);
	assert_int_equal(topology_check_output(t, f), -1);
	assert_int_equal(f->fatal, R_OUTPUT_INVALID);
	topology_free(&t);
}

static const struct {
	const char *in;
	int decimals;
	const char *out, *findings;
} roundings[] = {
	{ "POINT(1.26 2.34 9.99)", 1, "POINT(1.3 2.3 10)", "" },
	{ "POLYGON((0 0,4.4 0,4.4 4.4,0 0))", 0, "POLYGON((0 0,4 0,4 4,0 0))", "" },
	{ "LINESTRING(0 0,0.2 0.2,7 7)", 0, "LINESTRING(0 0,0 0,7 7)", "" },
	{ "LINESTRING(0.1 0.1,0.2 0.2)", 0, "LINESTRING(0.1 0.1,0.2 0.2)", "" },
	/* A neck that closes makes two parts of one. */
	{ "POLYGON((0 0,8 0,5 3.8,8 8,0 8,5 4.2,0 0))", 0,
	    "MULTIPOLYGON(((0 0,8 0,5 4,0 0)),((0 8,5 4,8 8,0 8)))", "OUTPUT_INVALID@" C },
	/* What would vanish whole stays as it is; a part that does goes. */
	{ "POLYGON((0.1 0.1,0.3 0.1,0.3 0.3,0.1 0.1))", 0, "POLYGON((0.1 0.1,0.3 0.1,0.3 0.3,0.1 0.1))",
	    "OUTPUT_INVALID@" C },
	{ "MULTIPOLYGON(((0.1 0.1,0.3 0.1,0.3 0.3,0.1 0.1)),((2 2,5.1 2,5.1 5,2 2)))", 0,
	    "MULTIPOLYGON(((5 2,5 5,2 2,5 2)))", "OUTPUT_INVALID@" C },
};

static void rounding_keeps_polygons_valid(void **state)
{
	struct topology *t = checker(0.5, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(roundings); i++) {
		struct feature *f;

		shapes_reset();
		f = shape_feature(roundings[i].in);
		topology_start(t);
		assert_int_equal(topology_round(t, f, roundings[i].decimals), 0);
		assert_string_equal(shape_findings(f), roundings[i].findings);
		if (geometry_is_areal(f->geometry)) {
			assert_true(is_valid(f->geometry));
			assert_float_equal(geometry_area(f->geometry),
			    geometry_area(shape(roundings[i].out)), 1e-9);
			assert_int_equal(f->geometry->type, shape(roundings[i].out)->type);
		} else
			assert_string_equal(shape_text(f->geometry), roundings[i].out);
	}
	topology_free(&t);
}

/* Ten squares of 0.45 that vanish at whole degrees, and one of 0.6 that becomes one of 1. */
static struct geometry *squares(unsigned stride)
{
	struct geometry *g = geometry_new(shapes_arena, GEOM_MULTIPOLYGON, stride, 55, 11, 11);

	for (size_t i = 0; i < 55; i++) {
		double side = i < 50 ? 0.45 : 0.6, *p = g->coords + i * stride;

		p[0] = 3 * (double)(i / 5) + (i % 5 == 1 || i % 5 == 2 ? side : 0);
		p[1] = i % 5 == 2 || i % 5 == 3 ? side : 0;
		for (unsigned k = 2; k < stride; k++)
			p[k] = k;
	}
	for (uint32_t i = 0; i < 11; i++) {
		g->seq_end[i] = 5 * (i + 1);
		g->part_end[i] = i + 1;
	}
	return g;
}

/* Of positions half way between cells GEOS has other ideas. */
static void who_is_snapped_lands_where_who_is_rounded_does(void **state)
{
	static const double decimals[] = { 0, 1, 3, 5, 7, 9, 11 };
	struct mender m;
	unsigned halves = 0;

	(void)state;
	assert_int_equal(mender_init(&m), 0);
	for (size_t k = 0; k < 300 * ARRAY_LEN(decimals); k++) {
		int d = (int)decimals[k % ARRAY_LEN(decimals)];
		double scale = pow(10, d), x = ((double)(k * 7919 % 3601) - 1800 + 0.5) / scale, y = -x / 2;
		struct geometry *g, *want, *out;

		shapes_reset();
		g = shape("POLYGON((0 0 1,5000 -5000 2,5000 5000 3,0 0 1))");
		for (int i = 0; i < 4; i++) {
			g->coords[3 * i] = i % 3 == 0 ? x : 5000;
			g->coords[3 * i + 1] = i % 3 == 0 ? y : g->coords[3 * i + 1];
		}
		halves += fabs(x * scale - trunc(x * scale)) == 0.5;
		want = precision_round(g, d, shapes_arena);
		assert_non_null(out = mender_snap(&m, g, d, shapes_arena));
		assert_int_equal(out->positions, 4);
		for (int i = 0; i < 4; i++)
			for (int at = 0; out->coords[3 * i] < 4999 && at < 3; at++)
				assert_memory_equal(&out->coords[3 * i + at], &want->coords[at], sizeof(double));
	}
	assert_true(halves > 500);
	/* Where doubles have no such decimals nothing is snapped. */
	shapes_reset();
	assert_null(mender_snap(&m, shape("POLYGON((0 0,1e9 0,1e9 1e9,0 0))"), 9, shapes_arena));
	assert_null(mender_snap(&m, shape("POLYGON((0 0,1e300 0,1e300 1e300,0 0))"), 15, shapes_arena));
	mender_clear(&m);
}

static void rounding_takes_no_more_than_a_repair_may(void **state)
{
	static const struct { double max_area_loss; unsigned stride; size_t parts; } cases_of[] = {
		{ 0.5, 2, 11 }, { 0.9, 2, 1 }, { 0.9, 3, 1 }, { 0.9, 4, 11 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases_of); i++) {
		struct topology *t = checker(cases_of[i].max_area_loss, 0);
		bool kept = cases_of[i].parts == 11;
		struct feature *f;

		shapes_reset();
		f = shape_feature(NULL);
		f->geometry = squares(cases_of[i].stride);
		topology_start(t);
		assert_int_equal(topology_round(t, f, 0), 0);
		assert_int_equal(f->geometry->parts, cases_of[i].parts);
		assert_int_equal(f->repaired, !kept);
		assert_string_equal(shape_findings(f), "OUTPUT_INVALID@/geometry/coordinates");
		if (kept)
			assert_true(geometry_equal(f->geometry, squares(cases_of[i].stride)));
		else {
			assert_float_equal(f->area_before, 10 * 0.45 * 0.45 + 0.36, 1e-9);
			assert_float_equal(f->area_after, 1, 1e-9);
			assert_int_equal(f->vertices_before, 55);
			assert_int_equal(f->vertices_after, 5);
		}
		topology_free(&t);
	}
}

/* A ring of n positions that crosses itself nearly everywhere. */
static struct geometry *scribble(size_t n)
{
	struct geometry *g = geometry_new(shapes_arena, GEOM_POLYGON, 2, n + 1, 1, 1);
	uint32_t seed = 1;

	for (size_t i = 0; i < 2 * n; i++) {
		seed = seed * 1664525 + 1013904223;
		g->coords[i] = (seed >> 8) / 16777216.0;
	}
	memcpy(g->coords + 2 * n, g->coords, 2 * sizeof(double));
	g->seq_end[0] = (uint32_t)n + 1;
	g->part_end[0] = 1;
	return g;
}

static void a_scribble_ends_in_time(void **state)
{
	struct topology *t = checker(0.5, 1);
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature(NULL);
	f->geometry = scribble(5000);
	topology_start(t);
	assert_int_equal(topology_check(t, f), -1);
	assert_true(f->fatal == R_FEATURE_TIMEOUT || f->fatal == R_REPAIR_FAILED);
	topology_free(&t);
	/* The next one finds GEOS in order. */
	t = checker(0.5, 10000);
	f = shape_feature("POLYGON((0 0,4 4,0 4,4 0,0 0))");
	topology_start(t);
	assert_int_equal(topology_check(t, f), 0);
	assert_true(f->repaired);
	topology_free(&t);
}

static bool at_once(void *ctx)
{
	++*(unsigned *)ctx;
	return true;
}

/* In the midst of a call; and the next call knows nothing of it. */
static void geos_gives_up_when_it_is_told_to(void **state)
{
	unsigned asked = 0;
	struct geos *patient = geos_new(never, NULL), *hurried = geos_new(at_once, &asked);
	struct geometry *g = made_ring(shapes_reset(), 50000, 0);
	struct geos_fault fault;
	enum geos_verdict verdict;

	(void)state;
	assert_null(geos_round(hurried, g, shapes_arena));
	assert_int_equal(asked, 1);	/* and then no more */
	/* GEOS 3.13 does not ask here. */
	verdict = geos_check(hurried, g, NULL);
	assert_int_equal(verdict, asked > 1 ? GEOS_UNDECIDED : GEOS_VALID);
	assert_int_equal(geos_check(hurried, g, &fault), verdict);
	assert_int_equal(asked, verdict == GEOS_UNDECIDED ? 3 : 1);
	assert_int_equal(geos_check(hurried, shape("POLYGON((0 0,4 0,4 4,0 0))"), NULL), GEOS_VALID);
	assert_int_equal(geos_check(patient, g, NULL), GEOS_VALID);
	assert_non_null(geos_round(patient, g, shapes_arena));
	geos_free(&patient);
	geos_free(&hurried);
}

/* Too many boxes meet for the sweep to say that it is sound: GEOS has to. */
static void time_that_is_up_within_geos_is_a_timeout(void **state)
{
	struct topology *t = checker(0.5, 1);
	struct feature *f;
	uint64_t deadline_ms;

	(void)state;
	shapes_reset();
	f = shape_feature(NULL);
	f->geometry = made_comb(shapes_arena, 2000, 10);
	deadline_ms = topology_start(t);
	while (clock_thread_ms() <= deadline_ms)	/* its own CPU is what counts */
		;
	assert_int_equal(topology_check(t, f), -1);
	assert_int_equal(f->fatal, R_FEATURE_TIMEOUT);
	topology_free(&t);
	t = checker(0.5, 0);
	f->fatal = R_NONE;
	topology_start(t);
	assert_int_equal(topology_check(t, f), 0);
	assert_false(f->repaired);
	topology_free(&t);
}

/* On a small grid everything that can coincide does. */
static void verdicts_are_those_of_geos(void **state)
{
	struct geos *geos = geos_new(never, NULL);
	struct topology *t = checker(1, 0);
	uint32_t seed = 7;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct feature *f;
		size_t n, rings = 1 + (size_t)round % 3;
		struct geometry *g;
		bool valid;

		shapes_reset();
		f = shape_feature(NULL);
		n = 4 + (size_t)round % 5;
		g = geometry_new(shapes_arena, round % 2 ? GEOM_POLYGON : GEOM_MULTIPOLYGON, 2,
		    rings * n, rings, round % 2 ? 1 : rings);
		for (size_t i = 0; i < 2 * g->positions; i++) {
			seed = seed * 1664525 + 1013904223;
			g->coords[i] = seed >> 16 & 7;
		}
		for (size_t r = 0; r < rings; r++) {
			memcpy(g->coords + 2 * ((r + 1) * n - 1), g->coords + 2 * r * n, 2 * sizeof(double));
			g->seq_end[r] = (uint32_t)((r + 1) * n);
			g->part_end[round % 2 ? 0 : r] = (uint32_t)r + 1;
		}
		valid = geos_check(geos, g, NULL) == GEOS_VALID;
		f->geometry = g;
		topology_start(t);
		topology_check(t, f);
		assert_int_equal(f->finding_count == 0, valid);
		if (f->fatal == R_NONE)
			assert_int_equal(geos_check(geos, f->geometry, NULL), GEOS_VALID);
		else
			assert_int_equal(f->fatal, R_REPAIR_EMPTY);
	}
	topology_free(&t);
	geos_free(&geos);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_geometry_stays_as_it_is),
		cmocka_unit_test(time_that_others_take_does_not_count),
		cmocka_unit_test(faults_are_named_placed_and_mended),
		cmocka_unit_test(severity_decides),
		cmocka_unit_test(too_much_area_lost_is_rejected),
		cmocka_unit_test(heights_survive),
		cmocka_unit_test(output_faults_are_not_the_documents),
		cmocka_unit_test(rounding_keeps_polygons_valid),
		cmocka_unit_test(who_is_snapped_lands_where_who_is_rounded_does),
		cmocka_unit_test(rounding_takes_no_more_than_a_repair_may),
		cmocka_unit_test(a_scribble_ends_in_time),
		cmocka_unit_test(geos_gives_up_when_it_is_told_to),
		cmocka_unit_test(time_that_is_up_within_geos_is_a_timeout),
		cmocka_unit_test(verdicts_are_those_of_geos),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&shapes_arena);
	return failed;
}
