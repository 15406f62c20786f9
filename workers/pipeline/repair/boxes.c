/* boxes - see boxes.h. */
#include "workers/pipeline/repair/boxes.h"

#include <stdlib.h>
#include <string.h>

#define FAN BOXES_FAN

/* ---- building ---- */

int boxes_init(struct boxes *t, uint32_t count, const struct box *all)
{
	uint32_t total = 0;

	*t = (struct boxes){ .x0 = all->x0, .y0 = all->y0 };
	t->scale_x = all->x1 > all->x0 ? BOXES_CELLS / (all->x1 - all->x0) : 0;
	t->scale_y = all->y1 > all->y0 ? BOXES_CELLS / (all->y1 - all->y0) : 0;
	do {
		count = (count + FAN - 1) / FAN;
		t->level_begin[t->levels] = total;
		t->level_count[t->levels++] = count;
		total += count;
	} while (count > 1);
	t->nodes = malloc((total + 1u) * sizeof(*t->nodes));
	t->marked = malloc(total + 1u);
	if (t->nodes == NULL || t->marked == NULL)
		return -1;
	memset(t->marked, 0, t->level_count[0]);
	return 0;
}

void boxes_clear(struct boxes *t)
{
	free(t->nodes);
	free(t->marked);
	*t = (struct boxes){ 0 };
}

static struct grid_box box_of_node(const struct grid_boxes *eight)
{
	struct grid_box all = boxes_nothing();

	for (unsigned k = 0; k < FAN; k++) {
		struct grid_box b = boxes_get(eight, k);

		all = (struct grid_box){ smaller_cell(all.x0, b.x0), smaller_cell(all.y0, b.y0),
		    larger_cell(all.x1, b.x1), larger_cell(all.y1, b.y1) };
	}
	return all;
}

static void fill_level(struct boxes *t, unsigned level)
{
	uint32_t under = t->level_begin[level - 1], count = t->level_count[level - 1];

	for (uint32_t b = 0; b < t->level_count[level]; b++) {
		uint8_t marked = 0;

		for (unsigned k = 0; k < FAN; k++) {
			uint32_t i = b * FAN + k;
			struct grid_box box = i < count ? box_of_node(&t->nodes[under + i]) : boxes_nothing();

			boxes_put(&t->nodes[t->level_begin[level] + b], k, &box);
			marked |= (uint8_t)((i < count && t->marked[under + i] != 0) << k);
		}
		t->marked[t->level_begin[level] + b] = marked;
	}
}

void boxes_finish(struct boxes *t)
{
	for (unsigned level = 1; level < t->levels; level++)
		fill_level(t, level);
}

/* ---- those that meet ---- */

static int join(const struct boxes *t, const struct boxes_join *j, unsigned level, uint32_t a, uint32_t b);

/* Bits in a mask of eight; without an instruction for it, the compiler's own is a call. */
static inline unsigned count_bits(unsigned m)
{
	m -= m >> 1 & 0x55;
	m = (m & 0x33) + (m >> 2 & 0x33);
	return (m + (m >> 4)) & 0xf;
}

/* Child p of node a with those children of b that are in the mask. */
static inline int visit(const struct boxes *t, const struct boxes_join *j, unsigned level, uint32_t a, unsigned p,
    uint32_t b, unsigned mask)
{
	if (j->spend(j->ctx, 1 + count_bits(mask)) == -1)
		return -1;
	for (; mask != 0; mask &= mask - 1) {
		uint32_t i = a * FAN + p, k = b * FAN + (unsigned)__builtin_ctz(mask);
		int rc = level > 0 ? join(t, j, level - 1, i, k) : j->meet(j->ctx, i, k);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static int join_same(const struct boxes *t, const struct boxes_join *j, unsigned level, uint32_t a)
{
	uint32_t at = t->level_begin[level] + a;
	const struct grid_boxes *eight = &t->nodes[at];

	for (unsigned p = 0; p < FAN; p++) {
		struct grid_box box = boxes_get(eight, p);
		unsigned mask = boxes_meeting(eight, &box) & (0xffu << p);	/* a node is joined with itself */
		int rc;

		if (level == 0 && mask != 0) {	/* and a box not even with its successor, to save time */
			uint32_t i = a * FAN + p;

			mask &= 0xffu << (p + (j->next != NULL && j->next[i] == i + 1 ? 2 : 1));
		}
		if (j->marked_only && !(t->marked[at] >> p & 1))
			mask &= t->marked[at];
		if (mask != 0 && (rc = visit(t, j, level, a, p, a, mask)) != 0)
			return rc;
	}
	return 0;
}

static int join(const struct boxes *t, const struct boxes_join *j, unsigned level, uint32_t a, uint32_t b)
{
	uint32_t at_a = t->level_begin[level] + a, at_b = t->level_begin[level] + b;
	struct grid_box box;
	unsigned some;

	if (a == b)
		return join_same(t, j, level, a);
	box = boxes_get(&t->nodes[t->level_begin[level + 1] + b / FAN], b % FAN);
	for (some = boxes_meeting(&t->nodes[at_a], &box); some != 0; some &= some - 1) {
		unsigned p = (unsigned)__builtin_ctz(some), mask;
		int rc;

		box = boxes_get(&t->nodes[at_a], p);
		mask = boxes_meeting(&t->nodes[at_b], &box);
		if (j->marked_only && !(t->marked[at_a] >> p & 1))
			mask &= t->marked[at_b];
		if (mask != 0 && (rc = visit(t, j, level, a, p, b, mask)) != 0)
			return rc;
	}
	return 0;
}

int boxes_join(const struct boxes *t, const struct boxes_join *j)
{
	return join(t, j, t->levels - 1, 0, 0);
}
