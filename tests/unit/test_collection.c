/* reach, collection: a bbox over many features, in any order and grouping, and what is said of the one that came. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/oracle/random_shapes.h"
#include "tests/unit/shapes.h"
#include "workers/pipeline/collection.h"
#include "workers/pipeline/pipeline.h"

#define SHAPES 6

/* As stages.c does it, with nothing changed in between. */
static struct feature *featured(const char *wkt, bool lonlat)
{
	struct feature *f = shape_feature(wkt);
	struct extent x;

	f->given = f->made = reach_nowhere;
	if (f->geometry != NULL) {
		x = extent_of(f->geometry);
		f->given = reach_of_positions(f->geometry, &x, lonlat);
		f->made = reach_of_shape(f->geometry, &x, lonlat);
	}
	return f;
}

static void add(struct collection_reach *c, struct feature *f)
{
	const struct verdict v = { .feature = f, .outcome = f->fatal != R_NONE ? OUTCOME_REJECTED : OUTCOME_ACCEPTED };

	collection_reach_add(c, &v);
}

static const char *text_of(const struct collection_reach *c, struct buf *b)
{
	buf_reset(b);
	assert_int_equal(collection_reach_write(c, b), 0);
	return buf_cstr(b);
}

static void put_together(struct collection_reach *to, const struct collection_reach *more)
{
	to->features += more->features;
	to->mixed |= more->mixed;
	reach_add(&to->given, &more->given);
	reach_add(&to->made, &more->made);
}

static const struct {
	const char *in[SHAPES];
	bool projected;
	unsigned declared, len;
	double box[6];
} boxes[] = {
	{ { "POINT(1 2)", "LINESTRING(-3 4,5 -6)" }, false, 4, 4, { -3, -6, 5, 4 } },
	{ { NULL }, false, 4, 0, { 0 } },
	{ { "POLYGON()", "POINT()" }, false, 6, 0, { 0 } },
	/* RFC 7946 5.2: points on both sides of the antimeridian, and what was cut there. */
	{ { "POINT(177 -20)", "POINT(-178 -16)" }, false, 4, 4, { 177, -20, -178, -16 } },
	{ { "POINT(177 -20)", "POINT(-178 -16)" }, true, 4, 4, { -178, -20, 177, -16 } },
	{ { "MULTIPOLYGON(((177 -20,180 -20,180 -16,177 -20)),((-180 -20,-178 -18,-180 -16,-180 -20)))",
	    "POINT(-170 0)", "POINT(160 1)" }, false, 4, 4, { 160, -20, -170, 1 } },
	{ { "MULTIPOINT(177 1,-178 2)", "GEOMETRYCOLLECTION(POINT(179 3),LINESTRING(-179 0,-170 1))" }, false, 4, 4,
	    { 177, 0, -170, 3 } },
	/* As wide on either side: the plain one. Nothing on one side. */
	{ { "POINT(-90 0)", "POINT(90 0)" }, false, 4, 4, { -90, 0, 90, 0 } },
	{ { "POINT(170 0)", "POINT(180 0)" }, false, 4, 4, { 170, 0, 180, 0 } },
	{ { "POINT(-180 0)", "POINT(180 0)" }, false, 4, 4, { 180, 0, -180, 0 } },
	/* What lies on 0 or across it fills the gap, though no position does. */
	{ { "POINT(177 0)", "POINT(-178 0)", "LINESTRING(-1 0,1 0)" }, false, 4, 4, { -178, 0, 177, 0 } },
	{ { "POINT(177 0)", "POINT(-178 0)", "POINT(0 0)" }, false, 4, 4, { 0, 0, -178, 0 } },
	{ { "POINT(177 0)", "POLYGON((-178 0,0 0,-178 1,-178 0))" }, false, 4, 4, { 177, 0, 0, 1 } },
	/* Round the pole (5.3). */
	{ { "POLYGON((-180 60,180 60,180 90,-180 90,-180 60))", "POINT(0 0)" }, false, 4, 4, { -180, 0, 180, 90 } },
	/* Heights: where there are any, and were before. */
	{ { "POINT(1 2 3)", "POINT(4 5)" }, false, 6, 6, { 1, 2, 3, 4, 5, 3 } },
	{ { "POINT(1 2 3)", "POINT(4 5 -6)" }, false, 4, 4, { 1, 2, 4, 5 } },
	{ { "POINT(1 2)", "POINT(4 5)" }, false, 6, 4, { 1, 2, 4, 5 } },
	{ { "POINT(177 -20 7)", "POINT(-178 -16 9)" }, false, 6, 6, { 177, -20, 7, -178, -16, 9 } },
};

static void a_box_over_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++) {
		struct collection_reach c = collection_reach_none;
		double box[6];

		shapes_reset();
		for (int k = 0; k < SHAPES && boxes[i].in[k] != NULL; k++)
			add(&c, featured(boxes[i].in[k], !boxes[i].projected));
		assert_int_equal(reach_box(&c.made, boxes[i].declared, box), boxes[i].len);
		for (unsigned k = 0; k < boxes[i].len; k++)
			if (box[k] != boxes[i].box[k])
				fail_msg("case %zu: number %u is %g, not %g", i, k, box[k], boxes[i].box[k]);
	}
}

static const struct {
	const char *in[SHAPES];
	unsigned len;
	double box[6];
	bool projected;
	enum reject_code code;
	enum severity severity;
	unsigned len_made;
} judgements[] = {
	{ { "POINT(1 2)", "POINT(3 4)" }, 4, { 1, 2, 3, 4 }, false, R_NONE, SEV_WARN, 4 },
	{ { "POINT(1 2)", "POINT(3 4)" }, 4, { -180, -90, 180, 90 }, false, R_NONE, SEV_WARN, 4 },
	{ { "POINT(1 2)", "POINT(3.1 4)" }, 4, { 1, 2, 3, 4 }, false, R_BBOX_MISMATCH, SEV_WARN, 4 },
	{ { "POINT(1 2)", "POINT(3 4)" }, 4, { 1, 2.1, 3, 4 }, false, R_BBOX_MISMATCH, SEV_REJECT, 4 },
	{ { "POINT(1 2)", "POINT(3 4)" }, 4, { 1, 2, 3, 3.9 }, false, R_BBOX_MISMATCH, SEV_FIX, 4 },
	{ { "POINT(10.1234567891 2)" }, 4, { 10.123456789, 2, 10.123456789, 2 }, false, R_NONE, SEV_WARN, 4 },
	{ { "POLYGON()" }, 4, { 8, 8, 9, 9 }, false, R_NONE, SEV_WARN, 0 },
	{ { "POINT(1 2 3)", "POINT(3 4)" }, 6, { 1, 2, 3, 3, 4, 3 }, false, R_NONE, SEV_WARN, 6 },
	{ { "POINT(1 2 3)", "POINT(3 4)" }, 6, { 1, 2, 0, 3, 4, 2 }, false, R_BBOX_MISMATCH, SEV_WARN, 6 },
	/* Axes as the positions have them: by all, or by none. */
	{ { "POINT(1 2 3)", "POINT(3 4)" }, 4, { 1, 2, 3, 4 }, false, R_NONE, SEV_WARN, 4 },
	{ { "POINT(1 2 3)", "POINT(3 4 5)" }, 4, { 1, 2, 3, 4 }, false, R_BBOX_MISMATCH, SEV_WARN, 4 },
	{ { "POINT(1 2 3)", "POINT(3 4 5)" }, 4, { 1, 2, 3, 4 }, false, R_BBOX_MISMATCH, SEV_FIX, 6 },
	{ { "POINT(1 2)", "POINT(3 4)" }, 6, { 1, 2, 0, 3, 4, 0 }, false, R_BBOX_MISMATCH, SEV_FIX, 4 },
	/* West of east: across the antimeridian, also where the document says 190 and not -170. */
	{ { "POINT(175 2)", "POINT(-175 3)" }, 4, { 170, 0, -170, 9 }, false, R_NONE, SEV_WARN, 4 },
	{ { "POINT(175 2)", "POINT(-165 3)" }, 4, { 170, 0, -170, 9 }, false, R_BBOX_MISMATCH, SEV_WARN, 4 },
	{ { "POINT(165 2)", "POINT(-175 3)" }, 4, { 170, 0, -170, 9 }, false, R_BBOX_MISMATCH, SEV_WARN, 4 },
	{ { "LINESTRING(175 2,185 2)" }, 4, { 170, 0, -170, 9 }, false, R_NONE, SEV_WARN, 4 },
	{ { "LINESTRING(175 2,-175 2)" }, 4, { 170, 0, -170, 9 }, false, R_NONE, SEV_WARN, 4 },
	{ { "POINT(175 2)" }, 4, { 170, 0, -170, 9 }, true, R_BBOX_MISMATCH, SEV_WARN, 4 },
	/* It leaves out 20 to 30 alone: what reaches to there is seen, what lies there among others is not. */
	{ { "POINT(0 2)", "POINT(25 2)" }, 4, { 30, 0, 20, 9 }, false, R_BBOX_MISMATCH, SEV_WARN, 4 },
	{ { "POINT(0 2)", "POINT(25 2)", "POINT(40 2)" }, 4, { 30, 0, 20, 9 }, false, R_NONE, SEV_WARN, 4 },
};

static void the_one_that_came_is_judged(void **state)
{
	unsigned char severity[R_COUNT];

	(void)state;
	for (size_t i = 0; i < sizeof(judgements) / sizeof(judgements[0]); i++) {
		struct collection_reach c = collection_reach_none;
		struct collection_box box = { .len = judgements[i].len, .offset = 7 };
		struct collection_said said;
		uint64_t n = 0;

		shapes_reset();
		for (; n < SHAPES && judgements[i].in[n] != NULL; n++)
			add(&c, featured(judgements[i].in[n], !judgements[i].projected));
		memcpy(box.box, judgements[i].box, sizeof(box.box));
		memset(severity, judgements[i].severity, sizeof(severity));
		said = collection_judge(&box, &c, n, severity);
		if (said.code != judgements[i].code || said.len != judgements[i].len_made)
			fail_msg("case %zu: %s, %u numbers", i, reject_name(said.code), said.len);
		assert_int_equal(said.offset, 7);
		if (said.code != R_NONE)
			assert_int_equal(said.severity, judgements[i].severity);
		/* One who had a part in the work said nothing of it. */
		said = collection_judge(&box, &c, n + 1, severity);
		assert_int_equal(said.code, R_NONE);
		assert_int_equal(said.len, 0);
	}
}

static void what_nothing_can_be_said_of(void **state)
{
	static const unsigned char warn[R_COUNT] = { [R_BBOX_MISMATCH] = SEV_WARN, [R_BBOX_TYPE] = SEV_WARN };
	struct collection_reach c = collection_reach_none;
	struct collection_box box = { .len = 4, .box = { 0, 0, 1, 1 } };
	struct feature *f;

	(void)state;
	shapes_reset();
	f = featured("POINT(5 5)", true);
	f->fatal = R_LON_RANGE;
	add(&c, f);
	assert_int_equal(collection_judge(&box, &c, 1, warn).code, R_NONE);	/* it was rejected */
	assert_int_equal(collection_judge(&box, &c, 1, warn).len, 0);
	f->fatal = R_NONE;
	add(&c, f);
	assert_int_equal(collection_judge(&box, &c, 2, warn).code, R_BBOX_MISMATCH);
	box.several = true;	/* of one record among others */
	assert_int_equal(collection_judge(&box, &c, 2, warn).code, R_NONE);
	assert_int_equal(collection_judge(&box, &c, 2, warn).len, 4);
	box.several = false;
	f->elsewhere = true;	/* in a CRS of its own */
	add(&c, f);
	assert_int_equal(collection_judge(&box, &c, 3, warn).code, R_NONE);
	assert_int_equal(collection_judge(&box, &c, 3, warn).len, 4);
	box.fault = R_BBOX_TYPE;
	box.len = 0;
	assert_int_equal(collection_judge(&box, &c, 3, warn).code, R_BBOX_TYPE);
	assert_int_equal(collection_judge(&box, &c, 3, warn).len, 0);
}

/* However features are dealt out, and in whatever order what came of them is put together. */
static void order_and_grouping_do_not_count(void **state)
{
	enum { FEATURES = 40, GROUPS = 5 };
	struct random r = { .state = 11 };
	struct buf want, have;

	(void)state;
	buf_init(&want, COLLECTION_TEXT_MAX);
	buf_init(&have, COLLECTION_TEXT_MAX);
	for (int round = 0; round < 200; round++) {
		struct collection_reach all = collection_reach_none, some[GROUPS], sum = collection_reach_none, back;

		for (int g = 0; g < GROUPS; g++)
			some[g] = collection_reach_none;
		for (int i = 0; i < FEATURES; i++) {
			char wkt[128];
			int x = (int)random_below(&r, 360) - 180, y = (int)random_below(&r, 180) - 90;

			shapes_reset();
			if (random_below(&r, 3))
				snprintf(wkt, sizeof(wkt), "LINESTRING(%d.3 %d,%d %d.1)", x, y, x / 2, y / 2);
			else
				snprintf(wkt, sizeof(wkt), "POINT(%d.7 %d %d.5)", x, y, i - 20);
			add(&all, featured(wkt, true));
			add(&some[random_below(&r, GROUPS)], featured(wkt, true));
		}
		for (int g = GROUPS; g-- > 0;) {
			assert_true(collection_reach_read(&back, text_of(&some[g], &have)));
			put_together(&sum, &back);
		}
		assert_string_equal(text_of(&sum, &have), text_of(&all, &want));
		assert_true(collection_reach_read(&back, buf_cstr(&want)));
		assert_string_equal(text_of(&back, &have), buf_cstr(&want));
	}
	buf_clear(&want);
	buf_clear(&have);
}

static void texts_come_back_or_are_refused(void **state)
{
	static const char *const bad[] = { "", "+", "x", "+1", "<1 <2", "+5 <1 >2 <3 >x", "+-5 <1", "+1e999" };
	const struct collection_box in[] = {
		{ .len = 0, .fault = R_BBOX_TYPE, .offset = 12345678901 },
		{ .len = 4, .box = { -180, 1e-7, 0.1, 90 }, .offset = 3 },
		{ .len = 6, .box = { 1, 9, 3, 4, 5, 6 }, .fault = R_BBOX_ORDER, .several = true },
	};
	struct collection_reach c;
	struct collection_box out;
	struct buf b;

	(void)state;
	buf_init(&b, COLLECTION_TEXT_MAX);
	assert_true(collection_reach_read(&c, text_of(&collection_reach_none, &b)));
	assert_true(reach_is_nowhere(&c.made) && reach_is_nowhere(&c.given));
	for (size_t n = 0; n + 3 < b.len; n++) {	/* cut short */
		char text[COLLECTION_TEXT_MAX];

		snprintf(text, sizeof(text), "%.*s", (int)n, b.data);
		assert_false(collection_reach_read(&c, text));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(collection_reach_read(&c, bad[i]));
		assert_int_equal(c.features, 0);
		assert_true(reach_is_nowhere(&c.made));
		assert_false(collection_box_read(&out, bad[i]));
		assert_int_equal(out.len, 0);
	}
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		buf_reset(&b);
		assert_int_equal(collection_box_write(&in[i], &b), 0);
		assert_true(collection_box_read(&out, buf_cstr(&b)));
		assert_int_equal(out.len, in[i].len);
		assert_int_equal(out.fault, in[i].fault);
		assert_int_equal(out.offset, in[i].offset);
		assert_int_equal(out.several, in[i].several);
		assert_memory_equal(out.box, in[i].box, in[i].len * sizeof(double));
	}
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_box_over_all),
		cmocka_unit_test(the_one_that_came_is_judged),
		cmocka_unit_test(what_nothing_can_be_said_of),
		cmocka_unit_test(order_and_grouping_do_not_count),
		cmocka_unit_test(texts_come_back_or_are_refused),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&shapes_arena);
	return failed;
}
