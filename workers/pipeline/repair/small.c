/* small - see small.h. */
#include "workers/pipeline/repair/small.h"

#include <math.h>

#include "workers/pipeline/repair/boxes.h"

#define SMALLEST 1e-60	/* well within what the sweep takes, too */
#define LARGEST 1e70
#define FEW 6	/* segments */
#define BLOCKS (SMALL_POSITIONS / BOXES_FAN)

struct small {
	struct point at[SMALL_POSITIONS];
	uint8_t next[SMALL_POSITIONS];	/* the segment of a vertex runs from it to the next */
	uint32_t count;
	struct ring rings[SMALL_RINGS];
	uint32_t ring_count;
	struct grid_boxes boxes[BLOCKS];	/* of the segments */
};

/* False for NaN. */
static inline bool fits(double x)
{
	double size = fabs(x);

	return (size == 0) | ((size >= SMALLEST) & (size <= LARGEST));
}

/* A ring without repeats; false if it is open, too short or odd. */
static bool load_ring(struct small *s, const struct geometry *g, size_t seq, uint32_t part, bool hole)
{
	size_t begin = seq_begin(g, seq), n = g->seq_end[seq] - begin;
	const double *p = g->coords + begin * g->stride, *last;
	uint32_t first = s->count, end = first;

	if (n < 4)
		return false;
	last = p + (n - 1) * g->stride;
	if (p[0] != last[0] || p[1] != last[1])
		return false;
	for (; p < last; p += g->stride) {
		struct point at = { p[0], p[1] };

		if (!fits(at.x) || !fits(at.y))
			return false;
		if (end == first || !point_equal(at, s->at[end - 1])) {
			s->at[end] = at;
			s->next[end] = (uint8_t)(end + 1);
			end++;
		}
	}
	while (end > first && point_equal(s->at[end - 1], s->at[first]))
		end--;
	if (end - first < 3)
		return false;
	s->next[end - 1] = (uint8_t)first;
	s->rings[s->ring_count++] = (struct ring){
		.begin = first, .end = end, .seq = (uint32_t)seq, .part = part, .hole = hole,
	};
	s->count = end;
	return true;
}

static bool load(struct small *s, const struct geometry *g)
{
	s->count = s->ring_count = 0;
	for (uint32_t part = 0; part < g->parts; part++) {
		size_t first = part_begin(g, part);

		for (size_t seq = first; seq < g->part_end[part]; seq++)
			if (!load_ring(s, g, seq, part, seq > first))
				return false;
	}
	return s->ring_count > 0;
}

/* Does a ring come back on itself at a corner? */
static bool folds(const struct small *s)
{
	for (uint32_t u = 0; u < s->count; u++) {
		struct point a = s->at[u], b = s->at[s->next[u]], c = s->at[s->next[s->next[u]]];
		double back = (a.x - b.x) * (c.x - b.x) + (a.y - b.y) * (c.y - b.y);

		if (back > 0 && predicate_orient(a, b, c) == 0)
			return true;
	}
	return false;
}

static void fill_boxes(struct small *s)
{
	int16_t x[SMALL_POSITIONS], y[SMALL_POSITIONS];
	struct box all = apart_box(s->at, 0, s->count);
	double scale_x = all.x1 > all.x0 ? BOXES_CELLS / (all.x1 - all.x0) : 0;
	double scale_y = all.y1 > all.y0 ? BOXES_CELLS / (all.y1 - all.y0) : 0;

	for (uint32_t i = 0; i < s->count; i++) {
		x[i] = boxes_cell(s->at[i].x, all.x0, scale_x);
		y[i] = boxes_cell(s->at[i].y, all.y0, scale_y);
	}
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t k = s->next[i];
		struct grid_box box = { smaller_cell(x[i], x[k]), smaller_cell(y[i], y[k]),
		    larger_cell(x[i], x[k]), larger_cell(y[i], y[k]) };

		boxes_put(&s->boxes[i / BOXES_FAN], i % BOXES_FAN, &box);
	}
}

static bool pair_meets(const struct small *s, uint32_t i, uint32_t j)
{
	struct point a = s->at[i], b = s->at[s->next[i]], c = s->at[j], d = s->at[s->next[j]];
	struct box ab, cd;

	if (s->next[i] == j || s->next[j] == i)
		return false;
	ab = box_of(a, b);
	cd = box_of(c, d);
	return box_meets(&ab, &cd) && predicate_meet(a, b, c, d);
}

/* Of so few that boxes on a grid cost more than they save. */
static bool few_meet(const struct small *s)
{
	for (uint32_t i = 0; i + 1 < s->count; i++)
		for (uint32_t j = i + 1; j < s->count; j++)
			if (pair_meets(s, i, j))
				return true;
	return false;
}

/* Have two segments that do not follow each other a point in common? */
static bool meets(struct small *s)
{
	if (s->count <= FEW)
		return few_meet(s);
	fill_boxes(s);
	for (uint32_t i = 0; i + 1 < s->count; i++) {
		struct grid_box box = boxes_get(&s->boxes[i / BOXES_FAN], i % BOXES_FAN);

		for (uint32_t base = i / BOXES_FAN * BOXES_FAN; base < s->count; base += BOXES_FAN) {
			unsigned mask = boxes_meeting(&s->boxes[base / BOXES_FAN], &box), rest = s->count - base;

			mask &= rest < BOXES_FAN ? (1u << rest) - 1 : 0xff;
			if (base <= i)
				mask &= 0xfeu << (i - base);
			for (; mask != 0; mask &= mask - 1)
				if (pair_meets(s, i, base + (unsigned)__builtin_ctz(mask)))
					return true;
		}
	}
	return false;
}

bool small_is_sound(const struct geometry *g)
{
	struct small s;

	return g->positions <= SMALL_POSITIONS && g->seqs <= SMALL_RINGS && load(&s, g) && !folds(&s) && !meets(&s)
	    && (s.ring_count == 1 || apart_few(s.at, s.rings, s.ring_count));
}
