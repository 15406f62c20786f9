/* transform - see transform.h. */
#include "workers/transform.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "workers/body_reader.h"
#include "workers/chunk_writer.h"
#include "workers/finish.h"
#include "workers/patience.h"
#include "workers/pipeline/pipeline.h"

struct transform {
	const struct settings *settings;
	struct redis *commands, *body;
	struct chunk_writer *writer;

	/* of the job at hand */
	struct job *job;
	struct pipeline *pipeline;
	struct body_reader *reader;
	uint64_t renew_at_ms;	/* when a sign of life is due */
	bool stale;
};

struct transform *transform_new(const struct settings *s, struct redis *commands, struct redis *body,
    struct err *e)
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
	if ((t->writer = chunk_writer_new(sink_find("redis"), commands, &limits, e)) == NULL)
		transform_free(&t);
	return t;
}

void transform_free(struct transform **t)
{
	if (*t == NULL)
		return;
	chunk_writer_free(&(*t)->writer);
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
	rc = job_renew(t->job, t->commands, progress(t), &mine);
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

/* Between two features or segments: is the job still ours, and are we to do more of it? */
static int go_on(struct transform *t, struct err *e)
{
	int rc;

	if (!patience_over())
		return heartbeat(t, e);
	rc = chunk_writer_flush(t->writer, progress(t), e);
	return written(t, rc, e) != 0 ? -1 : err_set(e, ERR_RETRY, 0, "the worker is to stop");
}

static int on_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	struct transform *t = ctx;

	if (v->feature->index >= chunk_writer_next(t->writer)) {
		int rc = chunk_writer_add(t->writer, v, v->crs, progress(t), e);

		if (written(t, rc, e) != 0)
			return -1;
	}
	return go_on(t, e);
}

/* The next segment; waits while Redis is away. 0, 1 (end) or -1. */
static int next_segment(struct transform *t, const char **bytes, size_t *n, struct err *e)
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

/* Feeds the whole body once. As pipeline_finish: 0, 1 or -1. */
static int pass(struct transform *t, struct err *e)
{
	const char *bytes;
	size_t n;
	int rc;

	chunk_writer_begin(t->writer, t->job);
	while ((rc = next_segment(t, &bytes, &n, e)) == 0)
		if (pipeline_feed(t->pipeline, bytes, n, e) != 0 || go_on(t, e) != 0)
			return -1;
	if (rc < 0 || (rc = pipeline_finish(t->pipeline, e)) != 0)
		return rc;
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

static void options_of(struct pipeline_options *o, const struct settings *s, const struct source *src,
    const struct job *j)
{
	pipeline_options_init(o);
	o->source_crs = j->crs ? j->crs : j->pass_crs;
	o->sequence = j->sequence;
	o->default_crs = src->source_crs[0] ? src->source_crs : NULL;
	o->target_crs = src->target_crs;
	memcpy(o->severity, src->severity, sizeof(o->severity));
	o->max_depth = (size_t)s->worker.max_depth;
	o->max_token_bytes = (size_t)s->worker.max_token_bytes;
	o->max_feature_bytes = (size_t)s->worker.max_feature_bytes;
	o->feature_timeout_ms = (unsigned)s->worker.feature_timeout_ms;
	o->precision = (int)src->precision;
	o->max_area_loss = s->worker.max_area_loss;
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

int transform_run(struct transform *t, struct job *j, struct err *e)
{
	const struct settings *s = t->settings;
	const struct source *src = settings_source(s, j->source);
	uint64_t began_ms = clock_mono_ms();
	struct pipeline_options o;
	struct pipeline_totals totals;
	struct err why = ERR_INIT;
	int rc = -1;

	if (src == NULL) {
		log_error("source_unknown", LOG_STR("job", j->id), LOG_STR("source", j->source));
		return TRANSFORM_LEFT;
	}
	t->job = j;
	t->stale = false;
	t->renew_at_ms = began_ms + (uint64_t)s->worker.lease_ms / 3;
	options_of(&o, s, src, j);
	t->reader = body_reader_new(t->body, j, s, &why);
	if (t->reader != NULL)
		t->pipeline = pipeline_new(&o, on_verdict, t, &why);
	if (t->pipeline != NULL) {
		rc = pass(t, &why);
		if (rc == 1)
			rc = second_pass(t, &why);
	}
	if (rc != 0) {
		rc = end_badly(t, j, &why, e);
	} else {
		totals = pipeline_totals(t->pipeline);
		rc = finish_successful(j, t->commands, s, &totals, e);
		if (rc == 0)
			log_end(j, "job_done", "", &totals, began_ms);
		rc = rc < 0 ? -1 : rc == 1 ? TRANSFORM_STALE : TRANSFORM_ENDED;
	}
	pipeline_free(&t->pipeline);
	body_reader_free(&t->reader);
	return rc;
}

int transform_bury(struct transform *t, struct job *j, struct err *e)
{
	struct err why = ERR_INIT;

	if (settings_source(t->settings, j->source) == NULL)
		err_set(&why, ERR_INPUT, R_SOURCE_UNKNOWN, "no worker knows the source '%s'", j->source);
	else
		err_set(&why, ERR_LIMIT, R_FEATURE_CRASH, "tried %lld times without getting past feature %llu",
		    (long long)t->settings->worker.max_deliveries, (unsigned long long)j->next);
	return fail(t, j, &why, j->parsed, e);
}
