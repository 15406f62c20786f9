/*
 * node - where do segments meet, and what is to be done about it?
 *
 * In:  the rings and their index. Out: V_NODE flags, splits and merges, noted in struct work.
 *
 * The first pass is exact: only segments that have a point in common are looked at further, and
 * what touches is left as it is, so that nothing happens to a sound geometry. Where two segments
 * cross, the tolerance decides: close to a vertex, that vertex is where; else a new one is made.
 * Later passes test what has moved, with the tolerance from the start, so that noding ends.
 */
#include <math.h>

#include "workers/pipeline/repair/work.h"

static int note_event(struct work *w)
{
	if (++w->stats.events > w->limits->max_events)
		return err_set(w->err, ERR_LIMIT, R_REPAIR_FAILED, "repair: too many crossings");
	return 0;
}

static int note_split(struct work *w, uint32_t segment, struct point at, bool exact)
{
	struct point a = w->v.at[segment], b = w->v.at[w->v.next[segment]];
	double along_x = b.x < a.x ? -at.x : at.x, along_y = b.y < a.y ? -at.y : at.y;
	bool flat = fabs(b.x - a.x) > fabs(b.y - a.y);

	if (work_grow(w, &w->splits, w->split_count, &w->split_room, sizeof(*w->splits)) == -1)
		return -1;
	/* By coordinates, not by a share of the length: that would be 1 for all that lie near the end. */
	w->splits[w->split_count++] = (struct split){ segment, exact, at,
	    { flat ? along_x : along_y, flat ? along_y : along_x } };
	w->faulty |= !exact;
	return 0;
}

static int note_merge(struct work *w, uint32_t u, uint32_t v)
{
	if (work_grow(w, &w->merges, w->merge_count, &w->merge_room, sizeof(*w->merges)) == -1)
		return -1;
	w->merges[w->merge_count++] = (struct merge){ u, v };
	w->faulty = true;
	return 0;
}

/*
 * What vertex u is to segment s: 0 nothing, 1 on it or on an end of it, -1 failed.
 * With tol 0 only what is so to the last bit counts.
 */
static int vertex_on_segment(struct work *w, uint32_t s, uint32_t u, double tol)
{
	struct vertices *v = &w->v;
	uint32_t ends[2] = { s, v->next[s] };
	struct point a = v->at[s], b = v->at[ends[1]], p = v->at[u];

	for (unsigned k = 0; k < 2; k++) {
		struct point end = v->at[ends[k]];
		bool same = point_equal(p, end);

		if (!same && !(tol > 0 && predicate_close(p, end, w->close)))
			continue;
		v->flags[u] |= V_NODE;
		v->flags[ends[k]] |= V_NODE;
		return same || note_merge(w, u, ends[k]) == 0 ? 1 : -1;
	}
	if (tol > 0 ? !predicate_on(a, b, p, tol) : !predicate_exactly_on(a, b, p))
		return 0;
	v->flags[u] |= V_NODE;
	return note_split(w, s, p, tol == 0 || predicate_orient(a, b, p) == 0) == 0 ? 1 : -1;
}

/* The same for the ends of two segments, each on the other. */
static int ends_on_segments(struct work *w, uint32_t i, uint32_t j, double tol)
{
	int on[4];

	if ((on[0] = vertex_on_segment(w, i, j, tol)) == -1
	    || (on[1] = vertex_on_segment(w, i, w->v.next[j], tol)) == -1
	    || (on[2] = vertex_on_segment(w, j, i, tol)) == -1
	    || (on[3] = vertex_on_segment(w, j, w->v.next[i], tol)) == -1)
		return -1;
	return on[0] || on[1] || on[2] || on[3];
}

static int cross(struct work *w, uint32_t i, uint32_t j)
{
	const struct vertices *v = &w->v;
	struct point p = predicate_cross(v->at[i], v->at[v->next[i]], v->at[j], v->at[v->next[j]]);
	uint32_t made;

	if (w->made == NULL && (w->made = point_map_new(w, w->close)) == NULL)
		return -1;
	if ((made = point_map_put(w, w->made, p)) == NONE)
		return -1;
	p = point_map_at(w->made, made);
	return note_split(w, i, p, false) == -1 || note_split(w, j, p, false) == -1 ? -1 : 0;
}

/* Two rings of the input meet: a fault if they are one; of interest if a hole meets its shell. */
static void note_rings(struct work *w, uint32_t i, uint32_t j)
{
	struct ring *a = &w->rings[w->v.ring[i]], *b = &w->rings[w->v.ring[j]];

	if (w->tolerant || a == b)
		w->faulty = true;
	else if (a->part == b->part && a->hole != b->hole)
		(a->hole ? a : b)->touches = true;
}

/* Are they no further apart than `reach` in x and y? */
static bool boxes_near(struct point a, struct point b, struct point c, struct point d, double reach)
{
	struct box ab = box_of(a, b), cd = box_of(c, d);
	struct box wide = { ab.x0 - reach, ab.y0 - reach, ab.x1 + reach, ab.y1 + reach };

	return box_meets(&wide, &cd);
}

static int test_pair(void *ctx, uint32_t i, uint32_t j)
{
	struct work *w = ctx;
	const struct vertices *v = &w->v;
	uint32_t i_next = v->next[i], j_next = v->next[j];
	struct point a = v->at[i], b = v->at[i_next], c = v->at[j], d = v->at[j_next];
	size_t noted = w->split_count + w->merge_count;
	int on = 0;

	if (i_next == j || j_next == i)
		return 0;	/* find_folds looks at those */
	if (!boxes_near(a, b, c, d, w->tolerant ? 2 * w->close : 0)
	    || (w->tolerant ? !predicate_near(a, b, c, d, w->tol) : !predicate_meet(a, b, c, d)))
		return 0;
	if (!w->tolerant && (on = ends_on_segments(w, i, j, 0)) == -1)
		return -1;
	if (!on && (on = ends_on_segments(w, i, j, w->tol)) == -1)
		return -1;
	if (!on && (!w->tolerant || (boxes_near(a, b, c, d, 0) && predicate_meet(a, b, c, d)))
	    && cross(w, i, j) == -1)
		return -1;
	note_rings(w, i, j);
	if ((!w->tolerant || w->split_count + w->merge_count > noted) && note_event(w) == -1)
		return -1;
	return w->faulty && w->stop_at_fault;
}

/* u, v, x follow each other: does the line come back on itself at v, or stop short there? */
static int test_corner(struct work *w, uint32_t u, uint32_t v, uint32_t x)
{
	struct vertices *all = &w->v;
	struct point a = all->at[u], b = all->at[v], c = all->at[x];
	double back = (a.x - b.x) * (c.x - b.x) + (a.y - b.y) * (c.y - b.y);
	double tol = w->tolerant ? w->tol : 0;
	int on[2];

	if (w->tolerant && predicate_close(b, c, w->close))
		return note_merge(w, v, x);
	if (back <= 0 || (!w->tolerant && predicate_orient(a, b, c) != 0))
		return 0;
	/* The far end of one leg on the other: a spike, whose tip is v. */
	if ((on[0] = vertex_on_segment(w, u, x, tol)) == -1
	    || (on[1] = vertex_on_segment(w, v, u, tol)) == -1)
		return -1;
	if (on[0] || on[1]) {
		all->flags[v] |= V_NODE;
		w->faulty = true;
	}
	return 0;
}

static int find_folds(struct work *w)
{
	for (uint32_t r = 0; r < w->ring_count; r++) {
		uint32_t end = w->rings[r].end, u = end - 1;

		for (uint32_t v = w->rings[r].begin; v < end; u = v++)
			if ((!w->tolerant || (w->v.flags[u] | w->v.flags[v]) & V_DIRTY)
			    && test_corner(w, u, v, w->v.next[v]) == -1)
				return -1;
	}
	return 0;
}

int node_find(struct work *w)
{
	w->split_count = 0;
	w->merge_count = 0;
	point_map_free(&w->made);
	if (find_folds(w) == -1)
		return -1;
	if (w->faulty && w->stop_at_fault)
		return 0;
	if (index_build(w) == -1)
		return -1;
	return index_self_join(w, test_pair) == -1 ? -1 : 0;
}
