/* bbox - see bbox.h. */
#include "workers/pipeline/bbox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "workers/pipeline/locate.h"

static void extend(struct extent *e, const struct geometry *g, size_t begin, size_t end)
{
	const double *p = g->coords + begin * g->stride;
	double min_x = e->min[0], max_x = e->max[0], min_y = e->min[1], max_y = e->max[1];
	double doubt = 0;	/* turns NaN at the first ordinate that is not finite */

	for (size_t n = end - begin; n > 0; n--, p += g->stride) {
		min_x = p[0] < min_x ? p[0] : min_x;
		max_x = p[0] > max_x ? p[0] : max_x;
		min_y = p[1] < min_y ? p[1] : min_y;
		max_y = p[1] > max_y ? p[1] : max_y;
		doubt += p[0] * 0 + p[1] * 0;
	}
	*e = (struct extent){ { min_x, min_y }, { max_x, max_y }, e->finite && doubt == 0 };
}

static void extend_all(struct extent *e, const struct geometry *g)
{
	for (size_t i = 0; i < g->member_count; i++)
		extend_all(e, g->members[i]);
	extend(e, g, 0, g->positions);
}

static const struct extent nowhere = {
	{ INFINITY, INFINITY }, { -INFINITY, -INFINITY }, true,
};

struct extent extent_of(const struct geometry *g)
{
	struct extent e = nowhere;

	extend_all(&e, g);
	return e;
}

/* Lowest and highest height; false where the geometry has none. */
static bool heights(const struct geometry *g, double *low, double *high)
{
	bool any = false;

	for (size_t i = 0; i < g->member_count; i++)
		any |= heights(g->members[i], low, high);
	for (size_t i = 0; g->stride > 2 && i < g->positions; i++) {
		double z = g->coords[i * g->stride + 2];

		if (isnan(z))
			continue;
		*low = fmin(*low, z);
		*high = fmax(*high, z);
		any = true;
	}
	return any;
}

/* Is there a position east of `east` and west of `west`? */
static bool any_between(const struct geometry *g, double east, double west)
{
	for (size_t i = 0; i < g->member_count; i++)
		if (any_between(g->members[i], east, west))
			return true;
	for (size_t i = 0; i < g->positions; i++)
		if (g->coords[i * g->stride] > east && g->coords[i * g->stride] < west)
			return true;
	return false;
}

static bool encloses(const double *low, const double *high, const struct geometry *g, double slack)
{
	struct extent e = extent_of(g);

	if (e.min[1] < low[1] - slack || e.max[1] > high[1] + slack)
		return false;
	if (low[0] > high[0])
		return !any_between(g, high[0] + slack, low[0] - slack);
	return e.min[0] >= low[0] - slack && e.max[0] <= high[0] + slack;
}

void bbox_check(struct feature *f, bool lonlat)
{
	const struct place place = { .member = "/bbox" };
	const double *low = f->box, *high = f->box + f->box_len / 2;
	/* Boxes are often written with fewer digits than the geometry. */
	double slack = 0;

	if (f->box_len == 0)
		return;
	for (unsigned i = 0; i < f->box_len; i++)
		slack = fmax(slack, 1e-9 * fabs(f->box[i]));
	if (low[1] > high[1] || (f->box_len == 6 && low[2] > high[2])
	    || (!lonlat && low[0] > high[0]))
		f->box_stale |= feature_note(f, R_BBOX_ORDER, &place) == SEV_FIX;
	else if (f->geometry != NULL && !encloses(low, high, f->geometry, slack))
		f->box_stale |= feature_note(f, R_BBOX_MISMATCH, &place) == SEV_FIX;
}

struct range {
	double west, east;
};

static int by_west(const void *a, const void *b)
{
	double x = ((const struct range *)a)->west, y = ((const struct range *)b)->west;

	return (x > y) - (x < y);
}

static size_t count_seqs(const struct geometry *g)
{
	size_t n = g->seqs;

	for (size_t i = 0; i < g->member_count; i++)
		n += count_seqs(g->members[i]);
	return n;
}

/* The longitudes that each sequence covers; a point or a set of points only at its positions. */
static size_t ranges_of(const struct geometry *g, struct range *out)
{
	size_t n = 0;

	for (size_t i = 0; i < g->member_count; i++)
		n += ranges_of(g->members[i], out + n);
	for (size_t i = 0; i < g->seqs; i++) {
		struct extent e = nowhere;

		extend(&e, g, seq_begin(g, i), g->seq_end[i]);
		if (e.min[0] <= e.max[0])
			out[n++] = (struct range){ e.min[0], e.max[0] };
	}
	return n;
}

/*
 * RFC 7946 5.2: what touches the antimeridian from both sides gets the narrower box across it.
 * The widest gap between its sequences becomes the outside of the box.
 */
static void cross_antimeridian(struct feature *f, struct extent *e)
{
	struct range *r = arena_calloc(f->arena, count_seqs(f->geometry), sizeof(*r));
	size_t n;
	double reach, gap = 0;

	if (r == NULL)
		return;
	n = ranges_of(f->geometry, r);
	qsort(r, n, sizeof(*r), by_west);
	reach = r[0].east;
	for (size_t i = 1; i < n; i++) {
		if (r[i].west - reach > gap) {
			gap = r[i].west - reach;
			e->min[0] = r[i].west;
			e->max[0] = reach;
		}
		reach = fmax(reach, r[i].east);
	}
}

void bbox_renew(struct feature *f, bool lonlat)
{
	double low = INFINITY, high = -INFINITY;
	struct extent x = f->geometry != NULL ? extent_of(f->geometry) : nowhere;
	unsigned n = f->box_len == 6 ? 3 : 2;

	f->box_stale = true;
	if (x.min[0] > x.max[0]) {
		f->box_len = 0;
		return;
	}
	if (lonlat && x.min[0] == -180 && x.max[0] == 180)
		cross_antimeridian(f, &x);
	if (n == 3 && !heights(f->geometry, &low, &high))
		n = 2;
	f->box_len = 2 * n;
	memcpy(f->box, x.min, sizeof(x.min));
	memcpy(f->box + n, x.max, sizeof(x.max));
	if (n == 3) {
		f->box[2] = low;
		f->box[5] = high;
	}
}
