/*
 * repair: verdicts on small polygons and on rings that lie apart, which need no sweep or no arrangement, beside GEOS's.
 * usage: test_small [CASES [SEED]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/oracle/geos_shapes.h"
#include "tests/oracle/made_shapes.h"
#include "tests/oracle/random_shapes.h"
#include "tests/unit/shapes.h"
#include "workers/pipeline/repair/repair.h"
#include "workers/pipeline/repair/small.h"

static uint32_t cases = 60000;
static uint64_t seed = 20261126;

static const struct repair_limits limits = REPAIR_LIMITS_INIT;

static GEOSContextHandle_t geos;

static bool is_valid(const struct geometry *g)
{
	GEOSGeometry *in = to_geos(geos, g);
	bool valid = GEOSisValid_r(geos, in) == 1;

	GEOSGeom_destroy_r(geos, in);
	return valid;
}

/*
 * GEOS tells sides by numbers of 106 bits, which is not enough for all doubles. Are there three corners so nearly on
 * a line, but not on one? Then it may be wrong: once in some million rings made to be so.
 */
static bool is_beyond_geos(const struct geometry *g)
{
	const double *p = g->coords;
	_Float128 size = 0;

	for (size_t i = 0; i < 2 * g->positions; i++)
		size = fabs(p[i]) > size ? fabs(p[i]) : size;
	for (size_t i = 0; i < 2 * g->positions; i += 2)
		for (size_t j = 0; j < i; j += 2)
			for (size_t k = 0; k < j; k += 2) {
				_Float128 side = ((_Float128)p[i] - p[k]) * ((_Float128)p[j + 1] - p[k + 1])
				    - ((_Float128)p[i + 1] - p[k + 1]) * ((_Float128)p[j] - p[k]);

				if (side != 0 && (side < 0 ? -side : side) < 1e-28 * size * size)
					return true;
			}
	return false;
}

static const struct {
	const char *in;
	bool sound;	/* by the fast way; GEOS says so too, or `touches` */
	bool touches;	/* valid, but not by the fast way */
} listed[] = {
	{ "POLYGON((0 0,1 0,0 1,0 0))", true, false },
	{ "POLYGON((0 0,0 1,1 0,0 0))", true, false },
	{ "POLYGON((-0 0,1 0,0 1,0 -0))", true, false },
	{ "POLYGON((0 0,0 0,1 0,1 0,1 0,0 1,0 0,0 0))", true, false },
	{ "POLYGON((0 0,1 1,2 2,0 0))", false, false },
	{ "POLYGON((0 0,1 1,0 0,0 0))", false, false },
	{ "POLYGON((0 0,0 0,0 0,0 0))", false, false },
	{ "POLYGON((0 0,0.1 0.3,0.3 0.9,0 0))", true, false },	/* not on a line, by the last bit */
	{ "POLYGON((0 0,4 4,4 0,0 4,0 0))", false, false },
	{ "POLYGON((0 0,4 0,2 2,4 4,0 4,2 2,0 0))", false, false },	/* a vertex on a vertex */
	{ "POLYGON((0 0,9 0,9 9,4 0,0 9,0 0))", false, false },	/* a vertex on a segment */
	{ "POLYGON((0 0,9 0,9 9,4 5e-324,0 9,0 0))", false, true },
	{ "POLYGON((0 0,9 0,9 9,4 1e-50,0 9,0 0))", true, false },
	{ "POLYGON((0 0,4 0,4 5,4 0,9 0,9 9,0 0))", false, false },	/* a spike */
	{ "POLYGON((0 0,9 0,9 9,9 12,9 9,0 9,0 0))", false, false },
	{ "POLYGON((0 0,4 0,9 0,9 9,0 0))", true, false },	/* straight on is no spike */
	{ "POLYGON((0 0,9 0,4 0,4 9,0 0))", false, false },	/* back is one */
	{ "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,2 1,2 2,1 1))", true, false },
	{ "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,2 1,2 2,1 1),(3 1,4 1,4 2,3 1))", true, false },
	{ "POLYGON((0 0,9 0,9 9,0 9,0 0),(11 1,12 1,12 2,11 1))", false, false },
	{ "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,8 1,8 8,1 8,1 1),(2 2,3 2,3 3,2 2))", false, false },
	{ "POLYGON((0 0,9 0,9 9,0 9,0 0),(0 1,2 1,2 2,0 1))", false, true },
	{ "POLYGON((0 0,9 0,9 1,1 1,1 9,0 9,0 0),(5 5,6 5,6 6,5 5))", false, false },	/* in its box alone */
	{ "POLYGON((1 1,2 1,2 2,1 1),(0 0,9 0,9 9,0 9,0 0))", false, false },
	{ "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,7 1,7 2,2 2,2 7,1 7,1 1),(4 4,5 4,5 5,4 4))", false, true },
	{ "MULTIPOLYGON(((0 0,1 0,0 1,0 0)),((5 0,6 0,5 1,5 0)))", true, false },
	{ "MULTIPOLYGON(((0 0,1 0,0 1,0 0)),((1 0,2 0,2 1,1 0)))", false, true },
	{ "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0)),((1 1,2 1,2 2,1 1)))", false, false },
	{ "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0),(1 1,8 1,8 8,1 8,1 1)),((2 2,3 2,3 3,2 2)))", false, true },
	{ "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0)),((20 0,29 0,29 9,20 0),(1 1,2 1,2 2,1 1)))", false, false },
	{ "POLYGON((0 0,1e71 0,0 1e71,0 0))", false, true },	/* of no earthly size */
};

static void listed_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++) {
		struct geometry *g;

		shapes_reset();
		g = shape(listed[i].in);
		if (small_is_sound(g) != listed[i].sound)
			fail_msg("%s: not %d", listed[i].in, listed[i].sound);
		if (is_valid(g) != (listed[i].sound || listed[i].touches))
			fail_msg("%s: GEOS disagrees", listed[i].in);
	}
}

/* What is not closed, too short, too large or not finite is for others to name. */
static void odd_ones_are_left_to_the_sweep(void **state)
{
	static const double odd[] = { NAN, INFINITY, -INFINITY, 1e-61, -1e-300, 1e71, 5e-324 };
	struct geometry *g;

	(void)state;
	shapes_reset();
	for (size_t k = 0; k < sizeof(odd) / sizeof(odd[0]); k++) {
		g = shape("POLYGON((0 0,9 0,9 9,0 9,0 0))");
		g->coords[3] = odd[k];
		assert_false(small_is_sound(g));
	}
	g = shape("POLYGON((0 0,9 0,9 9,0 9,0 0))");
	g->coords[9] = 1;	/* open */
	assert_false(small_is_sound(g));
	g = shape("POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,2 1,2 2,1 1))");
	g->seq_end[1] = 8;	/* a hole of three positions */
	assert_false(small_is_sound(g));
	g = geometry_new(shapes_arena, GEOM_POLYGON, 2, 0, 0, 1);
	assert_false(small_is_sound(g));
	assert_true(small_is_sound(made_ring(shapes_arena, SMALL_POSITIONS - 1, 0)));
	assert_false(small_is_sound(made_ring(shapes_arena, SMALL_POSITIONS, 0)));
}

/* Heights have no part in it, be they there or not. */
static void heights_do_not_count(void **state)
{
	struct geometry *flat, *high;

	(void)state;
	shapes_reset();
	flat = made_ring(shapes_arena, 20, 0);
	high = geometry_new(shapes_arena, GEOM_POLYGON, 3, flat->positions, 1, 1);
	high->seq_end[0] = flat->seq_end[0];
	high->part_end[0] = 1;
	for (size_t i = 0; i < flat->positions; i++) {
		high->coords[3 * i] = flat->coords[2 * i];
		high->coords[3 * i + 1] = flat->coords[2 * i + 1];
		high->coords[3 * i + 2] = i % 2 == 0 ? NAN : 1e300;
	}
	assert_true(small_is_sound(high));
	high->coords[3] = high->coords[30];	/* a vertex on another */
	high->coords[4] = high->coords[31];
	assert_false(small_is_sound(high));
}

static void print(const struct geometry *g)
{
	for (size_t i = 0; i < g->positions; i++)
		fprintf(stderr, "%.17g %.17g,\n", g->coords[2 * i], g->coords[2 * i + 1]);
}

/* One ring on a small grid, at times moved by the last digit or scaled so that what lines up does so only nearly. */
static struct geometry *random_ring(struct random *r)
{
	static const double scale[] = { 1, 0.1, 1 / 3.0, 1e-7 }, shift[] = { 0, 0.3, -122.41, 51.7 };
	uint32_t n = 3 + random_below(r, 8), grid = 3 + random_below(r, 6), k = random_below(r, 4), m = random_below(r, 4);
	struct geometry *g = geometry_new(shapes_arena, GEOM_POLYGON, 2, n + 1, 1, 1);

	g->seq_end[0] = n + 1;
	g->part_end[0] = 1;
	for (uint32_t i = 0; i <= n; i++)
		for (uint32_t axis = 0; axis < 2; axis++) {
			double *x = &g->coords[2 * i + axis];

			*x = random_below(r, grid) * scale[k] + shift[m];
			if (k > 1 && *x != 0 && random_below(r, 2) == 0)
				*x = nextafter(*x, random_below(r, 2) ? 1e9 : -1e9);
			if (i == n)
				*x = g->coords[axis];
		}
	return g;
}

/* For one ring the fast way finds all that is valid. */
static void one_ring_is_what_geos_says(void **state)
{
	struct random r = { seed };
	uint32_t sound = 0;

	(void)state;
	for (uint32_t i = 0; i < cases; i++) {
		struct geometry *g;
		bool is;

		shapes_reset();
		g = random_ring(&r);
		is = small_is_sound(g);
		sound += is;
		if (is != is_valid(g) && !is_beyond_geos(g)) {
			print(g);
			fail_msg("case %u: %s", i, is ? "GEOS calls it invalid" : "GEOS calls it valid");
		}
	}
	assert_true(sound > cases / 50 && sound < cases);
}

/* For more rings, what it calls sound is valid. */
static void what_is_sound_is_valid(void **state)
{
	struct random r = { seed + 1 };
	uint32_t sound = 0;

	(void)state;
	for (uint32_t i = 0; i < cases; i++) {
		struct geometry *g;

		shapes_reset();
		g = random_shape(&r, shapes_arena);
		if (i % 3 == 0)
			random_distort(&r, g);
		if (!small_is_sound(g))
			continue;
		sound++;
		if (!is_valid(g) && !is_beyond_geos(g)) {
			print(g);
			fail_msg("case %u: GEOS calls it invalid", i);
		}
	}
	assert_true(sound > cases / 50);
}

/* Squares with holes, more than are small; then some rings are moved or change their part. */
static struct geometry *random_squares(struct random *r)
{
	size_t n = 3 + random_below(r, 4);
	struct geometry *g = made_squares(shapes_arena, n, 2, true);

	for (uint32_t moves = random_below(r, 4); moves > 0; moves--) {
		uint32_t ring = random_below(r, (uint32_t)g->seqs), far = random_below(r, 3) == 0 ? 1000 : 100;
		double dx = (random_below(r, far) - far / 2.0) / 101, dy = (random_below(r, far) - far / 2.0) / 103;

		for (size_t i = seq_begin(g, ring); i < g->seq_end[ring]; i++) {
			g->coords[2 * i] += dx;
			g->coords[2 * i + 1] += dy;
		}
	}
	if (random_below(r, 4) == 0)	/* a shell becomes a hole of the part before */
		g->part_end[random_below(r, (uint32_t)g->parts - 1)]++;
	return g;
}

static void rings_apart_are_what_geos_says(void **state)
{
	struct random r = { seed + 2 };
	uint32_t sound = 0, count = cases / 20;

	(void)state;
	for (uint32_t i = 0; i < count; i++) {
		struct err e = ERR_INIT;
		struct geometry *g;
		int suspect;

		shapes_reset();
		g = random_squares(&r);
		suspect = repair_suspect(g, &limits, &e);
		sound += suspect == 0;
		if ((suspect == 0) != is_valid(g)) {
			print(g);
			fail_msg("case %u: suspect %d", i, suspect);
		}
	}
	assert_true(sound > count / 10 && sound < count - count / 10);
}

/* Where all boxes lie in one cell of the grid, or on each other, the arrangement decides as ever. */
static void crowds_are_arranged(void **state)
{
	struct geometry *g;
	struct err e = ERR_INIT;

	(void)state;
	shapes_reset();
	g = made_squares(shapes_arena, 40, 2, true);
	for (size_t i = g->positions - 10; i < g->positions; i++)
		g->coords[2 * i] += 1e9;
	assert_int_equal(repair_suspect(g, &limits, &e), 0);
	g->coords[2 * 5] = g->coords[2 * 9] = -0.5;	/* a hole's corner out of its shell */
	assert_int_equal(repair_suspect(g, &limits, &e), 1);
}

static int set_up(void **state)
{
	(void)state;
	return (geos = GEOS_init_r()) == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	GEOS_finish_r(geos);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listed_cases),
		cmocka_unit_test(odd_ones_are_left_to_the_sweep),
		cmocka_unit_test(heights_do_not_count),
		cmocka_unit_test(one_ring_is_what_geos_says),
		cmocka_unit_test(what_is_sound_is_valid),
		cmocka_unit_test(rings_apart_are_what_geos_says),
		cmocka_unit_test(crowds_are_arranged),
	};

	if (argc > 1)
		cases = (uint32_t)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
