/* antimeridian_settle - what a repair in the plane leaves long goes half way twice; see antimeridian.h. */
#include <math.h>
#include <string.h>

#include "workers/pipeline/antimeridian.h"
#include "workers/pipeline/antimeridian_run.h"
#include "workers/pipeline/locate.h"

static bool turns(const struct geometry *g, size_t s, size_t i, const struct run_seq *seq)
{
	return i > seq_begin(g, s) && run_turn(g, i, seq) != 0;
}

static bool any_turns(const struct geometry *g)
{
	for (size_t s = 0; s < g->seqs; s++) {
		struct run_seq seq = run_seq(g, seq_begin(g, s), g->seq_end[s]);

		for (size_t i = seq_begin(g, s); i < g->seq_end[s]; i++)
			if (turns(g, s, i, &seq))
				return true;
	}
	return false;
}

static void put_half(struct geometry *out, const double *p, const double *q)
{
	double *half = out->coords + out->positions++ * out->stride;

	for (unsigned k = 0; k < out->stride; k++)
		half[k] = (p[k] + q[k]) / 2;
}

/* g with a position half way along each edge that would be taken for a crossing one, or along all that are so wide. */
static struct geometry *halved(const struct geometry *g, bool all, struct arena *a)
{
	struct geometry *out = geometry_new(a, g->type, g->stride, 2 * g->positions, g->seqs, g->parts);

	if (out == NULL)
		return NULL;
	out->positions = 0;
	memcpy(out->part_end, g->part_end, g->parts * sizeof(*g->part_end));
	for (size_t s = 0; s < g->seqs; s++) {
		struct run_seq seq = run_seq(g, seq_begin(g, s), g->seq_end[s]);

		for (size_t i = seq_begin(g, s); i < g->seq_end[s]; i++) {
			const double *q = g->coords + i * g->stride, *p = q - g->stride;

			if (turns(g, s, i, &seq)
			    || (all && i > seq_begin(g, s) && fabs(q[0] - p[0]) > 180 && fabs(q[1]) < 90))
				put_half(out, p, q);
			memcpy(out->coords + out->positions++ * g->stride, q, g->stride * sizeof(double));
		}
		out->seq_end[s] = (uint32_t)out->positions;
	}
	return out;
}

struct geometry *antimeridian_halve(struct geometry *g, struct arena *a)
{
	struct geometry *out = g;

	if (any_turns(g))
		out = halved(g, false, a);
	/* A position more may show its neighbour as an edge over the line. */
	if (out != NULL && out != g && any_turns(out))
		out = halved(g, true, a);
	return out;
}

static int halve(struct feature *f, struct geometry **slot)
{
	struct geometry *g = *slot;

	for (size_t i = 0; i < g->member_count; i++)
		if (halve(f, &g->members[i]) == -1)
			return -1;
	if (!geometry_is_areal(g))
		return 0;
	if ((g = antimeridian_halve(g, f->arena)) == NULL)
		return -1;
	return g == *slot ? 0 : place_put(f, slot, g);
}

int antimeridian_settle(struct feature *f)
{
	if (f->severity[R_ANTIMERIDIAN] == SEV_FIX && f->geometry != NULL && halve(f, &f->geometry) == -1)
		feature_note(f, R_FEATURE_MEMORY, NULL);
	return f->fatal == R_NONE ? 0 : -1;
}
