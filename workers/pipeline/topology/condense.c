/*
 * condense - see condense.h.
 *
 * A ring is taken in runs of some segments. A run is drawn straight, from its first position to its
 * last, if
 *
 *   1. no segment of it meets another of it, nor folds back on its neighbour;
 *   2. its box meets no other run's box but those of the two runs beside it in the ring;
 *   3. nothing of those two meets it, or the straight line, but where they join; nor do their straight
 *      lines.
 *
 * By 1 to 3 a run drawn straight has no part in any crossing or touch, before or after. What a ring
 * goes round changes only within the box, where by 2 no other ring is: so holes stay in their shells
 * and shells out of each other, or not, as they were.
 *
 * What is left is taken again in shorter runs, which come closer to the faults, and so on.
 */
#include "workers/pipeline/topology/condense.h"

#include <math.h>
#include <stdlib.h>

#include "workers/pipeline/repair/boxes.h"
#include "workers/pipeline/repair/predicate.h"

#define LONGEST_RUN 8
#define LEAST_RUNS 4		/* in a ring: so that the two beside one are not beside each other */
#define PAIRS_PER_RUN 200	/* of boxes looked at; more means that all lies across all */

/* Segments in a run, time after time. */
static const uint32_t run_lengths[] = { 8, 4 };

struct run {
	uint32_t first, count;	/* positions: count segments from there */
	uint32_t before, after;	/* runs beside it in the ring */
	struct box box;
	bool keep;
};

struct condenser {
	const struct geometry *g;
	uint32_t run_length;
	struct run *runs;
	uint32_t run_count;
	struct boxes boxes;	/* of the runs */
	uint64_t pairs;		/* that may still be looked at */
	bool odd;		/* a coordinate that the predicates do not hold for */
};

static inline struct point position(const struct condenser *c, size_t i)
{
	return (struct point){ c->g->coords[i * c->g->stride], c->g->coords[i * c->g->stride + 1] };
}

static inline void widen(struct box *b, const struct box *by)
{
	*b = (struct box){ smaller(b->x0, by->x0), smaller(b->y0, by->y0),
	    larger(b->x1, by->x1), larger(b->y1, by->y1) };
}

/* ---- runs and their boxes ---- */

/* The predicates hold for 0, and for sizes whose products neither overflow nor vanish. */
static inline bool is_odd(double x)
{
	return x != 0 && !(fabs(x) > 1e-120 && fabs(x) < 1e70);
}

static void measure_run(struct condenser *c, struct run *r)
{
	struct point p = position(c, r->first);

	r->box = box_of(p, p);
	for (uint32_t i = 0; i <= r->count; i++) {
		p = position(c, r->first + i);
		c->odd |= is_odd(p.x) || is_odd(p.y);
		widen(&r->box, &(struct box){ p.x, p.y, p.x, p.y });
	}
}

/* -1: the ring is not closed, or empty. */
static int cut_ring(struct condenser *c, size_t seq)
{
	size_t begin = seq_begin(c->g, seq), segments = c->g->seq_end[seq] - begin;
	uint32_t first = c->run_count, last = first;

	if (segments < 2 || !point_equal(position(c, begin), position(c, begin + segments - 1)))
		return -1;
	segments--;
	for (size_t at = 0; at < segments; at += c->run_length) {
		last = c->run_count++;
		c->runs[last] = (struct run){
			.first = (uint32_t)(begin + at),
			.count = (uint32_t)(segments - at < c->run_length ? segments - at : c->run_length),
			.before = last - 1, .after = last + 1,
		};
		measure_run(c, &c->runs[last]);
	}
	c->runs[first].before = last;
	c->runs[last].after = first;
	for (uint32_t i = first; i <= last && last - first + 1 < LEAST_RUNS; i++)
		c->runs[i].keep = true;
	return 0;
}

static void put_boxes(struct condenser *c)
{
	struct boxes *t = &c->boxes;

	for (uint32_t i = 0; i < t->level_count[0] * BOXES_FAN; i++) {
		struct grid_box on_grid = boxes_nothing();

		if (i < c->run_count) {
			const struct box *b = &c->runs[i].box;

			on_grid = (struct grid_box){
				boxes_cell(b->x0, t->x0, t->scale_x), boxes_cell(b->y0, t->y0, t->scale_y),
				boxes_cell(b->x1, t->x0, t->scale_x), boxes_cell(b->y1, t->y0, t->scale_y),
			};
		}
		boxes_put(&t->nodes[i / BOXES_FAN], i % BOXES_FAN, &on_grid);
	}
	boxes_finish(t);
}

static int build(struct condenser *c)
{
	struct box all = { INFINITY, INFINITY, -INFINITY, -INFINITY };
	size_t room = c->g->positions / c->run_length + c->g->seqs + 1;

	if ((c->runs = malloc(room * sizeof(*c->runs))) == NULL)
		return -1;
	for (size_t s = 0; s < c->g->seqs; s++)
		if (cut_ring(c, s) == -1)
			return -1;
	for (uint32_t i = 0; i < c->run_count; i++)
		widen(&all, &c->runs[i].box);
	if (c->odd || boxes_init(&c->boxes, c->run_count, &all) == -1)
		return -1;
	put_boxes(c);
	c->pairs = (uint64_t)c->run_count * PAIRS_PER_RUN;
	return 0;
}

/* ---- 2: runs far apart in their rings whose boxes meet ---- */

static int spend(void *ctx, unsigned n)
{
	struct condenser *c = ctx;

	if (c->pairs < n)
		return -1;
	c->pairs -= n;
	return 0;
}

static int keep_both(void *ctx, uint32_t i, uint32_t j)
{
	struct run *runs = ((struct condenser *)ctx)->runs;

	if (runs[i].after != j && runs[i].before != j && box_meets(&runs[i].box, &runs[j].box))
		runs[i].keep = runs[j].keep = true;
	return 0;
}

/* ---- 1 and 3: within a run, and with the next one ---- */

struct line {
	struct point a, b;
	struct box box;
};

/* A run's segments, and behind them the straight line, which begins and ends as they do. */
struct lines {
	struct line line[LONGEST_RUN + 1];
	uint32_t n;		/* segments */
	bool monotone;		/* all run the same way, in x or in y: they cannot meet but where they join */
	struct box box;
};

static struct line line_of(struct point a, struct point b)
{
	return (struct line){ a, b, box_of(a, b) };
}

static void load(const struct condenser *c, uint32_t run, struct lines *l)
{
	const struct run *r = &c->runs[run];
	struct point begin = position(c, r->first), p = begin;
	uint32_t right = 0, left = 0, up = 0, down = 0;

	l->n = r->count;
	l->box = r->box;
	for (uint32_t i = 0; i < l->n; i++) {
		struct point q = position(c, r->first + i + 1);

		l->line[i] = line_of(p, q);
		right += p.x < q.x;
		left += p.x > q.x;
		up += p.y < q.y;
		down += p.y > q.y;
		p = q;
	}
	l->line[l->n] = line_of(begin, p);
	l->monotone = right == l->n || left == l->n || up == l->n || down == l->n;
}

static bool lines_meet(const struct line *s, const struct line *t)
{
	return box_meets(&s->box, &t->box) && predicate_meet(s->a, s->b, t->a, t->b);
}

/* t begins where s ends: does it come back along it? */
static bool folds(const struct line *s, const struct line *t)
{
	return predicate_orient(s->a, s->b, t->b) == 0
	    && (s->a.x - s->b.x) * (t->b.x - t->a.x) + (s->a.y - s->b.y) * (t->b.y - t->a.y) >= 0;
}

static bool meets_itself(const struct lines *l)
{
	if (l->monotone)
		return false;
	for (uint32_t i = 0; i < l->n; i++) {
		if (point_equal(l->line[i].a, l->line[i].b) || (i > 0 && folds(&l->line[i - 1], &l->line[i])))
			return true;
		for (uint32_t j = i + 2; j < l->n; j++)
			if (lines_meet(&l->line[i], &l->line[j]))
				return true;
	}
	return point_equal(l->line[l->n].a, l->line[l->n].b);
}

/* Numbers of the lines that reach into a box. */
static uint32_t lines_in(const struct lines *l, const struct box *b, uint8_t in[LONGEST_RUN + 1])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i <= l->n; i++) {
		in[n] = (uint8_t)i;
		n += box_meets(&l->line[i].box, b);
	}
	return n;
}

/* Does any line of a run meet one of the next run's but where the runs join? */
static bool meets_next(const struct lines *l, const struct lines *next)
{
	uint8_t in[LONGEST_RUN + 1], in_next[LONGEST_RUN + 1];
	uint32_t n = lines_in(l, &next->box, in), m = lines_in(next, &l->box, in_next);

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < m; j++) {
			const struct line *s = &l->line[in[i]], *t = &next->line[in_next[j]];
			bool ends = in[i] + 1u >= l->n, begins = in_next[j] % next->n == 0;

			if (ends && begins ? folds(s, t) : lines_meet(s, t))
				return true;
		}
	return false;
}

static void judge_runs(struct condenser *c)
{
	struct lines both[2], *l = &both[0], *next = &both[1];
	uint32_t loaded = UINT32_MAX;	/* is in l */

	for (uint32_t i = 0; i < c->run_count; i++) {
		struct run *r = &c->runs[i], *s = &c->runs[r->after];

		if (r->keep && s->keep)
			continue;
		if (loaded != i)
			load(c, i, l);
		load(c, r->after, next);
		r->keep |= meets_itself(l);
		if (meets_next(l, next))
			r->keep = s->keep = true;
		loaded = r->after;
		l = next;
		next = l == &both[0] ? &both[1] : &both[0];
	}
}

/* ---- the smaller one ---- */

static void put(struct geometry *out, struct point p)
{
	out->coords[2 * out->positions] = p.x;
	out->coords[2 * out->positions++ + 1] = p.y;
}

static struct geometry *draw(const struct condenser *c, struct arena *a)
{
	size_t positions = c->g->seqs;	/* each is closed by one */
	struct geometry *out;
	uint32_t r = 0;

	for (uint32_t i = 0; i < c->run_count; i++)
		positions += c->runs[i].keep ? c->runs[i].count : 1;
	if (positions > c->g->positions / 10 * 9)
		return NULL;
	if ((out = geometry_new(a, c->g->type, 2, positions, c->g->seqs, c->g->parts)) == NULL)
		return NULL;
	out->positions = 0;
	for (size_t s = 0; s < c->g->seqs; s++) {
		for (; r < c->run_count && c->runs[r].first < c->g->seq_end[s]; r++)
			for (uint32_t i = 0; i < (c->runs[r].keep ? c->runs[r].count : 1); i++)
				put(out, position(c, c->runs[r].first + i));
		put(out, position(c, seq_begin(c->g, s)));
		out->seq_end[s] = (uint32_t)out->positions;
	}
	for (size_t p = 0; p < c->g->parts; p++)
		out->part_end[p] = c->g->part_end[p];
	return out;
}

/* NULL: nothing comes of it. */
static struct geometry *condense_by(const struct geometry *g, uint32_t run_length, struct arena *a)
{
	struct condenser c = { .g = g, .run_length = run_length };
	const struct boxes_join j = { .meet = keep_both, .spend = spend, .ctx = &c };
	struct geometry *out = NULL;

	if (g->positions >= LEAST_RUNS * run_length && build(&c) == 0 && boxes_join(&c.boxes, &j) == 0) {
		judge_runs(&c);
		out = draw(&c, a);
	}
	free(c.runs);
	boxes_clear(&c.boxes);
	return out;
}

struct geometry *condense(const struct geometry *g, struct arena *a)
{
	struct geometry *out = NULL, *smaller_one;

	if (g->positions >= UINT32_MAX / 4)
		return NULL;
	for (size_t i = 0; i < sizeof(run_lengths) / sizeof(run_lengths[0]); i++)
		if ((smaller_one = condense_by(out != NULL ? out : g, run_lengths[i], a)) != NULL)
			out = smaller_one;
	return out;
}
