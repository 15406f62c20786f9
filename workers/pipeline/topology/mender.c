/* mender - see mender.h. */
#include "workers/pipeline/topology/mender.h"

#include <string.h>

#include "lib/clock.h"
#include "workers/pipeline/precision.h"
#include "workers/pipeline/topology/condense.h"
#include "workers/pipeline/topology/heights.h"
#include "workers/pipeline/winding.h"

bool mender_expired(const struct mender *m)
{
	return m->deadline_ms != UINT64_MAX && clock_thread_ms() >= m->deadline_ms;
}

static bool expired(void *ctx)
{
	return mender_expired(ctx);
}

int mender_init(struct mender *m)
{
	memset(m, 0, sizeof(*m));
	m->geos = geos_new(expired, m);
	m->deadline_ms = UINT64_MAX;
	return m->geos != NULL ? 0 : -1;
}

void mender_forget(struct mender *m)
{
	repair_close(&m->open);
	m->checked = NULL;
}

void mender_clear(struct mender *m)
{
	mender_forget(m);
	geos_free(&m->geos);
}

static struct repair_limits limits(struct mender *m)
{
	struct repair_limits l = REPAIR_LIMITS_INIT;

	l.interrupted = expired;
	l.ctx = m;
	return l;
}

/* Not all of GEOS's versions can be stopped in the midst of this; so at least it is not begun. */
static enum geos_verdict ask_geos(struct mender *m, const struct geometry *g, struct geos_fault *fault)
{
	if (!mender_expired(m))
		return geos_check(m->geos, g, fault);
	if (fault != NULL)
		*fault = (struct geos_fault){ .reason = "time is up" };
	return GEOS_UNDECIDED;
}

/* Where the sweep gives up there is too much to find, and GEOS names the first of it. */
enum geos_verdict mender_check(struct mender *m, const struct geometry *g, struct geos_fault *fault)
{
	struct repair_limits l = limits(m);

	mender_forget(m);
	if (g->positions == 0)
		return GEOS_VALID;
	m->checked = g;
	m->failed = (struct err)ERR_INIT;
	if (repair_open(&m->open, g, &l, &m->failed) == 0)
		return GEOS_VALID;
	if (fault == NULL && m->open != NULL && repair_crosses(m->open))
		return GEOS_INVALID;
	return ask_geos(m, g, fault);
}

/* GEOS's verdict on what was made, from fewer positions where those decide it. */
static bool confirmed(struct mender *m, const struct geometry *g, struct arena *a)
{
	const struct geometry *small = condense(g, a);

	return (small != NULL && ask_geos(m, small, NULL) == GEOS_VALID)
	    || ask_geos(m, g, NULL) == GEOS_VALID;
}

static void keep_kind(struct geometry *out, const struct geometry *g)
{
	if (g->type == GEOM_MULTIPOLYGON)
		out->type = GEOM_MULTIPOLYGON;
}

struct geometry *mender_mend(struct mender *m, const struct geometry *g, struct arena *a,
    enum reject_code *why)
{
	struct repair_limits l = limits(m);
	struct repair_stats stats;
	struct err e = ERR_INIT;
	struct geometry *out = NULL;

	if (m->checked != g)
		out = repair_areal(g, a, &l, &stats, &e);
	else if (m->open != NULL)
		out = repair_finish(&m->open, a, &stats, &e);
	else
		e = m->failed;
	mender_forget(m);
	if (out == NULL) {
		*why = e.cls == ERR_SYSTEM ? R_FEATURE_MEMORY : (enum reject_code)e.code;
		return NULL;
	}
	if (!confirmed(m, out, a)) {
		*why = mender_expired(m) ? R_FEATURE_TIMEOUT : R_REPAIR_FAILED;
		return NULL;
	}
	keep_kind(out, g);
	return out;
}

/*
 * In whole numbers: GEOS knows a grid by the size of its cells alone, which no double is for decimals, and then takes
 * halves to another cell than precision.c does. So a border would leave its neighbour's, that was rounded alone.
 */
struct geometry *mender_snap(struct mender *m, const struct geometry *g, int decimals, struct arena *a)
{
	const struct geometry *cells = g->stride <= 3 ? precision_cells(g, decimals, a) : NULL;
	struct geometry *out = cells != NULL ? geos_round(m->geos, cells, a) : NULL;

	if (out == NULL || out->positions == 0)
		return NULL;
	precision_of_cells(out, decimals);
	if (heights_of_first(out, g, decimals, a) != 0)
		return NULL;
	winding_set(out);
	keep_kind(out, g);
	return confirmed(m, out, a) ? out : NULL;
}

/* One that sums up to nothing may still have lobes: then a repair of it alone leaves them. */
bool mender_ring_is_flat(struct mender *m, const struct geometry *g, size_t s, struct arena *a)
{
	size_t begin = seq_begin(g, s);
	uint32_t positions = (uint32_t)(g->seq_end[s] - begin), one = 1;
	const struct geometry ring = {
		.type = GEOM_POLYGON, .stride = g->stride, .coords = g->coords + begin * g->stride,
		.positions = positions, .seq_end = &positions, .seqs = 1, .part_end = &one, .parts = 1,
	};
	struct repair_limits l = limits(m);
	struct repair_stats stats;
	struct err e = ERR_INIT;

	return geometry_ring_area(g, begin, g->seq_end[s]) == 0
	    && repair_areal(&ring, a, &l, &stats, &e) == NULL && e.code == R_REPAIR_EMPTY;
}
