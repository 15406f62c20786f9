/*
 * reproject - from the source's CRS to the target's, by PROJ.
 *
 * In:  a valid feature, x before y whatever the CRS's own axis order. Out: the same feature in the
 *      target CRS; untouched, bit for bit, where both are the same. With reproject_operation.c the one
 *      that includes proj.h.
 *
 * How a CRS may be named stands in crs.h. Making a transformation takes PROJ up to 60 ms, so a
 * thread keeps the last ones for the next that asks.
 */
#ifndef GS_PIPELINE_REPROJECT_H
#define GS_PIPELINE_REPROJECT_H

#include <stdbool.h>

#include "lib/err.h"
#include "workers/pipeline/feature.h"

#define REPROJECT_KEPT 64	/* transformations, per thread */

struct reproject;

/* NULL with e filled: ERR_INPUT R_CRS_UNKNOWN or R_PROJ_NO_OPERATION, ERR_SYSTEM without memory, or
 * where PROJ has no database. */
struct reproject *reproject_new(const char *source_crs, const char *target_crs, struct err *e);
void reproject_free(struct reproject **r);	/* NULL-safe; clears it */

/* Are source and target the same but for the order of their axes? */
bool reproject_is_identity(const struct reproject *r);
/* Is the CRS geographic, in degrees? Then x is a longitude and y a latitude. */
bool reproject_from_lonlat(const struct reproject *r);
bool reproject_to_lonlat(const struct reproject *r);

/*
 * Transforms every position. Heights are above the ellipsoid with longitude and latitude (RFC 7946 4),
 * else as the CRS says; where it says nothing they stay. Notes PROJ_OUTSIDE_AREA, PROJ_HEIGHTS where they stay for
 * want of a grid, and PROJ_BALLPARK where PROJ takes two datums for one. -1: f->fatal says why not (PROJ_DOMAIN at the
 * position that failed, FEATURE_MEMORY).
 */
int reproject_feature(struct reproject *r, struct feature *f);

/* Frees what this thread keeps for the next reproject_new. */
void reproject_forget(void);

#endif
