/*
 * fuzz_convert - any bytes through the whole pipeline, as `check` and `convert` do it.
 *
 * The verdicts do not depend on how the document is cut to pieces. What comes out is read back and
 * accepted, and comes out the same again. The first four bytes choose: severities, CRS, precision
 * and decoder limits, and the pieces.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "tests/fuzz/options.h"
#include "workers/pipeline/pipeline.h"

#define OPTION_BYTES 4
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct buf lines;	/* verdicts, and how it ended */
	struct buf text;	/* features */
	bool strict;		/* each feature has to be accepted */
	bool hurried;		/* a feature took its time limit: no two runs are the same */
	struct collection_reach reach, odd, even;	/* of all features, and of every second one */
};

static int on_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	struct run *r = ctx;

	(void)e;
	if (verdict_write(&r->lines, v, "f") != 0)
		abort();
	buf_putc(&r->lines, '\n');
	collection_reach_add(&r->reach, v);
	collection_reach_add(v->feature->index % 2 != 0 ? &r->odd : &r->even, v);
	r->hurried |= v->code == R_FEATURE_TIMEOUT;
	if (r->strict && v->outcome != OUTCOME_ACCEPTED && !r->hurried)
		abort();
	if (v->text != NULL) {
		buf_append(&r->text, v->text, v->text_len);
		buf_putc(&r->text, '\n');
	}
	return 0;
}

/* What pipeline_finish says in the end. */
static int feed(struct pipeline *p, struct run *r, const char *data, size_t size, unsigned cut, struct err *e)
{
	int rc = 1;

	for (int pass = 0; rc == 1 && pass < 2; pass++) {
		struct pieces pieces = { data, size, cut, cut };
		size_t n;

		buf_reset(&r->text);
		buf_reset(&r->lines);
		r->reach = r->odd = r->even = collection_reach_none;
		rc = 0;
		while (rc == 0 && (n = piece_next(&pieces)) > 0)
			rc = pipeline_feed(p, pieces.at - n, n, e);
		if (rc == 0)
			rc = pipeline_finish(p, e);
	}
	if (rc == 1)
		abort();	/* the second reading is the last */
	return rc;
}

/* What is said of the collection's bbox. Its reach can be put together of parts, and comes back as it was written. */
static void end(struct run *r, const struct pipeline_options *o, const struct pipeline_totals *t)
{
	struct collection_said said = collection_judge(&t->box, &r->reach, t->features, o->severity);
	struct buf all, parts;
	struct collection_reach back;

	buf_init(&all, COLLECTION_TEXT_MAX);
	buf_init(&parts, COLLECTION_TEXT_MAX);
	reach_add(&r->odd.given, &r->even.given);
	reach_add(&r->odd.made, &r->even.made);
	r->odd.features += r->even.features;
	r->odd.mixed |= r->even.mixed;
	if (collection_reach_write(&r->odd, &parts) != 0 || !collection_reach_read(&back, buf_cstr(&parts)) ||
	    collection_reach_write(&back, &all) != 0 || strcmp(buf_cstr(&all), buf_cstr(&parts)) != 0)
		abort();
	buf_reset(&all);
	if (collection_reach_write(&r->reach, &all) != 0 || strcmp(buf_cstr(&all), buf_cstr(&parts)) != 0)
		abort();
	if (said.len > 0 && !reach_is_within(&r->reach.made, said.len, said.box, 0))
		abort();
	if (said.code != R_NONE)
		collection_write_note(&r->lines, &said, NULL);
	collection_write_bbox(&r->lines, &said);
	buf_clear(&all);
	buf_clear(&parts);
}

static int run(const struct pipeline_options *o, struct run *r, const char *data, size_t size, unsigned cut)
{
	struct pipeline_totals totals;
	struct err e = ERR_INIT;
	struct pipeline *p;
	int rc;

	buf_init(&r->lines, 1 << 26);
	buf_init(&r->text, 1 << 26);
	if ((p = pipeline_new(o, on_verdict, r, &e)) == NULL)
		abort();
	rc = feed(p, r, data, size, cut, &e);
	if (rc == -1 && e.cls != ERR_INPUT && e.cls != ERR_LIMIT)
		abort();
	buf_printf(&r->lines, "%d %d %llu", rc, e.code, (unsigned long long)pipeline_offset(p));
	totals = pipeline_totals(p);
	if (rc == 0)
		end(r, o, &totals);
	pipeline_free(&p);
	return rc;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void clear(struct run *r)
{
	buf_clear(&r->lines);
	buf_clear(&r->text);
}

static void options(struct pipeline_options *o, const uint8_t *data)
{
	static const char *const targets[] = { NULL, NULL, NULL, "EPSG:3857", "EPSG:32633", "EPSG:4979", "EPSG:2154",
		"EPSG:3031" };
	static const char *const sources[] = { NULL, NULL, NULL, "EPSG:3857" };
	static const int precisions[] = { -1, -1, -1, 0, 3, 6 };

	pipeline_options_init(o);
	options_severity(o->severity, data[0]);
	o->target_crs = targets[data[1] % COUNT(targets)];
	o->source_crs = sources[data[1] / COUNT(targets) % COUNT(sources)];
	o->precision = precisions[data[2] % COUNT(precisions)];
	o->feature_timeout_ms = 5000;
	if (data[2] & 0x80)
		o->max_feature_bytes = 1 << 10;
	if (data[2] & 0x40)
		o->max_token_bytes = 24;
	if (data[2] & 0x20)
		o->max_depth = 8;
}

/* What was written, read again in its own CRS: all of it is accepted and stays as it is. */
static void read_back(struct pipeline_options o, const struct run *first, bool by_default)
{
	struct run second = { .strict = by_default };

	o.source_crs = o.target_crs != NULL ? o.target_crs : "OGC:CRS84";
	o.precision = -1;
	o.max_feature_bytes = o.max_token_bytes = 1 << 24;
	o.max_depth = 1000;
	if (run(&o, &second, first->text.data, first->text.len, 0) != 0)
		abort();
	if (by_default && !second.hurried && !same(&first->text, &second.text))
		abort();
	clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run whole = { .strict = false }, pieces = { .strict = false };
	struct pipeline_options o;
	const char *document = (const char *)data + OPTION_BYTES;

	if (size <= OPTION_BYTES)
		return 0;
	size -= OPTION_BYTES;
	options(&o, data);
	run(&o, &whole, document, size, 0);
	run(&o, &pieces, document, size, 1 + data[3]);
	if (!whole.hurried && !pieces.hurried
	    && !(same(&whole.lines, &pieces.lines) && same(&whole.text, &pieces.text)))
		abort();
	if (whole.text.len > 0)
		read_back(o, &whole, data[0] == 0);
	clear(&whole);
	clear(&pieces);
	return 0;
}
