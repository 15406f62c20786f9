/*
 * stages - the way of a feature from decoded to ready to write, in one place.
 *
 * In:  a feature as decode.c read it. Out: the same feature, valid and in the target CRS, or
 *      rejected (f->fatal). Depends on the stages that it runs, in the order of stages.c.
 */
#ifndef GS_PIPELINE_STAGES_H
#define GS_PIPELINE_STAGES_H

#include <stdint.h>

#include "lib/err.h"
#include "workers/pipeline/feature.h"
#include "workers/pipeline/pipeline.h"

struct stages;

/*
 * source_crs as the document or the source says; NULL takes o->source_crs, and that being NULL
 * OGC:CRS84. NULL with e filled: ERR_INPUT R_CRS_UNKNOWN or R_PROJ_NO_OPERATION, ERR_SYSTEM.
 */
struct stages *stages_new(const struct pipeline_options *o, const char *source_crs, struct err *e);
void stages_free(struct stages **s);	/* NULL-safe; clears it */

/* Runs all of them; f->fatal says whether f goes on. */
void stages_run(struct stages *s, struct feature *f);

#endif
