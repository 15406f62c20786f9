/*
 * precision - rounds coordinates to decimals.
 *
 * In:  a geometry. Out: a copy with every ordinate, heights too, on the decimal grid. Knows
 *      nothing of validity: topology.c does the polygons. Depends on geometry.h.
 */
#ifndef GS_PIPELINE_PRECISION_H
#define GS_PIPELINE_PRECISION_H

#include "workers/pipeline/geometry.h"

#define PRECISION_MAX 15	/* decimals; a double has no more */

/* The double nearest to x rounded half away from zero; x itself where it has no such decimals. */
double precision_value(double x, int decimals);

/*
 * g (no collection) with its ordinates rounded; a line that would lose its length keeps its
 * positions as they are. NULL without memory.
 */
struct geometry *precision_round(const struct geometry *g, int decimals, struct arena *a);

/*
 * For who rounds positions to whole numbers, halves up: g with x and y in cells of the grid, such that each of its
 * positions lands where precision_round puts it. NULL without memory, or where doubles have no such decimals.
 */
struct geometry *precision_cells(const struct geometry *g, int decimals, struct arena *a);
/* Back: x and y from whole numbers of cells, heights rounded. */
void precision_of_cells(struct geometry *g, int decimals);

#endif
