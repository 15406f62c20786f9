/*
 * boxes - a flat tree of boxes, and which of them meet.
 *
 * In:  boxes whose neighbours in number lie near each other: so nothing is sorted. Out: pairs of them.
 * Depends on predicate.h alone.
 *
 * Boxes are kept on a grid of 65,534 by 65,534 cells, eight to a cache line, and eight are compared at
 * once. The way onto the grid keeps the order of coordinates, so that boxes which meet do so there too;
 * those that meet only there are told apart by whoever asked.
 */
#ifndef GS_REPAIR_BOXES_H
#define GS_REPAIR_BOXES_H

#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "workers/pipeline/repair/predicate.h"

#define BOXES_FAN 8
#define BOXES_LEAST (-32767)	/* of the grid; below and above it is nothing */
#define BOXES_CELLS 65533.0

/* A box on the grid; and eight of them side by side. */
struct grid_box {
	int16_t x0, y0, x1, y1;
};

struct grid_boxes {
	int16_t x0[BOXES_FAN], y0[BOXES_FAN], x1[BOXES_FAN], y1[BOXES_FAN];
};

/* Level 0: nodes of 8 boxes each; level n: nodes of 8 nodes of level n - 1. The last has one node. */
struct boxes {
	struct grid_boxes *nodes;	/* of what is below them */
	uint8_t *marked;		/* a bit for each that is or holds a marked one */
	uint32_t level_begin[12];
	uint32_t level_count[12];
	unsigned levels;
	double x0, y0, scale_x, scale_y;	/* the grid */
};

/* Room for so many boxes within `all`, none marked, none filled in; -1 without memory. */
int boxes_init(struct boxes *t, uint32_t count, const struct box *all);
void boxes_clear(struct boxes *t);
/* Once those of level 0 are filled in. */
void boxes_finish(struct boxes *t);

/* Calls, which return 0 to go on; what they return else ends the join, and is its result. */
struct boxes_join {
	int (*meet)(void *ctx, uint32_t i, uint32_t j);	/* two whose boxes meet on the grid; i before j, mostly */
	int (*spend)(void *ctx, unsigned n);		/* so many have been looked at */
	void *ctx;
	const uint32_t *next;	/* per box: the one after it, which it is not joined with; NULL: none */
	bool marked_only;	/* pairs of which one is marked */
};

int boxes_join(const struct boxes *t, const struct boxes_join *j);

/* ---- the grid ---- */

static inline int16_t smaller_cell(int16_t a, int16_t b)
{
	return a < b ? a : b;
}

static inline int16_t larger_cell(int16_t a, int16_t b)
{
	return a > b ? a : b;
}

static inline int16_t boxes_cell(double v, double least, double scale)
{
	return (int16_t)((int)((v - least) * scale) + BOXES_LEAST);
}

static inline void boxes_put(struct grid_boxes *eight, unsigned k, const struct grid_box *b)
{
	eight->x0[k] = b->x0;
	eight->y0[k] = b->y0;
	eight->x1[k] = b->x1;
	eight->y1[k] = b->y1;
}

static inline struct grid_box boxes_get(const struct grid_boxes *eight, unsigned k)
{
	return (struct grid_box){ eight->x0[k], eight->y0[k], eight->x1[k], eight->y1[k] };
}

static inline struct grid_box boxes_nothing(void)
{
	return (struct grid_box){ INT16_MAX, INT16_MAX, INT16_MIN, INT16_MIN };
}

#ifdef __SSE2__

static inline __m128i boxes_eight(const int16_t *c)
{
	return _mm_loadu_si128((const __m128i *)c);
}

/* Which of the eight boxes meet b? The lowest bit is the first. */
static inline unsigned boxes_meeting(const struct grid_boxes *eight, const struct grid_box *b)
{
	__m128i right = _mm_cmpgt_epi16(boxes_eight(eight->x0), _mm_set1_epi16(b->x1));
	__m128i above = _mm_cmpgt_epi16(boxes_eight(eight->y0), _mm_set1_epi16(b->y1));
	__m128i left = _mm_cmpgt_epi16(_mm_set1_epi16(b->x0), boxes_eight(eight->x1));
	__m128i below = _mm_cmpgt_epi16(_mm_set1_epi16(b->y0), boxes_eight(eight->y1));
	__m128i apart = _mm_or_si128(_mm_or_si128(right, above), _mm_or_si128(left, below));

	return ~(unsigned)_mm_movemask_epi8(_mm_packs_epi16(apart, _mm_setzero_si128())) & 0xff;
}

#else

static inline unsigned boxes_meeting(const struct grid_boxes *eight, const struct grid_box *b)
{
	unsigned mask = 0;

	for (unsigned k = 0; k < BOXES_FAN; k++)
		mask |= (unsigned)((eight->x0[k] <= b->x1) & (eight->y0[k] <= b->y1)
		    & (b->x0 <= eight->x1[k]) & (b->y0 <= eight->y1[k])) << k;
	return mask;
}

#endif

#endif
