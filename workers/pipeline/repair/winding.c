/*
 * winding - which faces does the result cover?
 *
 * In:  faces and what runs along their edges. Out: `inside` of each face.
 *
 * A walk over all faces keeps every ring's winding number up to date as it crosses edges, there
 * and back. A part covers a face where its shell's number is not 0 and that of each of its holes
 * is. A hole that does not meet its shell covers what it fills as a part of its own; whether it
 * meets it is known only after one walk, so such input takes a second.
 */
#include <stdlib.h>

#include "workers/pipeline/repair/arrangement.h"

struct ring_state {
	int32_t winding;
	bool seen;		/* encloses something */
	bool overlaps;		/* a hole: its shell's inside is in it somewhere */
	bool apart;		/* a hole that is a part of its own */
	uint32_t before, after;	/* in the list of the part's holes that the walk is in */
};

struct part_state {
	bool in_shell, seen;
	uint32_t holes;		/* that the walk is in */
	uint32_t first;		/* of them */
};

struct walk {
	struct arrangement *a;
	struct ring_state *rings;
	struct part_state *parts;
	uint32_t covering;	/* parts, and holes apart, that cover the face */
	uint32_t *halves;	/* by face */
	uint32_t *begin;	/* per face, and one more: in halves */
	uint32_t *cursor;	/* per face */
	uint32_t *stack;	/* half-edges crossed to get here */
	bool *visited;
};

static bool covers(const struct part_state *p)
{
	return p->in_shell && p->holes == 0;
}

static void enter_hole(struct walk *k, struct part_state *p, uint32_t ring)
{
	k->rings[ring].before = NONE;
	k->rings[ring].after = p->first;
	if (p->first != NONE)
		k->rings[p->first].before = ring;
	p->first = ring;
	p->holes++;
}

static void leave_hole(struct walk *k, struct part_state *p, uint32_t ring)
{
	struct ring_state *s = &k->rings[ring];

	if (s->before == NONE)
		p->first = s->after;
	else
		k->rings[s->before].after = s->after;
	if (s->after != NONE)
		k->rings[s->after].before = s->before;
	p->holes--;
}

static void wind(struct walk *k, uint32_t ring, int32_t by)
{
	const struct ring *r = &k->a->w->rings[ring];
	struct ring_state *s = &k->rings[ring];
	struct part_state *p = &k->parts[r->part];
	bool was = s->winding != 0, is;

	s->winding += by;
	is = s->winding != 0;
	if (was == is)
		return;
	s->seen = true;
	if (s->apart) {
		k->covering += is ? 1u : -1u;
		return;
	}
	k->covering -= covers(p);
	if (!r->hole)
		p->in_shell = is;
	else if (is)
		enter_hole(k, p, ring);
	else
		leave_hole(k, p, ring);
	p->seen |= p->in_shell;
	k->covering += covers(p);
}

/* After all of an edge's rings have changed: which holes overlap their shell here? */
static void note_overlaps(struct walk *k, uint32_t ring)
{
	const struct part_state *p = &k->parts[k->a->w->rings[ring].part];

	if (!p->in_shell || p->holes == 0)
		return;
	if (k->a->w->rings[ring].hole)
		k->rings[ring].overlaps |= k->rings[ring].winding != 0;
	else
		for (uint32_t h = p->first; h != NONE; h = k->rings[h].after)
			k->rings[h].overlaps = true;
}

/* From the left of a half-edge to its right. */
static void cross(struct walk *k, uint32_t half)
{
	const struct arrangement *a = k->a;
	int32_t sign = half & 1 ? 1 : -1;
	uint32_t u;

	for (u = a->edges[half / 2].uses; u != NONE; u = a->uses[u].next)
		wind(k, a->uses[u].ring, sign * a->uses[u].times);
	for (u = a->edges[half / 2].uses; u != NONE; u = a->uses[u].next)
		note_overlaps(k, a->uses[u].ring);
}

static int walk_faces(struct walk *k)
{
	struct arrangement *a = k->a;
	uint32_t depth = 0, face = 0;

	for (uint32_t f = 0; f < a->face_count; f++) {
		k->cursor[f] = k->begin[f];
		k->visited[f] = false;
	}
	k->visited[0] = true;
	a->inside[0] = false;
	for (;;) {
		uint32_t half, other;

		if (work_poll(a->w) == -1)
			return -1;
		if (k->cursor[face] == k->begin[face + 1]) {
			if (depth == 0)
				return 0;
			half = k->stack[--depth];
			cross(k, half ^ 1);
			face = a->face[half];
			continue;
		}
		half = k->halves[k->cursor[face]++];
		other = a->face[half ^ 1];
		if (k->visited[other])
			continue;
		cross(k, half);
		k->stack[depth++] = half;
		k->visited[other] = true;
		a->inside[other] = k->covering > 0;
		face = other;
	}
}

static int list_halves(struct walk *k)
{
	struct arrangement *a = k->a;
	uint32_t count = 2 * (uint32_t)a->edge_count;

	k->halves = work_alloc(a->w, count, sizeof(*k->halves));
	k->begin = work_calloc(a->w, a->face_count + 1u, sizeof(*k->begin));
	k->cursor = work_alloc(a->w, a->face_count, sizeof(*k->cursor));
	k->stack = work_alloc(a->w, a->face_count, sizeof(*k->stack));
	k->visited = work_alloc(a->w, a->face_count, sizeof(*k->visited));
	if (!k->halves || !k->begin || !k->cursor || !k->stack || !k->visited)
		return -1;
	for (uint32_t h = 0; h < count; h++)
		k->begin[a->face[h]]++;
	for (uint32_t f = 1; f <= a->face_count; f++)
		k->begin[f] += k->begin[f - 1];
	for (uint32_t h = count; h-- > 0;)
		k->halves[--k->begin[a->face[h]]] = h;
	return 0;
}

/* Is a hole whose shell overlaps it nowhere a part of its own? 1 yes, 0 no, -1 failed. */
static int lies_apart(struct walk *k, uint32_t hole)
{
	struct work *w = k->a->w;
	uint32_t part = w->rings[hole].part, shell = w->parts[part].shell;
	int fills = 1, touches = 0;

	/* A shell that collapsed in noding: to nothing at all, or to a sliver? */
	if (!k->parts[part].seen && (fills = touch_fills(w, shell)) != 1)
		return fills;
	if (w->rings[hole].touches && (touches = touch_exactly(w, hole, shell)) == -1)
		return -1;
	return !touches;
}

/* Finds the holes that do not meet their shell; 1 if there are any. */
static int set_apart(struct walk *k)
{
	int any = 0;

	for (uint32_t r = 0; r < k->a->w->ring_count; r++) {
		struct ring_state *s = &k->rings[r];
		int apart;

		if (!k->a->w->rings[r].hole || !s->seen || s->overlaps)
			continue;
		if ((apart = lies_apart(k, r)) == -1)
			return -1;
		s->apart = apart;
		any |= apart;
	}
	return any;
}

int winding_fill(struct arrangement *a)
{
	struct walk k = { .a = a };
	int rc = -1;

	a->inside = work_calloc(a->w, a->face_count, sizeof(*a->inside));
	k.rings = work_calloc(a->w, a->w->ring_count, sizeof(*k.rings));
	k.parts = work_calloc(a->w, a->w->part_count, sizeof(*k.parts));
	if (!a->inside || !k.rings || !k.parts || list_halves(&k) == -1)
		goto out;
	for (uint32_t p = 0; p < a->w->part_count; p++)
		k.parts[p].first = NONE;
	if (walk_faces(&k) == 0 && (rc = set_apart(&k)) == 1)
		rc = walk_faces(&k);
 out:
	free(k.rings);
	free(k.parts);
	free(k.halves);
	free(k.begin);
	free(k.cursor);
	free(k.stack);
	free(k.visited);
	return rc;
}
