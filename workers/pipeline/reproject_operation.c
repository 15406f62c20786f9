/* reproject_operation - see reproject_operation.h. */
#include "workers/pipeline/reproject_operation.h"

#include <math.h>
#include <proj_experimental.h>
#include <string.h>

#include "lib/utf8.h"
#include "schema/reject.h"
#include "workers/pipeline/crs.h"

#define DEGREE 0.017453292519943295

/* The horizontal CRS of a compound or bound one; a new reference in any case. */
static PJ *horizontal(PJ_CONTEXT *ctx, const PJ *crs)
{
	PJ *inner, *deeper;

	switch (proj_get_type(crs)) {
	case PJ_TYPE_COMPOUND_CRS:
		inner = proj_crs_get_sub_crs(ctx, crs, 0);
		break;
	case PJ_TYPE_BOUND_CRS:
		inner = proj_get_source_crs(ctx, crs);
		break;
	default:
		return proj_clone(ctx, crs);
	}
	if (inner == NULL)
		return NULL;
	deeper = horizontal(ctx, inner);
	proj_destroy(inner);
	return deeper;
}

static bool in_degrees(PJ_CONTEXT *ctx, const PJ *crs)
{
	PJ *cs = proj_crs_get_coordinate_system(ctx, crs);
	double unit = 0;
	bool yes = cs != NULL
	    && proj_cs_get_axis_info(ctx, cs, 0, NULL, NULL, NULL, &unit, NULL, NULL, NULL)
	    && fabs(unit - DEGREE) < 1e-12;

	proj_destroy(cs);
	return yes;
}

/* A CRS that has a plane or an ellipsoid to lie on; NULL with e filled. */
PJ *operation_crs(PJ_CONTEXT *ctx, const char *name, bool *lonlat, struct err *e)
{
	char known[CRS_NAME_MAX];
	PJ *crs = NULL, *flat = NULL;
	PJ_TYPE type;

	if (crs_name(name, known, sizeof(known)))
		crs = proj_create(ctx, known);
	if (crs != NULL && proj_is_crs(crs))
		flat = horizontal(ctx, crs);
	type = flat != NULL ? proj_get_type(flat) : PJ_TYPE_UNKNOWN;
	*lonlat = (type == PJ_TYPE_GEOGRAPHIC_2D_CRS || type == PJ_TYPE_GEOGRAPHIC_3D_CRS)
	    && in_degrees(ctx, flat);
	proj_destroy(flat);
	if (type == PJ_TYPE_GEOGRAPHIC_2D_CRS || type == PJ_TYPE_GEOGRAPHIC_3D_CRS
	    || type == PJ_TYPE_PROJECTED_CRS)
		return crs;
	proj_destroy(crs);
	err_set(e, ERR_INPUT, R_CRS_UNKNOWN, "no CRS to put features in: %.*s",
	    (int)utf8_cut(name, strlen(name), 120), name);
	return NULL;
}

PJ *operation_between(PJ_CONTEXT *ctx, const PJ *source, const PJ *target, bool ballpark)
{
	static const char *const exact[] = { "ALLOW_BALLPARK=NO", NULL };
	PJ *raw = proj_create_crs_to_crs_from_pj(ctx, source, target, NULL, ballpark ? NULL : exact);
	PJ *normal = raw != NULL ? proj_normalize_for_visualization(ctx, raw) : NULL;

	proj_destroy(raw);
	return normal;
}

static bool is_compound(const PJ *crs)
{
	return proj_get_type(crs) == PJ_TYPE_COMPOUND_CRS;
}

/* Without heights; a new reference. */
static PJ *flattened(PJ_CONTEXT *ctx, const PJ *crs)
{
	if (is_compound(crs))
		return proj_crs_get_sub_crs(ctx, crs, 0);
	if (proj_get_type(crs) == PJ_TYPE_GEOGRAPHIC_3D_CRS)
		return proj_crs_demote_to_2D(ctx, NULL, crs);
	return proj_clone(ctx, crs);
}

/*
 * With heights above something; a new reference. Those of longitude and latitude are above the
 * ellipsoid (RFC 7946 4). A projected CRS says nothing of heights: NULL.
 */
static PJ *heightened(PJ_CONTEXT *ctx, const PJ *crs)
{
	switch (proj_get_type(crs)) {
	case PJ_TYPE_GEOGRAPHIC_2D_CRS:
		return proj_crs_promote_to_3D(ctx, NULL, crs);
	case PJ_TYPE_GEOGRAPHIC_3D_CRS:
	case PJ_TYPE_COMPOUND_CRS:
		return proj_clone(ctx, crs);
	default:
		return NULL;
	}
}

/* A noop is no operation: coordinates stay bit for bit. */
static PJ *unless_noop(PJ *operation)
{
	if (operation == NULL || strcmp(proj_pj_info(operation).id, "noop") != 0)
		return operation;
	proj_destroy(operation);
	return NULL;
}

/* What PROJ calls a ballpark transformation: the datums differ, and nothing is done about it. */
static void find_guesses(struct operation *o, PJ_CONTEXT *ctx, const PJ *found)
{
	if (found == NULL)
		return;
	o->may_guess = proj_get_type(found) == PJ_TYPE_UNKNOWN;	/* several ways have no type */
	o->guessed = !o->may_guess && proj_coordoperation_has_ballpark_transformation(ctx, found);
}

bool operation_guessed(PJ_CONTEXT *ctx, const struct operation *o)
{
	PJ *used;
	bool yes;

	if (!o->may_guess || proj_pj_info(o->flat).accuracy >= 0)	/* nobody knows that of a guess */
		return o->guessed;
	used = proj_trans_get_last_used_operation(o->flat);
	yes = used != NULL && proj_coordoperation_has_ballpark_transformation(ctx, used);
	proj_destroy(used);
	return yes;
}

/* PROJ's own guess where a grid is missing moves positions by a hundred metres: better no heights. */
static void find_heights(struct operation *o, PJ_CONTEXT *ctx, const PJ *source, const PJ *target)
{
	PJ *from = heightened(ctx, source), *to = heightened(ctx, target);

	if (from != NULL && to != NULL
	    && !proj_is_equivalent_to_with_ctx(ctx, from, to, PJ_COMP_EQUIVALENT_EXCEPT_AXIS_ORDER_GEOGCRS)) {
		o->high = operation_between(ctx, from, to, false);
		o->heights_stay = o->high == NULL;
	}
	proj_destroy(from);
	proj_destroy(to);
}

int operation_find(struct operation *o, PJ_CONTEXT *ctx, const PJ *source, const PJ *target)
{
	PJ *from, *to, *found = NULL;

	*o = (struct operation){ .flat = NULL };
	if (!is_compound(source) && !is_compound(target)) {
		found = operation_between(ctx, source, target, true);
		find_guesses(o, ctx, found);
		o->flat = unless_noop(found);
		return found != NULL ? 0 : -1;
	}
	from = flattened(ctx, source);
	to = flattened(ctx, target);
	if (from != NULL && to != NULL)
		found = operation_between(ctx, from, to, true);
	find_guesses(o, ctx, found);
	o->flat = unless_noop(found);
	proj_destroy(from);
	proj_destroy(to);
	if (found == NULL)
		return -1;
	find_heights(o, ctx, source, target);
	return 0;
}

void operation_clear(struct operation *o)
{
	proj_destroy(o->flat);
	proj_destroy(o->high);
	*o = (struct operation){ .flat = NULL };
}
