/*
 * geos_shapes - the pipeline's polygons as GEOS's and back, for tests and benchmarks.
 *
 * In:  one kind of geometry. Out: the other, to be freed by whoever asked (ours lives on an arena).
 */
#ifndef GS_TESTS_GEOS_SHAPES_H
#define GS_TESTS_GEOS_SHAPES_H

#include <geos_c.h>
#include <math.h>
#include <stdlib.h>

#include "workers/pipeline/geometry.h"

static inline size_t geos_ring_count(GEOSContextHandle_t c, const GEOSGeometry *p)
{
	return GEOSisEmpty_r(c, p) ? 0 : 1 + (size_t)GEOSGetNumInteriorRings_r(c, p);
}

static inline const GEOSGeometry *geos_ring(GEOSContextHandle_t c, const GEOSGeometry *p, size_t i)
{
	return i == 0 ? GEOSGetExteriorRing_r(c, p) : GEOSGetInteriorRingN_r(c, p, (int)i - 1);
}

/* A Polygon or MultiPolygon; NULL for anything else. */
static inline struct geometry *from_geos(GEOSContextHandle_t c, const GEOSGeometry *in, struct arena *a)
{
	int type = GEOSGeomTypeId_r(c, in);
	bool multi = type == GEOS_MULTIPOLYGON;
	size_t parts = multi ? (size_t)GEOSGetNumGeometries_r(c, in) : 1, seqs = 0, at = 0, s = 0;
	unsigned stride = GEOSHasZ_r(c, in) ? 3 : 2;
	struct geometry *g;

	if (!multi && type != GEOS_POLYGON)
		return NULL;
	for (size_t i = 0; i < parts; i++)
		seqs += geos_ring_count(c, multi ? GEOSGetGeometryN_r(c, in, (int)i) : in);
	g = geometry_new(a, multi ? GEOM_MULTIPOLYGON : GEOM_POLYGON, stride,
	    (size_t)GEOSGetNumCoordinates_r(c, in), seqs, parts);
	if (g == NULL)
		return NULL;
	for (size_t i = 0; i < parts; i++) {
		const GEOSGeometry *p = multi ? GEOSGetGeometryN_r(c, in, (int)i) : in;
		size_t rings = geos_ring_count(c, p);

		for (size_t r = 0; r < rings; r++) {
			const GEOSCoordSequence *seq = GEOSGeom_getCoordSeq_r(c, geos_ring(c, p, r));
			unsigned n = 0;

			GEOSCoordSeq_getSize_r(c, seq, &n);
			GEOSCoordSeq_copyToBuffer_r(c, seq, g->coords + at * stride, stride == 3, 0);
			at += n;
			g->seq_end[s++] = (uint32_t)at;
		}
		g->part_end[i] = (uint32_t)s;
	}
	return g;
}

static inline GEOSGeometry *ring_to_geos(GEOSContextHandle_t c, const struct geometry *g, size_t seq)
{
	size_t begin = seq_begin(g, seq), n = g->seq_end[seq] - begin;
	GEOSCoordSequence *s = GEOSCoordSeq_create_r(c, (unsigned)n, 2);

	for (size_t i = 0; i < n; i++)
		GEOSCoordSeq_setXY_r(c, s, (unsigned)i, g->coords[(begin + i) * g->stride],
		    g->coords[(begin + i) * g->stride + 1]);
	return GEOSGeom_createLinearRing_r(c, s);
}

/* A MultiPolygon, or a Polygon if g is one; x and y only. */
static inline GEOSGeometry *to_geos(GEOSContextHandle_t c, const struct geometry *g)
{
	GEOSGeometry **parts = calloc(g->parts + 1, sizeof(*parts)), *out;
	GEOSGeometry **rings = calloc(g->seqs + 1, sizeof(*rings));

	for (size_t p = 0; p < g->parts; p++) {
		size_t first = part_begin(g, p), n = g->part_end[p] - first;

		for (size_t r = 0; r < n; r++)
			rings[r] = ring_to_geos(c, g, first + r);
		parts[p] = GEOSGeom_createPolygon_r(c, rings[0], rings + 1, (unsigned)n - 1);
	}
	out = g->type == GEOM_POLYGON ? parts[0]
	    : GEOSGeom_createCollection_r(c, GEOS_MULTIPOLYGON, parts, (unsigned)g->parts);
	free(parts);
	free(rings);
	return out;
}

/* The area of GEOS's own structure repair; NaN where it fails. */
static inline double geos_structure_area(GEOSContextHandle_t c, const GEOSGeometry *in)
{
	GEOSMakeValidParams *how = GEOSMakeValidParams_create_r(c);
	double area = NAN;
	GEOSGeometry *out;

	GEOSMakeValidParams_setMethod_r(c, how, GEOS_MAKE_VALID_STRUCTURE);
	out = GEOSMakeValidWithParams_r(c, in, how);
	if (out != NULL)
		GEOSArea_r(c, out, &area);
	GEOSGeom_destroy_r(c, out);
	GEOSMakeValidParams_destroy_r(c, how);
	return area;
}

#endif
