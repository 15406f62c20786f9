/*
 * index - the boxes of segments, and the two questions asked of them.
 *
 * In:  vertices in ring order. Out: pairs of segments whose boxes may meet; the segment to the left of
 *      a point. Depends on boxes.h.
 */
#include <math.h>
#include <stdlib.h>

#include "workers/pipeline/repair/work.h"

#define FAN BOXES_FAN

/* ---- building ---- */

/* How many cells a box is made wider, so that it meets what is within reach of it. */
static int cells_of(double reach, double scale)
{
	double cells = reach * scale + 1;

	return cells < BOXES_CELLS ? (int)cells : (int)BOXES_CELLS;
}

static struct box extent(const struct vertices *v)
{
	struct box all = { INFINITY, INFINITY, -INFINITY, -INFINITY };

	for (uint32_t i = 0; i < v->count; i++) {
		all.x0 = smaller(all.x0, v->at[i].x);
		all.y0 = smaller(all.y0, v->at[i].y);
		all.x1 = larger(all.x1, v->at[i].x);
		all.y1 = larger(all.y1, v->at[i].y);
	}
	return all;
}

static int16_t within_grid(int c)
{
	return (int16_t)(c < BOXES_LEAST ? BOXES_LEAST : c > -BOXES_LEAST - 1 ? -BOXES_LEAST - 1 : c);
}

static void widen_leaves(struct work *w)
{
	struct boxes *x = &w->index;
	int by_x = cells_of(w->close, x->scale_x), by_y = cells_of(w->close, x->scale_y);

	for (uint32_t i = 0; i < w->v.count; i++) {
		struct grid_boxes *eight = &x->nodes[i / FAN];
		unsigned k = i % FAN;

		eight->x0[k] = within_grid(eight->x0[k] - by_x);
		eight->y0[k] = within_grid(eight->y0[k] - by_y);
		eight->x1[k] = within_grid(eight->x1[k] + by_x);
		eight->y1[k] = within_grid(eight->y1[k] + by_y);
		x->marked[i / FAN] |= (uint8_t)(((w->v.flags[i] & V_DIRTY) != 0) << k);
	}
}

/* Lows and highs of eight neighbours each; c has nine. */
static inline void span(const int16_t *c, int16_t *low, int16_t *high)
{
	for (unsigned k = 0; k < FAN; k++) {
		low[k] = smaller_cell(c[k], c[k + 1]);
		high[k] = larger_cell(c[k], c[k + 1]);
	}
}

/* First as if all vertices were one ring, then the rings' last segments. */
static void fill_leaves(struct boxes *x, const struct vertices *v, int16_t *cx, int16_t *cy)
{
	for (uint32_t i = 0; i < v->count; i++) {
		cx[i] = boxes_cell(v->at[i].x, x->x0, x->scale_x);
		cy[i] = boxes_cell(v->at[i].y, x->y0, x->scale_y);
	}
	for (uint32_t i = v->count; i <= x->level_count[0] * FAN; i++)
		cx[i] = cy[i] = 0;
	for (uint32_t b = 0; b < x->level_count[0]; b++) {
		span(cx + b * FAN, x->nodes[b].x0, x->nodes[b].x1);
		span(cy + b * FAN, x->nodes[b].y0, x->nodes[b].y1);
	}
	for (uint32_t i = v->count; i < x->level_count[0] * FAN; i++) {
		struct grid_box nothing = boxes_nothing();

		boxes_put(&x->nodes[i / FAN], i % FAN, &nothing);
	}
}

static void fill_ring_end(struct boxes *x, uint32_t first, uint32_t last, const int16_t *cx, const int16_t *cy)
{
	struct grid_box box = {
		smaller_cell(cx[first], cx[last]), smaller_cell(cy[first], cy[last]),
		larger_cell(cx[first], cx[last]), larger_cell(cy[first], cy[last]),
	};

	boxes_put(&x->nodes[last / FAN], last % FAN, &box);
}

static int build_leaves(struct work *w)
{
	struct boxes *x = &w->index;
	size_t room = (size_t)x->level_count[0] * FAN + 1;
	int16_t *cells = work_alloc(w, 2 * room, sizeof(*cells));

	if (cells == NULL)
		return -1;
	fill_leaves(x, &w->v, cells, cells + room);
	for (uint32_t r = 0; r < w->ring_count; r++)
		if (w->rings[r].begin < w->rings[r].end)
			fill_ring_end(x, w->rings[r].begin, w->rings[r].end - 1, cells, cells + room);
	free(cells);
	if (w->tolerant)
		widen_leaves(w);
	return 0;
}

int index_build(struct work *w)
{
	struct box all = extent(&w->v);

	boxes_clear(&w->index);
	if (boxes_init(&w->index, w->v.count, &all) == -1)
		return err_set(w->err, ERR_SYSTEM, 0, "repair: out of memory");
	if (build_leaves(w) == -1)
		return -1;
	boxes_finish(&w->index);
	return 0;
}

/* ---- segments that meet ---- */

static int spend(void *w, unsigned n)
{
	return work_spend(w, n);
}

int index_self_join(struct work *w, int (*meet)(void *w, uint32_t i, uint32_t j))
{
	const struct boxes_join j = { meet, spend, w, w->v.next, w->tolerant };

	return boxes_join(&w->index, &j);
}

/* ---- the segment to the left ---- */

struct ray {
	const struct work *w;
	struct point p;
	bool (*counts)(const void *ctx, uint32_t segment);
	const void *ctx;
	uint32_t best;
	struct point low, high;	/* of the best */
	struct grid_box left;	/* where a better one has to be */
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
		r->left.x0 = boxes_cell(smaller(a.x, b.x), r->w->index.x0, r->w->index.scale_x);
	}
}

static void ray_node(struct ray *r, unsigned level, uint32_t b)
{
	const struct boxes *x = &r->w->index;
	const struct grid_boxes *eight = &x->nodes[x->level_begin[level] + b];
	unsigned mask = boxes_meeting(eight, &r->left), order[FAN], count = 0;

	for (; mask != 0; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctz(mask), k = count++;

		for (; k > 0 && eight->x1[order[k - 1]] < eight->x1[i]; k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
	for (unsigned k = 0; k < count; k++)	/* the rightmost first: what it hits rules out others */
		if (eight->x1[order[k]] >= r->left.x0) {
			if (level == 0)
				ray_segment(r, b * FAN + order[k]);
			else
				ray_node(r, level - 1, b * FAN + order[k]);
		}
}

uint32_t index_ray_left(const struct work *w, struct point p,
    bool (*counts)(const void *ctx, uint32_t segment), const void *ctx)
{
	const struct boxes *x = &w->index;
	struct ray r = { .w = w, .p = p, .counts = counts, .ctx = ctx, .best = NONE };

	r.left = (struct grid_box){ INT16_MIN, boxes_cell(p.y, x->y0, x->scale_y), boxes_cell(p.x, x->x0, x->scale_x),
	    boxes_cell(p.y, x->y0, x->scale_y) };
	ray_node(&r, x->levels - 1, 0);
	return r.best;
}
