/*
 * load - the rings of a geometry as work.h has them.
 *
 * In:  a Polygon or MultiPolygon. Out: vertices without repeats, and a tolerance.
 * Rings that cannot enclose anything are left out here, with their holes if they are shells.
 * Many rings are put in the order of a space-filling curve, so that neighbours in the index
 * are neighbours on the plane.
 */
#include <math.h>
#include <stdlib.h>

#include "workers/pipeline/repair/work.h"

#define MANY_RINGS 32
#define LARGEST 1e70	/* so that squares of areas neither overflow nor vanish */

/*
 * The tolerance from the largest coordinate; -1 where arithmetic would not hold. `tiny`: some are so
 * small that work_position takes them for 0.
 */
static int measure(struct work *w, bool *tiny)
{
	const struct geometry *g = w->in;
	const double *p = g->coords;
	double largest = 0, odd = 0;

	*tiny = false;
	for (size_t i = 0; i < g->positions; i++, p += g->stride) {
		double x = fabs(p[0]), y = fabs(p[1]);

		largest = larger(x, larger(y, largest));
		odd += (x - x) + (y - y);	/* 0 unless one is not finite */
		*tiny |= ((x < TINY) & (x != 0)) | ((y < TINY) & (y != 0));
	}
	largest = work_ordinate(largest);
	if (odd != 0)
		return err_set(w->err, ERR_INPUT, R_INVALID_COORDINATE, "a coordinate is not finite");
	if (largest > LARGEST || (largest < 1 / LARGEST && largest > 0) || g->positions > NONE / 4)
		return err_set(w->err, ERR_LIMIT, R_REPAIR_FAILED, "repair: out of range");
	w->tol = ldexp(largest > 0 ? largest : 1, -49);
	w->close = 2.5 * w->tol;
	return 0;
}

/* Bits of v, 0..65535, with room between them for another's. */
static uint32_t spread(uint32_t v)
{
	v = (v | v << 8) & 0x00ff00ff;
	v = (v | v << 4) & 0x0f0f0f0f;
	v = (v | v << 2) & 0x33333333;
	return (v | v << 1) & 0x55555555;
}

struct place {
	uint32_t key;
	struct ring ring;
};

static int by_key(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->ring.seq < y->ring.seq ? -1 : x->ring.seq > y->ring.seq;
}

/* Z-order of the rings' first positions. */
static int sort_rings(struct work *w)
{
	struct place *places = work_alloc(w, w->ring_count, sizeof(*places));
	struct box all = { INFINITY, INFINITY, -INFINITY, -INFINITY };

	if (places == NULL)
		return -1;
	for (uint32_t r = 0; r < w->ring_count; r++) {
		struct point p = work_position(w->in, seq_begin(w->in, w->rings[r].seq));

		all = (struct box){ smaller(all.x0, p.x), smaller(all.y0, p.y),
		    larger(all.x1, p.x), larger(all.y1, p.y) };
	}
	for (uint32_t r = 0; r < w->ring_count; r++) {
		struct point p = work_position(w->in, seq_begin(w->in, w->rings[r].seq));
		double width = larger(all.x1 - all.x0, all.y1 - all.y0);
		double scale = width > 0 ? 65535 / width : 0;

		places[r].ring = w->rings[r];
		places[r].key = spread((uint32_t)((p.x - all.x0) * scale))
		    | spread((uint32_t)((p.y - all.y0) * scale)) << 1;
	}
	qsort(places, w->ring_count, sizeof(*places), by_key);
	for (uint32_t r = 0; r < w->ring_count; r++)
		w->rings[r] = places[r].ring;
	free(places);
	return 0;
}

/* 3 if the ring has so many different neighbours as to enclose something, else fewer. */
static uint32_t distinct(const struct geometry *g, size_t seq)
{
	size_t begin = seq_begin(g, seq), end = g->seq_end[seq];
	uint32_t n = 0;

	if (begin == end)
		return 0;
	for (size_t i = begin; i < end && n < 3; i++)
		n += i == begin || (!point_equal(work_position(g, i), work_position(g, i - 1))
		    && !point_equal(work_position(g, i), work_position(g, begin)));
	return n;
}

/* Lists the rings that may enclose something. */
static int list_rings(struct work *w)
{
	const struct geometry *g = w->in;

	for (uint32_t part = 0; part < g->parts; part++) {
		size_t first = part_begin(g, part);

		w->parts[part].shell = NONE;
		for (size_t s = first; s < g->part_end[part]; s++) {
			bool shell = s == first;

			if (distinct(g, s) < 3) {
				/* An empty ring is no fault, but for a shell with holes. */
				w->faulty |= g->seq_end[s] > seq_begin(g, s)
				    || (shell && g->part_end[part] - first > 1);
				if (shell)
					break;
				continue;
			}
			if (shell)
				w->parts[part].shell = 0;	/* set for good once sorted */
			w->rings[w->ring_count++] = (struct ring){
				.seq = (uint32_t)s, .part = part, .hole = !shell,
			};
		}
	}
	return w->ring_count > MANY_RINGS ? sort_rings(w) : 0;
}

static void load_ring(struct work *w, uint32_t ring, bool tiny)
{
	const struct geometry *g = w->in;
	struct ring *r = &w->rings[ring];
	struct vertices *v = &w->v;
	size_t begin = seq_begin(g, r->seq), end = g->seq_end[r->seq];
	const double *c = g->coords + begin * g->stride;
	uint32_t n = v->count;

	r->begin = n;
	if (!point_equal(work_position(g, begin), work_position(g, end - 1)))	/* to be closed */
		r->changed = true;
	for (size_t i = begin; i < end; i++, c += g->stride) {
		struct point p = { c[0], c[1] };

		if (tiny) {
			p = work_position(g, i);
			r->changed |= p.x != c[0] || p.y != c[1];
		}
		if (n > r->begin && point_equal(p, v->at[n - 1]))
			continue;
		v->at[n] = p;
		v->source[n] = (struct source){ (uint32_t)i, (uint32_t)i };
		v->next[n] = n + 1;
		v->ring[n] = ring;
		v->flags[n++] = 0;
	}
	while (n > r->begin + 1 && point_equal(v->at[n - 1], v->at[r->begin]))
		n--;
	v->count = r->end = n;
	v->next[n - 1] = r->begin;
	w->faulty |= r->changed;
}

int work_load(struct work *w)
{
	const struct geometry *g = w->in;
	bool tiny;

	if (measure(w, &tiny) == -1)
		return -1;
	w->part_count = (uint32_t)g->parts;
	w->parts = work_calloc(w, g->parts, sizeof(*w->parts));
	w->rings = work_calloc(w, g->seqs, sizeof(*w->rings));
	if (!w->parts || !w->rings || work_vertices(w, &w->v, g->positions) == -1 || list_rings(w) == -1)
		return -1;
	for (uint32_t r = 0; r < w->ring_count; r++) {
		load_ring(w, r, tiny);
		if (!w->rings[r].hole)
			w->parts[w->rings[r].part].shell = r;
	}
	return 0;
}
