/* pipeline: totals, verdicts with path and offset, limits, and reading again for a late CRS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <proj.h>

#include "lib/buf.h"
#include "workers/pipeline/pipeline.h"
#include "workers/pipeline/reproject.h"
#include "workers/pipeline/verdict.h"

#define F(geometry) "{\"type\":\"Feature\",\"properties\":null,\"geometry\":" geometry "}"
#define FC(features) "{\"type\":\"FeatureCollection\",\"features\":[" features "]}"

struct sink {
	struct buf lines, texts;
	int fail_at;	/* the feature whose verdict is refused; -1: none */
};

static int on_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	struct sink *s = ctx;

	if ((int)v->feature->index == s->fail_at)
		return err_set(e, ERR_RETRY, 0, "the sink is away");
	verdict_write(&s->lines, v, NULL);
	buf_putc(&s->lines, '\n');
	if (v->text != NULL)
		buf_printf(&s->texts, "%.*s\n", (int)v->text_len, v->text);
	assert_true((v->text == NULL) == (v->outcome == OUTCOME_REJECTED));
	return 0;
}

static struct pipeline *begin(const struct pipeline_options *o, struct sink *s)
{
	struct err e = ERR_INIT;
	struct pipeline *p;

	memset(s, 0, sizeof(*s));
	s->fail_at = -1;
	buf_init(&s->lines, 1 << 20);
	buf_init(&s->texts, 1 << 20);
	p = pipeline_new(o, on_verdict, s, &e);
	assert_non_null(p);
	return p;
}

static void end(struct pipeline **p, struct sink *s)
{
	pipeline_free(p);
	assert_null(*p);
	buf_clear(&s->lines);
	buf_clear(&s->texts);
}

static void verdicts_say_where(void **state)
{
	static const char doc[] = FC(F("{\"type\":\"Point\",\"coordinates\":[1,2]}") ",\n"
	    F("{ \"type\":\"Polygon\",\n\"coordinates\":[[[0,0],[1,0],[ 1 ],[0,0]]]}") ","
	    F("{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[10,10],[10,0],[0,10],[0,0]]]}"));
	struct pipeline_options o;
	struct pipeline_totals t;
	struct err e = ERR_INIT;
	struct pipeline *p;
	struct sink s;
	char want[64];

	(void)state;
	pipeline_options_init(&o);
	p = begin(&o, &s);
	assert_int_equal(pipeline_feed(p, doc, strlen(doc), &e), 0);
	assert_int_equal(pipeline_finish(p, &e), 0);
	t = pipeline_totals(p);
	assert_int_equal(t.features, 3);
	assert_int_equal(t.accepted, 1);
	assert_int_equal(t.rejected, 1);
	assert_int_equal(t.repaired, 1);
	assert_int_equal(t.bytes, strlen(doc));
	assert_string_equal(t.crs, "OGC:CRS84");
	assert_int_equal(pipeline_parsed(p), strlen(doc) - 2);
	assert_int_equal(pipeline_offset(p), strlen(doc));
	snprintf(want, sizeof(want), "\"offset\":%d", (int)(strstr(doc, "[ 1 ]") - doc));
	assert_non_null(strstr(buf_cstr(&s.lines), want));
	assert_non_null(strstr(buf_cstr(&s.lines), "\"code\":\"POSITION_SHORT\",\"section\":\"RFC 7946 3.1.1\","
	    "\"path\":\"/features/1/geometry/coordinates/0/2\""));
	assert_non_null(strstr(buf_cstr(&s.lines), "\"index\":2,\"outcome\":\"repaired\",\"code\":\"SELF_INTERSECTION\""));
	assert_non_null(strstr(buf_cstr(&s.lines), "\"at\":[5,5]"));
	end(&p, &s);
}

static void a_late_crs_is_obeyed(void **state)
{
	static const char doc[] = "{\"features\":[" F("{\"type\":\"Point\",\"coordinates\":[111319.49079327358,0]}")
	    "],\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"EPSG:3857\"}},\"type\":\"FeatureCollection\"}";
	struct pipeline_options o;
	struct err e = ERR_INIT;
	struct pipeline *p;
	struct sink s;

	(void)state;
	pipeline_options_init(&o);
	p = begin(&o, &s);
	assert_int_equal(pipeline_feed(p, doc, strlen(doc), &e), 0);
	assert_int_equal(pipeline_finish(p, &e), 1);
	assert_int_equal(pipeline_totals(p).features, 0);
	buf_reset(&s.texts);
	assert_int_equal(pipeline_feed(p, doc, strlen(doc), &e), 0);
	assert_int_equal(pipeline_finish(p, &e), 0);
	assert_int_equal(pipeline_totals(p).accepted, 1);
	assert_string_equal(pipeline_totals(p).crs, "EPSG:3857");
	assert_non_null(strstr(buf_cstr(&s.texts), "\"coordinates\":["));
	assert_true(strtod(strstr(s.texts.data, "\"coordinates\":[") + 15, NULL) > 0.999999999);
	assert_true(strtod(strstr(s.texts.data, "\"coordinates\":[") + 15, NULL) < 1.000000001);
	end(&p, &s);
}

/* Its first pass was another process's. The text and the verdicts are those of a second pass. */
static void a_pass_that_knows_the_late_crs_is_the_last(void **state)
{
	static const char doc[] = "{\"features\":[" F("{\"type\":\"Point\",\"coordinates\":[111319.49079327358,0]}") ","
	    "{\"type\":\"Feature\",\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"OGC:CRS84\"}},"
	    "\"properties\":null,\"geometry\":{\"type\":\"Point\",\"coordinates\":[12.5,42]}}"
	    "],\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"EPSG:3857\"}},\"type\":\"FeatureCollection\"}";
	struct pipeline_options o;
	struct err e = ERR_INIT;
	struct pipeline *p;
	struct sink both, alone;

	(void)state;
	pipeline_options_init(&o);
	p = begin(&o, &both);
	assert_int_equal(pipeline_feed(p, doc, strlen(doc), &e), 0);
	assert_int_equal(pipeline_finish(p, &e), 1);
	buf_reset(&both.lines);
	buf_reset(&both.texts);
	assert_int_equal(pipeline_feed(p, doc, strlen(doc), &e), 0);
	assert_int_equal(pipeline_finish(p, &e), 0);
	pipeline_free(&p);
	o.pass_crs = "EPSG:3857";
	p = begin(&o, &alone);
	assert_int_equal(pipeline_feed(p, doc, strlen(doc), &e), 0);
	assert_int_equal(pipeline_finish(p, &e), 0);
	assert_int_equal(pipeline_totals(p).accepted, 2);
	assert_string_equal(pipeline_totals(p).crs, "EPSG:3857");
	assert_string_equal(buf_cstr(&alone.texts), buf_cstr(&both.texts));
	assert_string_equal(buf_cstr(&alone.lines), buf_cstr(&both.lines));
	assert_non_null(strstr(alone.texts.data, "\"coordinates\":[12.5,42]"));
	assert_non_null(strstr(alone.lines.data, "CRS_LEGACY"));
	end(&p, &alone);
	buf_clear(&both.lines);
	buf_clear(&both.texts);
}

static void a_sink_that_fails_stops_it(void **state)
{
	static const char doc[] = FC(F("null") "," F("null"));
	struct pipeline_options o;
	struct err e = ERR_INIT;
	struct pipeline *p;
	struct sink s;

	(void)state;
	pipeline_options_init(&o);
	p = begin(&o, &s);
	s.fail_at = 1;
	assert_int_equal(pipeline_feed(p, doc, strlen(doc), &e), -1);
	assert_int_equal(e.cls, ERR_RETRY);
	assert_string_equal(e.text, "the sink is away");
	end(&p, &s);
}

static void a_broken_document_says_where(void **state)
{
	static const char doc[] = "{\"type\":\"FeatureCollection\",\"features\":[" F("null") ",]}";
	struct pipeline_options o;
	struct err e = ERR_INIT;
	struct pipeline *p;
	struct sink s;

	(void)state;
	pipeline_options_init(&o);
	p = begin(&o, &s);
	if (pipeline_feed(p, doc, strlen(doc), &e) == 0)	/* it may wait for more to name the fault */
		assert_int_equal(pipeline_finish(p, &e), -1);
	assert_int_equal(e.cls, ERR_INPUT);
	assert_int_equal(e.code, R_JSON_SYNTAX);
	assert_int_equal(pipeline_offset(p), strlen(doc) - 2);
	assert_int_equal(pipeline_totals(p).accepted, 1);
	end(&p, &s);
}

static void an_unknown_crs_is_refused(void **state)
{
	struct pipeline_options o;
	struct err e = ERR_INIT;
	struct sink s;

	(void)state;
	pipeline_options_init(&o);
	o.source_crs = "EPSG:999999";
	assert_null(pipeline_new(&o, on_verdict, &s, &e));
	assert_int_equal(e.cls, ERR_INPUT);
	assert_int_equal(e.code, R_CRS_UNKNOWN);
}

static void pointers_are_followed(void **state)
{
	static const char json[] = "{ \"a\" : [1, {\"b\\\"\":\"]\", \"c\":[[ 2 ],\"x\"]}] , \"d\":null}";
	static const struct {
		const char *pointer, *at;
	} cases[] = {
		{ "", "{ \"a\"" }, { "/a", "[1, {" }, { "/a/0", "1, {" }, { "/a/1/c", "[[ 2" }, { "/a/1/c/0/0", "2 ]" },
		{ "/a/1/c/1", "\"x\"" }, { "/d", "null" }, { "/e", "{ \"a\"" }, { "/a/7", "[1, {" }, { "/d/0", "null" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(verdict_locate(json, strlen(json), cases[i].pointer), strstr(json, cases[i].at) - json);
	for (size_t n = 0; n < strlen(json); n++) {	/* a text that was cut short */
		char *copy = malloc(n + 1);

		memcpy(copy, json, n);
		assert_true(verdict_locate(copy, n, "/a/1/c/0/0") <= n);
		free(copy);
	}
}

/* ---- a CRS that features name ---- */

#define POINT_IN(crs) "{\"type\":\"Feature\",\"properties\":null,\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"" crs \
	"\"}},\"geometry\":{\"type\":\"Point\",\"coordinates\":[500000,5000000]}}"

/* Of whoever decodes: a thread that watches would see the same. */
static struct pipeline_place watched;
static uint32_t looked_up_at;
static unsigned looked_up;

PJ *__real_proj_create_crs_to_crs_from_pj(PJ_CONTEXT *, const PJ *, const PJ *, PJ_AREA *, const char *const *);
PJ *__wrap_proj_create_crs_to_crs_from_pj(PJ_CONTEXT *, const PJ *, const PJ *, PJ_AREA *, const char *const *);

PJ *__wrap_proj_create_crs_to_crs_from_pj(PJ_CONTEXT *ctx, const PJ *from, const PJ *to, PJ_AREA *area,
    const char *const *options)
{
	looked_up++;
	looked_up_at = watched.stage;
	return __real_proj_create_crs_to_crs_from_pj(ctx, from, to, area, options);
}

/* Features that name `crss` in turn; returns how many were rejected. */
static uint64_t run_turns(unsigned features, unsigned crss, struct sink *s)
{
	struct pipeline_options o;
	struct pipeline_totals t;
	struct err e = ERR_INIT;
	struct pipeline *p;
	struct buf doc;

	buf_init(&doc, 1 << 20);
	buf_puts(&doc, "{\"type\":\"FeatureCollection\",\"features\":[");
	for (unsigned i = 0; i < features; i++)	/* two hemispheres of UTM zones */
		buf_printf(&doc, "%s" POINT_IN("EPSG:%u"), i > 0 ? "," : "",
		    (i % crss < 60 ? 32601 : 32641) + i % crss);
	buf_puts(&doc, "]}");
	pipeline_options_init(&o);
	o.place = &watched;
	looked_up = 0;
	p = begin(&o, s);
	assert_int_equal(pipeline_feed(p, doc.data, doc.len, &e), 0);
	assert_int_equal(pipeline_finish(p, &e), 0);
	t = pipeline_totals(p);
	assert_int_equal(t.features, features);
	pipeline_free(&p);
	buf_clear(&doc);
	return t.rejected;
}

static void a_crs_is_looked_up_once_for_all_features(void **state)
{
	struct pipeline *none = NULL;
	struct sink s;

	(void)state;
	assert_int_equal(run_turns(192, 64, &s), 0);
	assert_true(looked_up > 0 && looked_up <= 2 * 64);
	assert_int_equal(looked_up_at, AT_REPROJECT);	/* that is where it died, if it dies of one */
	end(&none, &s);
}

static void a_document_may_not_name_crss_without_end(void **state)
{
	struct pipeline *none = NULL;
	struct sink s;

	(void)state;
	assert_int_equal(run_turns(132, 66, &s), 4);
	assert_non_null(strstr(buf_cstr(&s.lines), "\"index\":65,\"outcome\":\"rejected\",\"code\":\"CRS_UNKNOWN\""));
	assert_non_null(strstr(buf_cstr(&s.lines), "\"path\":\"/features/65/crs\""));
	end(&none, &s);
}

static void a_name_is_cut_between_characters(void **state)
{
	static const char doc[] = FC(POINT_IN("EPSG:éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé"
	    "éééééééééééééééééééééééééééééééééééé"));
	struct pipeline_options o;
	struct err e = ERR_INIT;
	struct pipeline *p;
	struct sink s;

	(void)state;
	pipeline_options_init(&o);
	p = begin(&o, &s);
	assert_int_equal(pipeline_feed(p, doc, strlen(doc), &e), 0);
	assert_int_equal(pipeline_finish(p, &e), 0);
	assert_non_null(strstr(buf_cstr(&s.lines), "CRS_UNKNOWN"));
	assert_non_null(strstr(buf_cstr(&s.lines), "é\",\"warnings\""));
	assert_null(strstr(buf_cstr(&s.lines), "\xef\xbf\xbd"));
	end(&p, &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_say_where),
		cmocka_unit_test(a_late_crs_is_obeyed),
		cmocka_unit_test(a_pass_that_knows_the_late_crs_is_the_last),
		cmocka_unit_test(a_sink_that_fails_stops_it),
		cmocka_unit_test(a_broken_document_says_where),
		cmocka_unit_test(an_unknown_crs_is_refused),
		cmocka_unit_test(pointers_are_followed),
		cmocka_unit_test(a_crs_is_looked_up_once_for_all_features),
		cmocka_unit_test(a_document_may_not_name_crss_without_end),
		cmocka_unit_test(a_name_is_cut_between_characters),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	reproject_forget();
	return failed;
}
