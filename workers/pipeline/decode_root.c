/* decode_root - what the document's own object says: type, CRS, foreign members. See decode_parts.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workers/pipeline/decode_parts.h"

static uint64_t span_at(const struct span *s)
{
	return s->value != 0 ? s->value : s->name_end;
}

/* A root that is no feature. In a sequence this record is rejected, else the document. */
static int root_fail(struct decode *d, struct object *o, enum reject_code code, enum member_name m, uint64_t end)
{
	uint64_t at = m < M_COUNT && o->spans[m].end != 0 ? span_at(&o->spans[m]) : d->record_at;

	d->root_done = true;
	if (d->format == FORMAT_DOCUMENT || d->collection)
		return decode_fail(d, ERR_INPUT, code, at);
	d->f->finding_count = 0;
	d->f->fatal = R_NONE;
	object_note(d, o, code, m);
	return feature_give(d, end);
}

/* What was found on the object so far concerns the whole document. */
static int findings_of_document(struct decode *d)
{
	const struct feature *f = d->f;

	if (decode_here(d) - d->hold > d->o.max_feature_bytes)
		d->too_large = true;
	if (d->too_large || d->too_long)
		return decode_fail(d, ERR_LIMIT, d->too_large ? R_FEATURE_TOO_LARGE : R_TOKEN_TOO_LONG,
		    d->record_at);
	return f->fatal == R_NONE ? 1 : decode_fail(d, ERR_INPUT, f->fatal, d->record_at);
}

/* South above north, or low above high; west may lie east of east (RFC 7946 5.2). */
static bool box_is_upside_down(const struct object *o)
{
	unsigned n = o->box_len / 2;

	return o->box[1] > o->box[n + 1] || (n == 3 && o->box[2] > o->box[5]);
}

/* What is wrong with a bbox by itself. */
static enum reject_code box_fault(const struct object *o)
{
	if (o->kinds[M_BBOX] == V_ABSENT)
		return R_NONE;
	if (o->box_bad)
		return R_BBOX_TYPE;
	if (o->box_len != 4 && o->box_len != 6)
		return R_BBOX_LENGTH;
	return box_is_upside_down(o) ? R_BBOX_ORDER : R_NONE;
}

/* Of several records with one the longer counts: what goes out is one collection. */
static void box_take(struct decode *d, const struct object *o, enum reject_code fault)
{
	struct collection_box *c = &d->box;

	if (o->kinds[M_BBOX] == V_ABSENT)
		return;
	c->several = d->format != FORMAT_DOCUMENT;
	c->offset = span_at(&o->spans[M_BBOX]);
	c->fault = c->several ? R_NONE : fault;
	if (fault != R_BBOX_TYPE && fault != R_BBOX_LENGTH && o->box_len >= c->len) {
		c->len = o->box_len;
		memcpy(c->box, o->box, sizeof(c->box));
	}
}

static int collection_end(struct decode *d, struct object *o, uint64_t end)
{
	enum reject_code fault = box_fault(o);
	static const enum member_name never[] = { M_GEOMETRY, M_PROPERTIES, M_COORDINATES, M_GEOMETRIES };

	if (!d->collection && !findings_of_document(d))
		return 0;
	if (o->kinds[M_FEATURES] != V_ARRAY)
		return root_fail(d, o, o->kinds[M_FEATURES] == V_ABSENT ? R_FEATURES_MISSING :
		    R_FEATURES_NOT_ARRAY, M_FEATURES, end);
	for (size_t i = 0; i < COUNT(never); i++)
		if (o->kinds[never[i]] != V_ABSENT && d->o.severity[R_MEMBER_MISPLACED] == SEV_REJECT)
			return root_fail(d, o, R_MEMBER_MISPLACED, never[i], end);
	if (fault != R_NONE && d->o.severity[fault] == SEV_REJECT)
		return root_fail(d, o, fault, M_BBOX, end);
	box_take(d, o, fault);
	return 1;
}

int root_end(struct decode *d, struct object *o, uint64_t end)
{
	d->root_done = true;
	if (!d->collection)
		nested_settle(d, o->type == TYPE_FEATURE);
	if (o->type == TYPE_NONE)
		return root_fail(d, o, R_TYPE_MISSING, M_COUNT, end);
	if (o->type == TYPE_UNKNOWN)
		return root_fail(d, o, R_TYPE_UNKNOWN, M_TYPE, end);
	if (o->type == TYPE_COLLECTION)
		return collection_end(d, o, end);
	if (d->collection) {	/* a feature or geometry after all: next time it is read as one */
		if (d->format != FORMAT_DOCUMENT)
			return root_fail(d, o, R_MEMBER_MISPLACED, M_FEATURES, end);
		d->again = d->single = true;
		return 1;
	}
	return o->type == TYPE_FEATURE ? feature_end(d, o, end) : bare_end(d, o, end);
}

int collection_begin(struct decode *d, struct object *o)
{
	uint64_t here = decode_here(d);

	nested_settle(d, false);
	if (!findings_of_document(d))
		return 0;
	if (d->features_at != NULL) {
		*d->features_at = here;
		d->failed = true;
		return err_set(d->e, ERR_RETRY, 0, "the features begin"), 0;
	}
	d->in_feature = false;
	d->collection = true;
	for (size_t i = 0; i < d->foreign_len; i++) {
		o->open = d->foreign[i];
		if (!collection_member(d, o, M_FOREIGN))
			return 0;
	}
	d->foreign_len = 0;
	o->last_end = here;
	decode_hold(d, here);
	return 1;
}

/* ---- "crs" as GeoJSON had it in 2008 ---- */

void crs_begin(struct decode *d)
{
	free(d->crs_text);
	d->crs_text = NULL;
	d->crs_type[0] = d->crs_key = '\0';
}

static bool crs_is_named(const struct decode *d)
{
	return d->crs_text != NULL && (strcmp(d->crs_type, "name") == 0 || strcmp(d->crs_type, "EPSG") == 0 ||
	    strcmp(d->crs_type, "OGC") == 0);
}

/* What the root's "crs" came to. */
static int crs_end(struct decode *d, const struct object *o)
{
	bool named = crs_is_named(d);

	if (named) {
		free(d->crs);
		d->crs = d->crs_text;
		d->crs_at = span_at(&o->open);
		d->crs_text = NULL;
	}
	if (d->o.severity[R_CRS_LEGACY] == SEV_REJECT)
		return decode_fail(d, ERR_INPUT, R_CRS_LEGACY, span_at(&o->open));
	d->crs_seen = true;
	if (!d->crs_known) {
		d->noted_crs = true;
		if (d->collection && o->elements > 0) {
			if (d->format != FORMAT_DOCUMENT)	/* a stream of records has no second pass */
				return decode_fail(d, ERR_INPUT, R_CRS_UNKNOWN, span_at(&o->open));
			d->again = true;
		}
	}
	if (o->kinds[M_CRS] == V_NULL || d->o.severity[R_CRS_LEGACY] == SEV_WARN || named)
		return 1;
	return decode_fail(d, ERR_INPUT, R_CRS_UNKNOWN, span_at(&o->open));
}

/*
 * Collections that are records of a sequence go out as one, in which a name may stand once: that of the first counts.
 */
static bool head_takes(struct decode *d, const struct object *o)
{
	bool there;

	if (d->format == FORMAT_DOCUMENT)
		return true;
	there = ids_add(&d->head_names, o->open.hash);
	if (d->head_names.count == 1 && !there)
		d->head_record = d->record_at;
	return !there || d->head_record == d->record_at;
}

int collection_member(struct decode *d, struct object *o, enum member_name m)
{
	const struct span *s = &o->open;
	size_t room = s->end - s->before;

	if (m == M_CRS && !crs_end(d, o))
		return 0;
	if (!d->collection)
		return 1;
	if (m == M_FOREIGN && head_takes(d, o)) {
		size_t at = d->head.len + (d->head.len > 0);

		if (at + room > d->o.max_feature_bytes)
			return decode_fail(d, ERR_LIMIT, R_FEATURE_TOO_LARGE, s->name_end);
		if (buf_reserve(&d->head, room + 1) != 0)
			return decode_oom(d);
		if (at > 0)
			d->head.data[at - 1] = ',';
		d->head.len = at + member_copy(d, s, d->head.data + at);
	}
	decode_hold(d, s->end);
	return 1;
}

static void crs_take(struct decode *d, const char *prefix, const char *text, size_t len)
{
	size_t n = strlen(prefix);

	free(d->crs_text);
	if ((d->crs_text = malloc(n + len + 1)) == NULL) {
		decode_oom(d);
		return;
	}
	memcpy(d->crs_text, prefix, n);
	for (size_t i = 0; i < len; i++)
		d->crs_text[n++] = text[i] != '\0' ? text[i] : '?';	/* no CRS is named so */
	d->crs_text[n] = '\0';
}

char crs_name_key(const char *name, size_t len)
{
	static const char *const names[] = { "type", "properties", "name", "code", "urn" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return name[0];
	return '\0';
}

/* Within a "crs": its type, and the name, code or URN one level down. */
void crs_scalar(struct decode *d, const char *text, size_t len, bool number)
{
	bool inner = d->frames[d->depth - 2].kind == F_CRS;

	if (!inner && d->crs_key == 't' && !number)
		snprintf(d->crs_type, sizeof(d->crs_type), "%.*s", (int)(len < 8 ? len : 7), text);
	else if (inner && (d->crs_key == 'n' || d->crs_key == 'u') && !number)
		crs_take(d, "", text, len);
	else if (inner && d->crs_key == 'c')
		crs_take(d, "EPSG:", text, len);
}

/*
 * PostGIS writes a "crs" into each geometry. The innermost counts; none is carried through, since it does
 * not hold for what comes out. The members of a collection have
 * one CRS between them: one that names its own cannot be read.
 */
void crs_end_own(struct decode *d, struct object *o)
{
	struct feature *f = d->f;

	object_note(d, o, R_CRS_LEGACY, M_CRS);
	if (f->severity[R_CRS_LEGACY] != SEV_FIX || o->kinds[M_CRS] == V_NULL)
		return;
	if (o->role == ROLE_MEMBER || !crs_is_named(d)) {
		object_note(d, o, R_CRS_UNKNOWN, M_CRS);
		return;
	}
	if (o->role == ROLE_FEATURE && f->crs != NULL)
		return;
	f->crs_member = o->role == ROLE_FEATURE ? "/crs" : "/geometry/crs";
	if ((f->crs = arena_strndup(d->arena, d->crs_text, strlen(d->crs_text))) == NULL)
		feature_note(f, R_FEATURE_MEMORY, NULL);
}
