/*
 * index - a flat tree of boxes over the segments, and the two questions asked of it.
 *
 * In:  vertices in ring order, whose neighbours lie near each other: so nothing is sorted.
 * Out: pairs of segments whose boxes may meet; the segment to the left of a point.
 *
 * Boxes are kept on a grid of 65,534 by 65,534 cells, eight to a cache line, and eight are compared at
 * once. The way onto the grid keeps the order of coordinates, so that boxes which meet do so there too;
 * those that meet only there are told apart by whoever asked.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "workers/pipeline/repair/work.h"

#define FAN INDEX_FAN
#define LEAST (-32767)		/* of the grid; below and above it is nothing */
#define CELLS 65533.0

static const struct grid_box nothing = { INT16_MAX, INT16_MAX, INT16_MIN, INT16_MIN };

static inline int16_t smaller_cell(int16_t a, int16_t b)
{
	return a < b ? a : b;
}

static inline int16_t larger_cell(int16_t a, int16_t b)
{
	return a > b ? a : b;
}

static inline void box_add(struct grid_box *a, const struct grid_box *b)
{
	*a = (struct grid_box){ smaller_cell(a->x0, b->x0), smaller_cell(a->y0, b->y0),
	    larger_cell(a->x1, b->x1), larger_cell(a->y1, b->y1) };
}

static inline void put_box(struct grid_boxes *eight, unsigned k, const struct grid_box *b)
{
	eight->x0[k] = b->x0;
	eight->y0[k] = b->y0;
	eight->x1[k] = b->x1;
	eight->y1[k] = b->y1;
}

static inline struct grid_box get_box(const struct grid_boxes *eight, unsigned k)
{
	return (struct grid_box){ eight->x0[k], eight->y0[k], eight->x1[k], eight->y1[k] };
}

#ifdef __SSE2__

static inline __m128i eight_cells(const int16_t *c)
{
	return _mm_loadu_si128((const __m128i *)c);
}

/* Which of the eight boxes meet b? The lowest bit is the first. */
static inline unsigned meet(const struct grid_boxes *eight, const struct grid_box *b)
{
	__m128i right = _mm_cmpgt_epi16(eight_cells(eight->x0), _mm_set1_epi16(b->x1));
	__m128i above = _mm_cmpgt_epi16(eight_cells(eight->y0), _mm_set1_epi16(b->y1));
	__m128i left = _mm_cmpgt_epi16(_mm_set1_epi16(b->x0), eight_cells(eight->x1));
	__m128i below = _mm_cmpgt_epi16(_mm_set1_epi16(b->y0), eight_cells(eight->y1));
	__m128i apart = _mm_or_si128(_mm_or_si128(right, above), _mm_or_si128(left, below));

	return ~(unsigned)_mm_movemask_epi8(_mm_packs_epi16(apart, _mm_setzero_si128())) & 0xff;
}

#else

static inline unsigned meet(const struct grid_boxes *eight, const struct grid_box *b)
{
	unsigned mask = 0;

	for (unsigned k = 0; k < FAN; k++)
		mask |= (unsigned)((eight->x0[k] <= b->x1) & (eight->y0[k] <= b->y1)
		    & (b->x0 <= eight->x1[k]) & (b->y0 <= eight->y1[k])) << k;
	return mask;
}

#endif

void index_clear(struct index *x)
{
	free(x->nodes);
	free(x->dirty);
	*x = (struct index){ 0 };
}

/* ---- building ---- */

static inline int16_t cell(double v, double least, double scale)
{
	return (int16_t)((int)((v - least) * scale) + LEAST);
}

/* How many cells a box is made wider, so that it meets what is within reach of it. */
static int cells_of(double reach, double scale)
{
	double cells = reach * scale + 1;

	return cells < CELLS ? (int)cells : (int)CELLS;
}

static void lay_grid(struct work *w)
{
	struct index *x = &w->index;
	const struct vertices *v = &w->v;
	double x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY;

	for (uint32_t i = 0; i < v->count; i++) {
		x0 = smaller(x0, v->at[i].x);
		y0 = smaller(y0, v->at[i].y);
		x1 = larger(x1, v->at[i].x);
		y1 = larger(y1, v->at[i].y);
	}
	x->x0 = x0;
	x->y0 = y0;
	x->scale_x = x1 > x0 ? CELLS / (x1 - x0) : 0;
	x->scale_y = y1 > y0 ? CELLS / (y1 - y0) : 0;
}

static int16_t within_grid(int c)
{
	return (int16_t)(c < LEAST ? LEAST : c > -LEAST - 1 ? -LEAST - 1 : c);
}

static void widen_leaves(struct work *w)
{
	struct index *x = &w->index;
	int by_x = cells_of(w->close, x->scale_x), by_y = cells_of(w->close, x->scale_y);

	for (uint32_t i = 0; i < w->v.count; i++) {
		struct grid_boxes *eight = &x->nodes[i / FAN];
		unsigned k = i % FAN;

		eight->x0[k] = within_grid(eight->x0[k] - by_x);
		eight->y0[k] = within_grid(eight->y0[k] - by_y);
		eight->x1[k] = within_grid(eight->x1[k] + by_x);
		eight->y1[k] = within_grid(eight->y1[k] + by_y);
		x->dirty[i / FAN] |= (uint8_t)(((w->v.flags[i] & V_DIRTY) != 0) << k);
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
static void fill_leaves(struct index *x, const struct vertices *v, int16_t *cx, int16_t *cy)
{
	for (uint32_t i = 0; i < v->count; i++) {
		cx[i] = cell(v->at[i].x, x->x0, x->scale_x);
		cy[i] = cell(v->at[i].y, x->y0, x->scale_y);
	}
	for (uint32_t i = v->count; i <= x->level_count[0] * FAN; i++)
		cx[i] = cy[i] = 0;
	for (uint32_t b = 0; b < x->level_count[0]; b++) {
		span(cx + b * FAN, x->nodes[b].x0, x->nodes[b].x1);
		span(cy + b * FAN, x->nodes[b].y0, x->nodes[b].y1);
	}
	for (uint32_t i = v->count; i < x->level_count[0] * FAN; i++)
		put_box(&x->nodes[i / FAN], i % FAN, &nothing);
}

static void fill_ring_end(struct index *x, uint32_t first, uint32_t last, const int16_t *cx, const int16_t *cy)
{
	struct grid_box box = {
		smaller_cell(cx[first], cx[last]), smaller_cell(cy[first], cy[last]),
		larger_cell(cx[first], cx[last]), larger_cell(cy[first], cy[last]),
	};

	put_box(&x->nodes[last / FAN], last % FAN, &box);
}

static int build_leaves(struct work *w)
{
	struct index *x = &w->index;
	size_t room = (size_t)x->level_count[0] * FAN + 1;
	int16_t *cells = work_alloc(w, 2 * room, sizeof(*cells));

	if (cells == NULL)
		return -1;
	fill_leaves(x, &w->v, cells, cells + room);
	for (uint32_t r = 0; r < w->ring_count; r++)
		if (w->rings[r].begin < w->rings[r].end)
			fill_ring_end(x, w->rings[r].begin, w->rings[r].end - 1, cells, cells + room);
	free(cells);
	memset(x->dirty, 0, x->level_count[0]);
	if (w->tolerant)
		widen_leaves(w);
	return 0;
}

static struct grid_box box_of_node(const struct grid_boxes *eight)
{
	struct grid_box all = nothing;

	for (unsigned k = 0; k < FAN; k++) {
		struct grid_box b = get_box(eight, k);

		box_add(&all, &b);
	}
	return all;
}

static void fill_level(struct index *x, unsigned level)
{
	uint32_t under = x->level_begin[level - 1], count = x->level_count[level - 1];

	for (uint32_t b = 0; b < x->level_count[level]; b++) {
		uint8_t dirty = 0;

		for (unsigned k = 0; k < FAN; k++) {
			uint32_t i = b * FAN + k;
			struct grid_box box = i < count ? box_of_node(&x->nodes[under + i]) : nothing;

			put_box(&x->nodes[x->level_begin[level] + b], k, &box);
			dirty |= (uint8_t)((i < count && x->dirty[under + i] != 0) << k);
		}
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
	x->nodes = work_alloc(w, total, sizeof(*x->nodes));
	x->dirty = work_alloc(w, total, sizeof(*x->dirty));
	if (x->nodes == NULL || x->dirty == NULL)
		return -1;
	lay_grid(w);
	if (build_leaves(w) == -1)
		return -1;
	for (unsigned level = 1; level < x->levels; level++)
		fill_level(x, level);
	return 0;
}

/* ---- segments that meet ---- */

struct join {
	struct work *w;
	const struct index *x;
	int (*fn)(struct work *w, uint32_t i, uint32_t j);
};

static int join(const struct join *j, unsigned level, uint32_t a, uint32_t b);

/* Child p of node a with those children of b that are in the mask. */
static inline int visit(const struct join *j, unsigned level, uint32_t a, unsigned p, uint32_t b, unsigned mask)
{
	if (work_spend(j->w, 1 + (unsigned)__builtin_popcount(mask)) == -1)
		return -1;
	for (; mask != 0; mask &= mask - 1) {
		uint32_t i = a * FAN + p, k = b * FAN + (unsigned)__builtin_ctz(mask);
		int rc = level > 0 ? join(j, level - 1, i, k) : j->fn(j->w, i, k);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static int join_same(const struct join *j, unsigned level, uint32_t a)
{
	uint32_t at = j->x->level_begin[level] + a;
	const struct grid_boxes *eight = &j->x->nodes[at];
	const uint32_t *next = j->w->v.next;

	for (unsigned p = 0; p < FAN; p++) {
		struct grid_box box = get_box(eight, p);
		unsigned mask = meet(eight, &box) & (0xffu << p);	/* a box is joined with itself */
		int rc;

		if (level == 0 && mask != 0)	/* and a segment not even with its successor, to save time */
			mask &= 0xffu << (p + (next[a * FAN + p] == a * FAN + p + 1 ? 2 : 1));
		if (j->w->tolerant && !(j->x->dirty[at] >> p & 1))
			mask &= j->x->dirty[at];
		if (mask != 0 && (rc = visit(j, level, a, p, a, mask)) != 0)
			return rc;
	}
	return 0;
}

static int join(const struct join *j, unsigned level, uint32_t a, uint32_t b)
{
	const struct index *x = j->x;
	uint32_t at_a = x->level_begin[level] + a, at_b = x->level_begin[level] + b;
	struct grid_box box;
	unsigned some;

	if (a == b)
		return join_same(j, level, a);
	box = get_box(&x->nodes[x->level_begin[level + 1] + b / FAN], b % FAN);
	for (some = meet(&x->nodes[at_a], &box); some != 0; some &= some - 1) {
		unsigned p = (unsigned)__builtin_ctz(some), mask;
		int rc;

		box = get_box(&x->nodes[at_a], p);
		mask = meet(&x->nodes[at_b], &box);
		if (j->w->tolerant && !(x->dirty[at_a] >> p & 1))
			mask &= x->dirty[at_b];
		if (mask != 0 && (rc = visit(j, level, a, p, b, mask)) != 0)
			return rc;
	}
	return 0;
}

int index_self_join(struct work *w, int (*fn)(struct work *w, uint32_t i, uint32_t j))
{
	struct join j = { w, &w->index, fn };

	return join(&j, w->index.levels - 1, 0, 0);
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
		r->left.x0 = cell(smaller(a.x, b.x), r->w->index.x0, r->w->index.scale_x);
	}
}

static void ray_node(struct ray *r, unsigned level, uint32_t b)
{
	const struct index *x = &r->w->index;
	const struct grid_boxes *eight = &x->nodes[x->level_begin[level] + b];
	unsigned mask = meet(eight, &r->left), order[FAN], count = 0;

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
	const struct index *x = &w->index;
	struct ray r = { .w = w, .p = p, .counts = counts, .ctx = ctx, .best = NONE };

	r.left = (struct grid_box){ INT16_MIN, cell(p.y, x->y0, x->scale_y), cell(p.x, x->x0, x->scale_x),
	    cell(p.y, x->y0, x->scale_y) };
	ray_node(&r, x->levels - 1, 0);
	return r.best;
}
