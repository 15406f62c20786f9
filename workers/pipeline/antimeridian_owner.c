/* antimeridian_owner - see antimeridian_owner.h. */
#include "workers/pipeline/antimeridian_owner.h"

#include <stdlib.h>

struct edge {
	double south;		/* its own end */
	double reach;		/* north, of all edges below this node */
	uint32_t from;		/* position that it begins at */
	uint32_t seq;
};

struct owners {
	const struct geometry *g;
	struct edge *edges;
	size_t n;
	bool *inside;		/* of each sequence: an odd number of edges lies east of the point */
	bool *met;
	uint32_t *list;		/* sequences met */
	size_t listed;
};

static const double *edge_from(const struct owners *o, const struct edge *e)
{
	return o->g->coords + e->from * o->g->stride;
}

static int by_south(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return x->south != y->south ? (x->south < y->south ? -1 : 1) : (x->from > y->from) - (x->from < y->from);
}

/* Returns how far north edges [low, high) reach. */
static double set_reach(struct owners *o, size_t low, size_t high)
{
	size_t mid = low + (high - low) / 2;
	double reach = o->edges[mid].reach, below;

	if (low < mid && (below = set_reach(o, low, mid)) > reach)
		reach = below;
	if (mid + 1 < high && (below = set_reach(o, mid + 1, high)) > reach)
		reach = below;
	return o->edges[mid].reach = reach;
}

struct owners *owners_new(const struct geometry *g, struct arena *a)
{
	struct owners *o = arena_calloc(a, 1, sizeof(*o));

	if (o == NULL)
		return NULL;
	*o = (struct owners){
		.g = g,
		.edges = arena_calloc(a, g->positions + 1, sizeof(*o->edges)),
		.inside = arena_calloc(a, g->seqs + 1, sizeof(*o->inside)),
		.met = arena_calloc(a, g->seqs + 1, sizeof(*o->met)),
		.list = arena_calloc(a, g->seqs + 1, sizeof(*o->list)),
	};
	if (!o->edges || !o->inside || !o->met || !o->list)
		return NULL;
	for (size_t s = 0; s < g->seqs; s++)
		for (size_t i = seq_begin(g, s); i + 1 < g->seq_end[s]; i++) {
			double y1 = g->coords[i * g->stride + 1], y2 = g->coords[(i + 1) * g->stride + 1];

			if (y1 != y2)
				o->edges[o->n++] = (struct edge){ y1 < y2 ? y1 : y2, y1 < y2 ? y2 : y1,
				    (uint32_t)i, (uint32_t)s };
		}
	qsort(o->edges, o->n, sizeof(*o->edges), by_south);
	if (o->n > 0)
		set_reach(o, 0, o->n);
	return o;
}

/* Crosses the ray from (x, y) to the east with one edge. */
static void cross(struct owners *o, const struct edge *e, double x, double y)
{
	const double *p = edge_from(o, e), *q = p + o->g->stride;

	if ((p[1] > y) == (q[1] > y) || !(x < p[0] + (y - p[1]) / (q[1] - p[1]) * (q[0] - p[0])))
		return;
	o->inside[e->seq] = !o->inside[e->seq];
	if (!o->met[e->seq]) {
		o->met[e->seq] = true;
		o->list[o->listed++] = e->seq;
	}
}

static void cross_all(struct owners *o, size_t low, size_t high, double x, double y)
{
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (o->edges[mid].reach <= y)
			return;
		cross_all(o, low, mid, x, y);
		if (o->edges[mid].south > y)
			return;
		cross(o, &o->edges[mid], x, y);
		low = mid + 1;
	}
}

size_t owners_find(struct owners *o, double x, double y)
{
	size_t first = SIZE_MAX;

	cross_all(o, 0, o->n, x, y);
	for (; o->listed > 0; o->listed--) {
		uint32_t s = o->list[o->listed - 1];

		if (s < first && o->inside[s])
			first = s;
		o->inside[s] = o->met[s] = false;
	}
	return first == SIZE_MAX ? 0 : first;
}
