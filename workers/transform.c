/* transform - see transform.h. */
#include "workers/transform_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "workers/finish.h"
#include "workers/patience.h"
#include "workers/pipeline/pipeline.h"

#define MEMORY_CHECK_MS 1000
#define DEATHS_TO_CUT 2		/* of a feature for want of memory: the third is of its dead letter */
#define LETTER_CUT_BYTES 65536

struct transform *transform_new(const struct settings *s, struct redis *commands, struct redis *body,
    struct flight *flight, const struct recycling *recycling, alive_fn alive, void *alive_ctx, struct err *e)
{
	struct transform *t = calloc(1, sizeof(*t));
	struct chunk_limits limits = {
		.features = (uint64_t)s->worker.chunk_features,
		.bytes = (uint64_t)s->worker.chunk_bytes,
		.letter_bytes = (size_t)s->worker.dead_letter_bytes,
	};

	if (t == NULL) {
		err_errno(e, "transform");
		return NULL;
	}
	t->settings = s;
	t->commands = commands;
	t->body = body;
	t->flight = flight;
	t->recycling = recycling;
	t->alive = alive;
	t->alive_ctx = alive_ctx;
	buf_init(&t->head, (size_t)1 << 20);
	mask_init(&t->mask, (size_t)s->worker.dead_letter_bytes);
	if ((t->writer = chunk_writer_new(sink_find("redis"), commands, &limits, e)) == NULL)
		transform_free(&t);
	return t;
}

void transform_free(struct transform **t)
{
	if (*t == NULL)
		return;
	chunk_writer_free(&(*t)->writer);
	buf_clear(&(*t)->head);
	mask_clear(&(*t)->mask);
	free(*t);
	*t = NULL;
}

/* In bytes of the body as it was received, for the job's progress. */
static uint64_t progress(const struct transform *t)
{
	return body_reader_received(t->reader, pipeline_parsed(t->pipeline));
}

/* 0, or -1 with stale set or e as of Redis. A lease that cannot be renewed now is tried again soon. */
static int heartbeat(struct transform *t, struct err *e)
{
	uint64_t now = clock_mono_ms(), third = (uint64_t)t->settings->worker.lease_ms / 3;
	struct err mine = ERR_INIT;
	int rc;

	if (now < t->renew_at_ms)
		return 0;
	t->alive(t->alive_ctx);
	if (t->part != NULL) {
		t->renew_at_ms = now + third;
		return 0;
	}
	rc = job_renew(t->job, t->commands, t->trial ? 0 : progress(t), &mine);
	if (rc < 0 && mine.cls != ERR_RETRY)
		return err_set(e, mine.cls, mine.code, "%s", mine.text);
	t->renew_at_ms = now + (rc == 0 ? third : third / 4);
	t->stale = rc == 1;
	return t->stale ? err_set(e, ERR_RETRY, 0, "the job is another worker's") : 0;
}

static int written(struct transform *t, int rc, struct err *e)
{
	if (rc != 1)
		return rc;
	t->stale = true;
	return err_set(e, ERR_RETRY, 0, "the job is another worker's");
}

/*
 * Would a fresh process have more room? This one may be as fresh as any: then what is full is full of what is at hand,
 * and the next one comes no further. So it goes on, until its limit says which feature is too much.
 */
static bool helps_to_renew(const struct transform *t)
{
	return !t->fresh || (t->part == NULL && !t->trial && chunk_writer_next(t->writer) > t->job->next);
}

int transform_go_on(struct transform *t, struct err *e)
{
	uint64_t now = clock_mono_ms();
	int rc;

	if (now >= t->memory_at_ms) {
		t->memory_at_ms = now + MEMORY_CHECK_MS;
		t->again = helps_to_renew(t) && recycling_full(t->recycling);
	}
	if (!patience_over() && !t->again)
		return heartbeat(t, e);
	if (t->part != NULL || t->trial)
		return err_set(e, ERR_RETRY, 0, "the process is to stop");
	rc = chunk_writer_flush(t->writer, progress(t), e);
	return written(t, rc, e) != 0 ? -1 : err_set(e, ERR_RETRY, 0, "the process is to stop");
}

/* Is f to be worked on? As gate_fn. */
static int gate(void *ctx, struct feature *f, struct err *e)
{
	struct transform *t = ctx;
	struct suspect s;

	if (transform_unmask(t, f, e) != 0)
		return -1;
	if (t->part != NULL && t->part->chunk.tail)
		return transform_go_on(t, e) == 0 ? 1 : -1;	/* it has none, or the document fails */
	if (t->trial ? f->index != t->suspect.feature : f->index < chunk_writer_next(t->writer))
		return transform_go_on(t, e) == 0 ? 1 : -1;
	if (!t->trial && suspects_find(t->job->suspects, f->index, &s) && s.deaths > 1)
		feature_note_at(f, s.code, NULL, NULL, s.reason);
	t->worked = true;
	return 0;
}

/* How much of its text the dead letter of v may keep: of one that did not fit beside the feature, little. */
static size_t letter_most(const struct transform *t, const struct verdict *v)
{
	struct suspect s;

	return v->code == R_FEATURE_MEMORY && suspects_find(t->job->suspects, v->feature->index, &s)
	    && s.deaths > DEATHS_TO_CUT ? LETTER_CUT_BYTES : SIZE_MAX;
}

int transform_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	struct transform *t = ctx;

	if (t->trial) {
		t->trial_over = true;
		return err_set(e, ERR_RETRY, 0, "the trial is over");
	} else {
		int rc = chunk_writer_add(t->writer, v, v->crs, letter_most(t, v), progress(t), e);

		if (written(t, rc, e) != 0)
			return -1;
	}
	return transform_go_on(t, e);
}

int transform_next_bytes(struct transform *t, const char **bytes, size_t *n, struct err *e)
{
	for (unsigned tries = 0;; tries++) {
		struct err mine = ERR_INIT;
		int rc = body_reader_next(t->reader, bytes, n, &mine);

		if (rc >= 0)
			return rc;
		if (mine.cls != ERR_RETRY || patience_over())
			return err_set(e, mine.cls, mine.code, "%s", mine.text);
		if (tries == 0)
			log_warn("redis_away", LOG_STR("job", t->job->id), LOG_STR("reason", mine.text));
		patience_sleep(patience_backoff_ms(tries));
	}
}

static int find_masked(struct transform *t, struct err *e)
{
	if (t->mask.count == 0)
		return 0;
	mask_seek(&t->mask, 0, false, 0);
	if (transform_find_masked(t, 0, UINT64_MAX, e) != 0)
		return -1;
	body_reader_rewind(t->reader);
	return 0;
}

/* Feeds the whole body once. As pipeline_finish: 0, 1 or -1. */
static int pass(struct transform *t, struct err *e)
{
	struct pipeline_totals totals;
	uint64_t at = 0;
	const char *bytes;
	size_t n;
	int rc;

	chunk_writer_begin(t->writer, t->job, t->job->next, false);
	if (find_masked(t, e) != 0)
		return -1;
	for (; (rc = transform_next_bytes(t, &bytes, &n, e)) == 0; at += n)
		if (transform_feed(t, at, bytes, n, e) != 0 || transform_go_on(t, e) != 0)
			return -1;
	if (rc < 0 || (rc = pipeline_finish(t->pipeline, e)) != 0)
		return rc;
	totals = pipeline_totals(t->pipeline);
	if (!collection_has_box(&totals.box))
		chunk_writer_boxless(t->writer);
	return written(t, chunk_writer_flush(t->writer, progress(t), e), e);
}

/* A crs member behind the features: what was written under the wrong CRS goes, and all is done again. */
static int second_pass(struct transform *t, struct err *e)
{
	struct pipeline_totals totals = pipeline_totals(t->pipeline);
	int rc;

	log_info("second_pass", LOG_STR("job", t->job->id), LOG_STR("source", t->job->source));
	if (written(t, job_restart(t->job, t->commands, totals.crs, e), e) != 0)
		return -1;
	body_reader_rewind(t->reader);
	rc = pass(t, e);
	assert(rc != 1);	/* the pipeline knows the CRS now */
	return rc;
}

void transform_options(struct pipeline_options *o, const struct transform *t, const struct source *src)
{
	const struct job *j = t->job;
	const struct settings *s = t->settings;

	pipeline_options_init(o);
	o->source_crs = j->crs;
	o->pass_crs = j->pass_crs;
	o->sequence = j->sequence;
	o->default_crs = src->source_crs[0] ? src->source_crs : NULL;
	o->target_crs = j->target != NULL ? j->target : src->target_crs;
	memcpy(o->severity, src->severity, sizeof(o->severity));
	o->max_depth = (size_t)s->worker.max_depth;
	o->max_token_bytes = (size_t)s->worker.max_token_bytes;
	o->max_feature_bytes = (size_t)s->worker.max_feature_bytes;
	o->feature_timeout_ms = (unsigned)s->worker.feature_timeout_ms;
	o->precision = (int)src->precision;
	o->max_area_loss = s->worker.max_area_loss;
	o->gate = gate;
	o->place = &t->flight->place;
}

static void log_end(const struct job *j, const char *event, const char *code, const struct pipeline_totals *t,
    uint64_t began_ms)
{
	log_info(event, LOG_STR("job", j->id), LOG_STR("source", j->source), LOG_STR("trace", j->trace),
	    LOG_STR("code", code),
	    LOG_INT("bytes", j->bytes), LOG_INT("features", t->features), LOG_INT("accepted", t->accepted),
	    LOG_INT("repaired", t->repaired), LOG_INT("rejected", t->rejected),
	    LOG_INT("ms", clock_mono_ms() - began_ms));
}

static int fail(struct transform *t, struct job *j, const struct err *why, uint64_t offset, struct err *e)
{
	int rc = finish_failed(j, t->commands, t->settings, (enum reject_code)why->code, why->text, offset, e);

	if (rc == 0)
		log_info("job_failed", LOG_STR("job", j->id), LOG_STR("source", j->source), LOG_STR("trace", j->trace),
		    LOG_STR("code", reject_name((enum reject_code)why->code)), LOG_INT("offset", offset));
	return rc < 0 ? -1 : rc == 1 ? TRANSFORM_STALE : TRANSFORM_ENDED;
}

/* The document's fault? Then the job ends so; a body that was taken away belongs to a dismissed job. */
static int end_badly(struct transform *t, struct job *j, const struct err *why, struct err *e)
{
	uint64_t offset = t->pipeline ? pipeline_offset(t->pipeline) : 0;

	if (t->stale)
		return TRANSFORM_STALE;
	if (why->cls == ERR_INPUT || why->cls == ERR_LIMIT)
		return fail(t, j, why, offset, e);
	return err_set(e, why->cls, why->code, "%s", why->text);
}

bool transform_no_memory(const struct err *why)
{
	return why->cls == ERR_SYSTEM && (why->code == R_FEATURE_MEMORY || why->code == ENOMEM);
}

static int job_open(struct transform *t, const struct pipeline_options *o, struct err *e)
{
	t->reader = body_reader_new(t->body, t->job, t->settings, e);
	if (t->reader != NULL)
		t->pipeline = pipeline_new(o, transform_verdict, t, e);
	return t->pipeline == NULL ? -1 : 0;
}

void transform_close(struct transform *t)
{
	pipeline_free(&t->pipeline);
	body_reader_free(&t->reader);
}

void transform_begin(struct transform *t, struct job *j, struct part *p,
    int (*open)(struct transform *, const struct pipeline_options *, struct err *),
    int (*pass_fn)(struct transform *, struct err *))
{
	t->job = j;
	t->part = p;
	t->open = open;
	t->pass = pass_fn;
	t->stale = t->again = false;
	t->renew_at_ms = clock_mono_ms() + (uint64_t)t->settings->worker.lease_ms / 3;
	flight_begin(t->flight, j->id);
}

void transform_end(struct transform *t)
{
	if (!t->flight->no_memory)	/* else it ends, and its place tells of what */
		flight_end(t->flight);
	transform_close(t);
}

/* Once or, where the document says at its end how it was to be read, twice. */
static int all_passes(struct transform *t, struct err *e)
{
	int rc = pass(t, e);

	return rc == 1 && !t->trial ? second_pass(t, e) : rc;
}

/* The document was read to its end; only its own bbox can still be against it. */
static int end_well(struct transform *t, struct job *j, const struct source *src, uint64_t began_ms, struct err *e)
{
	const struct pipeline_totals totals = pipeline_totals(t->pipeline);
	const struct collection_said said = collection_judge(&totals.box, chunk_writer_reach(t->writer),
	    totals.features, src->severity);
	struct err why = ERR_INIT;
	int rc;

	if (said.code != R_NONE && said.severity == SEV_REJECT) {
		err_set(&why, ERR_INPUT, said.code, "%s", said.reason);
		return fail(t, j, &why, said.offset, e);
	}
	rc = finish_successful(j, t->commands, t->settings, &totals, &said, e);
	if (rc == 0)
		log_end(j, "job_done", "", &totals, began_ms);
	return rc < 0 ? -1 : rc == 1 ? TRANSFORM_STALE : TRANSFORM_ENDED;
}

/* As the worker that died over its end was about to: some of its dead letters are gone. */
static int fail_as_before(struct transform *t, struct job *j, struct err *e)
{
	struct err why = ERR_INIT;

	err_set(&why, ERR_INPUT, (int)j->fail_code, "%s", j->fail_reason != NULL ? j->fail_reason : "");
	return fail(t, j, &why, j->fail_offset, e);
}

int transform_run(struct transform *t, struct job *j, struct err *e)
{
	const struct source *src = settings_source(t->settings, j->source);
	struct pipeline_options o;
	struct err why = ERR_INIT;
	uint64_t began_ms = clock_mono_ms();
	int rc;

	if (j->fail_code != R_NONE)
		return fail_as_before(t, j, e);
	if (src == NULL) {
		log_error("source_unknown", LOG_STR("job", j->id), LOG_STR("source", j->source));
		return TRANSFORM_LEFT;
	}
	if (job_aim(j, src, e) != 0)
		return -1;
	if (j->anew != NULL && (rc = job_restart(j, t->commands, j->anew, e)) != 0)
		return rc < 0 ? -1 : TRANSFORM_STALE;
	transform_begin(t, j, NULL, job_open, all_passes);
	transform_options(&o, t, src);
	rc = transform_work(t, &o, j->next, UINT64_MAX, &why);
	if (rc == TRANSFORM_WORK_AGAIN || rc == TRANSFORM_WORK_FULL) {
		rc = rc == TRANSFORM_WORK_FULL ? TRANSFORM_FULL : TRANSFORM_AGAIN;
	} else if (rc != 0) {
		t->flight->no_memory = transform_no_memory(&why);
		rc = end_badly(t, j, &why, e);
	} else {
		rc = end_well(t, j, src, began_ms, e);
	}
	transform_end(t);
	return rc;
}

int transform_bury(struct transform *t, struct job *j, struct err *e)
{
	struct err why = ERR_INIT;

	if (j->fail_code != R_NONE)
		return fail_as_before(t, j, e);
	if (settings_source(t->settings, j->source) == NULL)
		err_set(&why, ERR_INPUT, R_SOURCE_UNKNOWN, "no worker knows the source '%s'", j->source);
	else if (j->anew != NULL)	/* it was read to its end: no feature wore it out */
		return transform_run(t, j, e);
	else
		err_set(&why, ERR_LIMIT, R_FEATURE_CRASH, "tried %lld times without getting past feature %llu",
		    (long long)t->settings->worker.max_deliveries, (unsigned long long)j->next);
	return fail(t, j, &why, j->parsed, e);
}
