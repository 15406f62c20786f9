/*
 * faces - half-edges around nodes, faces, and which component lies in which face.
 *
 * In:  edges. Out: next and face of every half-edge.
 * The outermost boundary of a component is the one to the left of its leftmost vertex; a ray
 * from there tells which other component's face it lies in.
 */
#include <stdlib.h>

#include "workers/pipeline/repair/arrangement.h"

/* A half-edge as it leaves its node. */
struct spoke {
	struct point hub, to;
	uint32_t half;
};

static struct spoke spoke_of(const struct arrangement *a, uint32_t h)
{
	const struct edge *e = &a->edges[h / 2];
	const struct point *at = a->w->v.at;

	return (struct spoke){
		at[edge_vertex(a, e, h & 1 ? e->count : 0)],
		at[edge_vertex(a, e, h & 1 ? e->count - 1 : 1)], h,
	};
}

/* From due east, counterclockwise to just short of due west? */
static bool upper(const struct spoke *s)
{
	return s->to.y > s->hub.y || (s->to.y == s->hub.y && s->to.x > s->hub.x);
}

static int by_angle(const void *x, const void *y)
{
	const struct spoke *s = x, *t = y;

	if (upper(s) != upper(t))
		return upper(s) ? -1 : 1;
	return -predicate_orient(s->hub, s->to, t->to);
}

static int list_spokes(struct arrangement *a, uint32_t node_count)
{
	uint32_t halves = 2 * (uint32_t)a->edge_count;

	a->out_begin = work_calloc(a->w, node_count + 1u, sizeof(*a->out_begin));
	a->out = work_alloc(a->w, halves, sizeof(*a->out));
	if (a->out_begin == NULL || a->out == NULL)
		return -1;
	for (uint32_t h = 0; h < halves; h++)
		a->out_begin[half_origin(a, h)]++;
	for (uint32_t n = 1; n <= node_count; n++)
		a->out_begin[n] += a->out_begin[n - 1];
	for (uint32_t h = halves; h-- > 0;)	/* from the ends down: what is left are the begins */
		a->out[--a->out_begin[half_origin(a, h)]] = h;
	return 0;
}

static int sort_spokes(struct arrangement *a, uint32_t node_count)
{
	struct spoke *spokes;
	uint32_t most = 2;

	for (uint32_t n = 0; n < node_count; n++)
		if (a->out_begin[n + 1] - a->out_begin[n] > most)
			most = a->out_begin[n + 1] - a->out_begin[n];
	if ((spokes = work_alloc(a->w, most, sizeof(*spokes))) == NULL)
		return -1;
	for (uint32_t n = 0; n < node_count; n++) {
		uint32_t *out = a->out + a->out_begin[n], count = a->out_begin[n + 1] - a->out_begin[n];

		for (uint32_t k = 0; k < count; k++)
			spokes[k] = spoke_of(a, out[k]);
		if (count > 1)
			qsort(spokes, count, sizeof(*spokes), by_angle);
		for (uint32_t k = 0; k < count; k++)
			out[k] = spokes[k].half;
		/* Arriving against out[k], the left turn of the face is the spoke clockwise of it. */
		for (uint32_t k = 0; k < count; k++)
			a->next[out[k] ^ 1] = out[k > 0 ? k - 1 : count - 1];
	}
	free(spokes);
	return 0;
}

static void number_faces(struct arrangement *a)
{
	uint32_t halves = 2 * (uint32_t)a->edge_count;

	a->face_count = 1;
	for (uint32_t h = 0; h < halves; h++)
		a->face[h] = NONE;
	for (uint32_t h = 0; h < halves; h++) {
		if (a->face[h] != NONE)
			continue;
		for (uint32_t k = h; a->face[k] == NONE; k = a->next[k])
			a->face[k] = a->face_count;
		a->face_count++;
	}
}

/* Where a component lies furthest to the left: vertex k of an edge. */
struct west {
	struct point p;
	uint32_t edge, k;
};

/* The half-edge of the component that has the outside to its left. */
static uint32_t outer_half(const struct arrangement *a, const struct west *west)
{
	const struct edge *e = &a->edges[west->edge];
	const struct point *at = a->w->v.at;
	const uint32_t *out;
	uint32_t node, count, best;

	if (west->k > 0 && west->k < e->count)
		return 2 * west->edge + (predicate_orient(west->p, at[edge_vertex(a, e, west->k - 1)],
		    at[edge_vertex(a, e, west->k + 1)]) < 0);
	/* All spokes point east: the last one before due north is the uppermost. */
	node = west->k == 0 ? e->a : e->b;
	out = a->out + a->out_begin[node];
	count = a->out_begin[node + 1] - a->out_begin[node];
	best = count - 1;
	for (uint32_t k = 0; k < count; k++) {
		struct spoke s = spoke_of(a, out[k]);

		if (upper(&s))
			best = k;
	}
	return out[best];
}

static int find_wests(struct arrangement *a, uint32_t *up, struct west *wests, uint32_t node_count)
{
	for (uint32_t n = 0; n < node_count; n++)
		wests[n].edge = NONE;
	for (uint32_t i = 0; i < a->edge_count; i++) {
		const struct edge *e = &a->edges[i];
		struct west *best = &wests[arrangement_root(up, e->a)];

		for (uint32_t k = 0; k <= e->count; k++) {
			struct point p = a->w->v.at[edge_vertex(a, e, k)];

			if (best->edge == NONE || p.x < best->p.x || (p.x == best->p.x && p.y < best->p.y))
				*best = (struct west){ p, i, k };
		}
		if (work_poll(a->w) == -1)
			return -1;
	}
	return 0;
}

static bool has_edge(const void *edge_of, uint32_t segment)
{
	return ((const uint32_t *)edge_of)[segment] != NONE;
}

/* The face to the right of p, which lies left of every vertex of a component. */
static uint32_t face_west_of(const struct arrangement *a, const uint32_t *edge_of, struct point p)
{
	uint32_t hit = index_ray_left(a->w, p, has_edge, edge_of);
	const struct vertices *v = &a->w->v;

	if (hit == NONE)
		return 0;
	/* The ray comes from the east: left of what runs down, right of what runs up. */
	return a->face[2 * edge_of[hit] + (v->at[v->next[hit]].y > v->at[hit].y)];
}

/* For rays: the edge of each segment, NONE for those that vanished or are another's double. */
static uint32_t *edges_of_segments(struct arrangement *a)
{
	uint32_t *edge_of = work_alloc(a->w, a->w->v.count, sizeof(*edge_of));

	if (edge_of == NULL)
		return NULL;
	for (uint32_t i = 0; i < a->w->v.count; i++)
		edge_of[i] = NONE;
	for (uint32_t i = 0; i < a->edge_count; i++)
		for (uint32_t k = 0; k < a->edges[i].count; k++)
			edge_of[edge_vertex(a, &a->edges[i], k)] = i;
	return edge_of;
}

/* Joins each component's outer face with the face it lies in. */
static int nest(struct arrangement *a, const struct west *wests, uint32_t node_count,
    uint32_t *face_up)
{
	uint32_t components = 0, *edge_of = NULL;
	int rc = -1;

	for (uint32_t n = 0; n < node_count; n++)
		components += wests[n].edge != NONE;
	if (components > 1) {
		if (a->w->index.levels == 0 && index_build(a->w) == -1)
			return -1;
		if ((edge_of = edges_of_segments(a)) == NULL)
			return -1;
	}
	for (uint32_t n = 0; n < node_count; n++) {
		uint32_t inner, outer;

		if (wests[n].edge == NONE)
			continue;
		inner = arrangement_root(face_up, a->face[outer_half(a, &wests[n])]);
		outer = components == 1 ? 0
		    : arrangement_root(face_up, face_west_of(a, edge_of, wests[n].p));
		/* Towards the smaller number, so that the unbounded face stays 0. */
		face_up[inner > outer ? inner : outer] = inner > outer ? outer : inner;
		if (work_poll(a->w) == -1)
			goto out;
	}
	rc = 0;
 out:
	free(edge_of);
	return rc;
}

static int join_components(struct arrangement *a, uint32_t node_count)
{
	uint32_t *node_up = work_alloc(a->w, node_count, sizeof(*node_up));
	uint32_t *face_up = work_alloc(a->w, a->face_count, sizeof(*face_up));
	struct west *wests = work_alloc(a->w, node_count, sizeof(*wests));
	int rc = -1;

	if (node_up == NULL || face_up == NULL || wests == NULL)
		goto out;
	for (uint32_t n = 0; n < node_count; n++)
		node_up[n] = n;
	for (uint32_t f = 0; f < a->face_count; f++)
		face_up[f] = f;
	for (size_t e = 0; e < a->edge_count; e++)
		node_up[arrangement_root(node_up, a->edges[e].a)]
		    = arrangement_root(node_up, a->edges[e].b);
	if (find_wests(a, node_up, wests, node_count) == -1
	    || nest(a, wests, node_count, face_up) == -1)
		goto out;
	for (uint32_t h = 0; h < 2 * a->edge_count; h++)
		a->face[h] = arrangement_root(face_up, a->face[h]);
	rc = 0;
 out:
	free(node_up);
	free(face_up);
	free(wests);
	return rc;
}

int faces_build(struct arrangement *a)
{
	uint32_t node_count = point_map_count(a->nodes);

	a->next = work_alloc(a->w, 2 * a->edge_count, sizeof(*a->next));
	a->face = work_alloc(a->w, 2 * a->edge_count, sizeof(*a->face));
	if (a->next == NULL || a->face == NULL || list_spokes(a, node_count) == -1
	    || sort_spokes(a, node_count) == -1)
		return -1;
	number_faces(a);
	return join_components(a, node_count);
}
