/*
 * validate - the rules of RFC 7946 on the numbers of a geometry, as a table.
 *
 * In:  a feature that decode.c read: types and nesting are right already.
 * Out: the same feature with findings; f->fatal set if one of them rejects it. Mends what a
 *      source wants mended: closes rings, wraps longitudes. Depends on bbox.h and locate.h.
 */
#ifndef GS_PIPELINE_VALIDATE_H
#define GS_PIPELINE_VALIDATE_H

#include <stdbool.h>

#include "workers/pipeline/feature.h"

struct validate_context {
	bool lonlat;	/* the coordinates are longitude and latitude in degrees: ranges apply */
};

/* Stops at the first finding that rejects; a mend without memory rejects with FEATURE_MEMORY. */
void validate_feature(struct feature *f, const struct validate_context *v);

#endif
