/*
 * antimeridian - cuts what crosses longitude 180 into parts on either side (RFC 7946 3.1.9).
 *
 * In:  a feature in longitude and latitude. Out: the same feature; lines and polygons that cross
 *      became parts within -180 to 180, polygons around a pole reach it. Depends on locate.h.
 *
 * What counts as crossing: an edge that spans more than 180 degrees is taken to go the short way
 * round, unless it runs along a whole parallel from -180 to 180, or along a pole, where a ring's
 * edges go so that it closes (from 180 to -180 between positions on either side of the line it
 * has no length, and crosses); and positions past 180 (up to 360) of a geometry that begins on this
 * side. A ring that goes round a pole holds the pole on its left (3.1.6); any other ring holds its
 * inside, whatever its direction.
 */
#ifndef GS_PIPELINE_ANTIMERIDIAN_H
#define GS_PIPELINE_ANTIMERIDIAN_H

#include "workers/pipeline/feature.h"

/* Do longitudes reach across 180 (or -180) by less than a turn? */
bool antimeridian_overrun(const struct extent *e);

/*
 * Notes ANTIMERIDIAN and cuts, where the severity says fix; WINDING where a cut ring had to be
 * turned. The document's geometry stays in f->original. -1: f->fatal says why f does not go on.
 */
int antimeridian_cut(struct feature *f);

/*
 * A repair works in the plane and may leave edges that go more than half round the world, where
 * the document had one along a whole parallel. They get a position half way, lest a reader takes
 * them for edges across the antimeridian. Returns as antimeridian_cut.
 */
int antimeridian_settle(struct feature *f);

#endif
