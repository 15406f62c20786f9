/* topology - see topology.h. */
#include "workers/pipeline/topology.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "workers/pipeline/locate.h"
#include "workers/pipeline/precision.h"
#include "workers/pipeline/reach.h"
#include "workers/pipeline/topology/mender.h"

/* Areas are sums of many products: a loss just at the limit is not past it. */
#define AREA_SLACK 1e-9

struct topology {
	struct topology_options o;
	struct mender mender;
	bool left_invalid;	/* the source waived its fault: later stages do not mend it either */
};

struct topology *topology_new(const struct topology_options *o, struct err *e)
{
	struct topology *t = calloc(1, sizeof(*t));

	if (t == NULL || mender_init(&t->mender) == -1) {
		free(t);
		err_set(e, ERR_SYSTEM, 0, "GEOS does not start: no memory");
		return NULL;
	}
	t->o = *o;
	return t;
}

void topology_free(struct topology **t)
{
	if (*t == NULL)
		return;
	mender_clear(&(*t)->mender);
	free(*t);
	*t = NULL;
}

uint64_t topology_start(struct topology *t)
{
	uint64_t deadline_ms = t->o.timeout_ms == 0 ? 0 : clock_thread_ms() + t->o.timeout_ms;

	t->mender.deadline_ms = deadline_ms == 0 ? UINT64_MAX : deadline_ms;
	t->left_invalid = false;
	return deadline_ms;
}

/* ---- one geometry of a feature, no collection ---- */

struct visit {
	struct topology *t;
	struct feature *f;
	struct geometry **slot;	/* where the feature keeps it */
	struct place place;	/* names it */
	int decimals;		/* when rounding */
	struct place where;	/* of the fault at hand; as place while there is none */
	const double *at;	/* its point, or NULL */
	const char *reason;	/* GEOS's words for it, or NULL */
};

/* What fails because of a fault carries the fault's place, point and reason. -1 if it rejects. */
static int fail(struct visit *v, enum reject_code code)
{
	feature_note_at(v->f, code, &v->where, v->at, v->reason);
	return v->f->fatal != R_NONE ? -1 : 0;
}

static int put(struct visit *v, struct geometry *out)
{
	return place_put(v->f, v->slot, out) == 0 ? 0 : fail(v, R_FEATURE_MEMORY);
}

static size_t positions_of(const struct geometry *g)
{
	size_t n = g->positions;

	for (size_t i = 0; i < g->member_count; i++)
		n += positions_of(g->members[i]);
	return n;
}

/* Puts what was repaired in the place of the document's. */
static int put_repaired(struct visit *v, struct geometry *out)
{
	struct feature *f = v->f;

	if (!f->repaired) {
		f->area_before = geometry_area(f->geometry);
		f->vertices_before = positions_of(f->geometry);
	}
	f->repaired = true;
	return put(v, out);
}

/* ---- the document's faults ---- */

static const struct {
	const char *reason;	/* as GEOS says it */
	enum reject_code code;
} names[] = {
	{ "Self-intersection", R_SELF_INTERSECTION },
	{ "Ring Self-intersection", R_RING_SELF_INTERSECTION },
	{ "Hole lies outside shell", R_HOLE_OUTSIDE_SHELL },
	{ "Holes are nested", R_HOLES_NESTED },
	{ "Interior is disconnected", R_INTERIOR_DISCONNECTED },
	{ "Nested shells", R_SHELLS_NESTED },
	{ "Duplicate Rings", R_DUPLICATE_RINGS },
	{ "Too few points in geometry component", R_TOO_FEW_POINTS },
	{ "Invalid Coordinate", R_INVALID_COORDINATE },
};

/* A reason that a later GEOS may add is a crossing of some kind. */
static enum reject_code code_of(const char *reason)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].reason, reason) == 0)
			return names[i].code;
	return R_SELF_INTERSECTION;
}

/* A ring that runs there and back is a fault of some other name; this says what it amounts to. */
static void note_flat_ring(struct visit *v)
{
	const struct geometry *g = *v->slot;

	for (size_t s = 0; s < g->seqs; s++)
		if (mender_ring_is_flat(&v->t->mender, g, s, v->f->arena)) {
			struct place place = place_seq(&v->place, g, s);

			feature_note(v->f, R_ZERO_AREA, &place);
			return;
		}
}

/* A ring that stands twice, which GEOS has other names for. */
static void note_double_ring(struct visit *v)
{
	const struct geometry *g = *v->slot;
	size_t s = geometry_double_ring(g, v->f->arena);
	struct place place;

	if (s == SIZE_MAX)
		return;
	place = place_seq(&v->place, g, s);
	feature_note(v->f, R_DUPLICATE_RINGS, &place);
}

/* More of its area than a repair may take? */
static bool lost_much(const struct visit *v, const struct geometry *g, const struct geometry *out)
{
	double before = geometry_area(g);

	return before > 0 && before - geometry_area(out) > (v->t->o.max_area_loss + AREA_SLACK) * before;
}

static int repair(struct visit *v)
{
	const struct geometry *g = *v->slot;
	enum reject_code why;
	struct geometry *out = mender_mend(&v->t->mender, g, v->f->arena, &why);

	if (out == NULL)
		return fail(v, why);
	if (lost_much(v, g, out) && fail(v, R_REPAIR_AREA_LOSS) == -1)
		return -1;
	return put_repaired(v, out);
}

static int check_areal(struct visit *v)
{
	struct geos_fault fault;
	enum severity severity;

	switch (mender_check(&v->t->mender, *v->slot, &fault)) {
	case GEOS_VALID:
		return 0;
	case GEOS_UNDECIDED:
		v->reason = fault.reason;
		return fail(v, mender_expired(&v->t->mender) ? R_FEATURE_TIMEOUT : R_REPAIR_FAILED);
	case GEOS_INVALID:
		break;
	}
	v->where = place_nearest(v->f, &v->place, fault.at, v->t->o.lonlat);
	v->at = fault.at;
	v->reason = fault.reason;
	severity = feature_note_at(v->f, code_of(fault.reason), &v->where, v->at, v->reason);
	if (severity != SEV_REJECT) {
		note_flat_ring(v);
		note_double_ring(v);
	}
	if (v->f->fatal != R_NONE)
		return -1;
	if (severity == SEV_FIX)
		return repair(v);
	v->t->left_invalid = true;
	return 0;
}

/* An empty line is no fault, and one of a single position is LINE_SHORT, which may be waived. */
static bool line_is_flat(const struct geometry *g, size_t s)
{
	return g->seq_end[s] - seq_begin(g, s) > 1 && !geometry_has_length(g, s);
}

static struct geometry *without_flat_lines(const struct geometry *g, struct arena *a)
{
	struct geometry *out = geometry_new(a, g->type, g->stride, g->positions, g->seqs, 1);

	if (out == NULL)
		return NULL;
	out->positions = out->seqs = 0;
	for (size_t s = 0; s < g->seqs; s++) {
		size_t begin = seq_begin(g, s), n = g->seq_end[s] - begin;

		if (line_is_flat(g, s))
			continue;
		memcpy(out->coords + out->positions * g->stride, g->coords + begin * g->stride,
		    n * g->stride * sizeof(double));
		out->positions += n;
		out->seq_end[out->seqs++] = (uint32_t)out->positions;
	}
	out->part_end[0] = (uint32_t)out->seqs;
	return out;
}

/* A line is invalid where it has no length; then it is a point, and no repair makes it a line. */
static int check_lines(struct visit *v)
{
	const struct geometry *g = *v->slot;
	struct geometry *out;
	enum severity severity;
	size_t s = 0;

	while (s < g->seqs && !line_is_flat(g, s))
		s++;
	if (s == g->seqs)
		return 0;
	v->where = place_seq(&v->place, g, s);
	v->at = g->coords + seq_begin(g, s) * g->stride;
	v->reason = "Too few points in geometry component";
	severity = feature_note_at(v->f, R_TOO_FEW_POINTS, &v->where, v->at, v->reason);
	feature_note(v->f, R_ZERO_LENGTH, &v->where);
	if (v->f->fatal != R_NONE)
		return -1;
	if (severity != SEV_FIX)
		return 0;
	if ((out = without_flat_lines(g, v->f->arena)) == NULL)
		return fail(v, R_FEATURE_MEMORY);
	if (out->positions == 0)
		return fail(v, R_REPAIR_TYPE_CHANGED);
	return put_repaired(v, out);
}

static int check_document(struct visit *v)
{
	const struct geometry *g = *v->slot;

	if (!extent_of(g).finite) {
		v->reason = "Invalid Coordinate";
		return fail(v, R_INVALID_COORDINATE);
	}
	if (geometry_is_areal(g))
		return check_areal(v);
	if (g->type == GEOM_LINESTRING || g->type == GEOM_MULTILINESTRING)
		return check_lines(v);
	return 0;
}

/* ---- faults of reprojection and rounding ---- */

/* A fault that is mended in silence needs no name. */
static bool is_sound(struct visit *v, const struct geometry *g, struct geos_fault *fault)
{
	bool unnamed = v->f->severity[R_OUTPUT_INVALID] == SEV_FIX;

	fault->reason[0] = '\0';
	return !geometry_is_areal(g) || v->t->left_invalid
	    || mender_check(&v->t->mender, g, unnamed ? NULL : fault) == GEOS_VALID;
}

/* A repair where parts or rings went: then the shape is not as it came. */
static int put_mended(struct visit *v, struct geometry *out)
{
	const struct geometry *g = *v->slot;

	return out->parts < g->parts || out->seqs < g->seqs ? put_repaired(v, out) : put(v, out);
}

static int check_output(struct visit *v)
{
	struct geos_fault fault;
	enum reject_code why;
	struct geometry *out;

	if (is_sound(v, *v->slot, &fault))
		return 0;
	v->reason = fault.reason[0] != '\0' ? fault.reason : NULL;
	if (feature_note_at(v->f, R_OUTPUT_INVALID, &v->place, NULL, v->reason) != SEV_FIX)
		return v->f->fatal != R_NONE ? -1 : 0;
	if ((out = mender_mend(&v->t->mender, *v->slot, v->f->arena, &why)) != NULL)
		return lost_much(v, *v->slot, out) && fail(v, R_REPAIR_AREA_LOSS) == -1 ? -1 : put_mended(v, out);
	if (mender_check(&v->t->mender, *v->slot, &fault) != GEOS_VALID)
		v->reason = fault.reason;
	return fail(v, why);
}

static int round_one(struct visit *v)
{
	struct geometry *g = *v->slot, *snapped;
	struct geometry *out = precision_round(g, v->decimals, v->f->arena);
	struct geos_fault fault;

	if (out == NULL)
		return fail(v, R_FEATURE_MEMORY);
	if (is_sound(v, out, &fault))
		return put(v, out);
	switch (feature_note_at(v->f, R_OUTPUT_INVALID, &v->place, NULL,
	    fault.reason[0] != '\0' ? fault.reason : NULL)) {
	case SEV_REJECT:
		return -1;
	case SEV_WARN:
		return put(v, out);
	case SEV_FIX:
		break;
	}
	snapped = mender_snap(&v->t->mender, g, v->decimals, v->f->arena);
	return snapped != NULL && !lost_much(v, g, snapped) ? put_mended(v, snapped) : 0;
}

/* ---- a feature ---- */

static int visit_all(struct visit *v, int (*one)(struct visit *v))
{
	struct geometry *g = *v->slot;

	if (g->type != GEOM_COLLECTION) {
		int rc = one(v);

		mender_forget(&v->t->mender);
		return rc;
	}
	for (size_t i = 0; i < g->member_count; i++) {
		struct visit member = *v;

		member.slot = &g->members[i];
		member.place = member.where = place_member(&v->place, i);
		if (visit_all(&member, one) == -1)
			return -1;
	}
	return 0;
}

static int visit_feature(struct topology *t, struct feature *f, int (*one)(struct visit *v), int decimals)
{
	struct visit v = {
		.t = t, .f = f, .slot = &f->geometry, .place = place_geometry(),
		.where = place_geometry(), .decimals = decimals,
	};

	return f->geometry == NULL ? 0 : visit_all(&v, one);
}

/* What a repair left is summed up in the CRS that the first one ran in. */
static int run(struct topology *t, struct feature *f, int (*one)(struct visit *v), int decimals)
{
	bool before = f->repaired;

	if (visit_feature(t, f, one, decimals) == -1)
		return -1;
	if (f->repaired && !before) {
		f->area_after = geometry_area(f->geometry);
		f->vertices_after = positions_of(f->geometry);
	}
	return 0;
}

int topology_check(struct topology *t, struct feature *f)
{
	return run(t, f, check_document, 0);
}

int topology_check_output(struct topology *t, struct feature *f)
{
	return run(t, f, check_output, 0);
}

int topology_round(struct topology *t, struct feature *f, int decimals)
{
	return run(t, f, round_one, decimals);
}
