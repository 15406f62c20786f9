/*
 * assemble - the outlines of what is inside.
 *
 * In:  faces, and which are inside. Out: shells and holes as runs of vertices.
 *
 * A walk keeps the inside to its left; where it comes back to a node it has passed, the loop is
 * cut off as a ring of its own, so that no ring touches itself. Faces joined by edges that have
 * the inside on both sides are one part, and each part has one shell.
 */
#include <stdlib.h>

#include "workers/pipeline/repair/arrangement.h"

struct tracer {
	struct arrangement *a;
	uint32_t *group;	/* per face: faces of one part */
	uint32_t *stack;	/* half-edges of the walk that no ring has yet */
	uint32_t *place;	/* per node: where in the stack a half-edge leaves it; or NONE */
	bool *done;		/* per half-edge */
};

static bool is_border(const struct arrangement *a, uint32_t h)
{
	return a->inside[a->face[h]] && !a->inside[a->face[h ^ 1]];
}

static void group_faces(struct tracer *t)
{
	const struct arrangement *a = t->a;

	for (uint32_t f = 0; f < a->face_count; f++)
		t->group[f] = f;
	for (uint32_t h = 0; h < 2 * a->edge_count; h += 2)
		if (a->inside[a->face[h]] && a->inside[a->face[h + 1]])
			t->group[arrangement_root(t->group, a->face[h])]
			    = arrangement_root(t->group, a->face[h + 1]);
}

/* The border that the inside to the left of h goes on with. */
static uint32_t next_border(const struct arrangement *a, uint32_t h)
{
	for (h = a->next[h]; !is_border(a, h); h = a->next[h ^ 1])
		;
	return h;
}

/* At a node several rings give a vertex: better one of the input than a new one. */
static int put_corner(struct arrangement *a, size_t begin, uint32_t vertex)
{
	const struct vertices *v = &a->w->v;
	uint32_t *last = a->corner_count > begin ? &a->corners[a->corner_count - 1] : NULL;

	if (last != NULL && point_equal(v->at[*last], v->at[vertex])) {
		if (v->source[*last].from != v->source[*last].to)
			*last = vertex;
		return 0;
	}
	if (work_grow(a->w, &a->corners, a->corner_count, &a->corner_room, sizeof(*a->corners)) == -1)
		return -1;
	a->corners[a->corner_count++] = vertex;
	return 0;
}

static int put_half(struct arrangement *a, size_t begin, uint32_t h)
{
	const struct edge *e = &a->edges[h / 2];
	bool back = h & 1;

	if (put_corner(a, begin, edge_vertex(a, e, back ? e->count : 0)) == -1)
		return -1;
	for (uint32_t k = 1; k <= e->count; k++) {
		if (work_grow(a->w, &a->corners, a->corner_count, &a->corner_room,
		    sizeof(*a->corners)) == -1)
			return -1;
		a->corners[a->corner_count++] = edge_vertex(a, e, back ? e->count - k : k);
	}
	return 0;
}

/* The last corner stands on the first. */
static void close_corners(struct arrangement *a, size_t begin)
{
	const struct source *source = a->w->v.source;
	uint32_t *first = &a->corners[begin], last = a->corners[a->corner_count - 1];

	if (source[*first].from != source[*first].to)
		*first = last;
	a->corner_count--;
}

/* Counterclockwise? Seen at the leftmost corner, where the ring turns the way it runs. */
static bool runs_left(const struct arrangement *a, const struct outline *o)
{
	const struct point *at = a->w->v.at;
	size_t n = o->end - o->begin, best = 0;
	const uint32_t *c = a->corners + o->begin;

	for (size_t i = 1; i < n; i++)
		if (at[c[i]].x < at[c[best]].x
		    || (at[c[i]].x == at[c[best]].x && at[c[i]].y < at[c[best]].y))
			best = i;
	return predicate_orient(at[c[(best + n - 1) % n]], at[c[best]], at[c[(best + 1) % n]]) > 0;
}

/* Does s come before t in the input? What did not stand there comes last. */
static bool comes_before(struct source s, struct source t)
{
	bool s_new = s.from != s.to, t_new = t.from != t.to;

	return s_new != t_new ? t_new : s.from < t.from;
}

/* Brings the corner that comes first in the input to the front. */
static int rotate(struct arrangement *a, struct outline *o)
{
	const struct source *source = a->w->v.source;
	uint32_t *c = a->corners + o->begin, *turned;
	size_t n = o->end - o->begin, best = 0;

	for (size_t i = 1; i < n; i++)
		if (comes_before(source[c[i]], source[c[best]]))
			best = i;
	o->key = source[c[best]].from;
	if (best == 0)
		return 0;
	if ((turned = work_alloc(a->w, n, sizeof(*turned))) == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		turned[i] = c[(best + i) % n];
	for (size_t i = 0; i < n; i++)
		c[i] = turned[i];
	free(turned);
	return 0;
}

/* The ring of the input that half-edges [from, to) of the stack are, if nothing in it changed. */
static uint32_t whole_ring(const struct tracer *t, size_t from, size_t to)
{
	const struct arrangement *a = t->a;
	uint32_t r = a->edges[t->stack[from] / 2].ring;
	const struct ring *ring = &a->w->rings[r];
	size_t segments = 0;

	for (size_t i = from; i < to; i++) {
		if (a->edges[t->stack[i] / 2].ring != r)
			return NONE;
		segments += a->edges[t->stack[i] / 2].count;
	}
	return segments == ring->end - ring->begin && !ring->changed ? r : NONE;
}

static int cut_off(struct tracer *t, size_t from, size_t to)
{
	struct arrangement *a = t->a;
	struct outline o = { .begin = a->corner_count };

	for (size_t i = from; i < to; i++) {
		t->place[half_origin(a, t->stack[i])] = NONE;
		if (put_half(a, o.begin, t->stack[i]) == -1)
			return -1;
	}
	close_corners(a, o.begin);
	o.end = a->corner_count;
	o.face = arrangement_root(t->group, a->face[t->stack[from]]);
	o.whole = whole_ring(t, from, to);
	o.backwards = t->stack[from] & 1;
	o.shell = runs_left(a, &o);
	if (rotate(a, &o) == -1
	    || work_grow(a->w, &a->outlines, a->outline_count, &a->outline_room, sizeof(o)) == -1)
		return -1;
	a->outlines[a->outline_count++] = o;
	return 0;
}

static int trace(struct tracer *t, uint32_t h)
{
	const struct arrangement *a = t->a;
	size_t depth = 0;

	for (; !t->done[h]; h = next_border(a, h)) {
		uint32_t arrived = half_origin(a, h ^ 1);
		size_t from;

		t->done[h] = true;
		t->place[half_origin(a, h)] = (uint32_t)depth;
		t->stack[depth++] = h;
		if (t->place[arrived] == NONE)
			continue;
		from = t->place[arrived];
		if (cut_off(t, from, depth) == -1 || work_poll(a->w) == -1)
			return -1;
		depth = from;
	}
	return 0;
}

/* Shells in the input's order, each followed by its holes. `key` of a face's shell sorts them. */
struct ordered {
	uint32_t shell_key;
	struct outline o;
};

static int by_part(const void *x, const void *y)
{
	const struct ordered *s = x, *t = y;

	if (s->shell_key != t->shell_key)
		return s->shell_key < t->shell_key ? -1 : 1;
	if (s->o.face != t->o.face)
		return s->o.face < t->o.face ? -1 : 1;
	if (s->o.shell != t->o.shell)
		return s->o.shell ? -1 : 1;
	return s->o.key < t->o.key ? -1 : s->o.key > t->o.key;
}

static int sort_outlines(struct arrangement *a)
{
	struct ordered *list = work_alloc(a->w, a->outline_count, sizeof(*list));
	uint32_t *key = work_calloc(a->w, a->face_count, sizeof(*key));

	for (size_t i = 0; list && key && i < a->outline_count; i++)
		if (a->outlines[i].shell)
			key[a->outlines[i].face] = a->outlines[i].key;
	for (size_t i = 0; list && key && i < a->outline_count; i++)
		list[i] = (struct ordered){ key[a->outlines[i].face], a->outlines[i] };
	if (list && key) {
		qsort(list, a->outline_count, sizeof(*list), by_part);
		for (size_t i = 0; i < a->outline_count; i++)
			a->outlines[i] = list[i].o;
	}
	free(list);
	free(key);
	return list && key ? 0 : -1;
}

int assemble_outlines(struct arrangement *a)
{
	uint32_t halves = 2 * (uint32_t)a->edge_count, nodes = point_map_count(a->nodes);
	struct tracer t = { .a = a };
	int rc = -1;

	t.group = work_alloc(a->w, a->face_count, sizeof(*t.group));
	t.stack = work_alloc(a->w, halves, sizeof(*t.stack));
	t.place = work_alloc(a->w, nodes, sizeof(*t.place));
	t.done = work_calloc(a->w, halves, sizeof(*t.done));
	if (!t.group || !t.stack || !t.place || !t.done)
		goto out;
	for (uint32_t n = 0; n < nodes; n++)
		t.place[n] = NONE;
	group_faces(&t);
	for (uint32_t h = 0; h < halves; h++)
		if (!t.done[h] && is_border(a, h) && trace(&t, h) == -1)
			goto out;
	rc = sort_outlines(a);
 out:
	free(t.group);
	free(t.stack);
	free(t.place);
	free(t.done);
	return rc;
}

bool assemble_is_input(const struct arrangement *a)
{
	const struct work *w = a->w;
	uint32_t part = NONE;

	if (a->outline_count != w->ring_count)
		return false;
	for (size_t i = 0; i < a->outline_count; i++) {
		const struct outline *o = &a->outlines[i];

		if (o->whole == NONE || w->rings[o->whole].hole == o->shell)
			return false;
		if (o->shell)
			part = w->rings[o->whole].part;
		else if (w->rings[o->whole].part != part)
			return false;
	}
	return true;
}
