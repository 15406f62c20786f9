/* antimeridian_settle - what a repair in the plane leaves long goes half way twice; see antimeridian.h. */
#include <string.h>

#include "workers/pipeline/antimeridian.h"
#include "workers/pipeline/antimeridian_run.h"
#include "workers/pipeline/locate.h"

static bool is_long(const struct geometry *g, size_t s, size_t i, const struct run_pole *pole)
{
	return i > seq_begin(g, s) && run_turn(g, i, pole) != 0;
}

/* g with a position half way along each edge that would be taken for a crossing one; g itself if there is none. */
static struct geometry *halved(struct geometry *g, struct arena *a)
{
	struct geometry *out;
	size_t at = 0, more = 0;

	for (size_t s = 0; s < g->seqs; s++) {
		struct run_pole pole = run_pole(g, seq_begin(g, s), g->seq_end[s]);

		for (size_t i = seq_begin(g, s); i < g->seq_end[s]; i++)
			more += is_long(g, s, i, &pole);
	}
	if (more == 0)
		return g;
	if ((out = geometry_new(a, g->type, g->stride, g->positions + more, g->seqs, g->parts)) == NULL)
		return NULL;
	memcpy(out->part_end, g->part_end, g->parts * sizeof(*g->part_end));
	for (size_t s = 0; s < g->seqs; s++) {
		struct run_pole pole = run_pole(g, seq_begin(g, s), g->seq_end[s]);

		for (size_t i = seq_begin(g, s); i < g->seq_end[s]; i++) {
			const double *q = g->coords + i * g->stride;

			if (is_long(g, s, i, &pole)) {
				for (unsigned k = 0; k < g->stride; k++)
					out->coords[at * g->stride + k] = (q[k] + q[(ptrdiff_t)k - g->stride]) / 2;
				at++;
			}
			memcpy(out->coords + at++ * g->stride, q, g->stride * sizeof(double));
		}
		out->seq_end[s] = (uint32_t)at;
	}
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
	if ((g = halved(g, f->arena)) == NULL)
		return -1;
	return g == *slot ? 0 : place_put(f, slot, g);
}

int antimeridian_settle(struct feature *f)
{
	if (f->severity[R_ANTIMERIDIAN] == SEV_FIX && f->geometry != NULL && halve(f, &f->geometry) == -1)
		feature_note(f, R_FEATURE_MEMORY, NULL);
	return f->fatal == R_NONE ? 0 : -1;
}
