/* encode: what is written for each kind of geometry, and what decode makes of it again. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "workers/pipeline/encode.h"

static struct geometry *points(struct arena *a, enum geometry_type type, unsigned stride, size_t n)
{
	struct geometry *g = geometry_new(a, type, stride, n, 1, 1);

	for (size_t i = 0; i < n * stride; i++)
		g->coords[i] = (double)i / 2;
	g->seq_end[0] = (uint32_t)n;
	g->part_end[0] = 1;
	return g;
}

static void check(const struct feature *f, const char *want)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	assert_int_equal(encode_feature(&b, f), 0);
	assert_string_equal(buf_cstr(&b), want);
	buf_clear(&b);
}

static void heights_that_are_missing_stay_so(void **state)
{
	struct arena *a = arena_new(1 << 16);
	struct feature f = { .arena = a };

	(void)state;
	f.geometry = points(a, GEOM_LINESTRING, 3, 2);
	f.geometry->coords[2] = NAN;
	check(&f, "{\"type\":\"Feature\",\"geometry\":{\"type\":\"LineString\",\"coordinates\":[[0,0.5],[1.5,2,2.5]]},"
	    "\"properties\":null}");
	arena_free(&a);
}

static void empty_geometries_keep_their_shape(void **state)
{
	struct arena *a = arena_new(1 << 16);
	struct feature f = { .arena = a };

	(void)state;
	f.geometry = points(a, GEOM_POINT, 2, 0);
	check(&f, "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[]},\"properties\":null}");
	f.geometry = geometry_new(a, GEOM_POLYGON, 2, 0, 0, 1);
	check(&f, "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[]},\"properties\":null}");
	f.geometry = geometry_new(a, GEOM_MULTIPOLYGON, 2, 0, 0, 1);
	check(&f, "{\"type\":\"Feature\",\"geometry\":{\"type\":\"MultiPolygon\",\"coordinates\":[[]]},\"properties\":null}");
	f.geometry = geometry_new(a, GEOM_COLLECTION, 2, 0, 0, 0);
	check(&f, "{\"type\":\"Feature\",\"geometry\":{\"type\":\"GeometryCollection\",\"geometries\":[]},\"properties\":null}");
	arena_free(&a);
}

static void a_stale_box_is_written_anew(void **state)
{
	static const char raw[] = "{\"bbox\":[0, 0,1,1]}";
	struct feature f = { .raw = raw, .raw_len = sizeof(raw) - 1, .bbox = { 8, 10 } };

	(void)state;
	check(&f, "{\"type\":\"Feature\",\"geometry\":null,\"properties\":null,\"bbox\":[0, 0,1,1]}");
	f.box_stale = true;
	f.box_len = 4;
	f.box[2] = 2.5;
	check(&f, "{\"type\":\"Feature\",\"geometry\":null,\"properties\":null,\"bbox\":[0,0,2.5,0]}");
	f.box_len = 0;
	check(&f, "{\"type\":\"Feature\",\"geometry\":null,\"properties\":null}");
}

static void a_full_buffer_is_told(void **state)
{
	struct arena *a = arena_new(1 << 20);
	struct feature f = { .arena = a };
	struct buf b;

	(void)state;
	f.geometry = points(a, GEOM_MULTIPOINT, 2, 1000);
	for (size_t max = 64; max < 4000; max += 37) {
		buf_init(&b, max);
		assert_int_equal(encode_feature(&b, &f), -1);
		assert_true(b.len <= max);
		buf_clear(&b);
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heights_that_are_missing_stay_so),
		cmocka_unit_test(empty_geometries_keep_their_shape),
		cmocka_unit_test(a_stale_box_is_written_anew),
		cmocka_unit_test(a_full_buffer_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
