/* locate - see locate.h. */
#include "workers/pipeline/locate.h"

#include <math.h>
#include <string.h>

struct place place_member(const struct place *p, size_t i)
{
	struct place inner = *p;

	inner.member = "/coordinates";
	if (inner.collection_depth < PLACE_COLLECTIONS)
		inner.collection[inner.collection_depth++] = (uint32_t)i;
	else
		inner.deeper = true;
	return inner;
}

static size_t part_of(const struct geometry *g, size_t seq)
{
	size_t part = 0;

	while (part + 1 < g->parts && g->part_end[part] <= seq)
		part++;
	return part;
}

static size_t seq_of(const struct geometry *g, size_t position)
{
	size_t seq = 0;

	while (seq + 1 < g->seqs && g->seq_end[seq] <= position)
		seq++;
	return seq;
}

static void add(struct place *p, size_t index)
{
	p->index[p->depth++] = (uint32_t)index;
}

struct place place_part(const struct place *p, const struct geometry *g, size_t i)
{
	struct place inner = *p;

	if (g->type == GEOM_MULTIPOLYGON)
		add(&inner, i);
	return inner;
}

struct place place_seq(const struct place *p, const struct geometry *g, size_t i)
{
	size_t part = part_of(g, i);
	struct place inner = place_part(p, g, part);

	if (geometry_is_areal(g))
		add(&inner, i - part_begin(g, part));
	else if (g->type == GEOM_MULTILINESTRING)
		add(&inner, i);
	return inner;
}

struct place place_position(const struct place *p, const struct geometry *g, size_t i)
{
	size_t seq = seq_of(g, i);
	struct place inner = place_seq(p, g, seq);

	if (g->type != GEOM_POINT)
		add(&inner, i - seq_begin(g, seq));
	return inner;
}

/* The ends of sequences and parts are shared: no stage changes those in place. */
static struct geometry *copy_of(const struct geometry *g, struct arena *a)
{
	size_t bytes = g->positions * g->stride * sizeof(double);
	struct geometry *copy = arena_alloc(a, sizeof(*copy));

	if (copy == NULL)
		return NULL;
	*copy = *g;
	if ((copy->coords = arena_alloc(a, bytes)) == NULL
	    || (copy->members = arena_calloc(a, g->member_count, sizeof(*copy->members))) == NULL)
		return NULL;
	if (bytes > 0)
		memcpy(copy->coords, g->coords, bytes);
	for (size_t i = 0; i < g->member_count; i++)
		if ((copy->members[i] = copy_of(g->members[i], a)) == NULL)
			return NULL;
	return copy;
}

int place_keep_original(struct feature *f)
{
	if (f->original == NULL)
		f->original = copy_of(f->geometry, f->arena);
	return f->original != NULL ? 0 : -1;
}

int place_put(struct feature *f, struct geometry **slot, struct geometry *other)
{
	if (place_keep_original(f) == -1)
		return -1;
	other->foreign = (*slot)->foreign;
	other->foreign_len = (*slot)->foreign_len;
	other->bbox = (*slot)->bbox;
	other->bbox_len = (*slot)->bbox_len;
	memcpy(other->box, (*slot)->box, sizeof(other->box));
	other->box_len = (*slot)->box_len;
	other->box_stale = (*slot)->box_stale;
	*slot = other;
	f->geometry_changed = true;
	return 0;
}

/* The geometry that p names in the document, or NULL where p is not exact enough to say. */
static const struct geometry *document_geometry(const struct feature *f, const struct place *p)
{
	const struct geometry *g = f->original != NULL ? f->original : f->geometry;

	for (size_t i = 0; i < p->collection_depth; i++) {
		if (g->type != GEOM_COLLECTION || p->collection[i] >= g->member_count)
			return NULL;
		g = g->members[p->collection[i]];
	}
	return g->type == GEOM_COLLECTION ? NULL : g;
}

struct place place_nearest(const struct feature *f, const struct place *p, const double at[2],
    bool lonlat)
{
	const struct geometry *g = document_geometry(f, p);
	double best = INFINITY;
	size_t nearest = 0;

	if (g == NULL || g->positions == 0)
		return *p;
	for (size_t i = 0; i < g->positions; i++) {
		double dx = g->coords[i * g->stride] - at[0];
		double dy = g->coords[i * g->stride + 1] - at[1];
		double d;

		if (lonlat)
			dx = remainder(dx, 360);
		d = dx * dx + dy * dy;
		if (d < best) {
			best = d;
			nearest = i;
		}
	}
	return place_position(p, g, nearest);
}
