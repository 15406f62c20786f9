/* geometry - see geometry.h. */
#include "workers/pipeline/geometry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *geometry_type_name(enum geometry_type t)
{
	static const char *const names[] = {
		"Point", "MultiPoint", "LineString", "MultiLineString",
		"Polygon", "MultiPolygon", "GeometryCollection",
	};

	return names[t];
}

struct geometry *geometry_new(struct arena *a, enum geometry_type type, unsigned stride,
    size_t positions, size_t seqs, size_t parts)
{
	struct geometry *g = arena_calloc(a, 1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->type = type;
	g->stride = stride;
	g->positions = positions;
	g->seqs = seqs;
	g->parts = parts;
	g->coords = arena_array(a, positions, stride * sizeof(double));	/* the caller fills it */
	g->seq_end = arena_calloc(a, seqs, sizeof(*g->seq_end));
	g->part_end = arena_calloc(a, parts, sizeof(*g->part_end));
	return g->coords && g->seq_end && g->part_end ? g : NULL;
}

double geometry_ring_area(const struct geometry *g, size_t begin, size_t end)
{
	const double *p = g->coords + begin * g->stride;
	double x0, y0, twice = 0;

	if (end - begin < 3)
		return 0;
	x0 = p[0];
	y0 = p[1];
	for (size_t n = end - begin - 1; n > 0; n--, p += g->stride)
		twice += (p[0] - x0) * (p[g->stride + 1] - y0)
		    - (p[g->stride] - x0) * (p[1] - y0);
	return twice / 2;
}

bool geometry_has_length(const struct geometry *g, size_t i)
{
	const double *first = g->coords + seq_begin(g, i) * g->stride, *p = first;

	for (size_t n = g->seq_end[i] - seq_begin(g, i); n > 0; n--, p += g->stride)
		if (p[0] != first[0] || p[1] != first[1])
			return true;
	return false;
}

struct ring_key {
	uint64_t key;
	size_t seq;
};

static uint64_t mixed(uint64_t h, double v)
{
	uint64_t bits;

	v += 0.0;	/* -0 is 0 */
	memcpy(&bits, &v, sizeof(bits));
	h = (h ^ bits) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

/* A sum over its edges, so that it begins anywhere and runs either way. */
static uint64_t ring_key(const struct geometry *g, size_t s)
{
	uint64_t key = 0;

	for (size_t i = seq_begin(g, s); i + 1 < g->seq_end[s]; i++) {
		const double *p = g->coords + i * g->stride, *q = p + g->stride;
		uint64_t a = mixed(mixed(1, p[0]), p[1]), b = mixed(mixed(1, q[0]), q[1]);

		if (a != b)
			key += (a ^ b) * ((a + b) | 1);
	}
	return key;
}

static int by_key(const void *a, const void *b)
{
	const struct ring_key *x = a, *y = b;

	return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->seq > y->seq) - (x->seq < y->seq);
}

size_t geometry_double_ring(const struct geometry *g, struct arena *a)
{
	struct ring_key *keys = g->seqs > 1 ? arena_calloc(a, g->seqs, sizeof(*keys)) : NULL;
	size_t first = SIZE_MAX;

	if (keys == NULL)
		return SIZE_MAX;
	for (size_t s = 0; s < g->seqs; s++)
		keys[s] = (struct ring_key){ ring_key(g, s), s };
	qsort(keys, g->seqs, sizeof(*keys), by_key);
	for (size_t i = 1; i < g->seqs; i++)
		if (keys[i].key == keys[i - 1].key && keys[i].key != 0 && keys[i].seq < first)
			first = keys[i].seq;
	return first;
}

double geometry_area(const struct geometry *g)
{
	double area = 0;

	if (g->type == GEOM_COLLECTION)
		for (size_t i = 0; i < g->member_count; i++)
			area += geometry_area(g->members[i]);
	if (!geometry_is_areal(g))
		return area;
	for (size_t part = 0; part < g->parts; part++)
		for (size_t s = part_begin(g, part); s < g->part_end[part]; s++) {
			double a = fabs(geometry_ring_area(g, seq_begin(g, s), g->seq_end[s]));

			area += s == part_begin(g, part) ? a : -a;
		}
	return area;
}

/* Bitwise, but for -0 and 0, which JSON tells apart and geometry does not. */
static bool ordinates_equal(const double *a, const double *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i])))
			return false;
	return true;
}

bool geometry_equal(const struct geometry *a, const struct geometry *b)
{
	if (a->type != b->type || a->stride != b->stride || a->positions != b->positions
	    || a->seqs != b->seqs || a->parts != b->parts || a->member_count != b->member_count)
		return false;
	for (size_t i = 0; i < a->member_count; i++)
		if (!geometry_equal(a->members[i], b->members[i]))
			return false;
	return (a->seqs == 0 || memcmp(a->seq_end, b->seq_end, a->seqs * sizeof(*a->seq_end)) == 0)
	    && (a->parts == 0 || memcmp(a->part_end, b->part_end, a->parts * sizeof(*a->part_end)) == 0)
	    && ordinates_equal(a->coords, b->coords, a->positions * a->stride);
}
