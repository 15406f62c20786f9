/*
 * letter - a dead letter as the arguments of chunk.lua or finish.lua.
 *
 * In:  a verdict, or why a document failed. Out: field, value arguments (schema/wire.md, `dead`).
 * Depends on args.h and pipeline.h.
 */
#ifndef GS_WORKERS_LETTER_H
#define GS_WORKERS_LETTER_H

#include "workers/args.h"
#include "workers/job.h"
#include "workers/pipeline/pipeline.h"

/* The number of arguments that follow, then those. A text longer than max_raw is cut. */
void letter_of_feature(struct args *a, const struct job *j, const struct verdict *v, const char *crs,
    size_t max_raw);

/* Field, value arguments without their number. */
void letter_of_document(struct args *a, const struct job *j, enum reject_code code, const char *reason,
    uint64_t offset);

#endif
