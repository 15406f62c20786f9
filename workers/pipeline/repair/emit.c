/*
 * emit - outlines as a geometry.
 *
 * In:  outlines in order. Out: a Polygon or MultiPolygon on an arena.
 * A ring that is one of the input's is copied, repeated points and all. Of other rings the
 * vertices that stood in the input keep all their ordinates; a new one gets x and y from its
 * node and the others by interpolation along the segment it was put into, NaN next to NaN.
 */
#include <math.h>
#include <string.h>

#include "workers/pipeline/repair/arrangement.h"

/* How far p is along from a to b, 0..1. */
static double along(const double *a, const double *b, struct point p)
{
	double dx = b[0] - a[0], dy = b[1] - a[1], length2 = dx * dx + dy * dy;
	double t = length2 > 0 ? ((p.x - a[0]) * dx + (p.y - a[1]) * dy) / length2 : 0;

	return fmin(fmax(t, 0), 1);
}

static void emit_vertex(const struct work *w, uint32_t vertex, double *to)
{
	unsigned stride = w->in->stride;
	struct source s = w->v.source[vertex];
	const double *a = w->in->coords + (size_t)s.from * stride;
	const double *b = w->in->coords + (size_t)s.to * stride;
	struct point p = w->v.at[vertex];
	double t = s.from == s.to || stride == 2 ? 0 : along(a, b, p);

	to[0] = p.x;
	to[1] = p.y;
	for (unsigned k = 2; k < stride; k++)
		to[k] = s.from == s.to ? a[k] : a[k] + t * (b[k] - a[k]);
}

/* Both return the position behind the last one written. */
static size_t emit_whole(const struct arrangement *a, const struct outline *o,
    struct geometry *g, size_t at)
{
	const struct geometry *in = a->w->in;
	const struct ring *ring = &a->w->rings[o->whole];
	size_t begin = seq_begin(in, ring->seq), n = in->seq_end[ring->seq] - begin;
	size_t bytes = in->stride * sizeof(double);

	for (size_t i = 0; i < n; i++)
		memcpy(g->coords + (at + i) * g->stride,
		    in->coords + (begin + (o->backwards ? n - 1 - i : i)) * in->stride, bytes);
	return at + n;
}

static size_t emit_corners(const struct arrangement *a, const struct outline *o,
    struct geometry *g, size_t at)
{
	size_t n = o->end - o->begin;

	for (size_t i = 0; i <= n; i++)
		emit_vertex(a->w, a->corners[o->begin + i % n], g->coords + (at + i) * g->stride);
	return at + n + 1;
}

struct geometry *emit_geometry(const struct arrangement *a, struct arena *arena)
{
	const struct geometry *in = a->w->in;
	size_t positions = 0, parts = 0, at = 0;
	struct geometry *g;

	for (size_t i = 0; i < a->outline_count; i++) {
		const struct outline *o = &a->outlines[i];

		parts += o->shell;
		if (o->whole == NONE)
			positions += o->end - o->begin + 1;
		else
			positions += in->seq_end[a->w->rings[o->whole].seq]
			    - seq_begin(in, a->w->rings[o->whole].seq);
	}
	g = geometry_new(arena, parts == 1 && in->type == GEOM_POLYGON ? GEOM_POLYGON : GEOM_MULTIPOLYGON,
	    in->stride, positions, a->outline_count, parts);
	if (g == NULL) {
		err_set(a->w->err, ERR_SYSTEM, 0, "repair: out of memory");
		return NULL;
	}
	parts = 0;
	for (size_t i = 0; i < a->outline_count; i++) {
		const struct outline *o = &a->outlines[i];

		at = o->whole == NONE ? emit_corners(a, o, g, at) : emit_whole(a, o, g, at);
		g->seq_end[i] = (uint32_t)at;
		parts += o->shell;
		g->part_end[parts - 1] = (uint32_t)i + 1;
	}
	return g;
}
