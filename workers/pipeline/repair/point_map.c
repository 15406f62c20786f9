/*
 * point_map - points in a hash of square cells, found again within a tolerance.
 *
 * In:  points. Out: small numbers for them. Depends on the heap.
 * Cells are much wider than the tolerance, so nearly every look-up reads one of them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "workers/pipeline/repair/work.h"

struct point_map {
	double tol, cell;
	struct point *points;
	size_t count, room;
	uint32_t *slots;	/* point number or NONE; open addressing */
	size_t slot_count;	/* a power of two, at least twice the points put in */
	size_t used;
};

struct point_map *point_map_new(struct work *w, double tol)
{
	struct point_map *m = work_calloc(w, 1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->tol = tol;
	m->cell = 64 * w->tol;
	m->slot_count = 64;
	m->slots = work_alloc(w, m->slot_count, sizeof(*m->slots));
	if (m->slots == NULL) {
		point_map_free(&m);
		return NULL;
	}
	memset(m->slots, 0xff, m->slot_count * sizeof(*m->slots));
	return m;
}

void point_map_free(struct point_map **m)
{
	if (*m == NULL)
		return;
	free((*m)->points);
	free((*m)->slots);
	free(*m);
	*m = NULL;
}

static size_t home(const struct point_map *m, double x, double y)
{
	/* |x| / cell is below 2^44: it fits. */
	uint64_t h = (uint64_t)(int64_t)floor(x / m->cell) * 0x9e3779b97f4a7c15u;

	h ^= (uint64_t)(int64_t)floor(y / m->cell) + (h >> 29);
	h *= 0xbf58476d1ce4e5b9u;
	return (size_t)(h ^ (h >> 32)) & (m->slot_count - 1);
}

static void insert(struct point_map *m, uint32_t i)
{
	size_t s = home(m, m->points[i].x, m->points[i].y);

	while (m->slots[s] != NONE)
		s = (s + 1) & (m->slot_count - 1);
	m->slots[s] = i;
}

/* Twice the slots; points that were only appended do not come back in. */
static int widen(struct work *w, struct point_map *m)
{
	size_t old_count = m->slot_count;
	uint32_t *old = m->slots, *slots = work_alloc(w, old_count * 2, sizeof(*slots));

	if (slots == NULL)
		return -1;
	memset(slots, 0xff, old_count * 2 * sizeof(*slots));
	m->slots = slots;
	m->slot_count = old_count * 2;
	for (size_t s = 0; s < old_count; s++)
		if (old[s] != NONE)
			insert(m, old[s]);
	free(old);
	return 0;
}

static uint32_t find(const struct point_map *m, size_t s, struct point p)
{
	for (; m->slots[s] != NONE; s = (s + 1) & (m->slot_count - 1))
		if (predicate_close(m->points[m->slots[s]], p, m->tol))
			return m->slots[s];
	return NONE;
}

uint32_t point_map_append(struct work *w, struct point_map *m, struct point p)
{
	if (work_grow(w, &m->points, m->count, &m->room, sizeof(*m->points)) == -1)
		return NONE;
	m->points[m->count] = p;
	return (uint32_t)m->count++;
}

uint32_t point_map_put(struct work *w, struct point_map *m, struct point p)
{
	size_t seen[4];
	uint32_t i;

	for (unsigned k = 0; k < 4; k++) {	/* the cells that p's surroundings reach into */
		seen[k] = home(m, p.x + (k & 1 ? m->tol : -m->tol), p.y + (k & 2 ? m->tol : -m->tol));
		if ((k == 0 || seen[k] != seen[k - 1]) && (k < 2 || seen[k] != seen[k - 2])
		    && (i = find(m, seen[k], p)) != NONE)
			return i;
	}
	if (2 * m->used + 2 > m->slot_count && widen(w, m) == -1)
		return NONE;
	if ((i = point_map_append(w, m, p)) == NONE)
		return NONE;
	insert(m, i);
	m->used++;
	return i;
}

struct point point_map_at(const struct point_map *m, uint32_t i)
{
	return m->points[i];
}

uint32_t point_map_count(const struct point_map *m)
{
	return (uint32_t)m->count;
}
