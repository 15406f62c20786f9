/*
 * reproject_operation - PROJ's objects for one pair of CRS: the CRS, and the ways between them.
 *
 * In:  names of CRS. Out: transformations with x before y. For reproject.c alone; depends on PROJ.
 */
#ifndef GS_PIPELINE_REPROJECT_OPERATION_H
#define GS_PIPELINE_REPROJECT_OPERATION_H

#include <proj.h>
#include <stdbool.h>

#include "lib/err.h"

struct operation {
	PJ *flat;		/* for x and y, heights untouched; NULL: they stay as they are */
	PJ *high;		/* for positions with heights, where those are above different things */
	bool guessed;		/* flat, or nothing in its place: PROJ knows no way, and takes two datums for one */
	bool may_guess;		/* flat is several ways, by place; operation_guessed says which kind was taken */
	bool heights_stay;	/* they ought to change, but no exact way is known: a grid may be missing */
};

/* A CRS that has a plane or an ellipsoid to lie on; NULL with e filled. */
PJ *operation_crs(PJ_CONTEXT *ctx, const char *name, bool *lonlat, struct err *e);

/* x before y on both sides; NULL where PROJ knows no way. ballpark: also a way that PROJ only guesses. */
PJ *operation_between(PJ_CONTEXT *ctx, const PJ *source, const PJ *target, bool ballpark);

/* 0, or -1 where there is no way for x and y. */
int operation_find(struct operation *o, PJ_CONTEXT *ctx, const PJ *source, const PJ *target);
/* Was the position that o->flat transformed last transformed by a guess? */
bool operation_guessed(PJ_CONTEXT *ctx, const struct operation *o);
void operation_clear(struct operation *o);

#endif
