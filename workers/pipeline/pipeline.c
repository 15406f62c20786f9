/* pipeline - see pipeline.h. */
#include "workers/pipeline/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "workers/pipeline/decode.h"
#include "workers/pipeline/encode.h"
#include "workers/pipeline/number.h"
#include "workers/pipeline/stages.h"
#include "workers/pipeline/verdict.h"

#define PATH_BYTES 640	/* of the deepest place */
#define NAMED_MOST 64	/* CRSs that a document's features may name: each takes PROJ up to 60 ms to look up */
#define TEXT_KEEP_BYTES ((size_t)1 << 20)	/* kept between features */

struct pipeline {
	struct pipeline_options o;
	verdict_fn fn;
	void *ctx;
	struct decode *decode;
	struct stages *stages;
	char *crs;		/* the source CRS of stages */
	char *named[NAMED_MOST];	/* CRSs that features named, each once */
	size_t named_count;
	struct buf text;
	struct pipeline_totals totals;
	uint64_t fault_at;	/* of a CRS that is not known; 0: none */
	char path[PATH_BYTES];
	struct pipeline_place nowhere;	/* o.place where nobody watches */
};

/* On to the next feature, whose bytes may be still to come. */
static void place_next(struct pipeline *p)
{
	p->o.place->feature = p->totals.features;
	p->o.place->stage = AT_DECODE;
	p->o.place->since_ms = clock_mono_ms();
}

static void place_none(struct pipeline *p)
{
	p->o.place->since_ms = 0;
	p->o.place->stage = AT_NOTHING;
}

/* A worker's default, from the one table of settings. */
static double limit_default(const char *wanted)
{
	static const struct { const char *section, *name, *fallback; } limits[] = {
#define SETTING(section, name, kind, fallback, low, high, unit, help) { #section, #name, fallback },
#include "schema/limits.def"
	};
	double value = 0;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (strcmp(limits[i].section, "worker") == 0 && strcmp(limits[i].name, wanted) == 0)
			number_parse(limits[i].fallback, strlen(limits[i].fallback), &value);
	return value;
}

void pipeline_options_init(struct pipeline_options *o)
{
	memset(o, 0, sizeof(*o));
	for (int code = 0; code < R_COUNT; code++)
		o->severity[code] = (unsigned char)reject_info((enum reject_code)code)->severity;
	o->max_depth = (size_t)limit_default("max_depth");
	o->max_token_bytes = (size_t)limit_default("max_token_bytes");
	o->max_feature_bytes = (size_t)limit_default("max_feature_bytes");
	o->feature_timeout_ms = (unsigned)limit_default("feature_timeout_ms");
	o->max_area_loss = limit_default("max_area_loss");
	o->precision = -1;
}

/* The source CRS in effect: of the document (f NULL), or of a feature, which may name its own. */
static const char *source_crs(const struct pipeline *p, const struct feature *f)
{
	const char *crs = p->o.source_crs;

	if (crs == NULL && f != NULL)
		crs = f->crs;
	if (crs == NULL)
		crs = p->o.pass_crs;
	if (crs == NULL)
		crs = decode_crs(p->decode);
	if (crs == NULL)
		crs = p->o.default_crs;
	return crs != NULL ? crs : "OGC:CRS84";
}

/* The stages that read this source CRS; they are kept from feature to feature. */
static int stages_ready(struct pipeline *p, const char *crs, struct err *e)
{
	if (p->stages != NULL && strcmp(p->crs, crs) == 0)
		return 0;
	stages_free(&p->stages);
	free(p->crs);
	if ((p->crs = strdup(crs)) == NULL)
		return err_errno(e, "source CRS");
	return (p->stages = stages_new(&p->o, crs, e)) == NULL ? -1 : 0;
}

/* The first fault that the repair was for. */
static enum reject_code repaired_code(const struct feature *f)
{
	enum reject_code code = R_NONE;

	for (size_t i = 0; i < f->finding_count; i++) {
		const struct finding *n = &f->findings[i];

		if (n->severity != SEV_FIX)
			continue;
		if (reject_info(n->code)->stage == STAGE_TOPOLOGY)
			return n->code;
		if (code == R_NONE && n->code != R_WINDING)
			code = n->code;
	}
	return code;
}

/* Path and offset of what v->code was found on. */
static void verdict_place(struct pipeline *p, struct verdict *v)
{
	const struct feature *f = v->feature;
	int prefix = 0;

	v->path = "";
	v->offset = f->offset;
	if (v->code == R_NONE)
		return;
	v->path = p->path;
	p->path[0] = '\0';
	if (f->element >= 0)
		prefix = snprintf(p->path, sizeof(p->path), "/features/%lld", (long long)f->element);
	if (v->finding == NULL)
		return;
	place_format(f, &v->finding->place, p->path + prefix, sizeof(p->path) - (size_t)prefix);
	v->offset += verdict_locate(f->raw, f->raw_len, p->path + prefix);
	if (v->finding->offset != 0)
		v->offset = v->finding->offset;
}

/*
 * There was no memory for what became of f, beside f itself. One for whose dead letter there is none is left out the
 * next time, as if it could not be read.
 */
static void blame(struct pipeline *p, const struct feature *f, const struct verdict *v)
{
	p->o.place->feature = f->index;
	p->o.place->stage = v->outcome == OUTCOME_REJECTED ? AT_DECODE : AT_ENCODE;
}

static int give(struct pipeline *p, const struct feature *f, struct err *e)
{
	struct verdict v = { .feature = f };
	int rc;

	v.crs = source_crs(p, f);
	v.outcome = f->fatal != R_NONE ? OUTCOME_REJECTED : f->repaired ? OUTCOME_REPAIRED : OUTCOME_ACCEPTED;
	v.code = v.outcome == OUTCOME_REPAIRED ? repaired_code(f) : f->fatal;
	v.finding = v.code == R_NONE ? NULL : feature_finding(f, v.code);
	verdict_place(p, &v);
	if (v.outcome != OUTCOME_REJECTED && !p->o.verdict_only && !p->o.decode_only) {
		p->o.place->stage = AT_ENCODE;
		buf_trim(&p->text, TEXT_KEEP_BYTES);
		if (encode_feature(&p->text, f) != 0)
			return err_set(e, ERR_SYSTEM, R_FEATURE_MEMORY, "feature %llu: no memory for its text",
			    (unsigned long long)f->index);
		v.text = p->text.data;
		v.text_len = p->text.len;
	}
	p->totals.features++;
	p->totals.accepted += v.outcome == OUTCOME_ACCEPTED;
	p->totals.repaired += v.outcome == OUTCOME_REPAIRED;
	p->totals.rejected += v.outcome == OUTCOME_REJECTED;
	place_none(p);
	rc = p->fn(p->ctx, &v, e);
	place_next(p);
	if (rc < 0 && e->cls == ERR_SYSTEM && e->code == ENOMEM)
		blame(p, f, &v);
	return rc;
}

/* A geometry that a stage put in the place of another keeps what stood beside the coordinates. */
static void carry_members(struct geometry *to, const struct geometry *from)
{
	if (to == NULL || to == from || to->foreign != NULL)
		return;
	to->foreign = from->foreign;
	to->foreign_len = from->foreign_len;
	for (size_t i = 0; i < to->member_count && to->member_count == from->member_count; i++)
		carry_members(to->members[i], from->members[i]);
}

/* The document's CRS leads nowhere: it is to blame, where it is the document that names it. */
static int document_stages_ready(struct pipeline *p, struct err *e)
{
	const char *crs = source_crs(p, NULL);

	if (stages_ready(p, crs, e) == 0)
		return 0;
	if (e->cls == ERR_INPUT && crs == decode_crs(p->decode))
		p->fault_at = decode_crs_offset(p->decode);
	return -1;
}

/* 0: f names no CRS, or one of the first NAMED_MOST that the document's features do. 1: another. -1: no memory. */
static int count_crs(struct pipeline *p, const struct feature *f, struct err *e)
{
	if (p->o.source_crs != NULL || f->crs == NULL)
		return 0;
	for (size_t i = 0; i < p->named_count; i++)
		if (strcmp(p->named[i], f->crs) == 0)
			return 0;
	if (p->named_count == NAMED_MOST)
		return 1;
	if ((p->named[p->named_count] = strdup(f->crs)) == NULL)
		return err_errno(e, "CRS of a feature");
	p->named_count++;
	return 0;
}

static void forget_crs(struct pipeline *p)
{
	while (p->named_count > 0)
		free(p->named[--p->named_count]);
}

static void note_crs(struct feature *f, enum reject_code code, const char *why)
{
	const struct place place = { .member = f->crs_member };

	feature_note_at(f, code, &place, NULL, why);
}

/* A CRS that a feature names itself and that leads nowhere is that feature's fault alone. */
static int feature_stages_ready(struct pipeline *p, struct feature *f, struct err *e)
{
	struct err own = ERR_INIT;

	if (p->o.source_crs != NULL || f->crs == NULL)
		return document_stages_ready(p, e);
	f->elsewhere = strcmp(f->crs, source_crs(p, NULL)) != 0;
	if (stages_ready(p, f->crs, &own) == 0)
		return 0;
	if (own.cls != ERR_INPUT) {
		*e = own;
		return -1;
	}
	note_crs(f, (enum reject_code)own.code, own.text);
	return 0;
}

static int on_feature(void *ctx, struct feature *f, struct err *e)
{
	struct pipeline *p = ctx;
	const struct geometry *before = f->geometry;
	int rc = 0, crs = count_crs(p, f, e);

	if (crs == -1)
		return -1;
	if (p->o.gate != NULL) {
		place_none(p);
		rc = p->o.gate(p->ctx, f, e);
		p->totals.features += rc == 1;
		place_next(p);
	}
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (crs == 1)
		note_crs(f, R_CRS_UNKNOWN, "The document's features name more than 64 CRSs: it is not looked up.");
	if (!p->o.decode_only && f->fatal == R_NONE) {
		p->o.place->stage = AT_REPROJECT;	/* PROJ looks up a CRS that f names itself */
		if (feature_stages_ready(p, f, e) != 0)
			return -1;
		p->o.place->stage = AT_VALIDATE;
		if (f->fatal == R_NONE)
			stages_run(p->stages, f);
		if (before != NULL)
			carry_members(f->geometry, before);
	}
	return give(p, f, e);
}

struct pipeline *pipeline_new(const struct pipeline_options *o, verdict_fn fn, void *ctx, struct err *e)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	struct decode_options limits;

	if (p == NULL) {
		err_errno(e, "pipeline");
		return NULL;
	}
	p->o = *o;
	p->fn = fn;
	p->ctx = ctx;
	if (p->o.place == NULL)
		p->o.place = &p->nowhere;
	buf_init(&p->text, o->max_feature_bytes * 8 + TEXT_KEEP_BYTES);
	limits = (struct decode_options){ p->o.severity, o->max_depth, o->max_token_bytes, o->max_feature_bytes,
		o->sequence };
	if ((p->decode = decode_new(&limits, on_feature, p, e)) == NULL ||
	    (!o->decode_only && stages_ready(p, source_crs(p, NULL), e) != 0))
		pipeline_free(&p);
	else if (o->pass_crs != NULL)
		decode_crs_is_known(p->decode);
	return p;
}

void pipeline_free(struct pipeline **pp)
{
	struct pipeline *p = *pp;

	if (p == NULL)
		return;
	decode_free(&p->decode);
	stages_free(&p->stages);
	forget_crs(p);
	free(p->crs);
	buf_clear(&p->text);
	free(p);
	*pp = NULL;
}

int pipeline_feed(struct pipeline *p, const char *bytes, size_t n, struct err *e)
{
	int rc;

	place_next(p);
	rc = decode_feed(p->decode, bytes, n, e);
	if (rc == 0 || e->cls != ERR_SYSTEM)
		place_none(p);
	p->totals.bytes = rc == 0 ? p->totals.bytes + n : decode_offset(p->decode);
	return rc;
}

int pipeline_jump(struct pipeline *p, uint64_t at, uint64_t elements, const uint64_t *twice, size_t n, struct err *e)
{
	p->totals.features = elements;
	p->totals.bytes = at;
	return decode_jump(p->decode, at, elements, twice, n, e);
}

int pipeline_settle(struct pipeline *p, struct err *e)
{
	return decode_settle(p->decode, e);
}

int pipeline_finish(struct pipeline *p, struct err *e)
{
	int rc;

	place_next(p);
	rc = decode_finish(p->decode, e);
	if (rc >= 0 || e->cls != ERR_SYSTEM)
		place_none(p);
	if (rc == 1) {
		memset(&p->totals, 0, sizeof(p->totals));
		stages_free(&p->stages);
		forget_crs(p);
		if (!p->o.decode_only && document_stages_ready(p, e) != 0)
			return -1;
	}
	return rc;
}

uint64_t pipeline_offset(const struct pipeline *p)
{
	return p->fault_at != 0 ? p->fault_at : decode_offset(p->decode);
}

uint64_t pipeline_parsed(const struct pipeline *p)
{
	return decode_parsed(p->decode);
}

struct pipeline_totals pipeline_totals(const struct pipeline *p)
{
	struct pipeline_totals t = p->totals;

	t.head = decode_head(p->decode, &t.head_len);
	t.crs = source_crs(p, NULL);
	t.box = *decode_box(p->decode);
	return t;
}
