/* condense: the smaller geometry is valid exactly if the large one is, whatever is wrong with that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/oracle/geos_shapes.h"
#include "tests/oracle/made_shapes.h"
#include "workers/pipeline/topology/condense.h"

static struct arena *arena;
static GEOSContextHandle_t geos;

static bool valid(const struct geometry *g)
{
	GEOSGeometry *in = to_geos(geos, g);
	bool yes = GEOSisValid_r(geos, in) == 1;

	GEOSGeom_destroy_r(geos, in);
	return yes;
}

/* A wavy ring around (x, y), closed, counterclockwise or not; `rough` shakes each corner. */
static void put_ring(struct geometry *g, size_t *at, double x, double y, double radius, size_t n,
    double rough, struct random *r)
{
	size_t begin = *at;

	for (size_t i = 0; i < n; i++) {
		double t = (double)i * 6.283185307179586 / (double)n;
		double d = radius * (1 + 0.2 * sin(5 * t) + rough * (random_below(r, 2001) / 1000.0 - 1));

		made_corner(g, at, x + d * cos(t), y + d * sin(t));
	}
	made_corner(g, at, g->coords[2 * begin], g->coords[2 * begin + 1]);
}

/* Two parts beside each other, each with two holes. */
static struct geometry *two_parts(size_t n, double rough, struct random *r)
{
	struct geometry *g = geometry_new(arena, GEOM_MULTIPOLYGON, 2, 6 * (n + 1), 6, 2);
	size_t at = 0;

	for (size_t s = 0; s < 6; s++) {
		double x = s < 3 ? 0 : 2.6, dx = s % 3 == 0 ? 0 : s % 3 == 1 ? -0.3 : 0.3;

		put_ring(g, &at, x + dx, 0, s % 3 == 0 ? 1 : 0.2, n, rough, r);
		g->seq_end[s] = (uint32_t)at;
	}
	g->part_end[0] = 3;
	g->part_end[1] = 6;
	return g;
}

/* Spoils a geometry in one of the ways that documents are spoilt. */
static void spoil(struct geometry *g, struct random *r)
{
	size_t seq = random_below(r, (unsigned)g->seqs), begin = seq_begin(g, seq), end = g->seq_end[seq];
	size_t i = begin + 1 + random_below(r, (unsigned)(end - begin - 2));
	double *p = g->coords + 2 * i, *q = g->coords + 2 * random_below(r, (unsigned)g->positions), t;

	switch (random_below(r, 6)) {
	case 0:		/* somewhere else */
		p[0] = q[0];
		p[1] = q[1];
		break;
	case 1:		/* a little off */
		p[0] += (random_below(r, 2001) / 1000.0 - 1) * 0.03;
		p[1] += (random_below(r, 2001) / 1000.0 - 1) * 0.03;
		break;
	case 2:		/* with its neighbour */
		for (unsigned k = 0; k < 2 && i + 1 < end - 1; k++) {
			t = p[k];
			p[k] = p[k + 2];
			p[k + 2] = t;
		}
		break;
	case 3:		/* a spike */
		if (i + 2 < end - 1) {
			p[4] = p[0];
			p[5] = p[1];
		}
		break;
	case 4:		/* rounded, all of it */
		for (size_t k = 0; k < 2 * g->positions; k++)
			g->coords[k] = round(g->coords[k] * 100) / 100;
		break;
	default:	/* a ring shifted whole: a hole outside of its shell, a part across another */
		t = random_below(r, 3001) / 1000.0;
		for (size_t k = begin; k < end; k++)
			g->coords[2 * k] += t;
	}
}

static void verdicts_are_the_same(void **state)
{
	struct random r = { 11 };
	size_t sound = 0, broken = 0, positions = 0, fewer = 0;

	(void)state;
	for (int i = 0; i < 1500; i++) {
		size_t n = 40 + random_below(&r, 400);
		struct geometry *g = two_parts(n, i % 3 == 0 ? 0 : 0.5 / (double)n, &r);
		const struct geometry *small;
		bool whole;

		for (unsigned k = random_below(&r, 3); k > 0; k--)
			spoil(g, &r);
		if ((small = condense(g, arena)) != NULL) {
			positions += g->positions;
			fewer += small->positions;
			whole = valid(g);
			sound += whole;
			broken += !whole;
			if (valid(small) != whole)
				fail_msg("case %d: %zu positions %svalid, %zu are not", i, g->positions,
				    whole ? "" : "in", small->positions);
		}
		arena_reset(arena, (size_t)16 << 20);
	}
	assert_true(sound > 300 && broken > 300);
	assert_true(fewer < positions / 2);
}

/* What no run's box is met by shrinks to less than a quarter; a fault stays as it is. */
static void what_nothing_comes_near_is_drawn_straight(void **state)
{
	const struct geometry *sound = condense(made_ring(arena, 100000, 0), arena);
	const struct geometry *broken = condense(made_ring(arena, 100000, 20), arena);

	(void)state;
	assert_non_null(sound);
	assert_non_null(broken);
	assert_true(sound->positions < 25000);
	assert_true(broken->positions < 25000);
	assert_true(valid(sound));
	assert_false(valid(broken));
	arena_reset(arena, 0);
}

static void some_cannot_be_made_smaller(void **state)
{
	struct random r = { 3 };
	struct geometry *g;

	(void)state;
	assert_null(condense(made_squares(arena, 10, 2, true), arena));	/* short rings */
	assert_null(condense(made_comb(arena, 1000, 1000), arena));	/* all boxes meet */
	g = two_parts(200, 0, &r);
	g->coords[77] = NAN;
	assert_null(condense(g, arena));
	g = two_parts(200, 0, &r);
	g->coords[78] = 1e80;
	assert_null(condense(g, arena));
	g = two_parts(200, 0, &r);
	g->coords[0] += 1e-9;			/* not closed */
	assert_null(condense(g, arena));
	arena_reset(arena, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_are_the_same),
		cmocka_unit_test(what_nothing_comes_near_is_drawn_straight),
		cmocka_unit_test(some_cannot_be_made_smaller),
	};
	int failed;

	arena = arena_new((size_t)1 << 30);
	geos = GEOS_init_r();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	GEOS_finish_r(geos);
	arena_free(&arena);
	return failed;
}
