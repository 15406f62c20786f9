/* repair: the rules of docs/repair.md, one case each; heights, order, budgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/reject.h"
#include "tests/oracle/geos_shapes.h"
#include "tests/oracle/made_shapes.h"
#include "tests/unit/shapes.h"
#include "workers/pipeline/repair/repair.h"

static const struct repair_limits limits = REPAIR_LIMITS_INIT;

static struct geometry *repaired(const struct geometry *g)
{
	struct err e = ERR_INIT;

	return repair_areal(g, shapes_arena, &limits, NULL, &e);
}

static const struct {
	const char *what, *in, *out;	/* out NULL: nothing is left */
} rules[] = {
	{ "a sound polygon stays, its ring set right",
	  "POLYGON((0 0,0 9,9 9,9 0,0 0),(1 1,2 1,2 2,1 2,1 1))",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,1 2,2 2,2 1,1 1))" },
	{ "a sound MultiPolygon of one part stays one",
	  "MULTIPOLYGON(((0 0,9 0,9 9,0 0)))", "MULTIPOLYGON(((0 0,9 0,9 9,0 0)))" },
	{ "a bow-tie is two triangles",
	  "POLYGON((0 0,4 4,4 0,0 4,0 0))",
	  "MULTIPOLYGON(((0 0,2 2,0 4,0 0)),((4 4,2 2,4 0,4 4)))" },
	{ "a figure of eight, through a vertex",
	  "POLYGON((0 0,2 2,4 4,4 0,2 2,0 4,0 0))",
	  "MULTIPOLYGON(((0 0,2 2,0 4,0 0)),((4 4,2 2,4 0,4 4)))" },
	{ "what a ring runs around twice is inside",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0,9 0,9 9,0 9,0 0))", "POLYGON((0 0,9 0,9 9,0 9,0 0))" },
	{ "what it runs around back and forth is outside",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0,0 5,5 5,5 0,0 0))", "POLYGON((9 0,9 9,0 9,0 5,5 5,5 0,9 0))" },
	{ "faces of +1 beside faces of -1 are united",
	  "POLYGON((0 0,10 0,10 10,0 10,0 0,10 0,10 -10,0 -10,0 0))",
	  "POLYGON((10 0,10 10,0 10,0 0,0 -10,10 -10,10 0))" },
	{ "a spike outwards goes",
	  "POLYGON((0 0,9 0,9 9,9 20,9 9,0 9,0 0))", "POLYGON((0 0,9 0,9 9,0 9,0 0))" },
	{ "a spike inwards goes, its root stays",
	  "POLYGON((0 0,4 0,4 5,4 0,9 0,9 9,0 9,0 0))", "POLYGON((0 0,4 0,9 0,9 9,0 9,0 0))" },
	{ "a bridge to an island goes",
	  "POLYGON((0 0,4 0,4 1,4 4,5 4,5 5,4 5,4 4,4 1,4 0,9 0,9 9,0 9,0 0))",
	  "POLYGON((0 0,4 0,9 0,9 9,0 9,0 0))" },
	{ "a ring that touches itself from inside has a hole",
	  "POLYGON((0 0,4 0,3 3,5 3,4 0,9 0,9 9,0 9,0 0))",
	  "POLYGON((0 0,4 0,9 0,9 9,0 9,0 0),(4 0,3 3,5 3,4 0))" },
	{ "a ring of no area leaves nothing", "POLYGON((0 0,5 5,9 9,5 5,0 0))", NULL },
	{ "a point leaves nothing", "POLYGON((1 1,1 1,1 1,1 1))", NULL },
	{ "holes go with a shell that collapsed",
	  "POLYGON((0 0,5 5,9 9,0 0),(1 0,2 0,2 1,1 0))", NULL },
	{ "a hole of no area goes",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,2 2,3 3,1 1))", "POLYGON((0 0,9 0,9 9,0 9,0 0))" },
	{ "a hole across its shell is cut off it",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(8 2,12 2,12 4,8 4,8 2))",
	  "POLYGON((0 0,9 0,9 2,8 2,8 4,9 4,9 9,0 9,0 0))" },
	{ "a hole outside its shell is a part",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(10 2,10 4,12 4,12 2,10 2))",
	  "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0)),((10 2,12 2,12 4,10 4,10 2)))" },
	{ "a hole that touches its shell from outside goes",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(9 2,12 2,12 4,9 4,9 2))", "POLYGON((0 0,9 0,9 9,0 9,0 0))" },
	{ "also in a single point",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(9 2,12 2,12 4,9 2))", "POLYGON((0 0,9 0,9 9,0 9,0 0))" },
	{ "but not with a spike, which is not there",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(11 2,12 2,12 4,11 2,5 2,11 2))",
	  "MULTIPOLYGON(((0 0,9 0,9 2,9 9,0 9,0 0)),((11 2,12 2,12 4,11 2)))" },
	{ "nor with a spike of the shell",
	  "POLYGON((0 0,9 0,9 3,20 3,9 3,9 9,0 9,0 0),(11 2,12 2,12 4,11 2))",
	  "MULTIPOLYGON(((0 0,9 0,9 3,9 9,0 9,0 0)),((11 2,12 2,12 3,12 4,11.5 3,11 2)))" },
	{ "a hole as large as its shell leaves nothing",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(0 0,9 0,9 9,0 9,0 0))", NULL },
	{ "a hole in a hole adds nothing",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,8 1,8 8,1 8,1 1),(2 2,3 2,3 3,2 2))",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,1 8,8 8,8 1,1 1))" },
	{ "holes that overlap are united",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,4 1,4 4,1 4,1 1),(2 2,6 2,6 3,2 3,2 2))",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,1 4,4 4,4 3,6 3,6 2,4 2,4 1,1 1))" },
	{ "a hole that stands twice stands once",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,4 1,4 4,1 1),(1 1,4 1,4 4,1 1))",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,4 4,4 1,1 1))" },
	{ "holes that cut the inside apart make parts",
	  "POLYGON((0 0,8 0,8 8,0 8,0 0),(4 0,6 4,4 8,2 4,4 0))",
	  "MULTIPOLYGON(((0 0,4 0,2 4,4 8,0 8,0 0)),((8 0,8 8,4 8,6 4,4 0,8 0)))" },
	{ "a part in another part adds nothing",
	  "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0)),((1 1,2 1,2 2,1 1)))",
	  "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0)))" },
	{ "a part in another's hole stays",
	  "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0),(1 1,1 8,8 8,8 1,1 1)),((2 2,3 2,3 3,2 2)))",
	  "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0),(1 1,1 8,8 8,8 1,1 1)),((2 2,3 2,3 3,2 2)))" },
	{ "one part's hole does not cut another part",
	  "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0),(2 2,3 2,3 3,2 2)),((1 1,8 1,8 8,1 1)))",
	  "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0)))" },
	{ "parts with a common edge are united",
	  "MULTIPOLYGON(((0 0,4 0,4 4,0 4,0 0)),((4 0,8 0,8 4,4 4,4 0)))",
	  "MULTIPOLYGON(((0 0,4 0,8 0,8 4,4 4,0 4,0 0)))" },
	{ "parts with a common corner stay",
	  "MULTIPOLYGON(((0 0,4 0,4 4,0 4,0 0)),((4 4,8 4,8 8,4 4)))",
	  "MULTIPOLYGON(((0 0,4 0,4 4,0 4,0 0)),((4 4,8 4,8 8,4 4)))" },
	{ "only the broken part is rebuilt",
	  "MULTIPOLYGON(((0 0,0 0,1 0,1 1,1 1,0 0)),((5 5,9 9,9 5,5 9,5 5)),((20 0,20 4,24 4,20 0)))",
	  "MULTIPOLYGON(((0 0,0 0,1 0,1 1,1 1,0 0)),((5 5,7 7,5 9,5 5)),((9 9,7 7,9 5,9 9)),"
	  "((20 0,24 4,20 4,20 0)))" },
	{ "heights stay, and new ones lie between",
	  "POLYGON((0 0 1,4 4 5,4 0 7,0 4 9,0 0 1))",
	  "MULTIPOLYGON(((0 0 1,2 2 3,0 4 9,0 0 1)),((4 4 5,2 2 3,4 0 7,4 4 5)))" },
	{ "next to no height there is none",
	  "POLYGON((0 0,4 4 5,4 0 7,0 4 9,0 0))",
	  "MULTIPOLYGON(((0 0,2 2,0 4 9,0 0)),((4 4 5,2 2,4 0 7,4 4 5)))" },
	{ "further ordinates likewise",
	  "POLYGON((0 0 1 10,4 4 5 50,4 0 7 70,0 4 9 90,0 0 1 10))",
	  "MULTIPOLYGON(((0 0 1 10,2 2 3 30,0 4 9 90,0 0 1 10)),((4 4 5 50,2 2 3 30,4 0 7 70,4 4 5 50)))" },
	{ "a vertex keeps its height where another segment passes",
	  "POLYGON((0 0 1,9 0 1,9 9 1,0 9 1,0 0 1),(5 0 7,6 -3 7,4 -3 7,5 0 7),(3 0 5,6 3 5,3 3 5,3 0 5))",
	  "POLYGON((0 0 1,9 0 1,9 9 1,0 9 1,0 0 1),(3 0 5,3 3 5,6 3 5,3 0 5))" },
	{ "a ring that is not closed is closed",
	  "POLYGON((0 0,9 0,9 9,0 9),(1 1,2 1,2 2,1 1))",
	  "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,2 2,2 1,1 1))" },
};

static void each_rule_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct geometry *g, *out;

		shapes_reset();
		g = shape(rules[i].in);
		out = repaired(g);
		if ((out == NULL) != (rules[i].out == NULL)
		    || (out != NULL && strcmp(shape_text(out), rules[i].out) != 0))
			fail_msg("%s:\n%s\nnot %s", rules[i].what, out ? shape_text(out) : "nothing",
			    rules[i].out ? rules[i].out : "nothing");
	}
}

static const struct {
	const char *what, *in;
	int suspect;
} verdicts[] = {
	{ "a ring", "POLYGON((0 0,9 0,9 9,0 0))", 0 },
	{ "the wrong winding", "POLYGON((0 0,9 9,9 0,0 0))", 0 },
	{ "repeated points", "POLYGON((0 0,0 0,9 0,9 9,9 9,0 0,0 0))", 0 },
	{ "no ring", "POLYGON()", 0 },
	{ "an empty hole", "POLYGON((0 0,9 0,9 9,0 0),())", 0 },
	{ "a hole at a corner", "POLYGON((0 0,9 0,9 9,0 9,0 0),(0 0,2 1,1 2,0 0))", 0 },
	{ "a hole's corner on an edge", "POLYGON((0 0,9 0,9 9,0 9,0 0),(4 0,5 2,3 2,4 0))", 0 },
	{ "holes that share a corner", "POLYGON((0 0,9 0,9 9,0 9,0 0),(4 4,5 2,3 2,4 4),(4 4,3 6,5 6,4 4))", 0 },
	{ "a ring in a hole, at its corner", "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0),(1 1,1 8,8 8,8 1,1 1)),"
	  "((1 1,3 1.5,3 3,1 1)))", 0 },
	{ "two points", "POLYGON((0 0,9 9,0 0,0 0))", 1 },
	{ "a hole of two points", "POLYGON((0 0,9 0,9 9,0 0),(5 1,6 1,5 1,5 1))", 1 },
	{ "an open ring", "POLYGON((0 0,9 0,9 9,0 9))", 1 },
	{ "a corner touched by its own ring", "POLYGON((0 0,4 0,3 3,5 3,4 0,9 0,9 9,0 9,0 0))", 1 },
	{ "a hole outside", "POLYGON((0 0,9 0,9 9,0 9,0 0),(10 2,12 2,12 4,10 2))", 1 },
	{ "a hole in a hole", "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,8 1,8 8,1 8,1 1),(2 2,3 2,3 3,2 2))", 1 },
	{ "a hole along an edge", "POLYGON((0 0,9 0,9 9,0 9,0 0),(0 2,2 2,2 4,0 4,0 2))", 1 },
	{ "a hole across", "POLYGON((0 0,8 0,8 8,0 8,0 0),(4 0,6 4,4 8,2 4,4 0))", 1 },
	{ "three holes in a circle", "POLYGON((0 0,9 0,9 9,0 9,0 0),(2 2,5 2,4 1,2 2),(5 2,4 5,6 5,5 2),"
	  "(2 2,2 5,4 5,2 2))", 1 },
	{ "a hole twice", "POLYGON((0 0,9 0,9 9,0 9,0 0),(1 1,4 1,4 4,1 1),(1 1,4 1,4 4,1 1))", 1 },
	{ "a part in a part", "MULTIPOLYGON(((0 0,9 0,9 9,0 9,0 0)),((1 1,2 1,2 2,1 1)))", 1 },
	{ "a part twice", "MULTIPOLYGON(((0 0,9 0,9 9,0 0)),((0 0,9 0,9 9,0 0)))", 1 },
	{ "parts with a common edge", "MULTIPOLYGON(((0 0,4 0,4 4,0 4,0 0)),((4 0,8 0,8 4,4 4,4 0)))", 1 },
};

static void verdicts_are_those_of_geos(void **state)
{
	GEOSContextHandle_t geos = GEOS_init_r();

	(void)state;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		struct geometry *g;
		struct err e = ERR_INIT;
		bool closed = strstr(verdicts[i].what, "open") == NULL && strstr(verdicts[i].in, "()") == NULL;
		GEOSGeometry *in;

		shapes_reset();
		g = shape(verdicts[i].in);
		in = closed ? to_geos(geos, g) : NULL;
		if (repair_suspect(g, &limits, &e) != verdicts[i].suspect)
			fail_msg("%s: not %d", verdicts[i].what, verdicts[i].suspect);
		if (closed && (GEOSisValid_r(geos, in) == 1) != (verdicts[i].suspect == 0))
			fail_msg("%s: GEOS disagrees", verdicts[i].what);
		GEOSGeom_destroy_r(geos, in);
	}
	GEOS_finish_r(geos);
}

/* A point that is off a segment by less than doubles can say belongs to it where it matters. */
static void near_misses_are_resolved(void **state)
{
	struct geometry *g;

	(void)state;
	shapes_reset();
	g = repaired(shape("POLYGON((0 0,0.3 0.3,0.1 0.1,0.3 0,0.3 0.1,0.1 0.3,0 0))"));
	assert_non_null(g);
	g = shape("MULTIPOLYGON(((100 0.1,100.3 0.1,100.3 0.4,100 0.1)),"
	    "((100.1 0.2,100.2 0.30000000000000004,100 0.5,100.1 0.2)))");
	g = repaired(g);
	assert_non_null(g);
	assert_int_equal(repair_suspect(g, &limits, NULL), 0);
}

static bool at_once(void *ctx)
{
	++*(int *)ctx;
	return true;
}

static void budgets_and_interrupts_end_it(void **state)
{
	struct repair_limits l = REPAIR_LIMITS_INIT;
	struct geometry *scribble, *squares;
	int asked = 0;
	struct err e = ERR_INIT;

	(void)state;
	shapes_reset();
	scribble = made_scribble(shapes_arena, 400);
	l.max_events = 1000;
	assert_null(repair_areal(scribble, shapes_arena, &l, NULL, &e));
	assert_int_equal(e.cls, ERR_LIMIT);
	assert_int_equal(e.code, R_REPAIR_FAILED);
	err_clear(&e);
	l.max_events = UINT64_MAX;
	l.max_pairs = 10000;
	assert_null(repair_areal(scribble, shapes_arena, &l, NULL, &e));
	assert_int_equal(e.code, R_REPAIR_FAILED);
	err_clear(&e);
	l.max_pairs = UINT64_MAX;
	l.interrupted = at_once;
	l.ctx = &asked;
	assert_null(repair_areal(made_squares(shapes_arena, 60, 1, false), shapes_arena, &l, NULL, &e));
	assert_int_equal(e.cls, ERR_LIMIT);
	assert_int_equal(e.code, R_FEATURE_TIMEOUT);
	assert_int_equal(asked, 1);
	err_clear(&e);
	squares = made_squares(shapes_arena, 60, 2, true);
	squares->coords[2 * 5] = squares->coords[2 * 9] = 0;	/* a hole touches its shell: boxes do not tell */
	assert_int_equal(repair_suspect(squares, &l, &e), -1);
	assert_int_equal(e.code, R_FEATURE_TIMEOUT);
}

static void what_is_no_number_is_refused(void **state)
{
	static const struct { double x; int cls, code; } cases[] = {
		{ NAN, ERR_INPUT, R_INVALID_COORDINATE }, { INFINITY, ERR_INPUT, R_INVALID_COORDINATE },
		{ 1e80, ERR_LIMIT, R_REPAIR_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct geometry *g;
		struct err e = ERR_INIT;

		shapes_reset();
		g = shape("POLYGON((0 0,9 0,9 9,0 0))");
		g->coords[2] = cases[i].x;
		assert_null(repair_areal(g, shapes_arena, &limits, NULL, &e));
		assert_int_equal(e.cls, cases[i].cls);
		assert_int_equal(e.code, cases[i].code);
		err_clear(&e);
		assert_int_equal(repair_suspect(g, &limits, &e), -1);
	}
}

static void large_shapes_take_few_steps(void **state)
{
	struct repair_stats stats;
	struct err e = ERR_INIT;
	struct geometry *g, *out;

	(void)state;
	shapes_reset();
	g = made_ring(shapes_arena, 200000, 100);
	out = repair_areal(g, shapes_arena, &limits, &stats, &e);
	assert_non_null(out);
	assert_true(out->parts > 50);
	assert_true(stats.passes <= 2 && stats.pairs < 40 * g->positions);
	assert_int_equal(repair_suspect(out, &limits, &e), 0);
	shapes_reset();
	g = made_squares(shapes_arena, 100, 1, false);
	out = repair_areal(g, shapes_arena, &limits, &stats, &e);
	assert_non_null(out);
	assert_int_equal(out->positions, 401);
	assert_true(stats.pairs < 40 * g->positions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_holds),
		cmocka_unit_test(verdicts_are_those_of_geos),
		cmocka_unit_test(near_misses_are_resolved),
		cmocka_unit_test(budgets_and_interrupts_end_it),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(large_shapes_take_few_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
