/*
 * antimeridian - see antimeridian.h.
 *
 * A ring is cut into chains where it passes the antimeridian (antimeridian_run.h):
 *
 *        strip 0 | strip 1        A crossing joins the chain that ends there to the one that
 *      ,---------+------.         begins there. Sorted by latitude, a crossing eastwards (E)
 *      |    E -> |      |         and one westwards (W) enclose interior between them: on
 *      |         |      |         either side of the line the one's chain goes on in the
 *      '---------+------'         other's. One that finds no mate goes round by its pole.
 *           <- W |
 */
#include "workers/pipeline/antimeridian.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "workers/pipeline/antimeridian_owner.h"
#include "workers/pipeline/antimeridian_run.h"
#include "workers/pipeline/locate.h"

struct chain {
	const struct run *run;
	size_t first, edges;
	int end;		/* the crossing that it ends at, or NONE */
	bool used;
};

struct crossing {
	double lat;
	bool east;
	int from, to;		/* the chain that ends here, the one that begins here */
	int mate;		/* the crossing that it encloses interior with, or NONE */
};

#define NONE (-1)

/* One geometry being cut. */
struct cutter {
	const struct feature *f;
	struct arena *arena;
	const struct geometry *g;
	struct run *runs;	/* one per sequence */
	struct chain *chains;
	struct crossing *crossings;
	int chain_count, crossing_count;
	bool turned;		/* a ring had to be */
	struct geometry *pieces;	/* of one polygon: rings without holes */
	struct geometry *out;	/* both have room for all; their counts grow */
	size_t room;		/* positions in either */
};

bool antimeridian_overrun(const struct extent *e)
{
	return e->min[0] >= -360 && e->max[0] <= 360
	    && ((e->min[0] < 180 && e->max[0] > 180) || (e->min[0] < -180 && e->max[0] > -180));
}

/* The first position behind a crossing edge, or past 180; false if nothing crosses. */
static bool find_crossing(const struct geometry *g, size_t *position)
{
	struct extent e;

	if (g->type == GEOM_POINT || g->type == GEOM_MULTIPOINT)
		return false;
	e = extent_of(g);
	if (!antimeridian_overrun(&e) && (e.max[0] - e.min[0] <= 180 || e.min[0] < -180 || e.max[0] > 180))
		return false;
	for (size_t s = 0; s < g->seqs; s++) {
		struct run_seq seq = run_seq(g, seq_begin(g, s), g->seq_end[s]);

		for (size_t i = seq_begin(g, s); i < g->seq_end[s]; i++)
			if (fabs(g->coords[i * g->stride]) > 180
			    || (i > seq_begin(g, s) && run_turn(g, i, &seq) != 0)) {
				*position = i;
				return true;
			}
	}
	return false;
}

/* ---- chains ---- */

static void add_chains(struct cutter *c, const struct run *r)
{
	for (size_t i = 0, begin = 0; i < r->n; i++)
		if (i + 1 == r->n || r->strip[i + 1] != r->strip[i]) {
			c->chains[c->chain_count++] =
			    (struct chain){ r, begin, i + 1 - begin, NONE, false };
			begin = i + 1;
		}
}

static void add_crossings(struct cutter *c, const struct run *r, int first)
{
	for (int k = first; k < c->chain_count; k++) {
		struct chain *from = &c->chains[k];
		size_t next = from->first + from->edges;
		bool last = next == r->n;
		int strip = last ? r->strip[0] + r->winds : r->strip[next];

		from->end = c->crossing_count;
		c->crossings[c->crossing_count++] = (struct crossing){
			r->pos[next * r->stride + 1], strip > r->strip[next - 1],
			k, last ? first : k + 1, NONE,
		};
	}
}

/* Northwards; where two meet, the one that closes an interior goes before the one that opens it. */
static int by_latitude(const void *a, const void *b)
{
	const struct crossing *x = a, *y = b;

	if (x->lat != y->lat)
		return x->lat < y->lat ? -1 : 1;
	return x->east - y->east;
}

/*
 * Pairs opposite crossings like brackets. From the south if more go eastwards: then what remains
 * is northernmost and has the north pole on its left; else from the north.
 */
static int pair_crossings(struct cutter *c)
{
	int n = c->crossing_count, depth = 0, eastwards = 0;
	int *open = arena_calloc(c->arena, (size_t)n, sizeof(*open));

	if (open == NULL)
		return -1;
	qsort(c->crossings, (size_t)n, sizeof(*c->crossings), by_latitude);
	for (int i = 0; i < n; i++) {
		c->chains[c->crossings[i].from].end = i;
		eastwards += c->crossings[i].east ? 1 : -1;
	}
	for (int k = 0; k < n; k++) {
		int i = eastwards >= 0 ? k : n - 1 - k;
		struct crossing *x = &c->crossings[i];

		if (depth > 0 && c->crossings[open[depth - 1]].east != x->east) {
			x->mate = open[--depth];
			c->crossings[x->mate].mate = i;
		} else
			open[depth++] = i;
	}
	return 0;
}

/* ---- output ---- */

static void put(struct geometry *out, const double *p)
{
	memcpy(out->coords + out->positions++ * out->stride, p, out->stride * sizeof(double));
}

/* The positions of a chain, all in one strip; the first is left out where it is there already. */
static void put_chain(struct geometry *out, const struct chain *ch, bool joined)
{
	int strip = ch->run->strip[ch->first];

	for (size_t i = 0; i <= ch->edges; i++) {
		double *p = out->coords + out->positions * out->stride;

		run_position(ch->run, ch->first + i, strip, p);
		if (i > 0 || !joined || p[0] != p[-(ptrdiff_t)out->stride]
		    || p[1] != p[1 - (ptrdiff_t)out->stride])
			out->positions++;
	}
}

/* Round by the pole on the left: north where the crossing goes east, at the height where it is. */
static void put_pole(struct geometry *out, bool east)
{
	const double *last = out->coords + (out->positions - 1) * out->stride;
	double *corner = out->coords + out->positions * out->stride;
	double side = east ? 180 : -180;

	memcpy(corner, last, out->stride * sizeof(double));
	corner[0] = side;
	corner[1] = east ? 90 : -90;
	out->positions++;
	put(out, corner);
	corner[out->stride] = -side;
}

static void end_seq(struct geometry *out)
{
	out->seq_end[out->seqs++] = (uint32_t)out->positions;
}

static bool same_place(const double *p, const double *q)
{
	return p[0] == q[0] && p[1] == q[1];
}

/* From one chain over its crossing to the next, until the ring is closed. */
static void put_ring(struct cutter *c, struct geometry *out, int first)
{
	size_t begin = out->positions;
	const double *head = out->coords + begin * out->stride;

	for (int k = first; !c->chains[k].used;) {
		struct chain *ch = &c->chains[k];
		struct crossing *x;

		ch->used = true;
		put_chain(out, ch, out->positions > begin);
		if (ch->end == NONE)
			break;
		x = &c->crossings[ch->end];
		if (x->mate == NONE)
			put_pole(out, x->east);
		k = x->mate == NONE ? x->to : c->crossings[x->mate].to;
	}
	if (!same_place(head, out->coords + (out->positions - 1) * out->stride))
		put(out, head);
	end_seq(out);
}

/* Is the feature's time up? Asked now and then, since that costs a system call. */
static bool expired(const struct cutter *c, size_t i)
{
	return i % 64 == 63 && feature_expired(c->f);
}

/* Of each chain that is a hole which was not cut, the piece that holds it: asked at the middle of its first edge. */
static int find_owners(const struct cutter *c, size_t *owner)
{
	struct owners *owners = c->pieces->seqs > 1 ? owners_new(c->pieces, c->arena) : NULL;

	if (owners == NULL)
		return c->pieces->seqs > 1 ? -1 : 0;
	for (int k = 0; k < c->chain_count; k++) {
		const struct run *hole = c->chains[k].run;
		int strip = hole->strip[0];

		if (c->chains[k].used)
			continue;
		if (expired(c, (size_t)k))
			return -1;
		owner[k] = owners_find(owners, (run_x(hole, 0, strip) + run_x(hole, 1, strip)) / 2,
		    (hole->pos[1] + hole->pos[1 + hole->stride]) / 2);
	}
	return 0;
}

/* The holes that were not cut, by piece: those of piece i are (*holes)[b] with begin[i] <= b < begin[i + 1]. */
static int sort_holes(const struct cutter *c, int **holes, size_t **begins)
{
	size_t pieces = c->pieces->seqs, chains = (size_t)c->chain_count;
	size_t *owner = arena_calloc(c->arena, chains + 1, sizeof(*owner));
	size_t *begin = *begins = arena_calloc(c->arena, pieces + 3, sizeof(*begin));

	*holes = arena_calloc(c->arena, chains + 1, sizeof(**holes));
	if (owner == NULL || begin == NULL || *holes == NULL || find_owners(c, owner) == -1)
		return -1;
	for (size_t k = 0; k < chains; k++)
		begin[owner[k] + 2] += !c->chains[k].used;
	for (size_t i = 2; i <= pieces; i++)
		begin[i] += begin[i - 1];
	for (size_t k = 0; k < chains; k++)
		if (!c->chains[k].used)
			(*holes)[begin[owner[k] + 1]++] = (int)k;
	return 0;
}

/* The pieces as parts, each with the holes that were not cut. */
static int put_parts(struct cutter *c)
{
	const struct geometry *pieces = c->pieces;
	size_t *begin;
	int *holes;

	if (sort_holes(c, &holes, &begin) == -1)
		return -1;
	for (size_t i = 0; i < pieces->seqs; i++) {
		for (size_t p = seq_begin(pieces, i); p < pieces->seq_end[i]; p++)
			put(c->out, pieces->coords + p * pieces->stride);
		end_seq(c->out);
		for (size_t k = begin[i]; k < begin[i + 1]; k++)
			put_ring(c, c->out, holes[k]);
		c->out->part_end[c->out->parts++] = (uint32_t)c->out->seqs;
	}
	return 0;
}

static int cut_polygon(struct cutter *c, size_t part)
{
	size_t shell = part_begin(c->g, part);

	c->chain_count = c->crossing_count = 0;
	c->pieces->positions = c->pieces->seqs = 0;
	for (size_t s = shell; s < c->g->part_end[part]; s++) {
		int first = c->chain_count;

		add_chains(c, &c->runs[s]);
		if (c->runs[s].breaks > 0)
			add_crossings(c, &c->runs[s], first);
	}
	if (pair_crossings(c) == -1)
		return -1;
	for (int k = 0; k < c->chain_count; k++)
		if (!c->chains[k].used && (c->chains[k].end != NONE || c->chains[k].run == &c->runs[shell]))
			put_ring(c, c->pieces, k);
	return put_parts(c);
}

/* A ring that is cut needs its inside on the left, a hole on the right. */
static int init_runs(struct cutter *c, size_t part, size_t begin, size_t end)
{
	const struct geometry *g = c->g;

	for (size_t s = begin; s < end; s++) {
		struct run *r = &c->runs[s];
		double side = s == part_begin(g, part) ? 1 : -1;

		if (run_init(r, g, seq_begin(g, s), g->seq_end[s], false, c->arena) == -1)
			return -1;
		if (!geometry_is_areal(g) || r->breaks == 0 || r->winds != 0
		    || run_area(r) * side >= 0)
			continue;
		c->turned = true;
		if (run_init(r, g, seq_begin(g, s), g->seq_end[s], true, c->arena) == -1)
			return -1;
	}
	return 0;
}

static int cutter_init(struct cutter *c, const struct feature *f, const struct geometry *g)
{
	struct arena *a = f->arena;
	size_t positions = 0, chains = 0;

	*c = (struct cutter){ .f = f, .arena = a, .g = g };
	if ((c->runs = arena_calloc(a, g->seqs, sizeof(*c->runs))) == NULL)
		return -1;
	for (size_t part = 0; part < g->parts; part++)
		if (init_runs(c, part, part_begin(g, part), g->part_end[part]) == -1)
			return -1;
	/* A chain adds its first position, a way over the pole and the end of a ring. */
	for (size_t s = 0; s < g->seqs; s++) {
		positions += c->runs[s].n + 1;
		chains += c->runs[s].breaks + 1;
	}
	c->room = positions += 4 * chains;
	c->chains = arena_calloc(a, chains, sizeof(*c->chains));
	c->crossings = arena_calloc(a, chains, sizeof(*c->crossings));
	c->pieces = geometry_new(a, g->type, g->stride, positions, chains, chains);
	c->out = geometry_new(a, g->type, g->stride, positions, chains, chains);
	if (!c->chains || !c->crossings || !c->pieces || !c->out)
		return -1;
	c->out->positions = c->out->seqs = c->out->parts = 0;
	return 0;
}

static void cut_lines(struct cutter *c)
{
	for (size_t s = 0; s < c->g->seqs; s++)
		add_chains(c, &c->runs[s]);
	for (int k = 0; k < c->chain_count; k++) {
		put_chain(c->out, &c->chains[k], false);
		end_seq(c->out);
	}
	c->out->part_end[c->out->parts++] = (uint32_t)c->out->seqs;
}

static struct geometry *cut(const struct feature *f, const struct geometry *g, bool *turned)
{
	struct cutter c;

	if (cutter_init(&c, f, g) == -1)
		return NULL;
	if (geometry_is_areal(g)) {
		for (size_t part = 0; part < g->parts; part++)
			if (expired(&c, part) || cut_polygon(&c, part) == -1)
				return NULL;
		if (c.out->parts > 1)
			c.out->type = GEOM_MULTIPOLYGON;
	} else {
		cut_lines(&c);
		if (c.out->seqs > 1)
			c.out->type = GEOM_MULTILINESTRING;
	}
	assert(c.out->positions <= c.room && c.pieces->positions <= c.room);
	*turned = c.turned;
	return antimeridian_halve(c.out, f->arena);
}

/* ---- the feature ---- */

static int visit(struct feature *f, struct geometry **slot, const struct place *place)
{
	struct geometry *g = *slot;
	struct place where;
	size_t position;
	bool turned = false;

	if (g->type == GEOM_COLLECTION) {
		for (size_t i = 0; i < g->member_count && f->fatal == R_NONE; i++) {
			struct place member = place_member(place, i);

			if (visit(f, &g->members[i], &member) == -1)
				return -1;
		}
		return 0;
	}
	if (!find_crossing(g, &position))
		return 0;
	/* A geometry that is not the document's any more has no positions to name there. */
	where = f->original == NULL ? place_position(place, g, position) : *place;
	if (feature_note(f, R_ANTIMERIDIAN, &where) != SEV_FIX)
		return 0;
	if ((g = cut(f, g, &turned)) == NULL || place_put(f, slot, g) == -1)
		return -1;
	if (turned)
		feature_note(f, R_WINDING, &where);
	return 0;
}

int antimeridian_cut(struct feature *f)
{
	struct place place = place_geometry();

	if (f->geometry != NULL && visit(f, &f->geometry, &place) == -1)
		feature_note(f, feature_expired(f) ? R_FEATURE_TIMEOUT : R_FEATURE_MEMORY, NULL);
	return f->fatal == R_NONE ? 0 : -1;
}
