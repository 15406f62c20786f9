/* stages - see stages.h. */
#include "workers/pipeline/stages.h"

#include <stdlib.h>

#include "workers/pipeline/antimeridian.h"
#include "workers/pipeline/bbox.h"
#include "workers/pipeline/locate.h"
#include "workers/pipeline/reproject.h"
#include "workers/pipeline/topology.h"
#include "workers/pipeline/validate.h"
#include "workers/pipeline/winding.h"

#define DEFAULT_CRS "OGC:CRS84"

struct stages {
	struct reproject *reproject;
	struct topology *topology;
	struct validate_context rules;
	bool moves;		/* source and target differ */
	bool to_lonlat;		/* the target is longitude and latitude */
	int precision;		/* decimals, or -1 */
	struct pipeline_place *place, nowhere;
};

struct stages *stages_new(const struct pipeline_options *o, const char *source_crs, struct err *e)
{
	struct stages *s = calloc(1, sizeof(*s));
	const char *source = source_crs != NULL ? source_crs : o->source_crs;
	struct topology_options t = { o->feature_timeout_ms, o->max_area_loss, false };

	if (s == NULL) {
		err_set(e, ERR_SYSTEM, 0, "no memory for the pipeline's stages");
		return NULL;
	}
	s->precision = o->precision;
	s->place = o->place != NULL ? o->place : &s->nowhere;
	s->reproject = reproject_new(source != NULL ? source : DEFAULT_CRS,
	    o->target_crs != NULL ? o->target_crs : DEFAULT_CRS, e);
	if (s->reproject != NULL) {
		s->moves = !reproject_is_identity(s->reproject);
		s->rules.lonlat = t.lonlat = reproject_from_lonlat(s->reproject);
		s->to_lonlat = reproject_to_lonlat(s->reproject);
		s->topology = topology_new(&t, e);
	}
	if (s->topology == NULL)
		stages_free(&s);
	return s;
}

void stages_free(struct stages **s)
{
	if (*s == NULL)
		return;
	topology_free(&(*s)->topology);
	reproject_free(&(*s)->reproject);
	free(*s);
	*s = NULL;
}

/*
 * The document's geometry is judged as it came, in its own CRS: ranges and shape, the antimeridian,
 * winding, topology. What is then made of it is judged again, since a new CRS or fewer decimals
 * can break what was sound. Rings are turned before a move, because a polygon round a pole is cut
 * by its winding, and after it, because a CRS may mirror. Each stage returns -1 once f is rejected.
 */
static int judge(struct stages *s, struct feature *f)
{
	bool turn;

	s->place->stage = AT_VALIDATE;
	validate_feature(f, &s->rules);
	if (f->fatal != R_NONE || f->geometry == NULL)
		return -1;
	if (s->rules.lonlat && antimeridian_cut(f) == -1)
		return -1;
	turn = winding_check(f);
	s->place->stage = AT_TOPOLOGY;
	if (f->fatal != R_NONE || topology_check(s->topology, f) == -1)
		return -1;
	if (s->rules.lonlat && f->repaired && antimeridian_settle(f) == -1)
		return -1;
	if (turn && s->moves && place_keep_original(f) == -1) {
		feature_note(f, R_FEATURE_MEMORY, NULL);
		return -1;
	}
	if (turn)
		winding_set(f->geometry);
	return 0;
}

static int move(struct stages *s, struct feature *f)
{
	s->place->stage = AT_REPROJECT;
	if (reproject_feature(s->reproject, f) == -1)
		return -1;
	if (s->to_lonlat && antimeridian_cut(f) == -1)
		return -1;
	s->place->stage = AT_TOPOLOGY;
	if (topology_check_output(s->topology, f) == -1)
		return -1;
	if (f->severity[R_WINDING] == SEV_FIX)
		winding_set(f->geometry);
	return 0;
}

/* Into f->made; most are where they were. */
static void measure(struct feature *f, bool lonlat)
{
	const struct reach *r = &f->given;
	struct extent e;

	f->made = *r;
	if (f->geometry == NULL || (!f->geometry_changed && (r->low[0] >= 0 || r->high[0] <= 0)))
		return;
	e = f->geometry_changed ? extent_of(f->geometry) : reach_extent(&f->given);
	f->made = reach_of_shape(f->geometry, &e, lonlat);
}

void stages_run(struct stages *s, struct feature *f)
{
	f->deadline_ms = topology_start(s->topology);
	if (judge(s, f) == 0 && (!s->moves || move(s, f) == 0) && s->precision >= 0) {
		s->place->stage = AT_ROUND;
		topology_round(s->topology, f, s->precision);
	}
	if (f->fatal != R_NONE)
		return;
	measure(f, s->to_lonlat);
	bbox_renew(f, s->to_lonlat);
}
