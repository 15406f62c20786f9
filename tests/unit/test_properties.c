/*
 * The pipeline as a whole: laws that hold for any document, tried on random ones.
 *
 * GEOSLUICE_SEED and GEOSLUICE_CASES in the environment choose others; a failure prints both.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "tests/oracle/geos_shapes.h"
#include "tests/oracle/random_documents.h"
#include "workers/pipeline/decode.h"
#include "workers/pipeline/encode.h"
#include "workers/pipeline/pipeline.h"

static uint64_t seed = 20260401;
static uint32_t cases = 400;
static uint32_t number;		/* of the case at hand */
static struct arena *arena;
static GEOSContextHandle_t geos_context;

static void expect(bool holds, const char *law, const char *text, size_t len)
{
	if (holds)
		return;
	fprintf(stderr, "GEOSLUICE_SEED=%llu, case %u: %s\n%.*s\n", (unsigned long long)seed, number, law,
	    (int)len, text);
	fail();
}

/* ---- running ---- */

struct result {
	struct buf lines, texts;
	size_t accepted, features;
	bool failed;		/* the document, as the last line says */
	void (*look)(const struct verdict *v, void *ctx);
	void *ctx;
};

static int on_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	struct result *o = ctx;

	(void)e;
	verdict_write(&o->lines, v, NULL);
	buf_putc(&o->lines, '\n');
	if (v->text != NULL) {
		buf_append(&o->texts, v->text, v->text_len);
		buf_putc(&o->texts, '\n');
	}
	o->features++;
	o->accepted += v->outcome == OUTCOME_ACCEPTED;
	if (o->look != NULL)
		o->look(v, o->ctx);
	return 0;
}

static void result_clear(struct result *o)
{
	buf_clear(&o->lines);
	buf_clear(&o->texts);
}

/* The document cut at `at`, or in pieces of random length where r is given. */
static void run(const struct pipeline_options *options, const struct buf *text, size_t at, struct random *r,
    struct result *o)
{
	struct err e = ERR_INIT;
	struct pipeline *p;
	int rc = 1;

	buf_init(&o->lines, (size_t)1 << 28);
	buf_init(&o->texts, (size_t)1 << 28);
	p = pipeline_new(options, on_verdict, o, &e);
	assert_non_null(p);
	for (int pass = 0; rc == 1; pass++) {
		assert_true(pass < 2);
		buf_reset(&o->lines);
		buf_reset(&o->texts);
		o->features = o->accepted = 0;
		rc = 0;
		for (size_t begin = 0, n; begin < text->len && rc == 0; begin += n) {
			n = r != NULL ? 1 + random_below(r, 40) : begin < at ? at : text->len;
			n = n < text->len - begin ? n : text->len - begin;
			rc = pipeline_feed(p, text->data + begin, n, &e);
		}
		rc = rc == 0 ? pipeline_finish(p, &e) : rc;
	}
	o->failed = rc != 0;
	buf_printf(&o->lines, "%d %d\n", rc, e.code);
	pipeline_free(&p);
}

static struct document document_of(uint64_t content, bool faults)
{
	arena_reset(arena, (size_t)1 << 20);
	return (struct document){ .content = { seed * 0xd1342543de82ef95u + content * 0x2545f4914f6cdd1du }, .style = { ~content }, .arena = arena,
		.faults = faults };
}

static struct pipeline_options defaults(void)
{
	struct pipeline_options o;

	pipeline_options_init(&o);
	o.feature_timeout_ms = 0;
	return o;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* ---- what comes out ---- */

static bool is_valid(const struct geometry *g)
{
	GEOSGeometry *in;
	bool valid;

	for (size_t i = 0; i < g->member_count; i++)
		if (!is_valid(g->members[i]))
			return false;
	if (!geometry_is_areal(g))
		return true;
	in = to_geos(geos_context, g);
	valid = GEOSisValid_r(geos_context, in) == 1;
	GEOSGeom_destroy_r(geos_context, in);
	return valid;
}

/* Positions [begin, end) of g, forwards or backwards, as a ring of `in`? */
static bool has_ring(const struct geometry *in, const struct geometry *g, size_t begin, size_t end)
{
	size_t bytes = g->stride * sizeof(double), n = end - begin;

	for (size_t s = 0; s < in->seqs; s++) {
		size_t first = seq_begin(in, s), forwards = 0, backwards = 0;

		if (in->seq_end[s] - first != n || in->stride != g->stride)
			continue;
		for (size_t i = 0; i < n; i++) {
			const double *p = g->coords + (begin + i) * g->stride;

			forwards += memcmp(p, in->coords + (first + i) * in->stride, bytes) == 0;
			backwards += memcmp(p, in->coords + (first + n - 1 - i) * in->stride, bytes) == 0;
		}
		if (forwards == n || backwards == n)
			return true;
	}
	return false;
}

static struct geometry one_part(const struct geometry *g, size_t p, uint32_t *ends)
{
	size_t first = part_begin(g, p), begin = seq_begin(g, first);
	struct geometry part = { .type = GEOM_POLYGON, .stride = g->stride, .coords = g->coords + begin * g->stride,
		.seq_end = ends + 1, .seqs = g->part_end[p] - first, .part_end = ends, .parts = 1 };

	ends[0] = (uint32_t)part.seqs;
	for (size_t s = 0; s < part.seqs; s++)
		part.positions = ends[s + 1] = (uint32_t)(g->seq_end[first + s] - begin);
	return part;
}

/* Does part p lie apart from all others? By their westernmost and easternmost positions. */
static bool stands_apart(const struct geometry *g, size_t p)
{
	double span[2][2];

	for (size_t q = 0; q < g->parts; q++) {
		double *s = span[q == p ? 0 : 1];

		if (q == p)
			continue;
		for (int k = 0; k < 2; k++) {
			size_t part = k == 0 ? p : q, end = g->seq_end[g->part_end[part] - 1];

			s = span[k];
			s[0] = INFINITY;
			s[1] = -INFINITY;
			for (size_t i = seq_begin(g, part_begin(g, part)); i < end; i++) {
				s[0] = fmin(s[0], g->coords[i * g->stride]);
				s[1] = fmax(s[1], g->coords[i * g->stride]);
			}
		}
		if (span[0][0] <= span[1][1] && span[1][0] <= span[0][1])
			return false;
	}
	return true;
}

/* Sound parts of what came are there, to the bit, with their heights. Returns how many. */
static size_t sound_parts_kept(const struct verdict *v, const struct geometry *in, const struct geometry *out)
{
	uint32_t ends[256];
	size_t kept = 0;

	if (in->type == GEOM_COLLECTION)
		for (size_t i = 0; i < in->member_count; i++)
			kept += sound_parts_kept(v, in->members[i], out->members[i]);
	if (!geometry_is_areal(in)) {
		if (in->type != GEOM_COLLECTION)
			expect(geometry_equal(in, out), "a line or point changed", v->text, v->text_len);
		return kept;
	}
	for (size_t p = 0; p < in->parts; p++) {
		struct geometry part = one_part(in, p, ends);

		if (!stands_apart(in, p) || !is_valid(&part))
			continue;
		for (size_t s = 0; s < part.seqs; s++)
			expect(has_ring(out, &part, seq_begin(&part, s), part.seq_end[s]),
			    "a sound part was touched", v->feature->raw, v->feature->raw_len);
		kept++;
	}
	return kept;
}

static void look_at_output(const struct verdict *v, void *ctx)
{
	const struct feature *f = v->feature;

	if (v->outcome == OUTCOME_REJECTED || f->geometry == NULL)
		return;
	expect(is_valid(f->geometry), "an invalid geometry came out", f->raw, f->raw_len);
	if (f->original != NULL)
		*(size_t *)ctx += sound_parts_kept(v, f->original, f->geometry);
}

static void converting_twice_is_converting_once(void **state)
{
	struct pipeline_options o = defaults();
	size_t kept = 0, features = 0;

	(void)state;
	for (number = 0; number < cases; number++) {
		struct result first = { .look = look_at_output, .ctx = &kept }, second = { .look = NULL };
		struct document d = document_of(number, false);
		struct buf text;

		buf_init(&text, (size_t)1 << 28);
		document_write(&d, &text, 6);
		run(&o, &text, 0, NULL, &first);
		run(&o, &first.texts, 0, NULL, &second);
		expect(second.accepted == second.features, "what came out is not accepted", second.lines.data,
		    second.lines.len);
		expect(same(&first.texts, &second.texts), "what came out comes out differently",
		    first.texts.data, first.texts.len);
		features += second.features;
		result_clear(&first);
		result_clear(&second);
		buf_clear(&text);
	}
	print_message("%zu features, %zu sound parts kept beside broken ones\n", features, kept);
	assert_true(kept > cases / 4);
}

/* ---- areas ---- */

/* A billionth of it, and what moving every corner of g by some last digits may do to it. */
static double area_slack(const struct geometry *g, double exact)
{
	double largest = 0, length = 0;

	for (size_t i = 0; i < g->positions; i++) {
		const double *p = g->coords + i * g->stride;

		largest = fmax(largest, fmax(fabs(p[0]), fabs(p[1])));
		if (i > 0)
			length += hypot(p[0] - p[-(ptrdiff_t)g->stride], p[1] - p[1 - (ptrdiff_t)g->stride]);
	}
	return 1e-9 * exact + ldexp(largest, -51) * length;
}

struct disputes {
	FILE *shapes;
	size_t n, agreed;
	double ours[4096], slack[4096];
};

static void print_rings(FILE *to, const struct geometry *g)
{
	for (size_t p = 0; p < g->parts; p++) {
		fputs(p > 0 ? ",[" : "[[", to);
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

static void look_at_area(const struct verdict *v, void *ctx)
{
	const struct geometry *in = v->feature->original, *out = v->feature->geometry;
	struct disputes *d = ctx;
	GEOSGeometry *geos;
	double theirs, slack;

	if (v->outcome != OUTCOME_REPAIRED || in == NULL || !geometry_is_areal(in))
		return;
	geos = to_geos(geos_context, in);
#ifdef __SANITIZE_ADDRESS__
	__lsan_disable();	/* GEOS leaks where it gives up */
#endif
	theirs = geos_structure_area(geos_context, geos);
#ifdef __SANITIZE_ADDRESS__
	__lsan_enable();
#endif
	GEOSGeom_destroy_r(geos_context, geos);
	slack = area_slack(in, geometry_area(out));
	if (fabs(geometry_area(out) - theirs) <= slack) {
		d->agreed++;
	} else if (d->n < sizeof(d->ours) / sizeof(d->ours[0])) {
		print_rings(d->shapes, in);
		d->ours[d->n] = geometry_area(out);
		d->slack[d->n++] = slack;
	}
}

/* GEOS is asked first; where it says otherwise, or fails, rational arithmetic settles it. */
static void areas_are_those_of_the_structure_method(void **state)
{
	static struct disputes d;
	struct pipeline_options o = defaults();
	char path[] = "/tmp/gs-areas-XXXXXX", command[128];
	FILE *oracle;

	(void)state;
	d.shapes = fdopen(mkstemp(path), "w");
	assert_non_null(d.shapes);
	o.max_area_loss = 1;
	for (number = 0; number < cases; number++) {
		struct result out = { .look = look_at_area, .ctx = &d };
		struct document doc = document_of(number + 100000, false);
		struct buf text;

		buf_init(&text, (size_t)1 << 28);
		document_write(&doc, &text, 6);
		run(&o, &text, 0, NULL, &out);
		result_clear(&out);
		buf_clear(&text);
	}
	fclose(d.shapes);
	snprintf(command, sizeof(command), "python3 tests/oracle/structure_area.py < %s", path);
	oracle = popen(command, "r");
	assert_non_null(oracle);
	for (size_t i = 0; i < d.n; i++) {
		double exact;

		assert_int_equal(fscanf(oracle, "%lf", &exact), 1);
		if (fabs(d.ours[i] - exact) > d.slack[i]) {
			fprintf(stderr, "GEOSLUICE_SEED=%llu: shape %zu of %s has area %.17g, exactly %.17g\n",
			    (unsigned long long)seed, i, path, d.ours[i], exact);
			fail();
		}
	}
	assert_int_equal(pclose(oracle), 0);
	unlink(path);
	print_message("%zu areas agree with GEOS, %zu settled by the oracle\n", d.agreed, d.n);
	assert_true(d.agreed > cases);
}

/* ---- there and back ---- */

struct taken {
	const struct geometry *geometry[64];
	size_t n;
};

static void take(const struct verdict *v, void *ctx)
{
	struct taken *t = ctx;
	const struct geometry *g = v->feature->geometry;
	struct geometry *copy;

	assert_int_equal(v->outcome, OUTCOME_ACCEPTED);
	copy = geometry_new(arena, g->type, g->stride, g->positions, g->seqs, g->parts);
	memcpy(copy->coords, g->coords, g->positions * g->stride * sizeof(double));
	memcpy(copy->seq_end, g->seq_end, g->seqs * sizeof(*g->seq_end));
	memcpy(copy->part_end, g->part_end, g->parts * sizeof(*g->part_end));
	t->geometry[t->n++] = copy;
}

/* Points and lines, near [x, y]. */
static void write_near(struct document *d, struct buf *text, double x, double y, double reach)
{
	for (int i = 0; i < 8; i++) {
		struct geometry *g = document_plain(d);

		for (size_t k = 0; k < g->positions; k++) {
			g->coords[k * g->stride] = x + g->coords[k * g->stride] / 80 * reach;
			g->coords[k * g->stride + 1] = y + g->coords[k * g->stride + 1] / 80 * reach;
		}
		buf_puts(text, "{\"type\":\"Feature\",\"properties\":null,\"geometry\":");
		document_write_geometry(d, text, g);
		buf_puts(text, "}\n");
	}
}

static void there_and_back_is_where_it_began(void **state)
{
	static const struct {
		const char *crs;
		double x, y, reach;
	} targets[] = {
		{ "EPSG:3857", 0, 0, 80 }, { "EPSG:4326", 0, 0, 80 }, { "EPSG:32633", 15, 45, 3 },
		{ "EPSG:2154", 3, 46.5, 4 }, { "EPSG:3035", 10, 52, 8 }, { "EPSG:3031", 0, -80, 5 },
	};

	(void)state;
	for (number = 0; number < sizeof(targets) / sizeof(targets[0]); number++) {
		struct document d = document_of(number + 200000, false);
		struct pipeline_options o = defaults();
		struct taken begun = { .n = 0 }, ended = { .n = 0 };
		struct result stay = { .look = take, .ctx = &begun }, there = { .look = NULL },
			back = { .look = take, .ctx = &ended };
		struct buf text;

		buf_init(&text, (size_t)1 << 24);
		write_near(&d, &text, targets[number].x, targets[number].y, targets[number].reach);
		run(&o, &text, 0, NULL, &stay);
		o.target_crs = targets[number].crs;
		run(&o, &text, 0, NULL, &there);
		o.source_crs = o.target_crs;
		o.target_crs = NULL;
		run(&o, &there.texts, 0, NULL, &back);
		assert_int_equal(begun.n, 8);
		assert_int_equal(ended.n, 8);
		for (size_t i = 0; i < begun.n; i++) {
			const struct geometry *g = begun.geometry[i], *h = ended.geometry[i];

			assert_int_equal(g->positions * g->stride, h->positions * h->stride);
			for (size_t k = 0; k < g->positions * g->stride; k++)
				expect(fabs(g->coords[k] - h->coords[k]) < 1e-8, targets[number].crs,
				    back.texts.data, back.texts.len);
		}
		result_clear(&stay);
		result_clear(&there);
		result_clear(&back);
		buf_clear(&text);
	}
}

/* ---- writing and reading ---- */

static struct geometry *any_geometry(struct random *r, int depth)
{
	enum geometry_type type = (enum geometry_type)random_below(r, depth == 0 ? 7 : 6);
	bool areal = type == GEOM_POLYGON || type == GEOM_MULTIPOLYGON;
	size_t parts = type == GEOM_MULTIPOLYGON ? 1 + random_below(r, 3) : 1;
	size_t rings = areal || type == GEOM_MULTILINESTRING ? 1 + random_below(r, 3) : 1, seqs = parts * rings;
	size_t each = type == GEOM_POINT ? 1 : 4 + random_below(r, 4);
	unsigned stride = 2 + random_below(r, 3);
	struct geometry *g;

	if (type == GEOM_COLLECTION) {
		g = geometry_new(arena, type, 2, 0, 0, 0);
		g->members = arena_calloc(arena, 3, sizeof(*g->members));
		for (g->member_count = random_below(r, 3), seqs = 0; seqs < g->member_count; seqs++)
			g->members[seqs] = any_geometry(r, depth + 1);
		return g;
	}
	g = geometry_new(arena, type, stride, seqs * each, seqs, parts);
	for (size_t i = 0; i < g->positions * stride; i++) {
		uint64_t bits = (uint64_t)random_below(r, UINT32_MAX) << 32 | random_below(r, UINT32_MAX);

		memcpy(&g->coords[i], &bits, sizeof(bits));
		if (!isfinite(g->coords[i]) || random_below(r, 3) == 0)
			g->coords[i] = random_below(r, 3600) / 10.0 - 180;
		if (i % stride == stride - 1 && stride > 2 && i > stride && random_below(r, 5) == 0)
			g->coords[i] = NAN;	/* the first position has all */
	}
	for (size_t s = 0; s < seqs; s++) {
		g->seq_end[s] = (uint32_t)((s + 1) * each);
		if (areal)
			memcpy(g->coords + (s * each + each - 1) * stride, g->coords + s * each * stride,
			    stride * sizeof(double));
	}
	for (size_t p = 0; p < parts; p++)
		g->part_end[p] = (uint32_t)((p + 1) * rings);
	return g;
}

static int compare_geometry(void *ctx, struct feature *f, struct err *e)
{
	const struct geometry *g = ctx;

	(void)e;
	expect(f->fatal == R_NONE && f->geometry != NULL, "not readable", f->raw, f->raw_len);
	expect(geometry_equal(f->geometry, g), "read differently", f->raw, f->raw_len);
	return 0;
}

static void what_is_written_reads_back(void **state)
{
	struct pipeline_options o = defaults();
	struct decode_options limits = { o.severity, o.max_depth, o.max_token_bytes, o.max_feature_bytes, false };
	struct random r = { seed };
	struct buf text;

	(void)state;
	buf_init(&text, (size_t)1 << 24);
	for (number = 0; number < 5 * cases; number++) {
		struct feature f = { .arena = arena, .severity = o.severity };
		struct err e = ERR_INIT;
		struct decode *d;

		arena_reset(arena, (size_t)1 << 20);
		f.geometry = any_geometry(&r, 0);
		buf_reset(&text);
		assert_int_equal(encode_feature(&text, &f), 0);
		assert_non_null(d = decode_new(&limits, compare_geometry, f.geometry, &e));
		assert_int_equal(decode_feed(d, text.data, text.len, &e), 0);
		assert_int_equal(decode_finish(d, &e), 0);
		decode_free(&d);
	}
	buf_clear(&text);
}

/* ---- the same document, written and sent differently ---- */

static void verdicts_do_not_depend_on_segments(void **state)
{
	struct pipeline_options o = defaults();

	(void)state;
	for (number = 0; number < cases; number++) {
		struct document d = document_of(number + 300000, true);
		struct result whole = { .look = NULL };
		struct buf text;
		size_t step;

		buf_init(&text, (size_t)1 << 28);
		d.blanks = number % 2;
		document_write(&d, &text, number % 8 == 0 ? 1 : 10);
		run(&o, &text, 0, NULL, &whole);
		step = text.len < 600 ? 1 : text.len;	/* every split of a small one */
		for (size_t at = 1; at < text.len; at += step) {
			struct result pieces = { .look = NULL };

			run(&o, &text, at, step == 1 ? NULL : &d.style, &pieces);
			expect(same(&whole.lines, &pieces.lines) && same(&whole.texts, &pieces.texts),
			    "another verdict in pieces", text.data, text.len);
			result_clear(&pieces);
		}
		result_clear(&whole);
		buf_clear(&text);
	}
}

/* Takes out what depends on how the document is written: offsets, and blanks between tokens. */
static void settle(struct buf *b)
{
	bool quoted = false;
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++) {
		char c = b->data[i];

		if (!quoted && i + 10 < b->len && memcmp(b->data + i, ",\"offset\":", 10) == 0) {
			for (i += 10; b->data[i] >= '0' && b->data[i] <= '9'; i++)
				;
			c = b->data[i];
		}
		if (c == '"')
			quoted = !quoted;
		else if (c == '\\' && quoted)
			b->data[n++] = b->data[i++], c = b->data[i];
		if (quoted || (c != ' ' && c != '\t'))
			b->data[n++] = c;
	}
	b->len = n;
}

/* A document that fails delivers nothing: of what was said of features before its fault, only the fault counts. */
static void undeliver(struct result *o)
{
	size_t at = o->lines.len - 1;

	if (!o->failed)
		return;
	while (at > 0 && o->lines.data[at - 1] != '\n')
		at--;
	memmove(o->lines.data, o->lines.data + at, o->lines.len - at);
	o->lines.len -= at;
	buf_reset(&o->texts);
}

static void compare_styles(bool shuffle, bool blanks)
{
	struct pipeline_options o = defaults();

	for (number = 0; number < cases; number++) {
		struct result plain = { .look = NULL }, other = { .look = NULL };
		struct buf text, again;
		struct document d;

		buf_init(&text, (size_t)1 << 28);
		buf_init(&again, (size_t)1 << 28);
		d = document_of(number + 400000, true);
		document_write(&d, &text, 8);
		d = document_of(number + 400000, true);
		d.shuffle = shuffle;
		d.blanks = blanks;
		document_write(&d, &again, 8);
		run(&o, &text, 0, NULL, &plain);
		run(&o, &again, 0, NULL, &other);
		undeliver(&plain);
		undeliver(&other);
		settle(&plain.lines);
		settle(&other.lines);
		settle(&plain.texts);
		settle(&other.texts);
		if (!same(&plain.lines, &other.lines))
			fprintf(stderr, "%.*s--\n%.*s", (int)plain.lines.len, plain.lines.data,
			    (int)other.lines.len, other.lines.data);
		expect(same(&plain.lines, &other.lines) && same(&plain.texts, &other.texts),
		    "another verdict when written differently", again.data, again.len);
		result_clear(&plain);
		result_clear(&other);
		buf_clear(&text);
		buf_clear(&again);
	}
}

static void verdicts_do_not_depend_on_blanks(void **state)
{
	(void)state;
	compare_styles(false, true);
}

static void verdicts_do_not_depend_on_the_order_of_members(void **state)
{
	(void)state;
	compare_styles(true, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(converting_twice_is_converting_once),
		cmocka_unit_test(areas_are_those_of_the_structure_method),
		cmocka_unit_test(there_and_back_is_where_it_began),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(verdicts_do_not_depend_on_segments),
		cmocka_unit_test(verdicts_do_not_depend_on_blanks),
		cmocka_unit_test(verdicts_do_not_depend_on_the_order_of_members),
	};
	const char *s = getenv("GEOSLUICE_SEED"), *n = getenv("GEOSLUICE_CASES");
	int rc;

	seed = s != NULL ? strtoull(s, NULL, 10) : seed;
	cases = n != NULL ? (uint32_t)strtoul(n, NULL, 10) : cases;
	arena = arena_new((size_t)1 << 30);
	geos_context = GEOS_init_r();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	GEOS_finish_r(geos_context);
	arena_free(&arena);
	return rc;
}
