/*
 * made_shapes - large geometries with known faults, for tests and benchmarks.
 *
 * In:  a size. Out: a geometry on an arena, the same every time.
 */
#ifndef GS_TESTS_MADE_SHAPES_H
#define GS_TESTS_MADE_SHAPES_H

#include <math.h>

#include "tests/oracle/random_shapes.h"

static inline void made_corner(struct geometry *g, size_t *at, double x, double y)
{
	g->coords[*at * 2] = x;
	g->coords[*at * 2 + 1] = y;
	++*at;
}

/* A wavy circle; every positions / faults corners two neighbours are swapped. */
static inline struct geometry *made_ring(struct arena *a, size_t positions, size_t faults)
{
	struct geometry *g = geometry_new(a, GEOM_POLYGON, 2, positions + 1, 1, 1);
	size_t at = 0;

	for (size_t i = 0; i <= positions; i++) {
		size_t k = i % positions, step = faults > 0 ? positions / faults : 3 * positions;
		double t, r;

		if (k > 0 && k % step == step / 2)
			k++;
		else if (k > 0 && k % step == step / 2 + 1)
			k--;
		t = (double)k * 6.283185307179586 / (double)positions;
		r = 40 + 5 * sin(37 * t) + 0.3 * sin(977 * t);
		made_corner(g, &at, r * cos(t), r * sin(t));
	}
	g->seq_end[0] = (uint32_t)at;
	g->part_end[0] = 1;
	return g;
}

static inline void made_square(struct geometry *g, size_t *at, double x, double y, double side)
{
	made_corner(g, at, x, y);
	made_corner(g, at, x + side, y);
	made_corner(g, at, x + side, y + side);
	made_corner(g, at, x, y + side);
	made_corner(g, at, x, y);
}

/* n by n squares `step` apart, as parts of one MultiPolygon, each with a hole or without. */
static inline struct geometry *made_squares(struct arena *a, size_t n, double step, bool holes)
{
	size_t rings = holes ? 2 : 1, at = 0;
	struct geometry *g = geometry_new(a, GEOM_MULTIPOLYGON, 2, n * n * rings * 5, n * n * rings, n * n);

	for (size_t i = 0; i < n * n; i++) {
		double x = (double)(i % n) * step, y = (double)(i / n) * step;

		made_square(g, &at, x, y, 1);
		if (holes)
			made_square(g, &at, x + 0.25, y + 0.25, 0.5);
		for (size_t r = 0; r < rings; r++)
			g->seq_end[i * rings + r] = (uint32_t)((i * rings + r + 1) * 5);
		g->part_end[i] = (uint32_t)((i + 1) * rings);
	}
	return g;
}

/* Swaps two corners of the first ring: a bow-tie. */
static inline struct geometry *made_bow_tie(struct geometry *g)
{
	for (unsigned k = 2; k < 4; k++) {
		double t = g->coords[k];

		g->coords[k] = g->coords[k + 2];
		g->coords[k + 2] = t;
	}
	return g;
}

static inline struct geometry *made_scribble(struct arena *a, size_t segments)
{
	struct geometry *g = geometry_new(a, GEOM_POLYGON, 2, segments + 1, 1, 1);
	struct random r = { 7 };
	size_t at = 0;

	while (at < segments) {
		double x = random_below(&r, 1u << 30) * 0x1p-24, y = random_below(&r, 1u << 30) * 0x1p-24;

		made_corner(g, &at, x, y);
	}
	made_corner(g, &at, g->coords[0], g->coords[1]);
	g->seq_end[0] = (uint32_t)at;
	g->part_end[0] = 1;
	return g;
}

/* A comb of long teeth at 45 degrees: every box meets every other. */
static inline struct geometry *made_comb(struct arena *a, size_t teeth, double length)
{
	struct geometry *g = geometry_new(a, GEOM_POLYGON, 2, 2 * teeth + 2, 1, 1);
	size_t at = 0;

	for (size_t i = 0; i < teeth; i++) {
		double x = (double)i * 1e-3;

		made_corner(g, &at, x, -x);
		made_corner(g, &at, x + 5e-4 + length, length - x);
	}
	made_corner(g, &at, (double)teeth * 1e-3, -(double)teeth * 1e-3 - 1);
	made_corner(g, &at, 0, 0);
	g->seq_end[0] = (uint32_t)at;
	g->part_end[0] = 1;
	return g;
}

#endif
