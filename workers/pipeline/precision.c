/* precision - see precision.h. */
#include "workers/pipeline/precision.h"

#include <math.h>
#include <string.h>

#define WHOLE 4503599627370496.0	/* 2^52: doubles beyond have no fraction */

/* Powers of ten are exact, and so is the rounded product: the quotient is the nearest double. */
static double on_grid(double x, double scale)
{
	double scaled = x * scale;

	return fabs(scaled) < WHOLE ? round(scaled) / scale + 0.0 : x;	/* what rounds to nothing is 0, not -0 */
}

static double scale_of(int decimals)
{
	double scale = 1;

	while (decimals-- > 0)
		scale *= 10;
	return scale;
}

double precision_value(double x, int decimals)
{
	return on_grid(x, scale_of(decimals));
}

/* A geometry like g, its coordinates still to be set. */
static struct geometry *alike(const struct geometry *g, struct arena *a)
{
	struct geometry *out = geometry_new(a, g->type, g->stride, g->positions, g->seqs, g->parts);

	if (out != NULL && g->seqs > 0)
		memcpy(out->seq_end, g->seq_end, g->seqs * sizeof(*g->seq_end));
	if (out != NULL && g->parts > 0)
		memcpy(out->part_end, g->part_end, g->parts * sizeof(*g->part_end));
	return out;
}

struct geometry *precision_round(const struct geometry *g, int decimals, struct arena *a)
{
	struct geometry *out = alike(g, a);
	double scale = scale_of(decimals);

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < g->positions * g->stride; i++)
		out->coords[i] = on_grid(g->coords[i], scale);
	for (size_t s = 0; s < g->seqs; s++) {
		size_t at = seq_begin(g, s) * g->stride;
		size_t n = (g->seq_end[s] - seq_begin(g, s)) * g->stride;

		if ((g->type == GEOM_LINESTRING || g->type == GEOM_MULTILINESTRING)
		    && n > 0 && !geometry_has_length(out, s))
			memcpy(out->coords + at, g->coords + at, n * sizeof(double));
	}
	return out;
}

/* x in cells. Halves go away from 0, as on_grid has it, also where who rounds takes them up. */
static double in_cells(double x, double scale)
{
	double scaled = x * scale;

	return scaled < 0 && scaled - trunc(scaled) == -0.5 ? nextafter(scaled, -INFINITY) : scaled;
}

struct geometry *precision_cells(const struct geometry *g, int decimals, struct arena *a)
{
	struct geometry *out = alike(g, a);
	double scale = scale_of(decimals);

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < g->positions * g->stride; i++) {
		out->coords[i] = i % g->stride < 2 ? in_cells(g->coords[i], scale) : g->coords[i];
		if (i % g->stride < 2 && !(fabs(out->coords[i]) < WHOLE))
			return NULL;
	}
	return out;
}

void precision_of_cells(struct geometry *g, int decimals)
{
	double scale = scale_of(decimals);

	for (size_t i = 0; i < g->positions * g->stride; i++)
		g->coords[i] = i % g->stride < 2 ? round(g->coords[i]) / scale + 0.0 : on_grid(g->coords[i], scale);
}
