/* antimeridian_run - see antimeridian_run.h. */
#include "workers/pipeline/antimeridian_run.h"

#include <math.h>
#include <string.h>

/* Nearer to a line than this counts as on it: 0.1 mm, below what data mean. */
#define SNAP_DEG 1e-9

static double line(int k)
{
	return 180 + 360.0 * k;
}

static double *pos(const struct run *r, size_t i)
{
	return r->pos + i * r->stride;
}

static double unrolled(const struct run *r, size_t i)
{
	return pos(r, i)[0] + 360.0 * r->turns[i];
}

/* Turns that make the edge from longitude x1 to x2 go the short way. */
static int turn(double x1, double x2)
{
	double d = x2 - x1;

	return fabs(d) <= 180 ? 0 : (int)-round(d / 360);
}

static bool along_pole(const double *p, const double *q)
{
	return fabs(p[1]) == 90 && p[1] == q[1] && p[0] != q[0];
}

/* From position i on, the next that differs from it, a ring going round; NULL at a line's end. */
static const double *beside(const struct geometry *g, const struct run_seq *s, size_t i, int step)
{
	const double *from = g->coords + i * g->stride, *p;
	size_t last = s->end - 1;

	for (size_t n = s->begin; n < last; n++) {
		if (i == (step > 0 ? last : s->begin)) {
			if (!geometry_is_areal(g))
				return NULL;
			i = step > 0 ? s->begin : last;
		}
		i = step > 0 ? i + 1 : i - 1;
		p = g->coords + i * g->stride;
		if (p[0] != from[0] || p[1] != from[1])
			return p;
	}
	return NULL;
}

/*
 * From 180 to -180 or back: a step over the line, which has no length, where the run comes to it on
 * the one side and leaves it on the other. Else it goes along a whole parallel, as the borders of
 * bands do, whose neighbours run along the meridian.
 */
static bool steps_over(const struct geometry *g, const struct run_seq *s, size_t i)
{
	const double *q = g->coords + i * g->stride, *p = q - g->stride;
	const double *before = beside(g, s, i - 1, -1), *after = beside(g, s, i, 1);

	return (before != NULL || after != NULL)
	    && (before == NULL || (fabs(before[0]) < 180 && fabs(p[0] - before[0]) <= 180))
	    && (after == NULL || (fabs(after[0]) < 180 && fabs(after[0] - q[0]) <= 180));
}

static int plain_turn(const struct geometry *g, const struct run_seq *s, size_t i)
{
	const double *q = g->coords + i * g->stride, *p = q - g->stride;

	if (fabs(p[0]) == 180 && fabs(q[0]) == 180 && p[0] != q[0] && !steps_over(g, s, i))
		return 0;
	return turn(p[0], q[0]);
}

struct run_seq run_seq(const struct geometry *g, size_t begin, size_t end)
{
	struct run_seq s = { begin, end, SIZE_MAX, 0 };
	int turns = 0;

	for (size_t i = begin + 1; i < end && geometry_is_areal(g); i++) {
		const double *q = g->coords + i * g->stride, *p = q - g->stride;

		if (!along_pole(p, q))
			turns += plain_turn(g, &s, i);
		else if (s.pole_edge == SIZE_MAX)
			s.pole_edge = i;
	}
	s.pole_turns = -turns;
	return s;
}

int run_turn(const struct geometry *g, size_t i, const struct run_seq *s)
{
	const double *q = g->coords + i * g->stride, *p = q - g->stride;

	if (i == s->pole_edge)
		return s->pole_turns;
	return s->pole_edge != SIZE_MAX && along_pole(p, q) ? 0 : plain_turn(g, s, i);
}

static int run_alloc(struct run *r, unsigned stride, size_t room, struct arena *a)
{
	*r = (struct run){ .stride = stride };
	r->pos = arena_calloc(a, room, stride * sizeof(double));
	r->turns = arena_calloc(a, room, sizeof(*r->turns));
	r->strip = arena_calloc(a, room, sizeof(*r->strip));
	return r->pos && r->turns && r->strip ? 0 : -1;
}

static void push(struct run *r, const double *p, int turns)
{
	memcpy(pos(r, r->n), p, r->stride * sizeof(double));
	r->turns[r->n++] = turns;
}

/*
 * The positions with their turns, those beside a line moved onto it. Repeated positions on a line
 * go: they would have no strip.
 */
static void unroll(struct run *r, const struct geometry *g, size_t begin, size_t end, bool backwards)
{
	struct run_seq seq = run_seq(g, begin, end);
	int turns = 0;

	for (size_t i = 0; i < end - begin; i++) {
		size_t at = backwards ? end - 1 - i : begin + i;
		const double *p = g->coords + at * g->stride;
		double k;

		if (i > 0)
			turns += backwards ? -run_turn(g, at + 1, &seq) : run_turn(g, at, &seq);
		push(r, p, turns);
		k = round((unrolled(r, r->n - 1) - 180) / 360);
		if (fabs(unrolled(r, r->n - 1) - line((int)k)) >= SNAP_DEG)
			continue;
		pos(r, r->n - 1)[0] = 180;
		r->turns[r->n - 1] = (int)k;
		if (r->n > 1 && unrolled(r, r->n - 2) == line((int)k)
		    && pos(r, r->n - 2)[1] == p[1])
			r->n--;
	}
}

/* First line beyond x in the direction of step. */
static int next_line(double x, int step)
{
	double k = (x - 180) / 360;

	return (int)(step > 0 ? floor(k) + 1 : ceil(k) - 1);
}

/* All of `flat`, with a position wherever an edge passes a line. */
static int split(struct run *r, const struct run *flat, struct arena *a)
{
	size_t room = flat->n;

	for (size_t i = 0; i + 1 < flat->n; i++)
		room += (size_t)(fabs(unrolled(flat, i + 1) - unrolled(flat, i)) / 360) + 1;
	if (run_alloc(r, flat->stride, room, a) == -1)
		return -1;
	for (size_t i = 0; i + 1 < flat->n; i++) {
		const double *p = pos(flat, i), *q = pos(flat, i + 1);
		double x1 = unrolled(flat, i), x2 = unrolled(flat, i + 1);
		int step = x2 > x1 ? 1 : -1;

		push(r, p, flat->turns[i]);
		for (int k = next_line(x1, step); (line(k) - x2) * step < 0; k += step) {
			double t = (line(k) - x1) / (x2 - x1), *between = pos(r, r->n);

			push(r, p, k);
			between[0] = 180;
			for (unsigned j = 1; j < r->stride; j++)
				between[j] = p[j] + t * (q[j] - p[j]);
		}
	}
	push(r, pos(flat, flat->n - 1), flat->turns[flat->n - 1]);
	r->n--;
	return 0;
}

/* An edge along a line: a ring has its inside on the left, a line goes on where it was. */
static int strip_of(const struct run *r, size_t i, bool ring)
{
	double x1 = unrolled(r, i), x2 = unrolled(r, i + 1);
	int k = (int)round((x1 - 180) / 360);

	if (x1 != x2 || x1 != line(k))
		return (int)floor(((x1 + x2) / 2 + 180) / 360);
	if (ring)
		return pos(r, i + 1)[1] > pos(r, i)[1] ? k : k + 1;
	return i > 0 ? r->strip[i - 1] : k;
}

/* Between the first edge and the last; a ring may have one more at its ends. */
static size_t count_breaks(const struct run *r)
{
	size_t n = 0;

	for (size_t i = 1; i < r->n; i++)
		n += r->strip[i] != r->strip[i - 1];
	return n;
}

/* Makes a ring begin at its first break. */
static int rotate(struct run *r, struct arena *a)
{
	struct run from = *r;
	size_t start = 1;

	while (from.strip[start] == from.strip[start - 1])
		start++;
	if (run_alloc(r, from.stride, from.n + 1, a) == -1)
		return -1;
	for (size_t i = 0; i <= from.n; i++) {
		size_t j = start + i;
		int winds = 0;

		if (j >= from.n) {
			j -= from.n;
			winds = from.winds;
		}
		r->strip[i] = from.strip[j] + winds;
		push(r, pos(&from, j), from.turns[j] + winds);
	}
	r->n--;
	r->winds = from.winds;
	r->breaks = from.breaks;
	return 0;
}

int run_init(struct run *r, const struct geometry *g, size_t begin, size_t end, bool backwards,
    struct arena *a)
{
	bool ring = geometry_is_areal(g);
	struct run flat;

	if (run_alloc(&flat, g->stride, end - begin, a) == -1)
		return -1;
	unroll(&flat, g, begin, end, backwards);
	if (flat.n == 0 || split(r, &flat, a) == -1)
		return flat.n == 0 ? run_alloc(r, g->stride, 1, a) : -1;
	for (size_t i = 0; i < r->n; i++)
		r->strip[i] = strip_of(r, i, ring);
	r->winds = ring ? (int)round((unrolled(r, r->n) - unrolled(r, 0)) / 360) : 0;
	r->breaks = count_breaks(r);
	if (!ring || r->n == 0)
		return 0;
	if (r->strip[r->n - 1] != r->strip[0] + r->winds)
		r->breaks++;
	else if (r->breaks > 0)
		return rotate(r, a);
	return 0;
}

double run_area(const struct run *r)
{
	double twice = 0, x0 = r->n > 0 ? unrolled(r, 0) : 0, y0 = r->n > 0 ? pos(r, 0)[1] : 0;

	for (size_t i = 0; i < r->n; i++)
		twice += (unrolled(r, i) - x0) * (pos(r, i + 1)[1] - y0)
		    - (unrolled(r, i + 1) - x0) * (pos(r, i)[1] - y0);
	return twice / 2;
}

double run_x(const struct run *r, size_t i, int k)
{
	return pos(r, i)[0] + 360.0 * (r->turns[i] - k);
}

void run_position(const struct run *r, size_t i, int k, double *out)
{
	memcpy(out, pos(r, i), r->stride * sizeof(double));
	if (r->turns[i] != k)
		out[0] = run_x(r, i, k);
}
