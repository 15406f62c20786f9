/*
 * locate - names the place of a position, a ring or a part of a feature's geometry.
 *
 * In:  a geometry and an index into its flat arrays, or a point. Out: a struct place.
 * Depends on feature.h.
 */
#ifndef GS_PIPELINE_LOCATE_H
#define GS_PIPELINE_LOCATE_H

#include "workers/pipeline/feature.h"

/* The coordinates of the feature's own geometry. */
static inline struct place place_geometry(void)
{
	return (struct place){ .member = "/geometry/coordinates" };
}

/* The same for member i of the GeometryCollection that p names. */
struct place place_member(const struct place *p, size_t i);

/* Below p, which names g: position i, sequence i (a line or ring), part i (a polygon). */
struct place place_position(const struct place *p, const struct geometry *g, size_t i);
struct place place_seq(const struct place *p, const struct geometry *g, size_t i);
struct place place_part(const struct place *p, const struct geometry *g, size_t i);

/*
 * To be called before a stage changes the geometry, where a later one may look up places: keeps a
 * copy of the document's in f->original, once. -1: no memory.
 */
int place_keep_original(struct feature *f);

/*
 * Puts another geometry in the place of *slot, with the members of its own that the old one had.
 * -1: no memory.
 */
int place_put(struct feature *f, struct geometry **slot, struct geometry *other);

/*
 * The position of the document that lies nearest to a point: in the geometry that p names as the
 * document has it (f->original where a stage made another). With lonlat, whole turns do not count.
 */
struct place place_nearest(const struct feature *f, const struct place *p, const double at[2],
    bool lonlat);

#endif
