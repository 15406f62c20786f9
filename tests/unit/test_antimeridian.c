/* antimeridian: what crosses, and what it is cut into. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/clock.h"
#include "tests/unit/shapes.h"
#include "workers/pipeline/antimeridian.h"

#define C "/geometry/coordinates"

static const struct {
	const char *in, *out, *findings;
} cases[] = {
	/* Nothing crosses. */
	{ "MULTIPOINT(179 1,-179 1)", "MULTIPOINT(179 1,-179 1)", "" },
	{ "LINESTRING(-90 0,90 1)", "LINESTRING(-90 0,90 1)", "" },
	{ "LINESTRING(-180 0,180 0)", "LINESTRING(-180 0,180 0)", "" },
	{ "POLYGON((-180 40,180 40,180 50,-180 50,-180 40))",
	    "POLYGON((-180 40,180 40,180 50,-180 50,-180 40))", "" },
	{ "MULTIPOLYGON(((170 0,180 0,180 1,170 0)),((-180 0,-170 0,-180 1,-180 0)))",
	    "MULTIPOLYGON(((170 0,180 0,180 1,170 0)),((-180 0,-170 0,-180 1,-180 0)))", "" },
	{ "GEOMETRYCOLLECTION(POINT(179 1),POINT(-179 1))",
	    "GEOMETRYCOLLECTION(POINT(179 1),POINT(-179 1))", "" },

	/* Lines: RFC 7946 3.1.9's own example, more than one crossing, heights, along it. */
	{ "LINESTRING(170 45,-170 45)", "MULTILINESTRING((170 45,180 45),(-180 45,-170 45))",
	    "ANTIMERIDIAN@" C "/1" },
	{ "LINESTRING(170 0,-170 20,170 40)",
	    "MULTILINESTRING((170 0,180 10),(-180 10,-170 20,-180 30),(180 30,170 40))",
	    "ANTIMERIDIAN@" C "/1" },
	{ "LINESTRING(170 0 10,-170 20 30)", "MULTILINESTRING((170 0 10,180 10 20),(-180 10 20,-170 20 30))",
	    "ANTIMERIDIAN@" C "/1" },
	{ "LINESTRING(170 0,190 20)", "MULTILINESTRING((170 0,180 10),(-180 10,-170 20))",
	    "ANTIMERIDIAN@" C "/1" },
	{ "MULTILINESTRING((1 1,2 2),(170 0,-170 20))",
	    "MULTILINESTRING((1 1,2 2),(170 0,180 10),(-180 10,-170 20))", "ANTIMERIDIAN@" C "/1/1" },
	{ "LINESTRING(170 0,-180 0,-180 5,-170 5)",
	    "MULTILINESTRING((170 0,180 0,180 5),(-180 5,-170 5))", "ANTIMERIDIAN@" C "/1" },
	/* Touches it from the west, under the other sign: no cut, the sign is set right. */
	{ "LINESTRING(170 0,-180 5,170 10)", "LINESTRING(170 0,180 5,170 10)", "ANTIMERIDIAN@" C "/1" },

	/* From 180 to -180 between either side of the line is no way at all. */
	{ "LINESTRING(170 0,180 5,-180 5,-170 0)", "MULTILINESTRING((170 0,180 5),(-180 5,-170 0))",
	    "ANTIMERIDIAN@" C "/2" },
	{ "LINESTRING(180 5,-180 5,-170 0)", "LINESTRING(-180 5,-170 0)", "ANTIMERIDIAN@" C "/1" },
	/* A whole parallel is one where nothing says otherwise. */
	{ "LINESTRING(-180 5,180 5)", "LINESTRING(-180 5,180 5)", "" },
	{ "LINESTRING(-180 6,-180 5,180 5,180 6)", "LINESTRING(-180 6,-180 5,180 5,180 6)", "" },

	/* Polygons. */
	{ "POLYGON((170 0,180 0,-180 0,-170 0,-170 9,-180 9,180 9,170 9,170 0))",
	    "MULTIPOLYGON(((-180 0,-170 0,-170 9,-180 9,-180 0)),((180 9,170 9,170 0,180 0,180 9)))",
	    "ANTIMERIDIAN@" C "/0/2" },
	{ "POLYGON((170 0,180 0,180 0,-180 0,-170 0,-170 9,170 9,170 0))",
	    "MULTIPOLYGON(((-180 0,-170 0,-170 9,-180 9,-180 0)),((180 9,170 9,170 0,180 0,180 9)))",
	    "ANTIMERIDIAN@" C "/0/3" },
	{ "POLYGON((180 0,-180 0,-170 0,-170 9,170 9,170 0,180 0))",
	    "MULTIPOLYGON(((-180 0,-170 0,-170 9,-180 9,-180 0)),((180 9,170 9,170 0,180 0,180 9)))",
	    "ANTIMERIDIAN@" C "/0/1" },
	{ "POLYGON((-180 0,180 0,180 9,-180 9,-180 0))", "POLYGON((-180 0,180 0,180 9,-180 9,-180 0))", "" },
	{ "POLYGON((170 40,-170 40,-170 50,170 50,170 40))",
	    "MULTIPOLYGON(((-180 40,-170 40,-170 50,-180 50,-180 40)),"
	    "((180 50,170 50,170 40,180 40,180 50)))", "ANTIMERIDIAN@" C "/0/1" },
	/* The wrong way round: cut to the same, and noted. */
	{ "POLYGON((170 40,170 50,-170 50,-170 40,170 40))",
	    "MULTIPOLYGON(((-180 40,-170 40,-170 50,-180 50,-180 40)),"
	    "((180 50,170 50,170 40,180 40,180 50)))",
	    "ANTIMERIDIAN@" C "/0/2 WINDING@" C "/0/2" },
	{ "POLYGON((170 40,190 40,190 50,170 50,170 40))",
	    "MULTIPOLYGON(((-180 40,-170 40,-170 50,-180 50,-180 40)),"
	    "((180 50,170 50,170 40,180 40,180 50)))", "ANTIMERIDIAN@" C "/0/1" },
	/* A hole across it opens both pieces; one on one side stays a hole of its piece. */
	{ "POLYGON((160 0,-160 0,-160 9,160 9,160 0),(175 3,175 6,-175 6,-175 3,175 3),"
	    "(165 3,165 6,170 6,165 3),(-170 3,-170 6,-165 6,-170 3))",
	    "MULTIPOLYGON(((-180 0,-160 0,-160 9,-180 9,-180 6,-175 6,-175 3,-180 3,-180 0),"
	    "(-170 3,-170 6,-165 6,-170 3)),"
	    "((180 9,160 9,160 0,180 0,180 3,175 3,175 6,180 6,180 9),(165 3,165 6,170 6,165 3)))",
	    "ANTIMERIDIAN@" C "/0/1" },
	/* Parts that do not cross stay as they are. */
	{ "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((170 40,-170 40,-170 50,170 50,170 40)))",
	    "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((-180 40,-170 40,-170 50,-180 50,-180 40)),"
	    "((180 50,170 50,170 40,180 40,180 50)))", "ANTIMERIDIAN@" C "/1/0/1" },
	/* A vertex a hair's breadth off the line is on it. */
	{ "POLYGON((-170 0,-170 9,179.99999999999997 5,-170 0))",
	    "POLYGON((-170 0,-170 9,-180 5,-170 0))", "ANTIMERIDIAN@" C "/0/2" },

	/* Round a pole: what lies on the ring's left. */
	{ "POLYGON((0 60,90 60,180 60,-90 60,0 60))",
	    "POLYGON((-180 60,-90 60,0 60,90 60,180 60,180 90,-180 90,-180 60))",
	    "ANTIMERIDIAN@" C "/0/3" },
	{ "POLYGON((0 -80,-90 -80,180 -80,90 -80,0 -80))",
	    "POLYGON((180 -80,90 -80,0 -80,-90 -80,-180 -80,-180 -90,180 -90,180 -80))",
	    "ANTIMERIDIAN@" C "/0/2" },
	/* A band round the pole is a ring with a hole round it. */
	{ "POLYGON((0 60,90 60,179 60,-90 60,0 60),(0 80,-90 80,179 80,90 80,0 80))",
	    "POLYGON((-180 60,-90 60,0 60,90 60,179 60,180 60,180 80,179 80,90 80,0 80,-90 80,-180 80,"
	    "-180 60))", "ANTIMERIDIAN@" C "/0/3" },
	/* A hole that crosses beside a pole. */
	{ "POLYGON((0 40,90 40,179 40,-90 40,0 40),(170 60,170 70,-170 70,-170 60,170 60))",
	    "POLYGON((-180 40,-90 40,0 40,90 40,179 40,180 40,180 60,170 60,170 70,180 70,180 90,-180 90,"
	    "-180 70,-170 70,-170 60,-180 60,-180 40))", "ANTIMERIDIAN@" C "/0/3" },
	{ "GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(170 45,-170 45))",
	    "GEOMETRYCOLLECTION(POINT(1 1),MULTILINESTRING((170 45,180 45),(-180 45,-170 45)))",
	    "ANTIMERIDIAN@/geometry/geometries/1/coordinates/1" },
};

static void what_crosses_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool crosses = cases[i].findings[0] != '\0';
		struct feature *f;

		shapes_reset();
		f = shape_feature(cases[i].in);
		assert_int_equal(antimeridian_cut(f), 0);
		assert_string_equal(shape_text(f->geometry), cases[i].out);
		assert_string_equal(shape_findings(f), cases[i].findings);
		assert_int_equal(f->geometry_changed, crosses);
		assert_int_equal(f->original != NULL, crosses);
		if (crosses)
			assert_true(geometry_equal(f->original, shape(cases[i].in)));
		assert_false(f->repaired);
	}
}

static void what_is_cut_needs_no_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct feature *f;

		shapes_reset();
		f = shape_feature(cases[i].out);
		assert_int_equal(antimeridian_cut(f), 0);
		assert_int_equal(f->finding_count, 0);
	}
}

static double draw(uint32_t *seed, double low, double high)
{
	*seed = *seed * 1664525 + 1013904223;
	return low + (*seed >> 8) / 16777216.0 * (high - low);
}

/* Rings without sense too: nothing lies outside, nothing is left to cut, rings are rings. */
static void whatever_goes_in_lies_within_180(void **state)
{
	uint32_t seed = 11;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		static const enum geometry_type types[] = { GEOM_POLYGON, GEOM_MULTIPOLYGON,
			GEOM_LINESTRING, GEOM_MULTILINESTRING };
		enum geometry_type type = types[round % 4];
		size_t rings = type == GEOM_LINESTRING ? 1 : 1 + (size_t)round / 4 % 3;
		size_t n = 4 + (size_t)round % 7, parts = type == GEOM_MULTIPOLYGON ? rings : 1;
		double reach = round % 5 == 0 ? 360 : 180;
		struct feature *f;
		struct geometry *g;
		struct extent e;

		shapes_reset();
		f = shape_feature(NULL);
		g = geometry_new(shapes_arena, type, 2, rings * n, rings, parts);
		for (size_t i = 0; i < g->positions; i++) {
			double x = draw(&seed, -reach, reach);

			/* Half of them on round numbers, so that many lie on the line. */
			g->coords[2 * i] = round % 2 ? x : 60 * (int)(x / 60);
			g->coords[2 * i + 1] = (int)draw(&seed, -9, 9) * 10;
		}
		for (size_t r = 0; r < rings; r++) {
			if (geometry_is_areal(g))
				memcpy(g->coords + 2 * ((r + 1) * n - 1), g->coords + 2 * r * n,
				    2 * sizeof(double));
			g->seq_end[r] = (uint32_t)((r + 1) * n);
			g->part_end[parts > 1 ? r : 0] = (uint32_t)r + 1;
		}
		f->geometry = g;
		assert_int_equal(antimeridian_cut(f), 0);
		if (f->finding_count == 0)
			continue;
		g = f->geometry;
		e = extent_of(g);
		assert_true(g->positions == 0 || (e.min[0] >= -180 && e.max[0] <= 180));
		assert_true(e.finite && (g->positions == 0 || (e.min[1] >= -90 && e.max[1] <= 90)));
		for (size_t s = 0; geometry_is_areal(g) && s < g->seqs; s++)
			assert_memory_equal(g->coords + 2 * seq_begin(g, s),
			    g->coords + 2 * (g->seq_end[s] - 1), 2 * sizeof(double));
		f->finding_count = 0;
		assert_int_equal(antimeridian_cut(f), 0);
		assert_int_equal(f->finding_count, 0);
	}
}

/* Forth and back over the line, with a hole on one side of every step; all in time that grows as the vertices do. */
static struct geometry *made_comb(size_t teeth, bool holes)
{
	size_t rings = holes ? teeth + 1 : 1, shell = 4 * teeth + 3;
	struct geometry *g = geometry_new(shapes_arena, GEOM_POLYGON, 2, shell + 4 * (rings - 1), rings, 1);
	double step = 80.0 / (double)teeth, *p = g->coords;

#define PUT(x, y) (*p++ = (x), *p++ = (y))
	for (size_t i = 0; i < teeth; i++) {
		double y = step * (double)i;

		PUT(-170, y);
		PUT(-170, y + step / 2);
		PUT(175, y + step / 2);
		PUT(175, y + step);
	}
	PUT(160, 80);
	PUT(160, 0);
	PUT(-170, 0);
	g->seq_end[0] = (uint32_t)shell;
	for (size_t i = 1; i < rings; i++) {
		double y = step * (double)(i - 1), x = i % 2 ? -175 : 170;

		PUT(x, y + step / 8);
		PUT(x, y + step / 4);
		PUT(x + 1, y + step / 8);
		PUT(x, y + step / 8);
		g->seq_end[i] = (uint32_t)(shell + 4 * i);
	}
#undef PUT
	g->part_end[0] = (uint32_t)rings;
	return g;
}

static void every_hole_finds_its_piece(void **state)
{
	const size_t teeth = 500;
	struct feature *f;
	size_t holes = 0;

	(void)state;
	shapes_reset();
	f = shape_feature(NULL);
	f->geometry = made_comb(teeth, true);
	assert_int_equal(antimeridian_cut(f), 0);
	assert_int_equal(f->geometry->parts, teeth + 1);
	for (size_t part = 0; part < f->geometry->parts; part++) {
		const struct geometry *g = f->geometry;
		size_t shell = part_begin(g, part);
		const double *corner = g->coords + 2 * seq_begin(g, shell);

		for (size_t s = shell + 1; s < g->part_end[part]; s++, holes++)
			assert_true(g->coords[2 * seq_begin(g, s)] * corner[0] > 0);
	}
	assert_int_equal(holes, teeth);
}

/* Quadratic, the least of these would take minutes. */
static void a_comb_is_cut_in_linear_time(void **state)
{
	(void)state;
	for (int holes = 0; holes < 2; holes++) {
		uint64_t began;
		struct feature *f;

		shapes_reset();
		f = shape_feature(NULL);
		f->geometry = made_comb(100000, holes);
		began = clock_thread_ms();
		f->deadline_ms = began + 20000;
		assert_int_equal(antimeridian_cut(f), 0);
	}
}

static void a_cut_ends_with_the_features_time(void **state)
{
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature(NULL);
	f->geometry = made_comb(1000, true);
	f->deadline_ms = 1;
	while (clock_thread_ms() < 1)	/* CPU time is what it takes */
		;
	assert_int_equal(antimeridian_cut(f), -1);
	assert_int_equal(f->fatal, R_FEATURE_TIMEOUT);
}

static void severity_decides(void **state)
{
	const char *line = "LINESTRING(170 45,-170 45)";
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature(line);
	shape_severity(f, R_ANTIMERIDIAN, SEV_WARN);
	assert_int_equal(antimeridian_cut(f), 0);
	assert_string_equal(shape_text(f->geometry), line);
	f = shape_feature(line);
	shape_severity(f, R_ANTIMERIDIAN, SEV_REJECT);
	assert_int_equal(antimeridian_cut(f), -1);
	assert_int_equal(f->fatal, R_ANTIMERIDIAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_crosses_is_cut),
		cmocka_unit_test(what_is_cut_needs_no_cut),
		cmocka_unit_test(whatever_goes_in_lies_within_180),
		cmocka_unit_test(every_hole_finds_its_piece),
		cmocka_unit_test(a_comb_is_cut_in_linear_time),
		cmocka_unit_test(a_cut_ends_with_the_features_time),
		cmocka_unit_test(severity_decides),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&shapes_arena);
	return failed;
}
