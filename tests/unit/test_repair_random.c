/*
 * repair: laws that hold for any input, tried on random ones.
 *
 * The result is valid; repairing it again changes nothing and finds nothing; what the sweep calls
 * sound is valid; sound parts stay as they are; and the area is what rational arithmetic gives.
 * usage: test_repair_random [CASES [SEED]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "schema/reject.h"
#include "tests/oracle/geos_shapes.h"
#include "tests/oracle/random_shapes.h"
#include "workers/pipeline/repair/repair.h"

static uint32_t cases = 1000;
static uint64_t seed = 20240601;

static const struct repair_limits limits = REPAIR_LIMITS_INIT;

struct fixture {
	GEOSContextHandle_t geos;
	struct arena *arena;
};

static int set_up(void **state)
{
	static struct fixture f;

	f.geos = GEOS_init_r();
	f.arena = arena_new((size_t)1 << 30);
	*state = &f;
	return f.geos == NULL || f.arena == NULL;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	GEOS_finish_r(f->geos);
	arena_free(&f->arena);
	return 0;
}

static void print_shape(FILE *to, const struct geometry *g)
{
	fputc('[', to);
	for (size_t p = 0; p < g->parts; p++) {
		fputs(p > 0 ? ",[" : "[", to);
		for (size_t s = part_begin(g, p); s < g->part_end[p]; s++) {
			fputs(s > part_begin(g, p) ? ",[" : "[", to);
			for (size_t i = seq_begin(g, s); i < g->seq_end[s]; i++)
				fprintf(to, "%s[%.17g,%.17g]", i > seq_begin(g, s) ? "," : "",
				    g->coords[i * g->stride], g->coords[i * g->stride + 1]);
			fputc(']', to);
		}
		fputc(']', to);
	}
	fputs("]\n", to);
}

static void expect(bool holds, const char *law, uint32_t number, const struct geometry *g)
{
	if (holds)
		return;
	fprintf(stderr, "case %u: %s\n", number, law);
	print_shape(stderr, g);
	fail();
}

static bool is_valid(struct fixture *f, const struct geometry *g)
{
	GEOSGeometry *geos = to_geos(f->geos, g);
	bool valid = GEOSisValid_r(f->geos, geos) == 1;

	GEOSGeom_destroy_r(f->geos, geos);
	return valid;
}

static void shells_run_left(uint32_t number, const struct geometry *in, const struct geometry *g)
{
	for (size_t p = 0; p < g->parts; p++)
		for (size_t s = part_begin(g, p); s < g->part_end[p]; s++) {
			double area = geometry_ring_area(g, seq_begin(g, s), g->seq_end[s]);

			if (fabs(area) > 1e-15)		/* a sliver's sign is not for doubles to say */
				expect((area > 0) == (s == part_begin(g, p)), "a ring runs the wrong way",
				    number, in);
		}
}

/* The sweep and the repair in one go say what they say apart; and what crosses is invalid by GEOS. */
static void in_one_go(struct fixture *f, uint32_t number, const struct geometry *g, int suspect,
    const struct geometry *mended, bool valid)
{
	struct err e = ERR_INIT;
	struct repair *r;
	struct geometry *out;
	int rc = repair_open(&r, g, &limits, &e);

	expect(rc == suspect && (rc == 1) == (r != NULL), "opened, the verdict is another", number, g);
	if (r == NULL)
		return;
	expect(!valid || !repair_crosses(r), "it crosses, and is valid", number, g);
	out = repair_finish(&r, f->arena, NULL, &e);
	expect(r == NULL, "not closed", number, g);
	expect(mended != NULL ? out != NULL && geometry_equal(out, mended)
	    : out == NULL && e.code == R_REPAIR_EMPTY, "finished, the result is another", number, g);
}

static void results_are_valid_and_final(void **state)
{
	struct fixture *f = *state;
	struct random r = { seed };
	uint32_t doubted = 0, valid_count = 0;

	for (uint32_t i = 0; i < 20 * cases; i++) {
		struct geometry *g = random_shape(&r, f->arena), *once, *twice;
		struct err e = ERR_INIT;
		bool distorted = i % 2 == 1, valid;
		int suspect;

		if (distorted)
			random_distort(&r, g);
		valid = is_valid(f, g);
		suspect = repair_suspect(g, &limits, &e);
		expect(suspect >= 0, "no verdict", i, g);
		expect(valid || suspect == 1, "an invalid geometry was called sound", i, g);
		valid_count += valid;
		doubted += valid && suspect && !distorted;
		once = repair_areal(g, f->arena, &limits, NULL, &e);
		expect(once != NULL || e.code == R_REPAIR_EMPTY, e.text, i, g);
		in_one_go(f, i, g, suspect, once, valid);
		if (once != NULL) {
			expect(is_valid(f, once), "the result is invalid", i, g);
			if (!distorted)
				shells_run_left(i, g, once);
			expect(repair_suspect(once, &limits, &e) == 0, "the result is suspect", i, g);
			twice = repair_areal(once, f->arena, &limits, NULL, &e);
			expect(twice != NULL && geometry_equal(once, twice), "not final", i, g);
		}
		arena_reset(f->arena, (size_t)1 << 20);
	}
	print_message("%u cases, %u valid, %u of them suspected\n", 20 * cases, valid_count, doubted);
	assert_int_equal(doubted, 0);
}

/* Shapes side by side as one MultiPolygon; the height tells each position. */
static struct geometry *side_by_side(struct geometry **shapes, size_t n, struct arena *a)
{
	size_t at[3] = { 0, 0, 0 };
	struct geometry *g;

	for (size_t i = 0; i < n; i++) {
		at[0] += shapes[i]->positions;
		at[1] += shapes[i]->seqs;
		at[2] += shapes[i]->parts;
	}
	g = geometry_new(a, GEOM_MULTIPOLYGON, 3, at[0], at[1], at[2]);
	at[0] = at[1] = at[2] = 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t p = 0; p < shapes[i]->parts; p++)
			g->part_end[at[2] + p] = (uint32_t)at[1] + shapes[i]->part_end[p];
		for (size_t s = 0; s < shapes[i]->seqs; s++)
			g->seq_end[at[1] + s] = (uint32_t)at[0] + shapes[i]->seq_end[s];
		for (size_t k = 0; k < shapes[i]->positions; k++) {
			double *to = g->coords + (at[0] + k) * 3;

			to[0] = shapes[i]->coords[2 * k] += (double)i * 1e5;
			to[1] = shapes[i]->coords[2 * k + 1];
			to[2] = (double)(at[0] + k);
		}
		at[0] += shapes[i]->positions;
		at[1] += shapes[i]->seqs;
		at[2] += shapes[i]->parts;
	}
	return g;
}

/* Positions [begin, begin + n) of g, forwards or backwards, as a ring of `in`? */
static bool has_ring(const struct geometry *in, const struct geometry *g, size_t begin, size_t n)
{
	size_t bytes = g->stride * sizeof(double);

	for (size_t s = 0; s < in->seqs; s++) {
		size_t first = seq_begin(in, s), same[2] = { 0, 0 };

		if (in->seq_end[s] - first != n)
			continue;
		for (size_t i = 0; i < n; i++) {
			const double *p = g->coords + (begin + i) * g->stride;

			same[0] += memcmp(p, in->coords + (first + i) * in->stride, bytes) == 0;
			same[1] += memcmp(p, in->coords + (first + n - 1 - i) * in->stride, bytes) == 0;
		}
		if (same[0] == n || same[1] == n)
			return true;
	}
	return false;
}

static void sound_parts_stay_bit_for_bit(void **state)
{
	struct fixture *f = *state;
	struct random r = { seed + 2 };
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cases; i++) {
		struct geometry *shapes[4], *g, *out;
		size_t at = 0;
		struct err e = ERR_INIT;

		for (size_t k = 0; k < 4; k++)
			shapes[k] = random_shape(&r, f->arena);
		g = side_by_side(shapes, 4, f->arena);
		out = repair_areal(g, f->arena, &limits, NULL, &e);
		for (size_t k = 0; k < 4; at += shapes[k++]->positions) {
			if (repair_suspect(shapes[k], &limits, &e) != 0)
				continue;
			for (size_t s = 0; s < shapes[k]->seqs; s++) {
				size_t begin = seq_begin(shapes[k], s);

				expect(out != NULL && has_ring(out, g, at + begin,
				    shapes[k]->seq_end[s] - begin), "a sound ring was touched", i, g);
			}
			kept++;
		}
		arena_reset(f->arena, (size_t)1 << 20);
	}
	assert_true(kept > cases / 4);
}

/* A billionth of it, and what moving every corner of g by some last digits may do to it. */
static double area_slack(const struct geometry *g, double exact)
{
	double largest = 0, length = 0;

	for (size_t i = 0; i < g->positions; i++) {
		const double *p = g->coords + i * g->stride;

		largest = fmax(largest, fmax(fabs(p[0]), fabs(p[1])));
		if (i > 0)
			length += hypot(p[0] - p[-2], p[1] - p[-1]);
	}
	return 1e-9 * exact + ldexp(largest, -51) * length;
}

static void areas_are_exact(void **state)
{
	struct fixture *f = *state;
	struct random r = { seed + 1 };
	char path[] = "/tmp/gs-repair-XXXXXX", command[128];
	double *ours = calloc(cases, sizeof(*ours)), exact;
	FILE *shapes = fdopen(mkstemp(path), "w"), *oracle;

	assert_non_null(ours);
	assert_non_null(shapes);
	for (uint32_t i = 0; i < cases; i++) {
		struct geometry *g = random_shape(&r, f->arena), *out;
		struct err e = ERR_INIT;

		print_shape(shapes, g);
		out = repair_areal(g, f->arena, &limits, NULL, &e);
		ours[i] = out != NULL ? geometry_area(out) : 0;
		arena_reset(f->arena, (size_t)1 << 20);
	}
	fclose(shapes);
	snprintf(command, sizeof(command), "python3 tests/oracle/structure_area.py < %s", path);
	oracle = popen(command, "r");
	assert_non_null(oracle);
	r.state = seed + 1;
	for (uint32_t i = 0; i < cases; i++) {
		struct geometry *g = random_shape(&r, f->arena);

		assert_int_equal(fscanf(oracle, "%lf", &exact), 1);
		if (fabs(ours[i] - exact) > area_slack(g, exact))
			fprintf(stderr, "area %.17g, exactly %.17g\n", ours[i], exact);
		expect(fabs(ours[i] - exact) <= area_slack(g, exact), "wrong area", i, g);
		arena_reset(f->arena, (size_t)1 << 20);
	}
	assert_int_equal(pclose(oracle), 0);
	unlink(path);
	free(ours);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_are_valid_and_final),
		cmocka_unit_test(sound_parts_stay_bit_for_bit),
		cmocka_unit_test(areas_are_exact),
	};

	if (argc > 1)
		cases = (uint32_t)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
