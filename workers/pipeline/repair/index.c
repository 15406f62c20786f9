/*
 * index - a flat tree of boxes over the segments, and the two questions asked of it.
 *
 * In:  vertices in ring order, whose neighbours lie near each other: so nothing is sorted.
 * Out: pairs of segments whose boxes meet; the segment to the left of a point.
 */
#include <math.h>
#include <stdlib.h>

#include "workers/pipeline/repair/work.h"

#define FAN 8

static const struct box nothing = { INFINITY, INFINITY, -INFINITY, -INFINITY };

static inline void box_add(struct box *a, const struct box *b)
{
	*a = (struct box){ smaller(a->x0, b->x0), smaller(a->y0, b->y0),
	    larger(a->x1, b->x1), larger(a->y1, b->y1) };
}

static inline struct box segment_box(const struct vertices *v, uint32_t i)
{
	return box_of(v->at[i], v->at[v->next[i]]);
}

void index_clear(struct index *x)
{
	free(x->box);
	free(x->dirty);
	*x = (struct index){ 0 };
}

static void build_leaves(struct index *x, const struct vertices *v)
{
	for (uint32_t b = 0; b < x->level_count[0]; b++) {
		struct box all = nothing;
		uint8_t flags = 0;

		for (uint32_t i = b * FAN; i < v->count && i < (b + 1) * FAN; i++) {
			struct box s = segment_box(v, i);

			box_add(&all, &s);
			flags |= v->flags[i];
		}
		x->box[b] = all;
		x->dirty[b] = flags & V_DIRTY;
	}
}

static void build_level(struct index *x, unsigned level)
{
	uint32_t under = x->level_begin[level - 1], count = x->level_count[level - 1];

	for (uint32_t b = 0; b < x->level_count[level]; b++) {
		struct box all = nothing;
		bool dirty = false;

		for (uint32_t i = b * FAN; i < count && i < (b + 1) * FAN; i++) {
			box_add(&all, &x->box[under + i]);
			dirty |= x->dirty[under + i];
		}
		x->box[x->level_begin[level] + b] = all;
		x->dirty[x->level_begin[level] + b] = dirty;
	}
}

int index_build(struct work *w)
{
	struct index *x = &w->index;
	uint32_t total = 0, count = w->v.count;

	index_clear(x);
	do {
		count = (count + FAN - 1) / FAN;
		x->level_begin[x->levels] = total;
		x->level_count[x->levels++] = count;
		total += count;
	} while (count > 1);
	x->box = work_alloc(w, total, sizeof(*x->box));
	x->dirty = work_alloc(w, total, sizeof(*x->dirty));
	if (x->box == NULL || x->dirty == NULL)
		return -1;
	build_leaves(x, &w->v);
	for (unsigned level = 1; level < x->levels; level++)
		build_level(x, level);
	return 0;
}

/* The children of one box that may take part: their boxes, widened by the slack, and numbers. */
struct children {
	struct box box[FAN];
	uint32_t number[FAN];
	bool dirty[FAN];
	unsigned count;
};

struct join {
	struct work *w;
	double slack;
	int (*fn)(struct work *w, uint32_t i, uint32_t j);
};

static inline void offer_child(struct children *c, const struct join *j, const struct box *within,
    struct box box, bool dirty, uint32_t number)
{
	if (j->slack > 0)
		box = (struct box){ box.x0 - j->slack, box.y0 - j->slack,
		    box.x1 + j->slack, box.y1 + j->slack };
	c->box[c->count] = box;
	c->dirty[c->count] = dirty;
	c->number[c->count] = number;
	c->count += box_meets(&box, within);
}

/* Level 0's children are segments. `within`: only those that meet it. */
static void load_children(const struct join *j, unsigned level, uint32_t b,
    const struct box *within, struct children *c)
{
	const struct index *x = &j->w->index;
	const struct vertices *v = &j->w->v;
	uint32_t under = level > 0 ? x->level_begin[level - 1] : 0;
	uint32_t end = level > 0 ? x->level_count[level - 1] : v->count;

	end = end < (b + 1) * FAN ? end : (b + 1) * FAN;
	c->count = 0;
	if (level == 0)
		for (uint32_t i = b * FAN; i < end; i++)
			offer_child(c, j, within, segment_box(v, i), v->flags[i] & V_DIRTY, i);
	else
		for (uint32_t i = b * FAN; i < end; i++)
			offer_child(c, j, within, x->box[under + i], x->dirty[under + i], i);
}

static int join(const struct join *j, unsigned level, uint32_t a, uint32_t b);

static inline int visit(const struct join *j, unsigned level, const struct children *c, unsigned p,
    const struct children *d, unsigned q)
{
	if (!box_meets(&c->box[p], &d->box[q]) || (j->w->tolerant && !c->dirty[p] && !d->dirty[q]))
		return 0;
	return level > 0 ? join(j, level - 1, c->number[p], d->number[q])
	    : j->fn(j->w, c->number[p], d->number[q]);
}

static int join_same(const struct join *j, unsigned level, uint32_t a)
{
	const struct work *w = j->w;
	struct children c;
	int rc = 0;

	load_children(j, level, a, &w->index.box[w->index.level_begin[level] + a], &c);
	if (work_spend(j->w, c.count * c.count / 2) == -1)
		return -1;
	for (unsigned p = 0; p < c.count && rc == 0; p++) {
		unsigned q = p;		/* a box is joined with itself */

		if (level == 0)		/* and a segment not even with its successor, to save time */
			q += w->v.next[c.number[p]] == c.number[p] + 1 ? 2 : 1;
		for (; q < c.count && rc == 0; q++)
			rc = visit(j, level, &c, p, &c, q);
	}
	return rc;
}

static int join(const struct join *j, unsigned level, uint32_t a, uint32_t b)
{
	const struct box *boxes = j->w->index.box + j->w->index.level_begin[level];
	struct children c, d;
	int rc = 0;

	if (a == b)
		return join_same(j, level, a);
	load_children(j, level, a, &boxes[b], &c);
	load_children(j, level, b, &boxes[a], &d);
	if (work_spend(j->w, c.count * d.count) == -1)
		return -1;
	for (unsigned p = 0; p < c.count && rc == 0; p++)
		for (unsigned q = 0; q < d.count && rc == 0; q++)
			rc = visit(j, level, &c, p, &d, q);
	return rc;
}

int index_self_join(struct work *w, int (*fn)(struct work *w, uint32_t i, uint32_t j))
{
	struct join j = { w, w->tolerant ? w->close : 0, fn };

	return join(&j, w->index.levels - 1, 0, 0);
}

struct ray {
	const struct work *w;
	struct point p;
	bool (*counts)(const void *ctx, uint32_t segment);
	const void *ctx;
	uint32_t best;
	struct point low, high;	/* of the best */
};

/* Is the upward segment ab, level with p, to the right of the best so far? They do not cross. */
static bool nearer(const struct ray *r, struct point a, struct point b)
{
	int side;

	if (r->best == NONE)
		return true;
	if (a.y >= r->low.y) {
		side = predicate_orient(r->low, r->high, a);
		return side != 0 ? side < 0 : predicate_orient(r->low, r->high, b) < 0;
	}
	side = predicate_orient(a, b, r->low);
	return side != 0 ? side > 0 : predicate_orient(a, b, r->high) > 0;
}

static void ray_segment(struct ray *r, uint32_t i)
{
	struct point a = r->w->v.at[i], b = r->w->v.at[r->w->v.next[i]];

	if (a.y > b.y) {
		struct point t = a;

		a = b;
		b = t;
	}
	/* Half open: of two segments that meet at p's height, the upper one is hit. */
	if (a.y > r->p.y || b.y <= r->p.y || predicate_orient(a, b, r->p) >= 0)
		return;
	if (r->counts(r->ctx, i) && nearer(r, a, b)) {
		r->best = i;
		r->low = a;
		r->high = b;
	}
}

/* Is any of it to the left of p, and to the right of the best so far? */
static bool ray_meets(const struct ray *r, const struct box *b)
{
	return b->x0 < r->p.x && b->y0 <= r->p.y && b->y1 > r->p.y
	    && (r->best == NONE || b->x1 >= smaller(r->low.x, r->high.x));
}

static void ray_box(struct ray *r, unsigned level, uint32_t b)
{
	const struct index *x = &r->w->index;
	const struct box *boxes = level > 0 ? &x->box[x->level_begin[level - 1]] : NULL;
	uint32_t end = level > 0 ? x->level_count[level - 1] : r->w->v.count, order[FAN];
	unsigned count = 0;

	if (end > (b + 1) * FAN)
		end = (b + 1) * FAN;
	for (uint32_t i = b * FAN; i < end; i++) {
		unsigned k = count;

		if (level == 0)
			ray_segment(r, i);
		if (level == 0 || !ray_meets(r, &boxes[i]))
			continue;
		for (; k > 0 && boxes[order[k - 1]].x1 < boxes[i].x1; k--)
			order[k] = order[k - 1];
		order[k] = i;
		count++;
	}
	for (unsigned k = 0; k < count; k++)	/* the rightmost first: what it hits rules out others */
		if (ray_meets(r, &boxes[order[k]]))
			ray_box(r, level - 1, order[k]);
}

uint32_t index_ray_left(const struct work *w, struct point p,
    bool (*counts)(const void *ctx, uint32_t segment), const void *ctx)
{
	struct ray r = { .w = w, .p = p, .counts = counts, .ctx = ctx, .best = NONE };

	ray_box(&r, w->index.levels - 1, 0);
	return r.best;
}
