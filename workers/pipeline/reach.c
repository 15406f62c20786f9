/* reach - see reach.h. */
#include "workers/pipeline/reach.h"

#include <math.h>
#include <string.h>

static const struct extent no_extent = {
	{ INFINITY, INFINITY }, { -INFINITY, -INFINITY }, true,
};

const struct reach reach_nowhere = {
	{ INFINITY, INFINITY, INFINITY }, { -INFINITY, -INFINITY, -INFINITY }, INFINITY, -INFINITY, false,
};

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

struct extent extent_of(const struct geometry *g)
{
	struct extent e = no_extent;

	extend_all(&e, g);
	return e;
}

struct extent extent_between(const struct geometry *g, size_t begin, size_t end)
{
	struct extent e = no_extent;

	extend(&e, g, begin, end);
	return e;
}

static void heights_add(struct heights *h, const struct geometry *g)
{
	for (size_t i = 0; i < g->member_count; i++)
		heights_add(h, g->members[i]);
	h->all &= g->stride > 2 || g->positions == 0;
	for (size_t i = 0; g->stride > 2 && i < g->positions; i++) {
		double z = g->coords[i * g->stride + 2];

		if (isnan(z)) {
			h->all = false;
			continue;
		}
		h->low = fmin(h->low, z);
		h->high = fmax(h->high, z);
		h->any = true;
	}
}

struct heights heights_of(const struct geometry *g)
{
	struct heights h = { INFINITY, -INFINITY, false, true };

	heights_add(&h, g);
	h.all &= h.any;
	return h;
}

/* ---- all together ---- */

/* fmin and fmax are calls, for the sake of NaN; there is none here. */
static void lower(double *to, double v)
{
	*to = v < *to ? v : *to;
}

static void raise(double *to, double v)
{
	*to = v > *to ? v : *to;
}

void reach_add(struct reach *to, const struct reach *more)
{
	for (int i = 0; i < 3; i++) {
		lower(&to->low[i], more->low[i]);
		raise(&to->high[i], more->high[i]);
	}
	lower(&to->near_east, more->near_east);
	raise(&to->near_west, more->near_west);
	to->flat |= more->flat;
}

bool reach_is_nowhere(const struct reach *r)
{
	return r->low[0] > r->high[0];
}

struct extent reach_extent(const struct reach *r)
{
	return (struct extent){ { r->low[0], r->low[1] }, { r->high[0], r->high[1] }, true };
}

static void near_range(struct reach *r, double west, double east)
{
	if (west >= 0) {
		lower(&r->near_east, west + 0.0);
	} else if (east <= 0) {
		raise(&r->near_west, east + 0.0);
	} else {
		r->near_east = r->near_west = 0;
	}
}

static void near_positions(struct reach *r, const struct geometry *g)
{
	for (size_t i = 0; i < g->positions; i++)
		near_range(r, g->coords[i * g->stride], g->coords[i * g->stride]);
}

static void near_all(struct reach *r, const struct geometry *g, bool shape)
{
	for (size_t i = 0; i < g->member_count; i++)
		near_all(r, g->members[i], shape);
	if (!shape || g->type == GEOM_POINT || g->type == GEOM_MULTIPOINT) {
		near_positions(r, g);
		return;
	}
	for (size_t i = 0; i < g->seqs; i++) {
		struct extent e = extent_between(g, seq_begin(g, i), g->seq_end[i]);

		if (e.min[0] <= e.max[0])
			near_range(r, e.min[0], e.max[0]);
	}
}

static struct reach reach_of(const struct geometry *g, const struct extent *e, bool lonlat, bool shape)
{
	struct reach r = reach_nowhere;
	struct heights h;

	if (!(e->min[0] <= e->max[0]))
		return r;
	for (int i = 0; i < 2; i++) {	/* 0 has one sign, or the order would count */
		r.low[i] = e->min[i] + 0.0;
		r.high[i] = e->max[i] + 0.0;
	}
	r.flat = true;
	if (g->stride > 2 || g->member_count > 0) {
		h = heights_of(g);
		r.low[2] = h.low + 0.0;
		r.high[2] = h.high + 0.0;
		r.flat = !h.all;
	}
	if (lonlat && (e->min[0] >= 0 || e->max[0] <= 0))
		near_range(&r, e->min[0], e->max[0]);
	else if (lonlat)
		near_all(&r, g, shape);
	return r;
}

struct reach reach_of_positions(const struct geometry *g, const struct extent *e, bool lonlat)
{
	return reach_of(g, e, lonlat, false);
}

struct reach reach_of_shape(const struct geometry *g, const struct extent *e, bool lonlat)
{
	return reach_of(g, e, lonlat, true);
}

/* ---- a bbox of it ---- */

unsigned reach_box(const struct reach *r, unsigned len, double box[6])
{
	bool high = len == 6 && r->low[2] <= r->high[2], both = isfinite(r->near_east) && isfinite(r->near_west);

	if (reach_is_nowhere(r))
		return 0;
	len = high ? 6 : 4;
	memcpy(box, r->low, len / 2 * sizeof(*box));
	memcpy(box + len / 2, r->high, len / 2 * sizeof(*box));
	if (both && r->low[0] >= -180 && r->high[0] <= 180
	    && r->near_west + 360 - r->near_east < r->high[0] - r->low[0]) {
		box[0] = r->near_east;
		box[len / 2] = r->near_west;
	}
	return len;
}

double reach_slack(unsigned len, const double *box)
{
	double slack = 0;

	for (unsigned i = 0; i < len; i++)
		slack = fmax(slack, 1e-9 * fabs(box[i]));
	return slack;
}

static bool is_between(double x, double east, double west)
{
	return x > east && x < west;
}

bool reach_is_within(const struct reach *r, unsigned len, const double *box, double slack)
{
	const double *low = box, *high = box + len / 2;
	double east = high[0] + slack, west = low[0] - slack;

	if (reach_is_nowhere(r))
		return true;
	if (r->low[1] < low[1] - slack || r->high[1] > high[1] + slack)
		return false;
	if (len == 6 && r->low[2] <= r->high[2] && (r->low[2] < low[2] - slack || r->high[2] > high[2] + slack))
		return false;
	if (low[0] <= high[0])
		return r->low[0] >= west && r->high[0] <= east;
	if (isinf(r->near_east) && isinf(r->near_west))
		return false;	/* x is no longitude: the box holds nothing */
	return !is_between(r->low[0], east, west) && !is_between(r->high[0], east, west)
	    && !is_between(r->near_east, east, west) && !is_between(r->near_west, east, west);
}
