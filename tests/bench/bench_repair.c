/*
 * bench_repair - repair/ beside GEOS, on a file of polygons or on large made ones.
 *
 * usage: bench_repair FILE|made [alone]       alone: without GEOS's make_valid
 *
 * In:  lines of WKB in hex (tests/bench/geojson_wkb.py makes them of GeoJSON).
 * Out: seconds for GEOSisValid, the sweep, the repair, and GEOS's make_valid (structure), the
 *      last two on the invalid geometries only; how many are invalid, suspect, mended; and how
 *      far the areas lie apart. Depends on GEOS.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "schema/reject.h"
#include "tests/oracle/geos_shapes.h"
#include "tests/oracle/made_shapes.h"
#include "workers/pipeline/repair/repair.h"
#include "workers/pipeline/topology/condense.h"

struct bench {
	GEOSContextHandle_t geos;
	struct arena *arena;
	struct repair_limits limits;
	double valid_s, suspect_s, repair_s, invalid_s, recheck_s, confirm_s, geos_s;
	size_t read, invalid, suspect, missed, mended, empty, failed, result_invalid, result_suspect, disagree;
	size_t area_differs, positions, mended_positions, condensed_positions;
	uint64_t passes;
	bool with_geos;
	double worst_area;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);	/* what others do does not count */
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What the pipeline asks GEOS of a repair: fewer positions where that decides it. */
static void confirm(struct bench *b, const struct geometry *mended, bool valid)
{
	double begin = now();
	const struct geometry *small = condense(mended, b->arena);
	GEOSGeometry *asked = to_geos(b->geos, small != NULL ? small : mended);

	b->disagree += (GEOSisValid_r(b->geos, asked) == 1) != valid;
	b->confirm_s += now() - begin;
	b->mended_positions += mended->positions;
	b->condensed_positions += small != NULL ? small->positions : mended->positions;
	GEOSGeom_destroy_r(b->geos, asked);
}

static void compare(struct bench *b, const GEOSGeometry *in, const struct geometry *mended)
{
	double area = geometry_area(mended), theirs, off, begin;
	bool valid;
	GEOSGeometry *back = to_geos(b->geos, mended);
	struct err e = ERR_INIT;

	begin = now();
	theirs = geos_structure_area(b->geos, in);
	b->geos_s += now() - begin;
	begin = now();
	valid = GEOSisValid_r(b->geos, back) == 1;
	b->recheck_s += now() - begin;
	if (!valid) {
		b->result_invalid++;
		printf("line %zu: the result is invalid: %s\n", b->read, GEOSisValidReason_r(b->geos, back));
	}
	confirm(b, mended, valid);
	b->result_suspect += repair_suspect(mended, &b->limits, &e) != 0;
	GEOSGeom_destroy_r(b->geos, back);
	off = fabs(area - theirs) / fmax(area, theirs);
	if (!(off <= 1e-9)) {
		b->area_differs++;
		printf("line %zu: area %.17g, GEOS %.17g\n", b->read, area, theirs);
	} else if (off > b->worst_area) {
		b->worst_area = off;
	}
}

static void run_one(struct bench *b, const struct geometry *g, const GEOSGeometry *in)
{
	struct geometry *mended;
	struct repair_stats stats;
	struct err e = ERR_INIT;
	double t[3];
	bool valid;
	int suspect;

	b->read++;
	b->positions += g->positions;
	t[0] = now();
	valid = GEOSisValid_r(b->geos, in) == 1;
	t[1] = now();
	suspect = repair_suspect(g, &b->limits, &e);
	t[2] = now();
	b->valid_s += t[1] - t[0];
	b->suspect_s += t[2] - t[1];
	b->suspect += suspect != 0;
	if (!valid && suspect == 0) {
		b->missed++;
		printf("line %zu: called sound: %s\n", b->read, GEOSisValidReason_r(b->geos, in));
	}
	if (valid)
		return;
	b->invalid++;
	b->invalid_s += t[1] - t[0];
	t[0] = now();
	mended = repair_areal(g, b->arena, &b->limits, &stats, &e);
	b->repair_s += now() - t[0];
	b->passes = stats.passes > b->passes ? stats.passes : b->passes;
	if (mended == NULL && e.code == R_REPAIR_EMPTY) {
		b->empty++;
		b->area_differs += b->with_geos && geos_structure_area(b->geos, in) > 0;
	} else if (mended == NULL) {
		b->failed++;
		printf("line %zu: not mended: %s\n", b->read, e.text);
	} else {
		b->mended++;
		if (b->with_geos)
			compare(b, in, mended);
	}
}

static void report(const struct bench *b)
{
	printf("read %zu (%zu positions), invalid %zu, suspect %zu, invalid but called sound %zu\n",
	    b->read, b->positions, b->invalid, b->suspect, b->missed);
	printf("mended %zu, empty %zu, failed %zu, most passes %llu; results invalid %zu, suspect %zu\n",
	    b->mended, b->empty, b->failed, (unsigned long long)b->passes, b->result_invalid, b->result_suspect);
	printf("area off by more than 1e-9: %zu; worst of the others %.2g\n", b->area_differs, b->worst_area);
	printf("all:     GEOSisValid %.3f s, repair_suspect %.3f s\n", b->valid_s, b->suspect_s);
	printf("invalid: GEOSisValid %.3f s, repair_areal %.3f s, GEOS structure %.3f s (%.1fx)\n", b->invalid_s,
	    b->repair_s, b->geos_s, b->repair_s > 0 ? b->geos_s / b->repair_s : 0);
	printf("results: GEOSisValid %.3f s of %zu positions, %.3f s condensed to %zu, verdict differs %zu\n",
	    b->recheck_s, b->mended_positions, b->confirm_s, b->condensed_positions, b->disagree);
	if (b->invalid_s > 0)
		printf("repair and confirmation: %.2f times GEOSisValid of all\n",
		    (b->suspect_s + b->repair_s + b->confirm_s) / b->valid_s);
}

static void run_file(struct bench *b, FILE *f)
{
	GEOSWKBReader *reader = GEOSWKBReader_create_r(b->geos);
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, f)) > 0) {
		GEOSGeometry *in = GEOSWKBReader_readHEX_r(b->geos, reader, (unsigned char *)line,
		    (size_t)n - (line[n - 1] == '\n'));
		struct geometry *g = in != NULL ? from_geos(b->geos, in, b->arena) : NULL;

		if (g != NULL)
			run_one(b, g, in);
		GEOSGeom_destroy_r(b->geos, in);
		arena_reset(b->arena, (size_t)1 << 24);
	}
	report(b);
	free(line);
	GEOSWKBReader_destroy_r(b->geos, reader);
}

static void run_made(struct bench *all, const char *name, const struct geometry *g)
{
	struct bench b = { .geos = all->geos, .arena = all->arena, .limits = all->limits,
	    .with_geos = all->with_geos };
	GEOSGeometry *in = to_geos(b.geos, g);

	printf("\n%s\n", name);
	run_one(&b, g, in);
	report(&b);
	GEOSGeom_destroy_r(b.geos, in);
	arena_reset(b.arena, 0);
	fflush(stdout);
}

static void run_all_made(struct bench *b)
{
	struct arena *a = b->arena;

	run_made(b, "ring of 1,000,000 corners, 100 faults", made_ring(a, 1000000, 100));
	run_made(b, "ring of 1,000,000 corners, sound", made_ring(a, 1000000, 0));
	run_made(b, "10,000 squares with holes, one bow-tie", made_bow_tie(made_squares(a, 100, 2, true)));
	run_made(b, "10,000 squares with holes, sound", made_squares(a, 100, 2, true));
	run_made(b, "200 x 200 adjacent squares", made_squares(a, 200, 1, false));
	run_made(b, "scribble of 500 segments", made_scribble(a, 500));
	run_made(b, "scribble of 2,000 segments", made_scribble(a, 2000));
	run_made(b, "comb of 3,000 slanted teeth", made_comb(a, 3000, 1000));
	b->with_geos = false;
	run_made(b, "comb of 12,000 slanted teeth", made_comb(a, 12000, 1000));
	run_made(b, "scribble of 5,000 segments", made_scribble(a, 5000));
}

int main(int argc, char **argv)
{
	struct bench b = { .limits = REPAIR_LIMITS_INIT };
	bool made = argc > 1 && strcmp(argv[1], "made") == 0;
	FILE *f = made ? NULL : argc > 1 ? fopen(argv[1], "r") : stdin;

	if (f == NULL && !made) {
		perror(argv[1]);
		return 2;
	}
	b.with_geos = argc < 3 || strcmp(argv[2], "alone") != 0;
	b.geos = GEOS_init_r();
	b.arena = arena_new((size_t)1 << 32);
	if (made) {
		run_all_made(&b);
	} else {
		run_file(&b, f);
		fclose(f);
	}
	arena_free(&b.arena);
	GEOS_finish_r(b.geos);
	return b.missed || b.failed || b.result_invalid || b.area_differs || b.disagree;
}
