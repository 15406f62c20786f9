/* decode_tree - follows the JSON and knows what each value is for. See decode_parts.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workers/pipeline/decode_parts.h"
#include "workers/pipeline/decode_id.h"
#include "workers/pipeline/number.h"

static struct frame *top_frame(struct decode *d)
{
	return d->depth == 0 ? NULL : &d->frames[d->depth - 1];
}

static struct object *top_object(struct decode *d)
{
	return &d->objects[d->object_count - 1];
}

static bool in_frame(struct decode *d, enum frame_kind kind)
{
	return d->depth > 0 && d->frames[d->depth - 1].kind == kind;
}

void tree_reset(struct decode *d)
{
	d->depth = d->nesting = d->object_count = 0;
	d->reading = NULL;
	d->plain.state = PLAIN_OFF;
	d->names.len = d->foreign_len = d->members_len = 0;
	coords_pool_trim(&d->pool, (size_t)1 << 17);
	d->collection = d->root_done = d->root_odd = false;
	d->in_feature = d->too_long = d->too_large = false;
}

int tree_fault(struct decode *d, enum reject_code code, uint64_t at)
{
	const struct object *o = d->object_count > 0 ? top_object(d) : NULL;

	if (d->root_odd)
		return 1;
	if (d->in_feature) {
		if (o != NULL)
			object_note(d, o, code, o->key < M_COUNT ? o->key : M_COUNT);
		else
			feature_note(d->f, code, NULL);
		feature_note_offset(d->f, code, at);
		return 1;
	}
	return d->o.severity[code] == SEV_REJECT ? decode_fail(d, ERR_INPUT, code, at) : 1;
}

static bool condemned(const struct decode *d)
{
	return d->too_long || d->too_large || d->root_odd;
}

static int nest(struct decode *d)
{
	if (++d->nesting > d->o.max_depth)
		return decode_fail(d, ERR_LIMIT, R_JSON_DEPTH, decode_here(d) - 1);
	return 1;
}

static void push(struct decode *d, enum frame_kind kind)
{
	struct frame *f = &d->frames[d->depth++];

	f->kind = (uint8_t)kind;
	f->names = d->names.len;
}

static struct object *push_object(struct decode *d, enum role role)
{
	struct object *o = &d->objects[d->object_count++];

	memset(o, 0, offsetof(struct object, coords));
	o->geometry = NULL;
	o->role = (uint8_t)role;
	o->type = TYPE_NONE;
	o->key = M_FOREIGN;
	o->last_end = decode_here(d);
	o->foreign_base = d->foreign_len;
	o->members_base = d->members_len;
	push(d, F_OBJECT);
	return o;
}

/* Room for one more element of a list. */
static void *grown(struct decode *d, void *list, size_t len, size_t *room, size_t size)
{
	size_t more = *room == 0 ? 64 : *room * 2;
	void *p;

	if (len < *room)
		return list;
	if ((p = realloc(list, more * size)) == NULL)
		decode_oom(d);
	else
		*room = more;
	return p;
}

static int foreign_add(struct decode *d, const struct span *s)
{
	struct span *list;

	if (condemned(d))
		return 1;
	if ((list = grown(d, d->foreign, d->foreign_len, &d->foreign_room, sizeof(*list))) == NULL)
		return 0;
	d->foreign = list;
	list[d->foreign_len++] = *s;
	return 1;
}

static int member_add(struct decode *d, struct geometry *g)
{
	struct geometry **list;

	if (condemned(d) || g == NULL)
		return 1;
	if ((list = grown(d, d->members, d->members_len, &d->members_room, sizeof(*list))) == NULL)
		return 0;
	d->members = list;
	list[d->members_len++] = g;
	return 1;
}

/* The first byte of the value behind a name. The root's own faults are told by it. */
static uint64_t value_begin(const struct decode *d, const struct object *o, enum member_name m, bool array)
{
	uint64_t at = o->open.name_end;
	char c = ':';

	if (o->role != ROLE_ROOT || m >= M_COUNT || (m == M_FEATURES && array) || d->too_large || at < d->hold)
		return 0;
	for (; strchr(" \t\r\n:", c) != NULL && at < o->open.end; at++)
		decode_copy(d, at, at + 1, &c);
	return at - 1;
}

/* A member's value is complete. */
static int member_end(struct decode *d, struct object *o, enum value_kind kind)
{
	enum member_name m = o->key;

	o->open.end = o->last_end = d->value_end = decode_here(d);
	o->open.value = value_begin(d, o, m, kind == V_ARRAY);
	if (m < M_COUNT) {
		o->kinds[m] = (uint8_t)kind;
		o->spans[m] = o->open;
		if (m == M_TYPE && kind != V_STRING)
			o->type = TYPE_UNKNOWN;
		if (m == M_BBOX && kind != V_ARRAY)
			o->box_bad = true;
	}
	o->key = M_FOREIGN;	/* what comes now belongs to the object */
	if (o->role == ROLE_ROOT && (d->collection || m == M_CRS))
		return collection_member(d, o, m);
	if (m == M_CRS)
		crs_end_own(d, o);
	return m == M_FOREIGN ? foreign_add(d, &o->open) : 1;
}

/* An element of "features" that is no object: from its first byte to `end`. */
static int odd_element(struct decode *d, uint64_t end)
{
	struct object *root = top_object(d);

	root->elements++;
	root->last_end = end;
	return feature_give(d, end);
}

/* A value is complete: whose was it? */
static int value_end(struct decode *d, enum value_kind kind)
{
	struct frame *f = top_frame(d);

	if (f != NULL && f->kind == F_OBJECT)
		return member_end(d, top_object(d), kind);
	if (f != NULL && f->kind == F_COORDS)
		d->reading = &top_object(d)->coords;
	d->value_end = decode_here(d);
	return 1;
}

/* A value that does not belong into the array it stands in. */
static void stray(struct decode *d, struct frame *f)
{
	struct object *o = d->object_count > 0 ? top_object(d) : NULL;

	switch (f->kind) {
	case F_COORDS:
		coords_other(&o->coords);
		break;
	case F_BBOX:
		o->box_bad = true;
		break;
	case F_GEOMETRIES:
		object_note_element(d, o, R_COLLECTION_MEMBER, M_GEOMETRIES, o->elements++);
		break;
	default:
		break;
	}
}

static int scalar(struct decode *d, enum value_kind kind)
{
	struct frame *f = top_frame(d);

	if (f == NULL)
		return 1;
	if (f->kind == F_OBJECT)
		return member_end(d, top_object(d), kind);
	if (f->kind == F_FEATURES) {
		feature_begin(d, d->hold);	/* behind the element before; blanks may be gone */
		feature_note(d->f, R_FEATURE_NOT_OBJECT, NULL);
		return odd_element(d, decode_here(d));
	}
	stray(d, f);
	d->value_end = decode_here(d);
	return 1;
}

static void id_found(struct decode *d, uint64_t hash)
{
	top_object(d)->id_hash = hash;
	ids_expect(&d->ids, hash);
}

int tree_null(void *ctx)
{
	return scalar(ctx, V_NULL);
}

int tree_boolean(void *ctx, int value)
{
	(void)value;
	return scalar(ctx, V_BOOL);
}

int tree_number(void *ctx, const char *text, size_t len)
{
	struct decode *d = ctx;
	struct object *o;

	if (len > d->o.max_token_bytes)
		return decode_fail(d, ERR_LIMIT, R_TOKEN_TOO_LONG, decode_here(d) - len);
	if (d->reading != NULL) {
		coords_number(d->reading, &d->pool, text, len);
		return 1;
	}
	if (in_frame(d, F_BBOX)) {
		o = top_object(d);
		if (o->box_len < 6 && !number_parse(text, len, &o->box[o->box_len]))
			o->box_bad = true;
		o->box_len++;
		return 1;
	}
	if (in_frame(d, F_CRS))
		crs_scalar(d, text, len, true);
	if (in_frame(d, F_OBJECT) && top_object(d)->key == M_ID)
		id_found(d, id_hash_number(text, len));
	return scalar(d, V_NUMBER);
}

static uint8_t type_find(const char *s, size_t n)
{
	for (int t = GEOM_POINT; t <= GEOM_COLLECTION; t++) {
		const char *name = geometry_type_name((enum geometry_type)t);

		if (strlen(name) == n && memcmp(name, s, n) == 0)
			return (uint8_t)t;
	}
	if (n == 7 && memcmp(s, "Feature", 7) == 0)
		return TYPE_FEATURE;
	return n == 17 && memcmp(s, "FeatureCollection", 17) == 0 ? TYPE_COLLECTION : TYPE_UNKNOWN;
}

int tree_string(void *ctx, const unsigned char *text, size_t len)
{
	struct decode *d = ctx;
	const char *s = (const char *)text;

	if (in_frame(d, F_OBJECT)) {
		struct object *o = top_object(d);

		if (o->key == M_TYPE)
			o->type = type_find(s, len);
		else if (o->key == M_ID)
			id_found(d, id_hash_string(s, len));
	} else if (in_frame(d, F_CRS)) {
		crs_scalar(d, s, len, false);
	}
	return scalar(d, V_STRING);
}

static int member_open(struct decode *d, struct object *o)
{
	if (o->key == M_GEOMETRY && (o->role == ROLE_ROOT || o->role == ROLE_FEATURE)) {
		if (o->role == ROLE_ROOT)
			nested_swap(d);
		push_object(d, ROLE_GEOMETRY);
	} else if (o->key == M_CRS) {
		push(d, F_CRS);
	} else {
		push(d, F_MAP);
	}
	return 1;
}

int tree_start_map(void *ctx)
{
	struct decode *d = ctx;
	struct frame *f = top_frame(d);

	if (d->mute)
		return 1;
	d->reading = NULL;
	if (!nest(d))
		return 0;
	if (f == NULL) {
		feature_begin(d, decode_here(d) - 1);
		push_object(d, ROLE_ROOT);
		return 1;
	}
	switch (f->kind) {
	case F_OBJECT:
		return member_open(d, top_object(d));
	case F_FEATURES:
		feature_begin(d, decode_here(d) - 1);
		push_object(d, ROLE_FEATURE);
		return 1;
	case F_GEOMETRIES:
		push_object(d, ROLE_MEMBER);
		return 1;
	case F_CRS:
		push(d, d->frames[d->depth - 2].kind != F_CRS && d->crs_key == 'p' ? F_CRS : F_MAP);
		return 1;
	default:
		stray(d, f);
		push(d, F_MAP);
		return 1;
	}
}

static enum member_name member_find(const char *s, size_t n)
{
	static const struct {
		char name[12];
		uint8_t len, member;
	} names[] = {
		{ "id", 2, M_ID }, { "crs", 3, M_CRS }, { "type", 4, M_TYPE }, { "bbox", 4, M_BBOX },
		{ "features", 8, M_FEATURES }, { "geometry", 8, M_GEOMETRY },
		{ "properties", 10, M_PROPERTIES }, { "geometries", 10, M_GEOMETRIES },
		{ "coordinates", 11, M_COORDINATES },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].len == n && memcmp(names[i].name, s, n) == 0)
			return names[i].member;
	return M_FOREIGN;
}

/* Where a name begins: at its quote, however it is escaped. Without escapes that is `begin`. */
static uint64_t name_begin(const struct decode *d, uint64_t begin)
{
	char text[3];

	for (; begin > d->hold; begin--) {
		decode_copy(d, begin - 1, begin + 1, text);
		if (text[1] == '"' && text[0] != '\\')
			break;
	}
	return begin;
}

int tree_map_key(void *ctx, const unsigned char *name, size_t len)
{
	struct decode *d = ctx;
	struct frame *f = top_frame(d);
	const char *s = (const char *)name;
	struct object *o = f->kind == F_OBJECT ? top_object(d) : NULL;
	uint64_t begin = decode_here(d) - 2 - len;
	uint64_t hash = name_hash(s, len, 0);
	bool twice = !condemned(d) && names_add(&d->names, f->names, hash, begin);

	if (f->kind == F_CRS)
		d->crs_key = crs_name_key(s, len);
	if (o != NULL) {
		o->open.before = o->last_end;
		o->open.name_end = decode_here(d);
		o->key = (uint8_t)member_find(s, len);
		o->open.hash = hash;
	}
	if (twice && !tree_fault(d, R_JSON_DUP_MEMBER, name_begin(d, begin)))
		return 0;
	if (o != NULL && o->key < M_COUNT && o->kinds[o->key] != V_ABSENT)
		o->key = M_REPEATED;
	if (o != NULL && o->key == M_CRS)
		crs_begin(d);
	return 1;
}

/* A geometry has closed: it goes to the feature or collection that it is part of. */
static int object_end(struct decode *d)
{
	struct object *o = top_object(d), *parent = o - 1;

	switch (o->role) {
	case ROLE_ROOT:
		return root_end(d, o, decode_here(d));
	case ROLE_FEATURE:
		if (!feature_end(d, o, decode_here(d)))
			return 0;
		parent->elements++;
		parent->last_end = decode_here(d);
		break;
	default:
		geometry_end(d, o);
		if (o->role == ROLE_MEMBER)
			parent->elements++;
		else
			parent->geometry = o->geometry;
		if (o->role == ROLE_GEOMETRY && parent->role == ROLE_ROOT)
			nested_swap(d);
	}
	d->foreign_len = o->foreign_base;
	d->members_len = o->members_base;
	d->object_count--;
	return o->role == ROLE_MEMBER ? member_add(d, o->geometry) : 1;
}

int tree_end_map(void *ctx)
{
	struct decode *d = ctx;
	struct frame f;
	uint64_t twice;

	if (d->mute)
		return 1;
	f = d->frames[--d->depth];

	d->nesting--;
	if (names_close(&d->names, f.names, &twice) && !tree_fault(d, R_JSON_DUP_MEMBER, name_begin(d, twice)))
		return 0;
	if (f.kind == F_OBJECT && !object_end(d))
		return 0;
	return d->depth == 0 ? !d->root_done : value_end(d, V_OBJECT);
}

static int array_open(struct decode *d, struct object *o)
{
	bool geometry = o->role != ROLE_FEATURE;

	switch (o->key) {
	case M_COORDINATES:
		if (!geometry)
			break;
		coords_begin(&o->coords, &d->pool);
		o->coords.broken = condemned(d);
		coords_open(&o->coords);
		d->reading = &o->coords;
		d->reading_at = decode_here(d);
		push(d, F_COORDS);
		return 1;
	case M_GEOMETRIES:
		if (!geometry)
			break;
		push(d, F_GEOMETRIES);
		return 1;
	case M_FEATURES:
		if (o->role != ROLE_ROOT || d->single ||
		    (o->type != TYPE_COLLECTION && o->type != TYPE_NONE))
			break;
		push(d, F_FEATURES);
		return collection_begin(d, o);
	case M_BBOX:
		push(d, F_BBOX);
		return 1;
	default:
		break;
	}
	push(d, F_ARRAY);
	return 1;
}

int tree_start_array(void *ctx)
{
	struct decode *d = ctx;
	struct frame *f;

	if (d->mute)
		return 1;
	if (!nest(d))
		return 0;
	if (d->reading != NULL) {
		coords_open(d->reading);
		return 1;
	}
	f = top_frame(d);
	if (f != NULL && f->kind == F_OBJECT)
		return array_open(d, top_object(d));
	if (f != NULL && f->kind == F_FEATURES) {
		feature_begin(d, decode_here(d) - 1);
		feature_note(d->f, R_FEATURE_NOT_OBJECT, NULL);
		push(d, F_ELEMENT);
		return 1;
	}
	if (f != NULL)
		stray(d, f);
	push(d, F_ARRAY);
	return 1;
}

int tree_end_array(void *ctx)
{
	struct decode *d = ctx;
	struct frame f;

	if (d->mute)
		return 1;
	d->nesting--;
	if (d->reading != NULL) {
		coords_close(d->reading, &d->pool);
		if (d->reading->depth > 0)
			return 1;
		d->reading = NULL;
		top_object(d)->coords_done = true;
	}
	f = d->frames[--d->depth];
	if (f.kind == F_ELEMENT)
		return odd_element(d, decode_here(d));
	return value_end(d, V_ARRAY);
}
