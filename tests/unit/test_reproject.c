/* reproject: names of CRS, axis order, what cannot be transformed, and heights. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <proj.h>

#include "tests/fakes/apart.h"
#include "tests/unit/shapes.h"
#include "workers/pipeline/crs.h"
#include "workers/pipeline/reproject.h"

#define C "/geometry/coordinates"
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct reproject *between(const char *source, const char *target)
{
	struct err e = ERR_INIT;
	struct reproject *r = reproject_new(source, target, &e);

	if (r == NULL)
		fail_msg("%s to %s: %s", source, target, e.text);
	return r;
}

static void many_names_for_one_crs(void **state)
{
	static const char *const crs84[] = {
		"OGC:CRS84", "CRS84", "CRS:84", "EPSG:4326", "epsg:4326", "urn:ogc:def:crs:OGC:1.3:CRS84",
		"urn:ogc:def:crs:OGC::CRS84", "urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:EPSG:8.9:4326",
		"urn:x-ogc:def:crs:EPSG:4326", "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
		"<http://www.opengis.net/def/crs/OGC/1.3/CRS84>",
		"https://www.opengis.net/def/crs/EPSG/0/4326",
		"http://www.opengis.net/gml/srs/epsg.xml#4326",
		"GEOGCRS[\"WGS 84\",DATUM[\"World Geodetic System 1984\",ELLIPSOID[\"WGS 84\",6378137,"
		"298.257223563]],CS[ellipsoidal,2],AXIS[\"lat\",north],AXIS[\"lon\",east],"
		"ANGLEUNIT[\"degree\",0.0174532925199433],ID[\"EPSG\",4326]]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(crs84); i++) {
		struct reproject *r = between(crs84[i], "OGC:CRS84");
		struct feature *f;

		shapes_reset();
		f = shape_feature("POINT(12.345678901234567 48)");
		assert_true(reproject_is_identity(r));
		assert_true(reproject_from_lonlat(r) && reproject_to_lonlat(r));
		assert_int_equal(reproject_feature(r, f), 0);
		assert_true(geometry_equal(f->geometry, shape("POINT(12.345678901234567 48)")));
		assert_false(f->geometry_changed);
		reproject_free(&r);
	}
}

/* Of eight hundred in one name PROJ looks up all, for half a second, before it says that they are too many. */
static void more_than_two_in_one_name_are_not_looked_up(void **state)
{
	static const char *const two[] = {
		"EPSG:4326+EPSG:5773", "EPSG:4326+5773", "urn:ogc:def:crs,crs:EPSG::27700,crs:EPSG::5701",
		"http://www.opengis.net/def/crs-compound?1=http://www.opengis.net/def/crs/EPSG/0/27700"
		"&2=http://www.opengis.net/def/crs/EPSG/0/5701",
	};
	static const char *const three[] = {
		"EPSG:4326+EPSG:5773+EPSG:5773", "urn:ogc:def:crs,crs:EPSG::27700,crs:EPSG::5701,crs:EPSG::5701",
		"http://www.opengis.net/def/crs-compound?1=http://www.opengis.net/def/crs/EPSG/0/27700"
		"&2=http://www.opengis.net/def/crs/EPSG/0/5701&3=http://www.opengis.net/def/crs/EPSG/0/5701",
	};
	char name[CRS_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(two); i++)
		assert_true(crs_name(two[i], name, sizeof(name)));
	for (size_t i = 0; i < ARRAY_LEN(three); i++)
		assert_false(crs_name(three[i], name, sizeof(name)));
}

static void what_is_no_crs_is_refused(void **state)
{
	static const struct {
		const char *source, *target;
		enum reject_code code;
	} cases[] = {
		{ "EPSG:999999", "OGC:CRS84", R_CRS_UNKNOWN },
		{ "OGC:CRS84", "nonsense", R_CRS_UNKNOWN },
		{ "", "OGC:CRS84", R_CRS_UNKNOWN },
		{ "WGS 84", "OGC:CRS84", R_CRS_UNKNOWN },
		{ "+proj=longlat +datum=WGS84 +type=crs", "OGC:CRS84", R_CRS_UNKNOWN },
		{ "+init=/etc/passwd:root", "OGC:CRS84", R_CRS_UNKNOWN },
		{ "GEOGCRS[\"broken\"", "OGC:CRS84", R_CRS_UNKNOWN },
		{ "EPSG:5773", "OGC:CRS84", R_CRS_UNKNOWN },		/* heights alone */
		{ "EPSG:4978", "OGC:CRS84", R_CRS_UNKNOWN },		/* geocentric */
		{ "EPSG:1671", "OGC:CRS84", R_CRS_UNKNOWN },		/* an operation */
		{ "IAU_2015:30100", "OGC:CRS84", R_PROJ_NO_OPERATION },	/* the Moon */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;

		assert_null(reproject_new(cases[i].source, cases[i].target, &e));
		assert_int_equal(e.cls, ERR_INPUT);
		assert_int_equal(e.code, cases[i].code);
	}
}

static int look_up_without_memory(void *ctx)
{
	struct err e = ERR_INIT;

	(void)ctx;
	apart_starve(1);
	if (reproject_new("EPSG:999999", "OGC:CRS84", &e) != NULL || e.cls != ERR_SYSTEM)
		return 1;
	apart_feed();
	err_clear(&e);
	return reproject_new("EPSG:999999", "OGC:CRS84", &e) == NULL && e.code == R_CRS_UNKNOWN ? 0 : 2;
}

/* Whoever has no memory to look one up knows nothing of it. */
static void a_crs_is_not_unknown_for_want_of_memory(void **state)
{
	(void)state;
	apart_may_starve();
	reproject_forget();
	assert_int_equal(apart(look_up_without_memory, NULL), 0);
}

static const struct {
	const char *source, *target;
	const char *in;
	double out[3];
	double tolerance;
	bool from_lonlat, to_lonlat;
} points[] = {
	{ "OGC:CRS84", "EPSG:3857", "POINT(180 0)", { 20037508.342789244, 0 }, 1e-6, true, false },
	{ "EPSG:4326", "EPSG:3857", "POINT(10 50)", { 1113194.9079327357, 6446275.841017161 }, 1e-6, true,
	    false },
	{ "EPSG:3857", "OGC:CRS84", "POINT(1113194.9079327357 6446275.841017161)", { 10, 50 }, 1e-11,
	    false, true },
	{ "OGC:CRS84", "EPSG:25832", "POINT(9 48 123.5)", { 500000, 5316300.208938, 123.5 }, 0.5, true,
	    false },
	/* Its own order is northing, easting. */
	{ "OGC:CRS84", "EPSG:31467", "POINT(9 48)", { 3500073, 5317988 }, 10, true, false },
	/* Degrees of another meridian in grads: no longitudes and latitudes as RFC 7946 has them. */
	{ "EPSG:4807", "OGC:CRS84", "POINT(0 54)", { 2.3366, 48.6 }, 0.01, false, true },
	/* Compound: the height goes along. */
	{ "EPSG:7415", "EPSG:28992", "POINT(155000 463000 7)", { 155000, 463000, 7 }, 1e-3, false, false },
};

static void x_comes_first_and_heights_go_along(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		struct reproject *r = between(points[i].source, points[i].target);
		struct feature *f;

		shapes_reset();
		f = shape_feature(points[i].in);
		assert_int_equal(reproject_from_lonlat(r), points[i].from_lonlat);
		assert_int_equal(reproject_to_lonlat(r), points[i].to_lonlat);
		assert_int_equal(reproject_feature(r, f), 0);
		for (unsigned d = 0; d < f->geometry->stride; d++)
			assert_float_equal(f->geometry->coords[d], points[i].out[d],
			    d == 2 ? 1e-3 : points[i].tolerance);
		assert_string_equal(shape_findings(f), "");
		reproject_free(&r);
	}
}

static void gaps_in_heights_stay_gaps(void **state)
{
	struct reproject *r = between("OGC:CRS84", "EPSG:3857");
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature("LINESTRING(0 0 5,180 0,0 0 7)");
	assert_int_equal(reproject_feature(r, f), 0);
	assert_float_equal(f->geometry->coords[2], 5, 0);
	assert_float_equal(f->geometry->coords[3], 20037508.342789244, 1e-6);
	assert_true(isnan(f->geometry->coords[5]));
	assert_float_equal(f->geometry->coords[8], 7, 0);
	assert_true(geometry_equal(f->original, shape("LINESTRING(0 0 5,180 0,0 0 7)")));
	reproject_free(&r);
}

static void what_fails_is_named(void **state)
{
	static const struct {
		const char *target, *in, *findings;
		enum reject_code fatal;
	} cases[] = {
		{ "EPSG:2154", "LINESTRING(3 46,3 47,3 -90)",
		    "PROJ_OUTSIDE_AREA@" C "/2 PROJ_DOMAIN@" C "/2", R_PROJ_DOMAIN },
		{ "EPSG:3857", "LINESTRING(0 0,5 5,10 86)", "PROJ_OUTSIDE_AREA@" C "/2", R_NONE },
		{ "EPSG:25832", "POLYGON((9 48,10 48,150 49,9 48))", "PROJ_OUTSIDE_AREA@" C "/0/2", R_NONE },
		{ "EPSG:25832", "POLYGON((9 48,10 48,10 49,9 48))", "", R_NONE },
		/* An area of use across the antimeridian. */

		{ "EPSG:3832", "MULTIPOINT(170 -40,-170 -40)", "", R_NONE },
		{ "EPSG:3832", "MULTIPOINT(170 -40,0 -40)", "PROJ_OUTSIDE_AREA@" C "/1", R_NONE },
		{ "EPSG:2154", "GEOMETRYCOLLECTION(POINT(3 46),MULTIPOINT(3 47,3 -90))",
		    "PROJ_OUTSIDE_AREA@/geometry/geometries/1/coordinates/1 "
		    "PROJ_DOMAIN@/geometry/geometries/1/coordinates/1", R_PROJ_DOMAIN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reproject *r = between("OGC:CRS84", cases[i].target);
		struct feature *f;

		shapes_reset();
		f = shape_feature(cases[i].in);
		assert_int_equal(reproject_feature(r, f), cases[i].fatal == R_NONE ? 0 : -1);
		assert_string_equal(shape_findings(f), cases[i].findings);
		assert_int_equal(f->fatal, cases[i].fatal);
		reproject_free(&r);
	}
}

static void area_of_use_is_known_for_projected_sources(void **state)
{
	struct reproject *r = between("EPSG:3857", "EPSG:25832");
	struct feature *f;

	(void)state;
	shapes_reset();
	f = shape_feature("MULTIPOINT(1000000 6000000,-8000000 6000000)");
	assert_int_equal(reproject_feature(r, f), 0);
	assert_string_equal(shape_findings(f), "PROJ_OUTSIDE_AREA@" C "/1");
	reproject_free(&r);
}

static void there_and_back(void **state)
{
	static const char *const targets[] = { "EPSG:3857", "EPSG:25832", "EPSG:3035", "EPSG:2056" };
	uint32_t seed = 3;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct reproject *there = between("OGC:CRS84", targets[i]);
		struct reproject *back = between(targets[i], "OGC:CRS84");

		for (int k = 0; k < 200; k++) {
			char text[64];
			struct feature *f;
			double x, y;

			seed = seed * 1664525 + 1013904223;
			x = 6 + (seed >> 8) / 16777216.0 * 4;
			seed = seed * 1664525 + 1013904223;
			y = 46 + (seed >> 8) / 16777216.0 * 1.5;
			snprintf(text, sizeof(text), "POINT(%.17g %.17g)", x, y);
			shapes_reset();
			f = shape_feature(text);
			assert_int_equal(reproject_feature(there, f), 0);
			assert_int_equal(reproject_feature(back, f), 0);
			assert_float_equal(f->geometry->coords[0], x, 1e-9);
			assert_float_equal(f->geometry->coords[1], y, 1e-9);
		}
		reproject_free(&there);
		reproject_free(&back);
	}
}

static void a_transformation_is_kept_for_the_next(void **state)
{
	struct reproject *first = between("OGC:CRS84", "EPSG:3857"), *kept = first, *second;

	(void)state;
	reproject_free(&first);
	assert_null(first);
	second = between("OGC:CRS84", "EPSG:3857");
	assert_ptr_equal(second, kept);
	first = between("OGC:CRS84", "EPSG:3857");	/* in use twice: two of them */
	assert_ptr_not_equal(first, second);
	reproject_free(&first);
	reproject_free(&second);
	for (int zone = 1; zone <= 12; zone++) {	/* more than are kept */
		char name[32];

		snprintf(name, sizeof(name), "EPSG:%d", 32600 + zone);
		first = between("OGC:CRS84", name);
		reproject_free(&first);
	}
	reproject_free(&first);
}

/* Bit for bit what PROJ's own pipeline says, however it was asked for. */
static void numbers_are_those_of_proj(void **state)
{
	static const char *const targets[] = { "EPSG:3857", "EPSG:25832", "EPSG:3035", "EPSG:2056", "EPSG:32756" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct reproject *r = between("OGC:CRS84", targets[i]);
		PJ_CONTEXT *ctx = proj_context_create();
		PJ *raw = proj_create_crs_to_crs(ctx, "OGC:CRS84", targets[i], NULL);
		PJ *operation = proj_normalize_for_visualization(ctx, raw);

		for (int k = 0; k < 2000; k++) {
			double lon = i == 4 ? 150 + k % 67 / 13.0 : 5 + k % 67 / 13.0;
			double lat = i == 4 ? -30 - k / 333.0 : 44 + k / 333.0;
			PJ_COORD want = proj_trans(operation, PJ_FWD, proj_coord(lon, lat, k, 0));
			char text[100];
			struct feature *f;

			shapes_reset();
			snprintf(text, sizeof(text), "POINT(%.17g %.17g %d)", lon, lat, k);
			f = shape_feature(text);
			assert_int_equal(reproject_feature(r, f), 0);
			assert_memory_equal(f->geometry->coords, want.v, 3 * sizeof(double));
		}
		proj_destroy(operation);
		proj_destroy(raw);
		proj_context_destroy(ctx);
		reproject_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crs_is_not_unknown_for_want_of_memory),	/* first: others leave memory */
		cmocka_unit_test(many_names_for_one_crs),
		cmocka_unit_test(more_than_two_in_one_name_are_not_looked_up),
		cmocka_unit_test(what_is_no_crs_is_refused),
		cmocka_unit_test(x_comes_first_and_heights_go_along),
		cmocka_unit_test(gaps_in_heights_stay_gaps),
		cmocka_unit_test(what_fails_is_named),
		cmocka_unit_test(area_of_use_is_known_for_projected_sources),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(numbers_are_those_of_proj),
		cmocka_unit_test(a_transformation_is_kept_for_the_next),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	reproject_forget();
	arena_free(&shapes_arena);
	return failed;
}
