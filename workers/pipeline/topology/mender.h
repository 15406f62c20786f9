/*
 * mender - one areal geometry: is it valid, and the valid one in its place.
 *
 * In:  areal geometries whose ordinates are finite. Out: verdicts and new geometries on an arena.
 *      Depends on repair/ for the work and on geos.h for the last word. Knows no features.
 */
#ifndef GS_PIPELINE_TOPOLOGY_MENDER_H
#define GS_PIPELINE_TOPOLOGY_MENDER_H

#include <stdint.h>

#include "lib/err.h"
#include "schema/reject.h"
#include "workers/pipeline/repair/repair.h"
#include "workers/pipeline/topology/geos.h"

struct mender {
	struct geos *geos;
	uint64_t deadline_ms;	/* in CPU time of this thread; UINT64_MAX: none */
	const struct geometry *checked;	/* last */
	struct repair *open;		/* its repair, begun; NULL: it is sound, or `failed` */
	struct err failed;		/* why it could not be begun */
};

int mender_init(struct mender *m);	/* -1: no memory. It must not move afterwards. */
void mender_clear(struct mender *m);

/* Is the time up? */
bool mender_expired(const struct mender *m);

/*
 * GEOS's verdict, without asking GEOS where the sweep of repair/ finds nothing; nor, if no name is wanted
 * (fault is NULL), where it finds what GEOS finds. What it found is kept for mender_mend, until mender_forget.
 */
enum geos_verdict mender_check(struct mender *m, const struct geometry *g, struct geos_fault *fault);
void mender_forget(struct mender *m);

/*
 * A valid geometry with g's interior (docs/repair.md), or NULL and why: REPAIR_EMPTY, REPAIR_FAILED,
 * FEATURE_TIMEOUT, FEATURE_MEMORY. A MultiPolygon stays one.
 */
struct geometry *mender_mend(struct mender *m, const struct geometry *g, struct arena *a,
    enum reject_code *why);

/*
 * The valid g on the grid of so many decimals, valid; NULL if nothing would be left, or it has more than three
 * ordinates, or GEOS fails.
 */
struct geometry *mender_snap(struct mender *m, const struct geometry *g, int decimals, struct arena *a);

/* Does a ring (sequence s of g) enclose nothing, like a line there and back? */
bool mender_ring_is_flat(struct mender *m, const struct geometry *g, size_t s, struct arena *a);

#endif
