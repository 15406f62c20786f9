/* apart - see apart.h. */
#include "workers/pipeline/repair/apart.h"

#include <math.h>
#include <stdlib.h>

#define PAIRS_PER_RING 64	/* looked at before arranging them costs less */
#define SIDES_PER_VERTEX 8	/* of shells, likewise */

struct apart {
	const struct point *at;
	const struct ring *rings;
	struct box *boxes;		/* of the rings */
	uint32_t count;
	uint32_t holes, placed;		/* in their shell */
	uint64_t pairs, sides;		/* still to spend */
};

struct box apart_box(const struct point *at, uint32_t begin, uint32_t end)
{
	struct box all = { at[begin].x, at[begin].y, at[begin].x, at[begin].y };

	for (uint32_t i = begin + 1; i < end; i++)
		all = (struct box){ smaller(all.x0, at[i].x), smaller(all.y0, at[i].y),
		    larger(all.x1, at[i].x), larger(all.y1, at[i].y) };
	return all;
}

/* p is not on the ring. */
static bool is_within(const struct point *at, const struct ring *r, struct point p)
{
	bool within = false;

	for (uint32_t i = r->begin, before = r->end - 1; i < r->end; before = i++) {
		struct point a = at[before], b = at[i];

		if ((a.y > p.y) != (b.y > p.y) && (predicate_orient(a, b, p) > 0) == (b.y > a.y))
			within = !within;
	}
	return within;
}

/* May these two lie as they do? */
static bool pair_is_fine(struct apart *a, uint32_t i, uint32_t j)
{
	const struct ring *one = &a->rings[i], *other = &a->rings[j];
	const struct ring *hole = one->hole ? one : other, *shell = one->hole ? other : one;

	if (!box_meets(&a->boxes[i], &a->boxes[j]))
		return true;
	if (one->part != other->part || one->hole == other->hole || a->sides < shell->end - shell->begin)
		return false;
	a->sides -= shell->end - shell->begin;
	if (!is_within(a->at, shell, a->at[hole->begin]))
		return false;
	a->placed++;
	return true;
}

static void begin(struct apart *a)
{
	a->holes = a->placed = 0;
	a->pairs = a->sides = 0;
	for (uint32_t r = 0; r < a->count; r++) {
		const struct ring *ring = &a->rings[r];

		a->boxes[r] = apart_box(a->at, ring->begin, ring->end);
		a->holes += ring->hole;
		a->pairs += PAIRS_PER_RING;
		a->sides += (uint64_t)SIDES_PER_VERTEX * (ring->end - ring->begin);
	}
}

bool apart_few(const struct point *at, const struct ring *rings, uint32_t count)
{
	struct box boxes[APART_FEW];
	struct apart a = { .at = at, .rings = rings, .boxes = boxes, .count = count };

	begin(&a);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = i + 1; j < count; j++)
			if (!pair_is_fine(&a, i, j))
				return false;
	return a.placed == a.holes;
}

static int meet(void *ctx, uint32_t i, uint32_t j)
{
	return pair_is_fine(ctx, i, j) ? 0 : -1;
}

static int spend(void *ctx, unsigned n)
{
	struct apart *a = ctx;

	if (a->pairs < n)
		return -1;
	a->pairs -= n;
	return 0;
}

static int fill(struct boxes *t, const struct apart *a)
{
	struct box all = a->boxes[0];
	struct grid_box box = boxes_nothing();

	for (uint32_t i = 1; i < a->count; i++)
		all = (struct box){ smaller(all.x0, a->boxes[i].x0), smaller(all.y0, a->boxes[i].y0),
		    larger(all.x1, a->boxes[i].x1), larger(all.y1, a->boxes[i].y1) };
	if (boxes_init(t, a->count, &all) == -1)
		return -1;
	for (uint32_t i = a->count; i < t->level_count[0] * BOXES_FAN; i++)
		boxes_put(&t->nodes[i / BOXES_FAN], i % BOXES_FAN, &box);
	for (uint32_t i = 0; i < a->count; i++) {
		const struct box *b = &a->boxes[i];

		box = (struct grid_box){
			boxes_cell(b->x0, t->x0, t->scale_x), boxes_cell(b->y0, t->y0, t->scale_y),
			boxes_cell(b->x1, t->x0, t->scale_x), boxes_cell(b->y1, t->y0, t->scale_y),
		};
		boxes_put(&t->nodes[i / BOXES_FAN], i % BOXES_FAN, &box);
	}
	boxes_finish(t);
	return 0;
}

int apart_all(struct work *w)
{
	struct apart a = { .at = w->v.at, .rings = w->rings, .count = w->ring_count };
	const struct boxes_join join = { .meet = meet, .spend = spend, .ctx = &a };
	struct boxes t = { 0 };
	int rc;

	if ((a.boxes = work_alloc(w, a.count, sizeof(*a.boxes))) == NULL)
		return -1;
	begin(&a);
	if (fill(&t, &a) == -1)
		rc = err_set(w->err, ERR_SYSTEM, 0, "repair: out of memory");
	else
		rc = boxes_join(&t, &join) == 0 && a.placed == a.holes;
	boxes_clear(&t);
	free(a.boxes);
	return rc;
}
