/* decode_object - what is to be said of a GeoJSON object when it closes. See decode_parts.h. */
#include <string.h>

#include "workers/pipeline/decode_parts.h"

static const char *const feature_paths[M_COUNT + 1] = {
	"/type", "/coordinates", "/geometries", "/geometry", "/properties", "/features", "/id", "/bbox",
	"/crs", "",
};

static const char *const geometry_paths[M_COUNT + 1] = {
	"/geometry/type", "/geometry/coordinates", "/geometry/geometries", "/geometry/geometry",
	"/geometry/properties", "/geometry/features", "/geometry/id", "/geometry/bbox", "/geometry/crs",
	"/geometry",
};

/* Place of a member of o (M_COUNT: o itself). A collection's members are counted by their parents. */
static struct place object_place(const struct decode *d, const struct object *o, enum member_name m)
{
	struct place p = { .member = feature_paths[m] };
	const struct object *up;
	size_t n = 0;

	if (o->role == ROLE_MEMBER) {
		for (up = o; up->role == ROLE_MEMBER; up--)
			n++;
		for (size_t i = 0; i < n && i < PLACE_COLLECTIONS; i++)
			p.collection[p.collection_depth++] = up[i].elements;
		p.deeper = n > PLACE_COLLECTIONS;
	} else if (o->role == ROLE_GEOMETRY || (o == d->objects && o->type <= GEOM_COLLECTION)) {
		p.member = geometry_paths[m];
	}
	return p;
}

void object_note(struct decode *d, const struct object *o, enum reject_code code, enum member_name m)
{
	struct place p = object_place(d, o, m);

	if (d->in_feature)
		feature_note(d->f, code, &p);
}

void object_note_element(struct decode *d, const struct object *o, enum reject_code code,
    enum member_name m, size_t i)
{
	struct place p = object_place(d, o, m);

	p.index[p.depth++] = (uint32_t)i;
	if (d->in_feature)
		feature_note(d->f, code, &p);
}

void nested_swap(struct decode *d)
{
	struct feature *f = d->f;
	struct nested was = d->nested;

	memcpy(d->nested.findings, f->findings, f->finding_count * sizeof(*f->findings));
	d->nested.count = f->finding_count;
	memcpy(f->findings, was.findings, was.count * sizeof(*f->findings));
	f->finding_count = was.count;
}

/* Not of JSON, nor of limits. */
static bool is_of_geojson(enum reject_code code)
{
	enum reject_stage stage = reject_info(code)->stage;

	return stage == STAGE_STRUCTURE || stage == STAGE_COORDINATES;
}

/* As it is with all findings noted one by one. */
static void fatal_first(struct feature *f)
{
	f->fatal = R_NONE;
	for (size_t i = 0; i < f->finding_count && f->fatal == R_NONE; i++)
		if (f->findings[i].severity == SEV_REJECT)
			f->fatal = f->findings[i].code;
}

/* Of an element that is no Feature only what its text is like counts. */
static void findings_drop(struct feature *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->finding_count; i++)
		if (!is_of_geojson(f->findings[i].code))
			f->findings[n++] = f->findings[i];
	f->finding_count = n;
	fatal_first(f);
}

void nested_settle(struct decode *d, bool feature)
{
	struct feature *f = d->f;

	for (size_t i = 0; i < d->nested.count; i++) {
		const struct finding *n = &d->nested.findings[i];

		if (!feature && is_of_geojson(n->code))
			continue;
		feature_note(f, n->code, &n->place);
		feature_note_offset(f, n->code, n->offset);
	}
	d->nested.count = 0;
	if (!feature)
		f->crs = NULL;
	fatal_first(f);
}

static void coords_note(struct decode *d, const struct object *o, const struct coords_fault *fault)
{
	struct place p;

	if (fault->code == R_NONE)
		return;
	p = object_place(d, o, M_COORDINATES);
	p.depth = fault->depth;
	memcpy(p.index, fault->index, sizeof(p.index));
	feature_note(d->f, fault->code, &p);
}

void feature_begin(struct decode *d, uint64_t at)
{
	arena_reset(d->arena, DECODE_KEEP_BYTES);
	if (d->names.room > DECODE_KEEP_BYTES && d->names.len == 0)
		names_clear(&d->names);
	feature_reset(d->f);
	d->f->arena = d->arena;
	d->f->severity = d->o.severity;
	d->f->offset = at;
	d->nested.count = 0;
	d->f->index = d->count;
	d->f->element = d->collection ? (int64_t)d->objects[0].elements : -1;
	d->in_feature = true;
	d->too_long = d->too_large = false;
	decode_hold(d, at);
}

/* The value of a member: behind its name, blanks and the colon. */
static struct slice value_slice(const struct feature *f, const struct span *s)
{
	size_t at = s->name_end - f->offset, end = s->end - f->offset;

	if (s->end == 0)
		return (struct slice){ 0, 0 };
	while (f->raw[at] == ' ' || f->raw[at] == '\t' || f->raw[at] == '\n' || f->raw[at] == '\r' ||
	    f->raw[at] == ':')
		at++;
	return (struct slice){ at, end - at };
}

static struct slice name_slice(const struct feature *f, const struct span *s)
{
	size_t at = s->before - f->offset;

	while (f->raw[at] != '"')
		at++;
	return (struct slice){ at, s->name_end - f->offset - at };
}

/* Members that this type gives no meaning to: foreign ones, and GeoJSON's own that were waived. */
static int foreign_collect(struct decode *d, const struct object *o, const enum member_name *also, size_t n)
{
	struct feature *f = d->f;
	size_t own = d->foreign_len - o->foreign_base;
	struct member *m = arena_alloc(d->arena, (own + n) * sizeof(*m));

	if (m == NULL)
		return feature_note(f, R_FEATURE_MEMORY, NULL), 0;
	f->foreign = m;
	for (size_t i = 0; i < own + n; i++) {
		const struct span *s = i < own ? &d->foreign[o->foreign_base + i] : &o->spans[also[i - own]];

		if (s->end == 0)
			continue;
		m[f->foreign_count].name = name_slice(f, s);
		m[f->foreign_count++].value = value_slice(f, s);
	}
	return 1;
}

size_t member_copy(const struct decode *d, const struct span *s, char *out)
{
	/* Blanks and a comma may have been let go of already. */
	uint64_t begin = s->before > d->hold ? s->before : d->hold;
	size_t len = s->end - begin;
	const char *name;

	decode_copy(d, begin, s->end, out);
	name = memchr(out, '"', len);	/* behind blanks and a comma */
	len -= (size_t)(name - out);
	memmove(out, name, len);
	return len;
}

/* The same as text, for a geometry within a feature: its place in the feature's text is not kept. */
static void foreign_copy(struct decode *d, const struct object *o, struct geometry *g)
{
	static const enum member_name also[] = {
		M_ID, M_PROPERTIES, M_FEATURES, M_GEOMETRY, M_COORDINATES, M_GEOMETRIES
	};
	size_t room = 0, len = 0;
	char *text;

	for (int pass = 0; pass < 2; pass++) {
		size_t own = d->foreign_len - o->foreign_base;

		for (size_t i = 0; i < own + sizeof(also) / sizeof(also[0]); i++) {
			const struct span *s = i < own ? &d->foreign[o->foreign_base + i] :
			    &o->spans[also[i - own]];

			if (s->end == 0)
				continue;
			if (pass == 0) {
				room += s->end - s->before + 1;
				continue;
			}
			text[len++] = ',';
			len += member_copy(d, s, text + len);
		}
		if (room == 0)
			return;
		if (pass == 0 && (text = arena_alloc(d->arena, room)) == NULL) {
			feature_note(d->f, R_FEATURE_MEMORY, NULL);
			return;
		}
	}
	g->foreign = text;
	g->foreign_len = len;
}

/* A geometry's own bbox as text and numbers. One that is odd is left out where that is to be mended. */
static void box_copy(struct decode *d, const struct object *o, struct geometry *g)
{
	const struct span *s = &o->spans[M_BBOX];
	bool odd = o->box_bad || (o->box_len != 4 && o->box_len != 6);
	char *text;

	if (s->end == 0 || (odd && d->f->severity[o->box_bad ? R_BBOX_TYPE : R_BBOX_LENGTH] == SEV_FIX))
		return;
	if ((text = arena_alloc(d->arena, s->end - s->name_end)) == NULL)
		return;
	decode_copy(d, s->name_end, s->end, text);
	if (!odd) {
		g->box_len = o->box_len;
		memcpy(g->box, o->box, sizeof(g->box));
	}
	g->bbox_len = s->end - s->name_end;
	for (g->bbox = text; g->bbox_len > 0 && strchr(" \t\r\n:", *g->bbox) != NULL; g->bbox++)
		g->bbox_len--;
}

static bool box_check(struct decode *d, const struct object *o)
{
	if (o->kinds[M_BBOX] == V_ABSENT)
		return false;
	if (o->box_bad)
		object_note(d, o, R_BBOX_TYPE, M_BBOX);
	else if (o->box_len != 4 && o->box_len != 6)
		object_note(d, o, R_BBOX_LENGTH, M_BBOX);
	else
		return true;
	return false;
}

/* Members that stand on an object whose type must not have them (RFC 7946 7.1). */
static void misplaced_check(struct decode *d, const struct object *o, const enum member_name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (o->kinds[names[i]] != V_ABSENT)
			object_note(d, o, R_MEMBER_MISPLACED, names[i]);
}

static struct geometry *collection_build(struct decode *d, struct object *o)
{
	size_t n = d->members_len - o->members_base;
	struct geometry *g = geometry_new(d->arena, GEOM_COLLECTION, 2, 0, 0, 0);

	if (o->kinds[M_GEOMETRIES] != V_ARRAY) {
		object_note(d, o, R_COORDS_MISSING, M_COUNT);
		return NULL;
	}
	if (o->role == ROLE_MEMBER)
		object_note(d, o, R_COLLECTION_NESTED, M_COUNT);
	if (g == NULL || (g->members = arena_alloc(d->arena, n * sizeof(*g->members))) == NULL) {
		feature_note(d->f, R_FEATURE_MEMORY, NULL);
		return NULL;
	}
	if (n > 0)
		memcpy(g->members, d->members + o->members_base, n * sizeof(*g->members));
	g->member_count = n;
	return g;
}

static struct geometry *simple_build(struct decode *d, struct object *o)
{
	struct geometry *g;

	if (!o->coords_done) {
		object_note(d, o, R_COORDS_MISSING, o->kinds[M_COORDINATES] == V_ABSENT ? M_COUNT : M_COORDINATES);
		return NULL;
	}
	g = coords_build(&o->coords, &d->pool, o->type, d->arena);
	coords_note(d, o, &o->coords.fault);
	if (g != NULL) {
		coords_note(d, o, &o->coords.extra);
		coords_note(d, o, &o->coords.mixed);
	}
	return g;
}

/* A geometry object (3.1), as a feature's geometry, in a collection, or as the document. */
void geometry_end(struct decode *d, struct object *o)
{
	static const enum member_name never[] = { M_GEOMETRY, M_PROPERTIES, M_FEATURES };
	bool pooled = o->coords_done;

	if (o->type == TYPE_NONE)
		object_note(d, o, R_TYPE_MISSING, M_COUNT);
	else if (o->type == TYPE_UNKNOWN)
		object_note(d, o, R_TYPE_UNKNOWN, M_TYPE);
	else if (o->type > GEOM_COLLECTION)
		object_note(d, o, o->role == ROLE_MEMBER ? R_COLLECTION_MEMBER : R_GEOMETRY_TYPE, M_COUNT);
	else if (!d->too_large && !d->too_long) {
		misplaced_check(d, o, never, COUNT(never));
		o->geometry = o->type == GEOM_COLLECTION ? collection_build(d, o) : simple_build(d, o);
		/* This one is used up; were it there, the other would be foreign to the type. */
		o->spans[o->type == GEOM_COLLECTION ? M_GEOMETRIES : M_COORDINATES].end = 0;
		if (o->role != ROLE_ROOT)
			box_check(d, o);
		if (o->geometry != NULL) {
			foreign_copy(d, o, o->geometry);
			if (o->role != ROLE_ROOT)
				box_copy(d, o, o->geometry);
		}
	}
	if (pooled) {	/* also where nothing was built from it */
		d->pool.len = o->coords.base;
		d->pool.marks_len = o->coords.marks_base;
	}
}

static bool text_bound(struct decode *d, uint64_t end)
{
	size_t len = 0;

	if (end - d->hold > d->o.max_feature_bytes)
		d->too_large = true;
	d->f->raw = decode_text(d, end, &len);
	if (d->f->raw == NULL)
		return decode_oom(d);
	d->f->length = end - d->hold;
	d->f->raw_len = d->too_large && len > DECODE_KEEP_BYTES ? DECODE_KEEP_BYTES : len;
	return true;
}

/*
 * What rejects it must not depend on the order of its members: of all findings that do, the
 * first of the table does. A limit that was met hides what was found on the way.
 */
static void fatal_choose(struct decode *d)
{
	struct feature *f = d->f;

	if (d->too_large || d->too_long) {
		f->finding_count = 0;
		f->fatal = R_NONE;
		feature_note(f, d->too_large ? R_FEATURE_TOO_LARGE : R_TOKEN_TOO_LONG, NULL);
	}
	for (size_t i = 0; i < f->finding_count; i++)
		if (f->findings[i].severity == SEV_REJECT && f->findings[i].code < f->fatal)
			f->fatal = f->findings[i].code;
}

/* Skips blanks and a comma before an element that is no object. */
static void element_trim(struct feature *f)
{
	while (f->raw_len > 0 && strchr(" \t\r\n,", f->raw[0]) != NULL) {
		f->raw++;
		f->raw_len--;
		f->length--;
		f->offset++;
	}
}

bool feature_give(struct decode *d, uint64_t end)
{
	int rc;

	if (d->f->raw == NULL && !text_bound(d, end))
		return false;
	element_trim(d->f);
	if (d->count == 0)
		d->one_line = memchr(d->f->raw, '\n', d->f->raw_len) == NULL;
	if (d->noted_bom)
		feature_note(d->f, R_JSON_BOM, NULL);
	if (d->noted_crs)
		feature_note(d->f, R_CRS_LEGACY, NULL);
	d->noted_bom = d->noted_crs = false;
	fatal_choose(d);
	d->count++;
	d->parsed = end;
	d->in_feature = false;
	rc = d->fn(d->ctx, d->f, d->e);
	if (rc != 0) {
		d->failed = true;
		d->failed_at = d->f->offset;
	}
	d->too_long = d->too_large = false;
	decode_hold(d, d->collection ? end : UINT64_MAX);
	coords_pool_trim(&d->pool, (size_t)1 << 17);
	return rc == 0;
}

/* Has an earlier feature of the document the id of the one at hand? */
static bool id_is_twice(struct decode *d, uint64_t hash)
{
	uint64_t at = d->count - d->twice_from;

	if (!d->jumped)
		return ids_add(&d->ids, hash);
	while (d->twice_next < d->twice_count && d->twice[d->twice_next] < at)
		d->twice_next++;
	return d->twice_next < d->twice_count && d->twice[d->twice_next] == at;
}

static void feature_judge(struct decode *d, struct object *o)
{
	static const enum member_name never[] = { M_COORDINATES, M_GEOMETRIES, M_FEATURES };
	enum value_kind id = o->kinds[M_ID], properties = o->kinds[M_PROPERTIES];

	misplaced_check(d, o, never, COUNT(never));
	if (o->kinds[M_GEOMETRY] == V_ABSENT)
		object_note(d, o, R_FEATURE_GEOMETRY_MISSING, M_COUNT);
	else if (o->kinds[M_GEOMETRY] != V_OBJECT && o->kinds[M_GEOMETRY] != V_NULL)
		object_note(d, o, R_GEOMETRY_TYPE, M_GEOMETRY);
	if (properties == V_ABSENT)
		object_note(d, o, R_FEATURE_PROPERTIES_MISSING, M_COUNT);
	else if (properties != V_OBJECT && properties != V_NULL)
		object_note(d, o, R_PROPERTIES_TYPE, M_PROPERTIES);
	if (id != V_ABSENT && id != V_STRING && id != V_NUMBER)
		object_note(d, o, R_ID_TYPE, M_ID);
	else if (id != V_ABSENT && id_is_twice(d, o->id_hash))
		object_note(d, o, R_ID_DUPLICATE, M_ID);
}

/* What feature and bare geometry have in common. */
static void feature_fill(struct decode *d, struct object *o)
{
	struct feature *f = d->f;

	f->geometry = o->geometry;
	if (box_check(d, o)) {
		f->bbox = value_slice(f, &o->spans[M_BBOX]);
		f->box_len = o->box_len;
		memcpy(f->box, o->box, sizeof(f->box));
	} else if (o->kinds[M_BBOX] != V_ABSENT &&
	    f->severity[o->box_bad ? R_BBOX_TYPE : R_BBOX_LENGTH] == SEV_WARN) {
		f->bbox = value_slice(f, &o->spans[M_BBOX]);
	}
}

bool feature_end(struct decode *d, struct object *o, uint64_t end)
{
	static const enum member_name also[] = { M_COORDINATES, M_GEOMETRIES, M_FEATURES };
	struct feature *f = d->f;

	if (!text_bound(d, end))
		return false;
	if (d->too_large || d->too_long) {
		if (!d->too_large && o->kinds[M_ID] == V_NUMBER)
			f->id = value_slice(f, &o->spans[M_ID]);
		return feature_give(d, end);
	}
	if (o->type != TYPE_FEATURE) {
		findings_drop(f);
		object_note(d, o, o->type == TYPE_NONE ? R_TYPE_MISSING : o->type == TYPE_UNKNOWN ?
		    R_TYPE_UNKNOWN : R_FEATURE_NOT_OBJECT, o->type == TYPE_NONE ? M_COUNT : M_TYPE);
	} else {
		feature_judge(d, o);
		feature_fill(d, o);
		foreign_collect(d, o, also, COUNT(also));
		f->properties = value_slice(f, &o->spans[M_PROPERTIES]);
	}
	f->id = value_slice(f, &o->spans[M_ID]);
	return feature_give(d, end);
}

bool bare_end(struct decode *d, struct object *o, uint64_t end)
{
	d->f->bare = true;
	if (!text_bound(d, end))
		return false;
	geometry_end(d, o);
	if (!d->too_large && !d->too_long)
		feature_fill(d, o);
	return feature_give(d, end);
}
