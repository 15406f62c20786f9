/*
 * split - carries out what node.c found, pass by pass, until nothing moves any more.
 *
 * In:  splits and merges. Out: rings whose segments meet only in vertices that are V_NODE.
 * Merges go first: a pass that has any leaves its splits to the next one, or the two can
 * undo each other for ever. Merged vertices go to the smaller point for the same reason. And
 * vertices merge from further away than they draw a segment: of three points, of which two are
 * each nearly on the line between the others, those two are less than twice as far apart, and
 * the line would be bent through one, then through the other, and so on.
 */
#include <stdlib.h>

#include "workers/pipeline/repair/work.h"

#define MAX_PASSES 100	/* real data takes two, random scribbles a handful */

static bool point_less(struct point a, struct point b)
{
	return a.x != b.x ? a.x < b.x : a.y < b.y;
}

static uint32_t find(uint32_t *up, uint32_t i)
{
	while (up[i] != i)
		i = up[i] = up[up[i]];
	return i;
}

static void move(struct work *w, uint32_t u, struct point to)
{
	struct ring *r;
	uint32_t before;

	if (point_equal(w->v.at[u], to))
		return;
	r = &w->rings[w->v.ring[u]];
	before = u == r->begin ? r->end - 1 : u - 1;
	w->v.at[u] = to;
	w->v.flags[u] |= V_DIRTY;
	w->v.flags[before] |= V_DIRTY;
	r->changed = true;
}

static int carry_out_merges(struct work *w)
{
	uint32_t *up = work_alloc(w, w->v.count, sizeof(*up));

	if (up == NULL)
		return -1;
	for (uint32_t i = 0; i < w->v.count; i++) {
		up[i] = i;
		w->v.flags[i] &= (uint8_t)~V_DIRTY;
	}
	for (size_t i = 0; i < w->merge_count; i++) {
		uint32_t u = find(up, w->merges[i].u), v = find(up, w->merges[i].v);

		if (point_less(w->v.at[u], w->v.at[v]))
			up[v] = u;
		else
			up[u] = v;
	}
	for (size_t i = 0; i < w->merge_count; i++) {
		uint32_t pair[] = { w->merges[i].u, w->merges[i].v };

		for (unsigned k = 0; k < 2; k++)
			move(w, pair[k], w->v.at[find(up, pair[k])]);
	}
	for (size_t i = 0; i < w->split_count; i++)
		w->v.flags[w->splits[i].segment] |= V_DIRTY;
	w->split_count = 0;
	free(up);
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct split *x = a, *y = b;

	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	for (unsigned k = 0; k < 2; k++)
		if (x->order[k] != y->order[k])
			return x->order[k] < y->order[k] ? -1 : 1;
	return 0;
}

/* Makes segments dirty whose line moves; what lies exactly on a line needs no second test. */
static void mark_splits(struct work *w)
{
	if (w->merge_count == 0)
		for (uint32_t i = 0; i < w->v.count; i++)
			w->v.flags[i] &= (uint8_t)~V_DIRTY;
	for (size_t i = 0; i < w->split_count; i++)
		if (!w->splits[i].exact)
			w->v.flags[w->splits[i].segment] |= V_DIRTY;
}

struct rebuild {
	struct vertices out;
	uint32_t ring, begin;	/* of the ring under way */
	bool changed;		/* it lost a vertex */
};

static void put(struct rebuild *b, struct point at, struct source source, uint8_t flags)
{
	struct vertices *o = &b->out;
	uint32_t last = o->count - 1;

	if (o->count > b->begin && point_equal(o->at[last], at)) {
		if (o->source[last].from != o->source[last].to)
			o->source[last] = source;	/* an original vertex knows more */
		o->flags[last] = (o->flags[last] & V_NODE) | flags;
		b->changed = true;
		return;
	}
	o->at[o->count] = at;
	o->source[o->count] = source;
	o->flags[o->count] = flags;
	o->ring[o->count] = b->ring;
	o->next[o->count] = o->count + 1;
	o->count++;
}

/* The input segment that a vertex between u and v lies on. */
static struct source source_between(struct source u, struct source v)
{
	if (u.from != u.to)
		return u;
	return v.from != v.to ? v : (struct source){ u.from, v.from };
}

static void close_ring(struct rebuild *b, struct ring *r)
{
	struct vertices *o = &b->out;

	while (o->count > b->begin + 1 && point_equal(o->at[o->count - 1], o->at[b->begin])) {
		o->flags[b->begin] |= o->flags[o->count - 1] & V_NODE;
		o->count--;
		b->changed = true;
	}
	r->changed |= b->changed;
	if (o->count < b->begin + 3) {
		o->count = b->begin;
		r->changed = true;
	} else {
		o->next[o->count - 1] = b->begin;
	}
	r->begin = b->begin;
	r->end = o->count;
}

static void rebuild_rings(struct work *w, struct rebuild *b)
{
	const struct vertices *v = &w->v;
	size_t s = 0;

	for (uint32_t r = 0; r < w->ring_count; r++) {
		struct ring *ring = &w->rings[r];
		bool off_line = false;

		b->ring = r;
		b->begin = b->out.count;
		b->changed = false;
		for (uint32_t i = ring->begin; i < ring->end; i++) {
			put(b, v->at[i], v->source[i], v->flags[i]);
			for (; s < w->split_count && w->splits[s].segment == i; s++) {
				struct source from = source_between(v->source[i], v->source[v->next[i]]);

				off_line |= !w->splits[s].exact;
				/* Two that split at one point are no loss. */
				if (!point_equal(b->out.at[b->out.count - 1], w->splits[s].at))
					put(b, w->splits[s].at, from, V_NODE | (v->flags[i] & V_DIRTY));
			}
		}
		ring->changed |= off_line;
		close_ring(b, ring);
	}
}

static int rebuild(struct work *w)
{
	struct rebuild b = { 0 };
	size_t room = w->v.count + w->split_count;
	int rc;

	if (room > NONE / 2)
		return err_set(w->err, ERR_LIMIT, R_REPAIR_FAILED, "repair: too many crossings");
	if (w->split_count > 0)
		qsort(w->splits, w->split_count, sizeof(*w->splits), by_place);
	if ((rc = work_vertices(w, &b.out, room)) == 0) {
		struct vertices old = w->v;

		rebuild_rings(w, &b);
		w->v = b.out;
		b.out = old;
	}
	work_vertices_free(&b.out);
	boxes_clear(&w->index);
	return rc;
}

static bool any_dirty(const struct work *w)
{
	for (uint32_t i = 0; i < w->v.count; i++)
		if (w->v.flags[i] & V_DIRTY)
			return true;
	return false;
}

int split_begin(struct work *w)
{
	w->stats.passes++;
	return node_find(w);
}

int split_until_noded(struct work *w)
{
	while (w->merge_count > 0 || w->split_count > 0) {
		if (w->stats.passes == MAX_PASSES)
			return err_set(w->err, ERR_LIMIT, R_REPAIR_FAILED,
			    "repair: crossings do not settle");
		if (w->merge_count > 0 && carry_out_merges(w) == -1)
			return -1;
		mark_splits(w);
		if (rebuild(w) == -1)
			return -1;
		if (w->v.count == 0 || !any_dirty(w))
			return 0;
		w->tolerant = true;
		w->stats.passes++;
		if (node_find(w) == -1)
			return -1;
	}
	return 0;
}
