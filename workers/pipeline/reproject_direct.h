/*
 * reproject_direct - PROJ's operation without the pipeline around it.
 *
 * In:  an operation from degrees, x before y. Out: its one step that takes radians, where it has no
 *      other. Depends on PROJ.
 *
 * From longitude and latitude to a map of the same datum, PROJ runs a pipeline of two steps: degrees to
 * radians, then the projection. The pipeline takes as long for each position as the projection does.
 * Here the first step is a multiplication; the numbers stay PROJ's own, to the last bit.
 */
#ifndef GS_PIPELINE_REPROJECT_DIRECT_H
#define GS_PIPELINE_REPROJECT_DIRECT_H

#include <proj.h>

/* What PROJ multiplies degrees with. */
#define REPROJECT_RADIAN 0.017453292519943295

/* NULL: the operation is of another kind, or the step alone gives other numbers. The caller destroys it. */
PJ *reproject_direct_new(PJ_CONTEXT *ctx, PJ *operation);

#endif
