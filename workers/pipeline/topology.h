/*
 * topology - is this geometry valid as OGC Simple Features mean it, and if not, mend it.
 *
 * In:  a feature that validate.c found structurally sound. Out: the same feature; where it was
 *      mended, new coordinates and findings that say what was wrong, where, and what it cost.
 *      Depends on topology/ (GEOS) and repair/.
 *
 * The sweep of repair/ finds out whether there is anything to ask; GEOS is asked for the reason,
 * and confirms what repair/ made. Validity is GEOS's in every case.
 */
#ifndef GS_PIPELINE_TOPOLOGY_H
#define GS_PIPELINE_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "workers/pipeline/feature.h"

struct topology_options {
	unsigned timeout_ms;	/* of CPU, for one feature: what else the machine does has no part in it; 0: none */
	double max_area_loss;	/* share of the area that a repair may lose, 0 to 1 */
	bool lonlat;		/* whole turns do not count when a fault's position is looked up */
};

struct topology;

struct topology *topology_new(const struct topology_options *o, struct err *e);
void topology_free(struct topology **t);	/* NULL-safe; clears it */

/* A feature begins: its time runs from here. Returns when it is up, in this thread's CPU time; 0: never. */
uint64_t topology_start(struct topology *t);

/*
 * Finds, names and mends the document's faults. 0: f goes on, maybe repaired. -1: f->fatal says
 * why it does not. The area before a repair is what a reader without topology sums up: of each
 * part the ring area of its shell less those of its holes. So parts that lie on each other count
 * twice before and once after, and a bow-tie, whose lobes cancel out, gains.
 */
int topology_check(struct topology *t, struct feature *f);

/*
 * The same for what reprojection or a cut made of a feature that was valid: a fault is no fault of
 * the document's, noted as OUTPUT_INVALID, and counts as a repair only where parts or rings went.
 */
int topology_check_output(struct topology *t, struct feature *f);

/*
 * Rounds the coordinates to so many decimals (of the unit of the CRS), heights too. Polygons
 * stay valid: where plain rounding would break one, GEOS snaps it to the same grid. What would
 * vanish by that, or lose more than max_area_loss of its area, or has a fourth ordinate, which GEOS
 * does not know, stays unrounded. Where parts or rings went it counts as a repair. f must be
 * valid. -1: f->fatal says why it cannot go on.
 */
int topology_round(struct topology *t, struct feature *f, int decimals);

#endif
