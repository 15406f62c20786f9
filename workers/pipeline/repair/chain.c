/*
 * chain - cuts the noded rings into edges.
 *
 * In:  rings with V_NODE flags. Out: nodes, and edges with what runs along them.
 *
 * Only edges of a single segment can coincide: a vertex where others pass is a node. Where a ring
 * runs forth and back the two cancel out; an edge that nothing is left of vanishes, and with it
 * spikes, gores and doubled rings' borders.
 */
#include <stdlib.h>
#include <string.h>

#include "workers/pipeline/repair/arrangement.h"

/* Edges of one segment by their two nodes: open addressing. */
struct singles {
	uint32_t *slots;
	size_t mask;
};

static uint32_t *single_slot(const struct arrangement *a, const struct singles *s,
    uint32_t p, uint32_t q)
{
	uint32_t low = p < q ? p : q, high = p < q ? q : p;
	uint64_t h = ((uint64_t)low << 32 | high) * 0x9e3779b97f4a7c15u;
	size_t i = (size_t)(h >> 32) & s->mask;

	for (; s->slots[i] != NONE; i = (i + 1) & s->mask) {
		const struct edge *e = &a->edges[s->slots[i]];

		if ((e->a == p && e->b == q) || (e->a == q && e->b == p))
			break;
	}
	return &s->slots[i];
}

/* Rings come one after the other, so the last one added is the only one that may be there. */
static int add_use(struct arrangement *a, struct edge *e, uint32_t ring, int32_t times)
{
	if (e->uses != NONE && a->uses[e->uses].ring == ring) {
		a->uses[e->uses].times += times;
		return 0;
	}
	if (work_grow(a->w, &a->uses, a->use_count, &a->use_room, sizeof(*a->uses)) == -1)
		return -1;
	a->uses[a->use_count] = (struct use){ ring, times, e->uses };
	e->uses = (uint32_t)a->use_count++;
	return 0;
}

static int add_edge(struct arrangement *a, const struct singles *s, struct edge e)
{
	uint32_t *slot = e.count == 1 ? single_slot(a, s, e.a, e.b) : NULL;

	if (slot != NULL && *slot != NONE) {
		struct edge *same = &a->edges[*slot];

		return add_use(a, same, e.ring, same->a == e.a ? 1 : -1);
	}
	if (work_grow(a->w, &a->edges, a->edge_count, &a->edge_room, sizeof(*a->edges)) == -1)
		return -1;
	if (slot != NULL)
		*slot = (uint32_t)a->edge_count;
	a->edges[a->edge_count] = e;
	return add_use(a, &a->edges[a->edge_count++], e.ring, 1);
}

static int cut_ring(struct arrangement *a, const struct singles *s, uint32_t ring)
{
	const struct ring *r = &a->w->rings[ring];
	const struct vertices *v = &a->w->v;
	uint32_t first = r->begin, length = r->end - r->begin, start, from, to;

	while (first < r->end && !(v->flags[first] & V_NODE))
		first++;
	if (first == r->end) {	/* meets nothing: one edge, around */
		from = point_map_append(a->w, a->nodes, v->at[r->begin]);
		return from == NONE ? -1 : add_edge(a, s, (struct edge){
			r->begin, length, ring, from, from, NONE });
	}
	start = first;
	from = point_map_put(a->w, a->nodes, v->at[first]);
	for (uint32_t i = v->next[first], n = 1, run = 1; from != NONE && n <= length; n++, run++) {
		if (v->flags[i] & V_NODE) {
			to = point_map_put(a->w, a->nodes, v->at[i]);
			if (to == NONE || add_edge(a, s,
			    (struct edge){ start, run, ring, from, to, NONE }) == -1)
				return -1;
			start = i;
			from = to;
			run = 0;
		}
		i = v->next[i];
	}
	return from == NONE ? -1 : 0;
}

static void drop_zero_uses(struct arrangement *a, uint32_t *link)
{
	while (*link != NONE)
		if (a->uses[*link].times == 0)
			*link = a->uses[*link].next;
		else
			link = &a->uses[*link].next;
}

int chain_edges(struct arrangement *a)
{
	struct singles s = { NULL, 255 };
	size_t nodes = 0, kept = 0;
	int rc = -1;

	for (uint32_t i = 0; i < a->w->v.count; i++)
		nodes += a->w->v.flags[i] & V_NODE;
	while (s.mask < 2 * nodes)
		s.mask = 2 * s.mask + 1;
	if ((s.slots = work_alloc(a->w, s.mask + 1, sizeof(*s.slots))) == NULL)
		goto out;
	memset(s.slots, 0xff, (s.mask + 1) * sizeof(*s.slots));
	if ((a->nodes = point_map_new(a->w, 0)) == NULL)
		goto out;
	for (uint32_t r = 0; r < a->w->ring_count; r++)
		if (a->w->rings[r].begin < a->w->rings[r].end
		    && (cut_ring(a, &s, r) == -1 || work_poll(a->w) == -1))
			goto out;
	for (size_t e = 0; e < a->edge_count; e++) {
		drop_zero_uses(a, &a->edges[e].uses);
		if (a->edges[e].uses != NONE)
			a->edges[kept++] = a->edges[e];
	}
	a->edge_count = kept;
	rc = kept <= NONE / 4 ? 0
	    : err_set(a->w->err, ERR_LIMIT, R_REPAIR_FAILED, "repair: too many edges");
 out:
	free(s.slots);
	return rc;
}

void arrangement_clear(struct arrangement *a)
{
	point_map_free(&a->nodes);
	free(a->edges);
	free(a->uses);
	free(a->out_begin);
	free(a->out);
	free(a->next);
	free(a->face);
	free(a->inside);
	free(a->outlines);
	free(a->corners);
}
