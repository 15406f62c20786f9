/* validate - see validate.h. */
#include "workers/pipeline/validate.h"

#include <math.h>
#include <string.h>

#include "workers/pipeline/antimeridian.h"
#include "workers/pipeline/bbox.h"
#include "workers/pipeline/locate.h"

/* One geometry under test; a rule that is broken leaves in `place` where. */
struct check {
	struct feature *f;
	struct geometry **slot;	/* where the feature keeps g: a mend may put another there */
	struct geometry *g;
	struct place base;	/* names g */
	struct place place;
	struct extent extent;
};

struct rule {
	enum reject_code code;
	unsigned types;		/* set of 1u << geometry_type, and LONLAT */
	bool (*broken)(struct check *c);
	int (*mend)(struct check *c);	/* for SEV_FIX; 1: it cannot; -1: no memory. NULL: another stage does it */
};

#define ON(type) (1u << GEOM_##type)
#define POINTS (ON(POINT) | ON(MULTIPOINT))
#define LINES (ON(LINESTRING) | ON(MULTILINESTRING))
#define AREAS (ON(POLYGON) | ON(MULTIPOLYGON))
#define ANY (POINTS | LINES | AREAS)
#define LONLAT (1u << 31)	/* only where coordinates are longitude and latitude */

/* As a whole, or a part of it. */
static bool is_empty(struct check *c)
{
	const struct geometry *g = c->g;

	for (size_t i = 0; g->type == GEOM_MULTIPOLYGON && i < g->parts; i++)
		if (g->part_end[i] == part_begin(g, i)) {
			c->place.index[c->place.depth++] = (uint32_t)i;
			return true;
		}
	return g->positions == 0;
}

/* "coordinates": [] is an empty line (RFC 7946 3.1 allows it), [[]] is a line too short. */
static bool line_is_short(struct check *c)
{
	const struct geometry *g = c->g;

	for (size_t i = 0; i < g->seqs; i++)
		if (g->seq_end[i] - seq_begin(g, i) < 2
		    && (g->type == GEOM_MULTILINESTRING || g->positions > 0)) {
			c->place = place_seq(&c->base, g, i);
			return true;
		}
	return false;
}

/* RFC 7946 3.1.6: "MUST contain identical values", heights too. */
static bool ring_is_open(const struct geometry *g, size_t seq)
{
	size_t begin = seq_begin(g, seq), end = g->seq_end[seq];
	const double *first = g->coords + begin * g->stride;
	const double *last = g->coords + (end - 1) * g->stride;

	if (begin == end)
		return false;
	for (unsigned i = 0; i < g->stride; i++)
		if (first[i] != last[i] && !(isnan(first[i]) && isnan(last[i])))
			return true;
	return false;
}

static bool ring_is_short(struct check *c)
{
	const struct geometry *g = c->g;
	bool closing = c->f->severity[R_RING_UNCLOSED] == SEV_FIX;

	for (size_t i = 0; i < g->seqs; i++) {
		size_t n = g->seq_end[i] - seq_begin(g, i);

		if (n < 4 && !(n == 3 && closing && ring_is_open(g, i))) {
			c->place = place_seq(&c->base, g, i);
			return true;
		}
	}
	return false;
}

static bool ring_is_unclosed(struct check *c)
{
	for (size_t i = 0; i < c->g->seqs; i++)
		if (ring_is_open(c->g, i)) {
			c->place = place_seq(&c->base, c->g, i);
			return true;
		}
	return false;
}

static int close_rings(struct check *c)
{
	const struct geometry *g = c->g;
	struct geometry *closed;
	size_t open = 0, at = 0, bytes = g->stride * sizeof(double);

	for (size_t i = 0; i < g->seqs; i++)
		open += ring_is_open(g, i);
	closed = geometry_new(c->f->arena, g->type, g->stride, g->positions + open, g->seqs, g->parts);
	if (closed == NULL)
		return -1;
	for (size_t i = 0; i < g->seqs; i++) {
		size_t begin = seq_begin(g, i), n = g->seq_end[i] - begin;

		memcpy(closed->coords + at * g->stride, g->coords + begin * g->stride, n * bytes);
		at += n;
		if (ring_is_open(g, i))
			memcpy(closed->coords + at++ * g->stride, g->coords + begin * g->stride, bytes);
		closed->seq_end[i] = (uint32_t)at;
	}
	if (g->parts > 0)
		memcpy(closed->part_end, g->part_end, g->parts * sizeof(*g->part_end));
	return place_put(c->f, c->slot, closed);
}

static bool outside(const double *p)
{
	return fabs(p[0]) > 180 || fabs(p[1]) > 90;
}

/* One wild position is an error in the data; when most of them are wild, it is the CRS. */
static bool looks_projected(struct check *c)
{
	const struct geometry *g = c->g;
	const struct extent *e = &c->extent;
	size_t wild = 0;

	if (fmax(fmax(-e->min[0], e->max[0]), fmax(-e->min[1], e->max[1])) < 1000)
		return false;
	for (size_t i = 0; i < g->positions; i++)
		wild += outside(g->coords + i * g->stride);
	return 2 * wild >= g->positions;
}

static bool looks_swapped(struct check *c)
{
	const struct extent *e = &c->extent;

	return (e->min[1] < -90 || e->max[1] > 90) && e->min[1] >= -180 && e->max[1] <= 180
	    && e->min[0] >= -90 && e->max[0] <= 90;
}

/* Leaves in place the first position whose ordinate `axis` is beyond the limit. */
static bool beyond(struct check *c, int axis, double limit)
{
	const struct geometry *g = c->g;

	if (c->extent.min[axis] >= -limit && c->extent.max[axis] <= limit)
		return false;
	for (size_t i = 0; i < g->positions; i++)
		if (fabs(g->coords[i * g->stride + axis]) > limit) {
			c->place = place_position(&c->base, g, i);
			break;
		}
	return true;
}

/* A line or polygon that reaches past 180 from this side of it is a matter for ANTIMERIDIAN. */
static bool longitude_is_out(struct check *c)
{
	if ((ON(POINT) | ON(MULTIPOINT)) >> c->g->type & 1)
		return beyond(c, 0, 180);
	return !antimeridian_overrun(&c->extent) && beyond(c, 0, 180);
}

static bool latitude_is_out(struct check *c)
{
	return beyond(c, 1, 90);
}

/*
 * Whole turns: each point by itself, but a line or polygon in one piece, whose middle then lies within
 * 180. One that reaches further than a turn from there fits nowhere.
 */
static int wrap_longitudes(struct check *c)
{
	struct geometry *g = c->g;
	bool points = POINTS >> g->type & 1;
	double turns = round((c->extent.min[0] + c->extent.max[0]) / 720);

	if (!points && (c->extent.min[0] - 360 * turns < -360 || c->extent.max[0] - 360 * turns > 360))
		return 1;
	for (size_t i = 0; i < g->positions; i++) {
		double *x = g->coords + i * g->stride;

		if (!points)
			*x -= 360 * turns;
		else if (fabs(*x) > 180)
			*x = remainder(*x, 360);
	}
	c->f->geometry_changed = true;
	return 0;
}

/*
 * In the order checked: a rule may rely on those above it. LIKELY_PROJECTED and LIKELY_SWAPPED
 * stand before the ranges because they say more; where a source waives them, the ranges remain.
 */
static const struct rule rules[] = {
	{ R_COORDS_EMPTY,     ANY,            is_empty,          NULL },
	{ R_LINE_SHORT,       LINES,          line_is_short,     NULL },
	{ R_RING_SHORT,       AREAS,          ring_is_short,     NULL },
	{ R_RING_UNCLOSED,    AREAS,          ring_is_unclosed,  close_rings },
	{ R_LIKELY_PROJECTED, ANY | LONLAT,   looks_projected,   NULL },
	{ R_LIKELY_SWAPPED,   ANY | LONLAT,   looks_swapped,     NULL },
	{ R_LON_RANGE,        ANY | LONLAT,   longitude_is_out,  wrap_longitudes },
	{ R_LAT_RANGE,        ANY | LONLAT,   latitude_is_out,   NULL },
};

static void check_one(struct feature *f, struct geometry **slot, const struct place *base,
    const struct extent *extent, const struct validate_context *v)
{
	struct check c = { .f = f, .slot = slot, .base = *base, .place = *base, .extent = *extent };

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && f->fatal == R_NONE; i++) {
		const struct rule *r = &rules[i];
		bool fixes;

		c.g = *slot;
		if (!(r->types >> c.g->type & 1) || ((r->types & LONLAT) && !v->lonlat)
		    || !r->broken(&c))
			continue;
		fixes = feature_note(f, r->code, &c.place) == SEV_FIX && r->mend != NULL;
		c.place = *base;
		if (!fixes)
			continue;
		switch (r->mend(&c)) {
		case 1:
			feature_reject(f, r->code);
			break;
		case -1:
			feature_note(f, R_FEATURE_MEMORY, base);
			break;
		}
	}
}

static void check_all(struct feature *f, struct geometry **slot, const struct place *base,
    const struct extent *extent, const struct validate_context *v)
{
	if ((*slot)->type != GEOM_COLLECTION) {
		check_one(f, slot, base, extent, v);
		return;
	}
	for (size_t i = 0; i < (*slot)->member_count && f->fatal == R_NONE; i++) {
		struct place place = place_member(base, i);
		struct extent own = extent_of((*slot)->members[i]);

		check_all(f, &(*slot)->members[i], &place, &own, v);
	}
}

void validate_feature(struct feature *f, const struct validate_context *v)
{
	struct place place = place_geometry();
	struct extent extent;

	f->given = reach_nowhere;
	if (f->geometry != NULL) {
		extent = extent_of(f->geometry);
		f->given = reach_of_positions(f->geometry, &extent, v->lonlat);
		check_all(f, &f->geometry, &place, &extent, v);
	}
	if (f->fatal == R_NONE)
		bbox_check(f, v->lonlat);
}
