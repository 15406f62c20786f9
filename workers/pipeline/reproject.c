/* reproject - see reproject.h. */
#include "workers/pipeline/reproject.h"

#include <math.h>
#include <proj.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"
#include "workers/pipeline/crs.h"
#include "workers/pipeline/locate.h"
#include "workers/pipeline/reach.h"
#include "workers/pipeline/reproject_direct.h"
#include "workers/pipeline/reproject_operation.h"

#define BEYOND_EARTH 1e9	/* of any unit: no place on Earth has such a coordinate, but a pole can come out so */
#define SAMPLES 16	/* positions of a geometry that are looked at for a guess */
#define LOOKUP_BYTES ((size_t)8 << 20)	/* of memory: more than it takes to look up a CRS */
#define RETURN_SHARE 1e-5	/* of a coordinate: how far off the way back may end */

struct area {
	double west, south, east, north;
};

struct reproject {
	char *source, *target;		/* names, as asked for */
	PJ_CONTEXT *ctx;
	struct operation way;
	PJ *direct;			/* way.flat from radians, faster; or NULL */
	PJ *to_lonlat;			/* source to OGC:CRS84, for the area of use; NULL: not needed */
	bool from_lonlat, to_lonlat_crs;
	bool has_area;
	struct area area;		/* of use of the target */
};

#define KEPT REPROJECT_KEPT

static _Thread_local struct reproject *kept[KEPT];	/* for the next that asks, latest first */
static _Thread_local PJ_CONTEXT *shared;	/* of all: a database once open is half the work */
static _Thread_local unsigned users;

static void no_log(void *ctx, int level, const char *message)
{
	(void)ctx;
	(void)level;
	(void)message;
}

static PJ_CONTEXT *context(void)
{
	if (shared == NULL && (shared = proj_context_create()) != NULL) {
		proj_log_func(shared, NULL, no_log);
		proj_context_set_enable_network(shared, 0);
	}
	users += shared != NULL;
	return shared;
}

/* ---- a transformation ---- */

static int prepare_area(struct reproject *r, const PJ *source, const PJ *target, struct err *e)
{
	struct area *a = &r->area;
	PJ *crs84;

	r->has_area = proj_get_area_of_use(r->ctx, target, &a->west, &a->south, &a->east, &a->north,
	    NULL) && a->west > -1000;
	if (!r->has_area || r->from_lonlat)
		return 0;
	if ((crs84 = proj_create(r->ctx, "OGC:CRS84")) == NULL)
		return err_set(e, ERR_SYSTEM, 0, "PROJ has no OGC:CRS84: is its database there?");
	r->to_lonlat = operation_between(r->ctx, source, crs84, true);
	proj_destroy(crs84);
	r->has_area = r->to_lonlat != NULL;
	return 0;
}

static int connect(struct reproject *r, const PJ *source, const PJ *target, struct err *e)
{
	if (proj_is_equivalent_to_with_ctx(r->ctx, source, target,
	    PJ_COMP_EQUIVALENT_EXCEPT_AXIS_ORDER_GEOGCRS))
		return 0;
	if (operation_find(&r->way, r->ctx, source, target) == -1)
		return err_set(e, ERR_INPUT, R_PROJ_NO_OPERATION, "no way from %.*s to %.*s",
		    (int)utf8_cut(r->source, strlen(r->source), 80), r->source,
		    (int)utf8_cut(r->target, strlen(r->target), 80), r->target);
	if (r->way.flat == NULL)
		return 0;
	r->direct = reproject_direct_new(r->ctx, r->way.flat);
	return prepare_area(r, source, target, e);
}

static void destroy(struct reproject *r)
{
	if (r == NULL)
		return;
	proj_destroy(r->to_lonlat);
	proj_destroy(r->direct);
	operation_clear(&r->way);
	if (r->ctx != NULL)
		users--;
	free(r->source);
	free(r->target);
	free(r);
}

static struct reproject *create(const char *source_crs, const char *target_crs, struct err *e)
{
	struct reproject *r = calloc(1, sizeof(*r));
	PJ *source = NULL, *target = NULL;
	int rc = -1;

	if (r == NULL || (r->source = strdup(source_crs)) == NULL
	    || (r->target = strdup(target_crs)) == NULL || (r->ctx = context()) == NULL) {
		destroy(r);
		err_set(e, ERR_SYSTEM, 0, "no memory for PROJ");
		return NULL;
	}
	if ((source = operation_crs(r->ctx, source_crs, &r->from_lonlat, e)) != NULL
	    && (target = operation_crs(r->ctx, target_crs, &r->to_lonlat_crs, e)) != NULL)
		rc = connect(r, source, target, e);
	proj_destroy(source);
	proj_destroy(target);
	if (rc == -1) {
		destroy(r);
		return NULL;
	}
	return r;
}

/* Has it memory to look up a CRS, and a database to find one in? Without, it knows nothing of any. */
static bool proj_works(void)
{
	void *volatile room = malloc(LOOKUP_BYTES);	/* volatile: else there need be none */
	PJ_CONTEXT *ctx = room != NULL ? context() : NULL;
	PJ *crs84 = ctx != NULL ? proj_create(ctx, "OGC:CRS84") : NULL;
	bool works = crs84 != NULL;

	proj_destroy(crs84);
	if (ctx != NULL)
		users--;
	free(room);
	return works;
}

/* What is wrong with a CRS stays wrong; what was for want of memory is no word on a document. */
static struct reproject *create_or_know(const char *source_crs, const char *target_crs, struct err *e)
{
	struct reproject *r = create(source_crs, target_crs, e);

	if (r != NULL || e->cls != ERR_INPUT)
		return r;
	err_clear(e);
	if (proj_works())
		return create(source_crs, target_crs, e);
	err_set(e, ERR_SYSTEM, 0, "PROJ knows no CRS: has it memory, and its database?");
	return NULL;
}

/* ---- those kept for the next that asks, latest first ---- */

struct reproject *reproject_new(const char *source_crs, const char *target_crs, struct err *e)
{
	for (int i = 0; i < KEPT && kept[i] != NULL; i++) {
		struct reproject *r = kept[i];

		if (strcmp(r->source, source_crs) != 0 || strcmp(r->target, target_crs) != 0)
			continue;
		memmove(&kept[i], &kept[i + 1], (size_t)(KEPT - 1 - i) * sizeof(kept[0]));
		kept[KEPT - 1] = NULL;
		return r;
	}
	return create_or_know(source_crs, target_crs, e);
}

void reproject_free(struct reproject **r)
{
	if (*r == NULL)
		return;
	destroy(kept[KEPT - 1]);
	memmove(&kept[1], &kept[0], (KEPT - 1) * sizeof(kept[0]));
	kept[0] = *r;
	*r = NULL;
}

void reproject_forget(void)
{
	for (int i = 0; i < KEPT; i++) {
		destroy(kept[i]);
		kept[i] = NULL;
	}
	if (users == 0 && shared != NULL) {
		proj_context_destroy(shared);
		shared = NULL;
	}
}

bool reproject_is_identity(const struct reproject *r)
{
	return r->way.flat == NULL && r->way.high == NULL && !r->way.heights_stay && !r->way.guessed;
}

bool reproject_from_lonlat(const struct reproject *r)
{
	return r->from_lonlat;
}

bool reproject_to_lonlat(const struct reproject *r)
{
	return r->to_lonlat_crs;
}

/* ---- positions ---- */

static bool in_area(const struct area *a, double lon, double lat)
{
	/* Edges of areas are given to two digits. */
	const double slack = 0.01;

	if (fabs(lon) > 180)
		lon = remainder(lon, 360);
	if (lat < a->south - slack || lat > a->north + slack)
		return false;
	if (a->west <= a->east)
		return lon >= a->west - slack && lon <= a->east + slack;
	return lon >= a->west - slack || lon <= a->east + slack;
}

static bool extent_in_area(struct reproject *r, const struct extent *e)
{
	double x[4] = { e->min[0], e->min[0], e->max[0], e->max[0] };
	double y[4] = { e->min[1], e->max[1], e->min[1], e->max[1] };

	if (r->to_lonlat != NULL)
		proj_trans_generic(r->to_lonlat, PJ_FWD, x, sizeof(*x), 4, y, sizeof(*y), 4,
		    NULL, 0, 0, NULL, 0, 0);
	/* An area across the antimeridian may lie between two corners that are in it. */
	for (int i = 0; i < 4; i++)
		if (!in_area(&r->area, x[i], y[i]))
			return false;
	return r->area.west <= r->area.east || e->max[0] - e->min[0] < 180;
}

/* Notes the first position outside the target's area of use. 1: there is one. -1: no memory. */
static int check_area(struct reproject *r, struct feature *f, const struct geometry *g,
    const struct place *place)
{
	const struct extent e = extent_of(g);
	double *xy;

	if (!r->has_area || extent_in_area(r, &e))
		return 0;
	if ((xy = arena_calloc(f->arena, g->positions, 2 * sizeof(double))) == NULL)
		return -1;
	for (size_t i = 0; i < g->positions; i++)
		memcpy(xy + 2 * i, g->coords + i * g->stride, 2 * sizeof(double));
	if (r->to_lonlat != NULL)
		proj_trans_generic(r->to_lonlat, PJ_FWD, xy, 2 * sizeof(double), g->positions,
		    xy + 1, 2 * sizeof(double), g->positions, NULL, 0, 0, NULL, 0, 0);
	for (size_t i = 0; i < g->positions; i++)
		if (isfinite(xy[2 * i]) && !in_area(&r->area, xy[2 * i], xy[2 * i + 1])) {
			const double *at = g->coords + i * g->stride;
			struct place where = place_nearest(f, place, at, r->from_lonlat);

			feature_note_at(f, R_PROJ_OUTSIDE_AREA, &where, at, NULL);
			return 1;
		}
	return 0;
}

/* What goes to PROJ: out, and where out has gaps in its heights, these without gaps. */
struct batch {
	struct geometry *out;
	double *z;	/* one per position; NULL: those in out */
};

static bool has_gaps(const struct geometry *g)
{
	for (size_t i = 0; g->stride > 2 && i < g->positions; i++)
		if (isnan(g->coords[i * g->stride + 2]))
			return true;
	return false;
}

/* A copy of g; PROJ would spread a NaN height to x and y. */
static int batch_init(struct batch *b, const struct geometry *g, struct arena *a)
{
	size_t bytes = g->positions * g->stride * sizeof(double);

	*b = (struct batch){ .out = arena_alloc(a, sizeof(*b->out)) };
	if (b->out == NULL)
		return -1;
	*b->out = *g;
	if ((b->out->coords = arena_alloc(a, bytes)) == NULL)
		return -1;
	memcpy(b->out->coords, g->coords, bytes);
	if (!has_gaps(g))
		return 0;
	if ((b->z = arena_calloc(a, g->positions, sizeof(*b->z))) == NULL)
		return -1;
	for (size_t i = 0; i < g->positions; i++)
		if (!isnan(g->coords[i * g->stride + 2]))
			b->z[i] = g->coords[i * g->stride + 2];
	return 0;
}

static void to_radians(struct geometry *g)
{
	double *p = g->coords;

	for (size_t i = 0; i < g->positions; i++, p += g->stride) {
		p[0] *= REPROJECT_RADIAN;
		p[1] *= REPROJECT_RADIAN;
	}
}

/* Returns PROJ's error number for what failed, or 0. */
static int batch_run(struct batch *b, const struct reproject *r, PJ *operation, PJ_DIRECTION direction)
{
	bool direct = direction == PJ_FWD && operation == r->way.flat && r->direct != NULL;
	struct geometry *g = b->out;
	size_t n = g->positions, step = g->stride * sizeof(double);
	double *x = g->coords, *z = b->z != NULL ? b->z : g->stride > 2 ? x + 2 : NULL;

	if (direct) {
		operation = r->direct;
		to_radians(g);
	}
	proj_errno_reset(operation);
	proj_trans_generic(operation, direction, x, step, n, x + 1, step, n,
	    z, b->z != NULL ? sizeof(*z) : step, z != NULL ? n : 0, NULL, 0, 0);
	for (size_t i = 0; b->z != NULL && i < n; i++)
		if (!isnan(x[i * g->stride + 2]))
			x[i * g->stride + 2] = z[i];
	return proj_errno(operation);
}

/* Index of the first position that came out without a number or beyond sense, or the count. */
static size_t first_failed(const struct geometry *g)
{
	size_t i = 0;

	for (; i < g->positions; i++) {
		const double *p = g->coords + i * g->stride;

		if (!(fabs(p[0]) < BEYOND_EARTH) || !(fabs(p[1]) < BEYOND_EARTH)
		    || (g->stride > 2 && isinf(p[2])))
			break;
	}
	return i;
}

/*
 * Mercator has no place for a pole, but PROJ finds a number for it, which even leads back. There a
 * step of a metre moves it across the map.
 */
static bool is_torn(const struct reproject *r, PJ *operation, const double *p)
{
	const double step_deg = 1e-5, far = 1e6;
	double x[2] = { p[0], p[0] }, y[2] = { p[1], p[1] - copysign(step_deg, p[1]) };

	if (!r->from_lonlat || r->to_lonlat_crs || fabs(p[1]) < 90 - step_deg)
		return false;
	proj_trans_generic(operation, PJ_FWD, x, sizeof(*x), 2, y, sizeof(*y), 2, NULL, 0, 0, NULL, 0, 0);
	return !(hypot(x[1] - x[0], y[1] - y[0]) < far);
}

/*
 * Far outside its area an operation may give numbers that mean nothing, without an error. Those do
 * not lead back. Leaves in *at the index of the first such position, or the count. -1: no memory.
 */
static int find_senseless(struct reproject *r, PJ *operation, const struct geometry *from,
    const struct geometry *to, struct arena *a, size_t *at)
{
	struct batch back;

	if (batch_init(&back, to, a) == -1)
		return -1;
	batch_run(&back, r, operation, PJ_INV);
	for (*at = 0; *at < to->positions; ++*at) {
		const double *was = from->coords + *at * from->stride;
		const double *is = back.out->coords + *at * from->stride;
		double dx = is[0] - was[0], dy = is[1] - was[1];

		if (r->from_lonlat)	/* whole turns, and all longitudes at a pole, are the same */
			dx = fabs(was[1]) > 89.999 ? 0 : remainder(dx, 360);
		if (!(fabs(dx) <= RETURN_SHARE * fmax(fabs(was[0]), 1)
		    && fabs(dy) <= RETURN_SHARE * fmax(fabs(was[1]), 1)) || is_torn(r, operation, was))
			break;
	}
	return 0;
}

/* Is a guess the best that PROJ has for some of it? */
static bool is_guessed(struct reproject *r, const struct geometry *g)
{
	size_t step = (g->positions + SAMPLES - 1) / SAMPLES;

	for (size_t i = 0; r->way.may_guess && i < g->positions; i += step) {
		const double *p = g->coords + i * g->stride;

		proj_trans(r->way.flat, PJ_FWD, proj_coord(p[0], p[1], 0, HUGE_VAL));
		proj_errno_reset(r->way.flat);
		if (operation_guessed(r->ctx, &r->way))
			return true;
	}
	return r->way.guessed;
}

/* Where only heights change, x and y stay bit for bit. */
static void take_plane(struct geometry *to, const struct geometry *from)
{
	for (size_t i = 0; i < to->positions * to->stride; i += to->stride)
		memcpy(to->coords + i, from->coords + i, 2 * sizeof(double));
}

/* `outside`: some of it lies outside the area of use. */
static int transform(struct reproject *r, struct feature *f, struct geometry **slot,
    const struct place *place, bool outside)
{
	const struct geometry *g = *slot;
	PJ *operation = g->stride > 2 && r->way.high != NULL ? r->way.high : r->way.flat;
	struct batch b;
	size_t failed;
	int code;

	if (g->stride > 2 && r->way.heights_stay
	    && feature_note(f, R_PROJ_HEIGHTS, place) == SEV_REJECT)
		return -1;
	if (is_guessed(r, g) && feature_note(f, R_PROJ_BALLPARK, place) == SEV_REJECT)
		return -1;
	if (operation == NULL)
		return 0;
	if (batch_init(&b, g, f->arena) == -1)
		return -1;
	code = batch_run(&b, r, operation, PJ_FWD);
	failed = first_failed(b.out);
	if (failed == g->positions && outside
	    && find_senseless(r, operation, g, b.out, f->arena, &failed) == -1)
		return -1;
	if (failed < g->positions) {
		const double *at = g->coords + failed * g->stride;
		struct place where = place_nearest(f, place, at, r->from_lonlat);

		feature_note_at(f, R_PROJ_DOMAIN, &where, at,
		    code != 0 ? proj_context_errno_string(r->ctx, code) : NULL);
		return -1;
	}
	if (r->way.flat == NULL)
		take_plane(b.out, g);
	return place_put(f, slot, b.out);
}

static int visit(struct reproject *r, struct feature *f, struct geometry **slot, const struct place *place)
{
	struct geometry *g = *slot;

	if (g->type != GEOM_COLLECTION) {
		int outside = g->positions > 0 ? check_area(r, f, g, place) : 0;

		return outside == -1 || f->fatal != R_NONE ? -1
		    : g->positions == 0 ? 0 : transform(r, f, slot, place, outside == 1);
	}
	for (size_t i = 0; i < g->member_count; i++) {
		struct place member = place_member(place, i);

		if (visit(r, f, &g->members[i], &member) == -1)
			return -1;
	}
	return 0;
}

int reproject_feature(struct reproject *r, struct feature *f)
{
	struct place place = place_geometry();

	if (reproject_is_identity(r) || f->geometry == NULL)
		return 0;
	if (visit(r, f, &f->geometry, &place) == 0)
		return 0;
	if (f->fatal == R_NONE)		/* what failed without a note was memory */
		feature_note(f, R_FEATURE_MEMORY, NULL);
	return -1;
}
