/*
 * random_shapes - polygons as broken as can be, the same for the same seed.
 *
 * In:  a seed. Out: Polygons and MultiPolygons on an arena; most of them are invalid.
 * Corners lie on coarse grids, so that they meet, overlap and line up all the time; some grids
 * are moved and scaled so that what lines up does so only nearly.
 */
#ifndef GS_TESTS_RANDOM_SHAPES_H
#define GS_TESTS_RANDOM_SHAPES_H

#include <math.h>
#include <string.h>

#include "workers/pipeline/geometry.h"

struct random {
	uint64_t state;
};

static inline uint32_t random_below(struct random *r, uint32_t n)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) % n);
}

struct random_shape {
	double xy[2048][2];
	size_t positions, seqs, parts;
	uint32_t seq_end[128], part_end[64];
};

static inline void shape_corner(struct random_shape *s, double x, double y)
{
	s->xy[s->positions][0] = x;
	s->xy[s->positions++][1] = y;
}

static inline void shape_close(struct random_shape *s)
{
	uint32_t begin = s->seqs == 0 ? 0 : s->seq_end[s->seqs - 1];

	shape_corner(s, s->xy[begin][0], s->xy[begin][1]);
	s->seq_end[s->seqs++] = (uint32_t)s->positions;
}

static inline void shape_scribble(struct random *r, struct random_shape *s, uint32_t grid)
{
	uint32_t n = 3 + random_below(r, 7), x = 0, y = 0, last_x = 0, last_y = 0;

	for (uint32_t i = 0; i < n; i++) {
		last_x = x;
		last_y = y;
		x = random_below(r, grid);
		y = random_below(r, grid);
		shape_corner(s, x, y);
		if (i > 0 && random_below(r, 8) == 0)	/* a spike */
			shape_corner(s, last_x, last_y);
	}
	shape_close(s);
}

static inline void shape_box(struct random *r, struct random_shape *s, uint32_t grid)
{
	uint32_t x = random_below(r, grid), y = random_below(r, grid);
	uint32_t w = 1 + random_below(r, grid / 2), h = 1 + random_below(r, grid / 2);

	shape_corner(s, x, y);
	shape_corner(s, random_below(r, 2) ? x + w : x, y);
	shape_corner(s, x + w, y + h);
	shape_corner(s, x, y + h);
	shape_close(s);
}

static inline void shape_again(struct random *r, struct random_shape *s)
{
	uint32_t from = random_below(r, (uint32_t)s->seqs);
	uint32_t begin = from == 0 ? 0 : s->seq_end[from - 1], n = s->seq_end[from] - begin - 1;
	uint32_t shift = random_below(r, n), back = random_below(r, 2);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = begin + ((back ? n - i : i) + shift) % n;

		shape_corner(s, s->xy[k][0], s->xy[k][1]);
	}
	shape_close(s);
}

static inline struct geometry *random_shape(struct random *r, struct arena *a)
{
	static const double scale[] = { 1, 1, 0.1, 1 / 3.0, 1e-5, 1000.7 };
	static const double shift[] = { 0, 0, -122.41, 1e3 / 7, 51.3, -1e6 };
	static const double tilt[] = { 0, 0, 0, 0.37, 1e-9, 0.1 };
	struct random_shape s = { .positions = 0 };
	uint32_t parts = random_below(r, 3) == 0 ? 1 + random_below(r, 4) : 1;
	uint32_t grid = 3 + random_below(r, 12), k = random_below(r, 6);
	struct geometry *g;

	for (uint32_t p = 0; p < parts; p++) {
		uint32_t rings = random_below(r, 2) == 0 ? 1 : 1 + random_below(r, 4);

		for (uint32_t i = 0; i < rings; i++)
			switch (s.seqs > 0 ? random_below(r, 8) : random_below(r, 7)) {
			case 0: case 1: case 2: case 3: shape_scribble(r, &s, grid); break;
			case 4: case 5: case 6: shape_box(r, &s, grid); break;
			default: shape_again(r, &s);
			}
		s.part_end[s.parts++] = (uint32_t)s.seqs;
	}
	g = geometry_new(a, parts == 1 ? GEOM_POLYGON : GEOM_MULTIPOLYGON, 2, s.positions, s.seqs, s.parts);
	memcpy(g->seq_end, s.seq_end, s.seqs * sizeof(uint32_t));
	memcpy(g->part_end, s.part_end, s.parts * sizeof(uint32_t));
	for (size_t i = 0; i < s.positions; i++) {
		g->coords[2 * i] = s.xy[i][0] * scale[k] + s.xy[i][1] * tilt[k] * scale[k] + shift[k];
		g->coords[2 * i + 1] = s.xy[i][1] * scale[k] - s.xy[i][0] * tilt[k] * scale[k] - shift[k] / 2;
	}
	return g;
}

/* Scales a third of the ordinates by a power of two, or moves them by their last digit. */
static inline void random_distort(struct random *r, struct geometry *g)
{
	uint32_t how = random_below(r, 4);

	for (size_t i = 0; i < 2 * g->positions; i++) {
		double *x = &g->coords[i];

		if (random_below(r, 3) != 0)
			continue;
		switch (how) {
		case 0: *x = ldexp(*x, (int)random_below(r, 400) - 300); break;
		case 1: *x = ldexp(*x, (int)random_below(r, 60) - 50); break;
		case 2: *x = nextafter(*x, random_below(r, 2) ? 1e9 : -1e9); break;
		default: *x = ldexp(*x, (int)random_below(r, 60) - 1074);
		}
	}
	for (size_t s = 0; s < g->seqs; s++)
		for (unsigned k = 0; k < 2; k++)
			g->coords[2 * (g->seq_end[s] - 1) + k] = g->coords[2 * seq_begin(g, s) + k];
}

#endif
