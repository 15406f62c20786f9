/* bbox - see bbox.h. */
#include "workers/pipeline/bbox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "workers/pipeline/locate.h"

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

/* A bbox member, and what it is of. */
struct own {
	double *box;
	unsigned *len;
	bool *stale;
	const struct geometry *g;
	struct place place;
};

/* 2*n numbers, "where n is the number of dimensions represented in the contained geometries" (5). */
static bool axes_differ(const struct own *o, const struct heights *h)
{
	return *o->len == 6 ? !h->any : h->all;
}

static void check_own(struct feature *f, const struct own *o, bool lonlat)
{
	const double *low = o->box, *high = o->box + *o->len / 2;
	struct heights h;
	double slack;

	if (*o->len == 0)
		return;
	slack = reach_slack(*o->len, o->box);
	if (low[1] > high[1] || (*o->len == 6 && low[2] > high[2]) || (!lonlat && low[0] > high[0])) {
		*o->stale |= feature_note(f, R_BBOX_ORDER, &o->place) == SEV_FIX;
		return;
	}
	if (o->g == NULL || extent_of(o->g).min[0] > extent_of(o->g).max[0])
		return;
	h = heights_of(o->g);
	if (!encloses(low, high, o->g, slack)
	    || (*o->len == 6 && h.any && (h.low < low[2] - slack || h.high > high[2] + slack))) {
		*o->stale |= feature_note(f, R_BBOX_MISMATCH, &o->place) == SEV_FIX;
	} else if (axes_differ(o, &h)) {
		*o->stale |= feature_note_at(f, R_BBOX_MISMATCH, &o->place, NULL, h.all
		    ? "The bbox has 4 numbers, but the positions have heights."
		    : "The bbox has 6 numbers, but no position has a height.") == SEV_FIX;
		if (*o->stale)
			*o->len = h.all ? 6 : 4;
	}
}

static void check_members(struct feature *f, struct geometry *g, const struct place *place, bool lonlat)
{
	struct own own = { g->box, &g->box_len, &g->box_stale, g, *place };

	own.place.member = place->collection_depth > 0 ? "/bbox" : "/geometry/bbox";
	check_own(f, &own, lonlat);
	for (size_t i = 0; i < g->member_count; i++) {
		struct place member = place_member(place, i);

		check_members(f, g->members[i], &member, lonlat);
	}
}

void bbox_check(struct feature *f, bool lonlat)
{
	const struct own own = { f->box, &f->box_len, &f->box_stale, f->geometry, { .member = "/bbox" } };
	const struct place place = place_geometry();

	check_own(f, &own, lonlat);
	if (f->geometry != NULL)
		check_members(f, f->geometry, &place, lonlat);
}

struct range {
	double west, east;
};

static int by_west(const void *a, const void *b)
{
	double x = ((const struct range *)a)->west, y = ((const struct range *)b)->west;

	return (x > y) - (x < y);
}

static size_t count_ranges(const struct geometry *g)
{
	size_t n = g->type == GEOM_MULTIPOINT ? g->positions : g->seqs;

	for (size_t i = 0; i < g->member_count; i++)
		n += count_ranges(g->members[i]);
	return n;
}

/* Of positions [begin, end); returns how many: 0 where there is no position. */
static size_t range_between(const struct geometry *g, size_t begin, size_t end, struct range *out)
{
	struct extent e = extent_between(g, begin, end);

	if (e.min[0] > e.max[0])
		return 0;
	*out = (struct range){ e.min[0], e.max[0] };
	return 1;
}

/* The longitudes that each sequence covers; a point or a set of points only at its positions. */
static size_t ranges_of(const struct geometry *g, struct range *out)
{
	size_t n = 0;

	for (size_t i = 0; i < g->member_count; i++)
		n += ranges_of(g->members[i], out + n);
	if (g->type == GEOM_MULTIPOINT) {
		for (size_t i = 0; i < g->positions; i++)
			n += range_between(g, i, i + 1, out + n);
	} else {
		for (size_t i = 0; i < g->seqs; i++)
			n += range_between(g, seq_begin(g, i), g->seq_end[i], out + n);
	}
	return n;
}

/*
 * RFC 7946 5.2: what touches the antimeridian from both sides gets the narrower box across it.
 * The widest gap between its sequences becomes the outside of the box.
 */
static void cross_antimeridian(const struct geometry *g, struct arena *a, struct extent *e)
{
	struct range *r = arena_calloc(a, count_ranges(g), sizeof(*r));
	size_t n;
	double reach, gap = 0;

	if (r == NULL)
		return;
	n = ranges_of(g, r);
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

/* Of len numbers, or fewer; returns how many. */
static unsigned make(const struct geometry *g, struct arena *a, bool lonlat, unsigned len, double *box)
{
	struct extent x;
	struct heights h;

	if (g == NULL)
		return 0;
	x = extent_of(g);
	if (x.min[0] > x.max[0])
		return 0;
	if (lonlat && x.min[0] == -180 && x.max[0] == 180)
		cross_antimeridian(g, a, &x);
	h = heights_of(g);
	len = len == 6 && h.any ? 6 : 4;
	memcpy(box, x.min, sizeof(x.min));
	memcpy(box + len / 2, x.max, sizeof(x.max));
	if (len == 6) {
		box[2] = h.low;
		box[5] = h.high;
	}
	return len;
}

static void renew_members(struct feature *f, struct geometry *g, bool lonlat)
{
	for (size_t i = 0; i < g->member_count; i++)
		renew_members(f, g->members[i], lonlat);
	if (!f->geometry_changed && !g->box_stale)
		return;
	g->box_stale = true;	/* one that made no sense goes */
	if (g->box_len > 0)
		g->box_len = make(g, f->arena, lonlat, g->box_len, g->box);
}

void bbox_renew(struct feature *f, bool lonlat)
{
	if ((f->geometry_changed && (f->box_len > 0 || f->bbox.len > 0)) || f->box_stale) {
		f->box_stale = true;
		if (f->box_len > 0)
			f->box_len = make(f->geometry, f->arena, lonlat, f->box_len, f->box);
	}
	if (f->geometry != NULL)
		renew_members(f, f->geometry, lonlat);
}
