/*
 * nomem - the pipeline without memory: each allocation fails once, alone and with all behind it, and each of GEOS's.
 *
 * In:  documents that go through every stage. Out: exit 0 if nothing crashed or leaked (ASan sees to
 *      that), and what came out nevertheless is what comes out with memory: a feature may be missing
 *      or rejected, never be another one. Allocations beyond a number per document are sampled.
 */
#include <math.h>
#include <sanitizer/lsan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "tests/nomem/failing.h"
#include "workers/pipeline/pipeline.h"

#define MOST_POINTS 1500	/* per document and manner */

#define F(geometry) "{\"type\":\"Feature\",\"properties\":{\"a\":[1,\"\\u00e9\"]},\"id\":1,\"geometry\":" geometry "}"
#define FC(features) "{\"type\":\"FeatureCollection\",\"name\":\"n\",\"features\":[" features "]}"
#define POLYGON(rings) "{\"type\":\"Polygon\",\"coordinates\":" rings "}"
#define BOW_TIE POLYGON("[[[0,0],[10,10],[10,0],[0,10],[0,0]],[[40,0],[41,0],[41,1],[40,0]]]")

static const struct {
	const char *name, *source, *target;
	int precision;
	const char *text;
} documents[] = {
	{ "every type", NULL, NULL, -1, FC(F("{\"type\":\"Point\",\"coordinates\":[1,2,3]}") ","
	    F("{\"type\":\"MultiLineString\",\"unit\":\"x\",\"coordinates\":[[[1,2],[3,4]],[[5,6,7],[8,9]]]}") ","
	    F("{\"type\":\"GeometryCollection\",\"geometries\":[" BOW_TIE
	    ",{\"type\":\"Point\",\"coordinates\":[]}]}") ","
	    F("null")) },
	{ "faults", NULL, NULL, -1, FC(F(POLYGON("[[[0,0],[1,0],[1],[0,0]]]")) ",7,"
	    "{\"type\":\"Feature\",\"type\":\"x\"}," F("{\"type\":\"Point\",\"coordinates\":[1,200]}")) },
	{ "repair", NULL, NULL, -1, FC(F(BOW_TIE) ","
	    F(POLYGON("[[[0,0,1],[9,0,2],[9,3,3],[20,3,4],[9,3,5],[9,9,6],[0,9,7],[0,0,1]],"
	    "[[11,2,0],[12,2,0],[12,4,0],[11,2,0]],[[9,5,0],[12,5,0],[12,6,0],[9,5,0]]]"))) },
	{ "antimeridian", NULL, NULL, -1,
	    FC(F(POLYGON("[[[170,0],[-170,0],[-170,10],[170,10],[170,0]],[[175,2],[175,4],[-175,4],[-175,2],[175,2]]]"))
	    "," F("{\"type\":\"LineString\",\"coordinates\":[[170,0],[-170,5]]}")) },
	{ "records", NULL, NULL, -1, "\x1e" F("null") "\n\x1e{\"type\":\n\x1e" F(BOW_TIE) "\n" },
	{ "late CRS", NULL, NULL, -1, "{\"features\":[" F("{\"type\":\"Point\",\"coordinates\":[1,2]}") "],"
	    "\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"EPSG:3857\"}},\"type\":\"FeatureCollection\"}" },
	{ "reprojected", NULL, "EPSG:32633", 0, FC(F(BOW_TIE) ","
	    F(POLYGON("[[[15,45],[15.00001,45],[15.00001,45.00001],[15,45.000001],[15,45]]]"))) },
	{ "broken", NULL, NULL, -1, "{\"type\":\"FeatureCollection\",\"features\":[" F("null") ",nul]}" },
};

struct texts {
	struct buf text[16];	/* by feature; empty: rejected */
	double area[16];	/* of what was repaired: GEOS may do it in the place of repair/, in another order */
	int passes;		/* what an earlier one gave is to be discarded */
	const struct texts *reference;
	const char *fault;
};

static int on_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	struct texts *t = ctx;
	struct buf line;
	size_t i = v->feature->index;

	buf_init(&line, (size_t)1 << 20);
	if (verdict_write(&line, v, "f") != 0) {
		buf_clear(&line);
		return err_set(e, ERR_SYSTEM, 0, "no memory for a line");
	}
	buf_clear(&line);
	if (v->text == NULL)
		return 0;
	if (t->reference == NULL) {
		t->area[i] = v->feature->area_after;
		buf_reset(&t->text[i]);
		return buf_append(&t->text[i], v->text, v->text_len);
	}
	if (v->outcome == OUTCOME_REPAIRED
	    ? fabs(v->feature->area_after - t->reference->area[i]) > 1e-9 * t->reference->area[i]
	    : t->reference->text[i].len != v->text_len
	    || memcmp(t->reference->text[i].data, v->text, v->text_len) != 0)
		t->fault = "another feature came out";
	return 0;
}

/* 0, or -1 with e filled. */
static int run(size_t document, struct texts *t, struct err *e)
{
	const char *text = documents[document].text;
	struct pipeline_options o;
	struct pipeline *p;
	size_t n = strlen(text);
	int rc = 1;

	pipeline_options_init(&o);
	o.source_crs = documents[document].source;
	o.target_crs = documents[document].target;
	o.precision = documents[document].precision;
	o.feature_timeout_ms = 0;
	if ((p = pipeline_new(&o, on_verdict, t, e)) == NULL)
		return -1;
	for (t->passes = 0; t->passes < 2 && rc == 1; t->passes++) {
		t->fault = NULL;
		rc = pipeline_feed(p, text, n / 2, e);
		if (rc == 0)
			rc = pipeline_feed(p, text + n / 2, n - n / 2, e);
		if (rc == 0)
			rc = pipeline_finish(p, e);
	}
	pipeline_free(&p);
	if (t->reference != NULL && t->passes < t->reference->passes)
		t->fault = NULL;
	return rc;
}

/* Returns how many points were tried, or -1. */
static long fail_all(size_t document, const struct texts *reference, int ends, enum failing how)
{
	struct texts none = { .reference = reference };
	struct err counted = ERR_INIT;
	long allocations, step, tried = 0;

	failing_from(-1, how);
	run(document, &none, &counted);
	allocations = failing_end();
	step = 1 + allocations / MOST_POINTS;
	for (long n = 0; n < allocations; n += step, tried++) {
		struct texts t = { .reference = reference };
		struct err e = ERR_INIT;
		int rc;

		failing_from(n, how);
		rc = run(document, &t, &e);
		failing_end();
		if (rc == -1 && e.cls == ERR_NONE)
			t.fault = "it failed without words";
		if (rc == 0 && ends == -1)
			t.fault = "a broken document was read";
		if (t.fault != NULL) {
			fprintf(stderr, "%s, manner %d, allocation %ld: %s\n", documents[document].name, (int)how, n,
			    t.fault);
			return -1;
		}
	}
	if (__lsan_do_recoverable_leak_check() != 0)
		return -1;
	return tried;
}

int main(void)
{
	static struct texts reference;
	int bad = 0;

	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		struct err e = ERR_INIT;
		long tried[3];
		int ends, worked = 3;

		for (size_t k = 0; k < 16; k++)
			buf_init(&reference.text[k], (size_t)1 << 20);
		ends = run(i, &reference, &e);
		for (int how = FAILING_ONCE; how <= FAILING_GEOS; how++) {
			tried[how] = fail_all(i, &reference, ends, (enum failing)how);
			worked -= tried[how] == -1;
		}
		for (size_t k = 0; k < 16; k++)
			buf_clear(&reference.text[k]);
		printf("%s nomem %-14s %5ld allocations failed once, %5ld with all behind them, %5ld of GEOS\n",
		    worked < 3 ? "FAILED" : "ok    ", documents[i].name, tried[0], tried[1], tried[2]);
		fflush(stdout);
		bad += worked < 3;
	}
	return bad > 0;
}
