/*
 * touch - does a hole that does not overlap its shell touch it?
 *
 * In:  rings as they came. Out: whether the regions that they fill have a boundary point in
 * common, and whether a ring fills anything. By exact signs alone: the answers turn on the last
 * bit, and much area hangs on them.
 *
 * Lines that meet are not enough. A spike fills nothing: where a ring runs forth and back along
 * the same line, its region is not there. So at each meeting point the runs along each line are
 * added up, and both rings need one that is not zero. Quadratic, but rarely asked.
 */
#include <stdlib.h>

#include "workers/pipeline/repair/work.h"

struct line {
	struct point a, b;
};

struct lines {
	struct line *line;
	size_t count;
};

static int list_lines(struct work *w, uint32_t ring, struct lines *l)
{
	size_t seq = w->rings[ring].seq, begin = seq_begin(w->in, seq), end = w->in->seq_end[seq];

	l->count = 0;
	if ((l->line = work_alloc(w, end - begin, sizeof(*l->line))) == NULL)
		return -1;
	for (size_t i = begin; i < end; i++) {
		struct line s = { work_position(w->in, i), work_position(w->in, i + 1 < end ? i + 1 : begin) };

		if (!point_equal(s.a, s.b))
			l->line[l->count++] = s;
	}
	return 0;
}

static bool on_line(const struct line *s, struct point p)
{
	return point_equal(p, s->a) || point_equal(p, s->b) || predicate_exactly_on(s->a, s->b, p);
}

static bool same_way(struct point p, struct point q, struct point r)
{
	return predicate_orient(p, q, r) == 0
	    && (q.x - p.x) * (r.x - p.x) + (q.y - p.y) * (r.y - p.y) > 0;
}

/* Forth less back, from p towards q. */
static int runs_towards(const struct lines *l, struct point p, struct point q)
{
	int runs = 0;

	for (size_t i = 0; i < l->count; i++)
		if (on_line(&l->line[i], p))
			runs += same_way(p, q, l->line[i].b) - same_way(p, q, l->line[i].a);
	return runs;
}

/* Does the region reach p, a point of `on`, along that line? */
static bool reaches_point(const struct lines *l, const struct line *on, struct point p)
{
	return (!point_equal(p, on->a) && runs_towards(l, p, on->a) != 0)
	    || (!point_equal(p, on->b) && runs_towards(l, p, on->b) != 0);
}

/* Does it reach the point where the line `on` crosses the line `other`? */
static bool reaches_crossing(const struct lines *l, const struct line *on, const struct line *other)
{
	int runs[2] = { 0, 0 };		/* to the right and to the left of `other` */

	for (size_t i = 0; i < l->count; i++) {
		const struct line *s = &l->line[i];
		int a = predicate_orient(other->a, other->b, s->a);
		int b = predicate_orient(other->a, other->b, s->b);

		if (predicate_orient(on->a, on->b, s->a) != 0 || predicate_orient(on->a, on->b, s->b) != 0)
			continue;
		runs[0] += (a < 0 && b >= 0) - (b < 0 && a >= 0);
		runs[1] += (b > 0 && a <= 0) - (a > 0 && b <= 0);
	}
	return runs[0] != 0 || runs[1] != 0;
}

static bool both_reach(const struct lines *h, const struct lines *s, const struct line *i,
    const struct line *j)
{
	struct point ends[4] = { i->a, i->b, j->a, j->b };
	bool crossing = true;

	for (unsigned k = 0; k < 4; k++) {
		if (!on_line(k < 2 ? j : i, ends[k]))
			continue;
		crossing = false;
		if (reaches_point(h, i, ends[k]) && reaches_point(s, j, ends[k]))
			return true;
	}
	return crossing && reaches_crossing(h, i, j) && reaches_crossing(s, j, i);
}

int touch_fills(struct work *w, uint32_t ring)
{
	struct lines l;
	int rc = list_lines(w, ring, &l);

	/* What does not cancel out has corners, and each corner is a vertex. */
	for (size_t i = 0; i < l.count && rc == 0; i++)
		rc = work_spend(w, l.count) == -1 ? -1 : reaches_point(&l, &l.line[i], l.line[i].a);
	free(l.line);
	return rc;
}

int touch_exactly(struct work *w, uint32_t hole, uint32_t shell)
{
	struct lines h = { NULL, 0 }, s = { NULL, 0 };
	int rc = -1;

	if (list_lines(w, hole, &h) == -1 || list_lines(w, shell, &s) == -1)
		goto out;
	for (size_t i = 0; i < h.count; i++) {
		struct box hole_box = box_of(h.line[i].a, h.line[i].b);

		if (work_spend(w, s.count) == -1)
			goto out;
		for (size_t j = 0; j < s.count; j++) {
			struct box shell_box = box_of(s.line[j].a, s.line[j].b);

			if (!box_meets(&hole_box, &shell_box) || !predicate_meet(h.line[i].a,
			    h.line[i].b, s.line[j].a, s.line[j].b))
				continue;
			if (work_spend(w, h.count + s.count) == -1)
				goto out;
			if (both_reach(&h, &s, &h.line[i], &s.line[j])) {
				rc = 1;
				goto out;
			}
		}
	}
	rc = 0;
 out:
	free(h.line);
	free(s.line);
	return rc;
}
