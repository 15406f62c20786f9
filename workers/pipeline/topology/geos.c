/* geos - see geos.h. */
#include "workers/pipeline/topology/geos.h"

#include <geos_c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* GEOS 3.11 asks at each monotone chain, far more often than a clock needs reading; 3.13 at every three hundredth, and
 * not at all while it checks validity. */
#define INTERRUPT_STRIDE (GEOS_VERSION_MAJOR == 3 && GEOS_VERSION_MINOR < 12 ? 256 : 1)

struct geos {
	GEOSContextHandle_t handle;
	bool (*expired)(void *ctx);
	void *ctx;
	unsigned asked;
	char message[64];
};

static struct geos *running;	/* for the callback, which GEOS calls without an argument */

static void on_interrupt(void)
{
	if (running != NULL && ++running->asked % INTERRUPT_STRIDE == 0
	    && running->expired(running->ctx))
		GEOS_interruptRequest();
}

static void on_error(const char *message, void *ctx)
{
	struct geos *t = ctx;

	snprintf(t->message, sizeof(t->message), "%s", message);
}

static void enter(struct geos *t)
{
	t->message[0] = '\0';
	running = t;
}

static void leave(void)
{
	running = NULL;
	GEOS_interruptCancel();
}

struct geos *geos_new(bool (*expired)(void *ctx), void *ctx)
{
	struct geos *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->expired = expired;
	t->ctx = ctx;
	if ((t->handle = GEOS_init_r()) == NULL) {
		geos_free(&t);
		return NULL;
	}
	GEOSContext_setErrorMessageHandler_r(t->handle, on_error, t);
	GEOS_interruptRegisterCallback(on_interrupt);
	return t;
}

void geos_free(struct geos **t)
{
	if (*t == NULL)
		return;
	if ((*t)->handle != NULL)
		GEOS_finish_r((*t)->handle);
	free(*t);
	*t = NULL;
}

/* ---- to GEOS ---- */

static GEOSCoordSequence *to_sequence(struct geos *t, const struct geometry *g, size_t begin, size_t end)
{
	const double *p = g->coords + begin * g->stride;
	unsigned n = (unsigned)(end - begin);
	GEOSCoordSequence *s;

	if (g->stride <= 3)
		return GEOSCoordSeq_copyFromBuffer_r(t->handle, p, n, g->stride == 3, 0);
	if ((s = GEOSCoordSeq_create_r(t->handle, n, 3)) == NULL)
		return NULL;
	for (unsigned i = 0; i < n; i++, p += g->stride)
		GEOSCoordSeq_setXYZ_r(t->handle, s, i, p[0], p[1], p[2]);
	return s;
}

static void destroy_all(struct geos *t, GEOSGeometry **all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		GEOSGeom_destroy_r(t->handle, all[i]);
	free(all);
}

static GEOSGeometry *to_polygon(struct geos *t, const struct geometry *g, size_t part)
{
	size_t first = part_begin(g, part), n = g->part_end[part] - first;
	GEOSGeometry **rings, *polygon;

	if (n == 0)
		return GEOSGeom_createEmptyPolygon_r(t->handle);
	if ((rings = calloc(n, sizeof(GEOSGeometry *))) == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		GEOSCoordSequence *s = to_sequence(t, g, seq_begin(g, first + i), g->seq_end[first + i]);

		if (s == NULL || (rings[i] = GEOSGeom_createLinearRing_r(t->handle, s)) == NULL) {
			destroy_all(t, rings, i);
			return NULL;
		}
	}
	/* The polygon takes its rings, and destroys them where it fails. */
	polygon = GEOSGeom_createPolygon_r(t->handle, rings[0], rings + 1, (unsigned)n - 1);
	free(rings);
	return polygon;
}

static GEOSGeometry *to_geos(struct geos *t, const struct geometry *g)
{
	GEOSGeometry **polygons, *all;

	if (g->type == GEOM_POLYGON)
		return to_polygon(t, g, 0);
	if ((polygons = calloc(g->parts + 1, sizeof(GEOSGeometry *))) == NULL)
		return NULL;
	for (size_t i = 0; i < g->parts; i++)
		if ((polygons[i] = to_polygon(t, g, i)) == NULL) {
			destroy_all(t, polygons, i);
			return NULL;
		}
	all = GEOSGeom_createCollection_r(t->handle, GEOS_MULTIPOLYGON, polygons, (unsigned)g->parts);
	free(polygons);
	return all;
}

/* ---- from GEOS: the polygons in it, however deep ---- */

static const GEOSGeometry *ring_of(struct geos *t, const GEOSGeometry *polygon, int i)
{
	return i == 0 ? GEOSGetExteriorRing_r(t->handle, polygon)
	    : GEOSGetInteriorRingN_r(t->handle, polygon, i - 1);
}

static void put_polygon(struct geos *t, const GEOSGeometry *polygon, struct geometry *out, bool fill)
{
	int rings = GEOSisEmpty_r(t->handle, polygon) ? 0
	    : 1 + GEOSGetNumInteriorRings_r(t->handle, polygon);

	if (rings == 0)
		return;
	for (int i = 0; i < rings; i++) {
		const GEOSCoordSequence *s = GEOSGeom_getCoordSeq_r(t->handle, ring_of(t, polygon, i));
		unsigned n = 0;

		GEOSCoordSeq_getSize_r(t->handle, s, &n);
		if (fill) {
			GEOSCoordSeq_copyToBuffer_r(t->handle, s,
			    out->coords + out->positions * out->stride, out->stride == 3, 0);
			out->seq_end[out->seqs] = (uint32_t)(out->positions + n);
		}
		out->positions += n;
		out->seqs++;
	}
	if (fill)
		out->part_end[out->parts] = (uint32_t)out->seqs;
	out->parts++;
}

/* Without fill only the counts of out grow. */
static void put_polygons(struct geos *t, const GEOSGeometry *in, struct geometry *out, bool fill)
{
	switch (GEOSGeomTypeId_r(t->handle, in)) {
	case GEOS_POLYGON:
		put_polygon(t, in, out, fill);
		break;
	case GEOS_MULTIPOLYGON:
	case GEOS_GEOMETRYCOLLECTION:
		for (int i = 0; i < GEOSGetNumGeometries_r(t->handle, in); i++)
			put_polygons(t, GEOSGetGeometryN_r(t->handle, in, i), out, fill);
		break;
	default:
		break;
	}
}

static struct geometry *from_geos(struct geos *t, const GEOSGeometry *in, unsigned stride, struct arena *a)
{
	struct geometry count = { .type = GEOM_POLYGON }, *out;

	put_polygons(t, in, &count, false);
	out = geometry_new(a, count.parts > 1 ? GEOM_MULTIPOLYGON : GEOM_POLYGON,
	    stride < 3 ? stride : 3, count.positions, count.seqs, count.parts);
	if (out == NULL)
		return NULL;
	out->positions = out->seqs = out->parts = 0;
	put_polygons(t, in, out, true);
	return out;
}

/* ---- what it is asked ---- */

enum geos_verdict geos_check(struct geos *t, const struct geometry *g, struct geos_fault *fault)
{
	enum geos_verdict verdict = GEOS_UNDECIDED;
	GEOSGeometry *in, *where = NULL;
	char *reason = NULL;

	enter(t);
	if ((in = to_geos(t, g)) != NULL) {
		char valid = fault == NULL ? GEOSisValid_r(t->handle, in)
		    : GEOSisValidDetail_r(t->handle, in, 0, &reason, &where);

		verdict = valid == 1 ? GEOS_VALID : valid == 0 ? GEOS_INVALID : GEOS_UNDECIDED;
	}
	if (fault != NULL && verdict != GEOS_VALID) {
		memset(fault, 0, sizeof(*fault));
		snprintf(fault->reason, sizeof(fault->reason), "%s", reason != NULL ? reason : t->message);
		if (where != NULL) {
			GEOSGeomGetX_r(t->handle, where, &fault->at[0]);
			GEOSGeomGetY_r(t->handle, where, &fault->at[1]);
		}
	}
	GEOSFree_r(t->handle, reason);
	GEOSGeom_destroy_r(t->handle, where);
	GEOSGeom_destroy_r(t->handle, in);
	leave();
	return verdict;
}

struct geometry *geos_round(struct geos *t, const struct geometry *g, struct arena *a)
{
	GEOSGeometry *in, *rounded = NULL;
	struct geometry *out = NULL;

	enter(t);
	if ((in = to_geos(t, g)) != NULL)
		rounded = GEOSGeom_setPrecision_r(t->handle, in, 1, 0);
	if (rounded != NULL)
		out = from_geos(t, rounded, g->stride, a);
	GEOSGeom_destroy_r(t->handle, rounded);
	GEOSGeom_destroy_r(t->handle, in);
	leave();
	return out;
}
