/*
 * script_steps - what the tests of the scripts share: a Redis of their own, a job that is claimed, chunks, letters, ends.
 */
#ifndef GS_TESTS_SCRIPT_STEPS_H
#define GS_TESTS_SCRIPT_STEPS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "schema/scripts.h"
#include "tests/fakes/seed.h"
#include "tests/fakes/worker_steps.h"
#include "workers/finish.h"
#include "workers/job.h"
#include "workers/letter.h"
#include "workers/queue.h"
#include "workers/sinks/sink.h"

static struct stage stage;
static struct redis *redis;
static struct settings *settings;
static struct err e;

static inline int setup(void **state)
{
	static const char conf[] = "[source acme]\nsecret = x\n";

	(void)state;
	if (stage_begin(&stage, conf, "no") != 0)
		return -1;
	redis = stage.redis;
	settings = stage.settings;
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	return stage_end(&stage);
}

static inline int fresh(void **state)
{
	(void)state;
	err_clear(&e);
	return stage_fresh(&stage);
}

/* A job, delivered to `consumer` and claimed. */
static inline void claimed(struct job *j, const char *consumer)
{
	char id[JOB_ID_LEN + 1];
	struct message m;

	seed_job(redis, "acme", "EPSG:4326", "0123456789", 10, 4, id);
	steps_message(&stage, consumer, STREAM_JOBS, id, &m);
	assert_int_equal(job_claim(j, redis, &m, consumer, 3, &e), CLAIM_RUN);
}

static inline void letter(struct args *a, const struct job *j, uint64_t index, const char *raw, size_t max_raw)
{
	struct feature f = { .raw = raw, .raw_len = strlen(raw), .length = strlen(raw), .index = index, .id = { 6, 1 } };
	struct finding note = { .code = R_RING_SHORT, .has_at = true, .at = { 1.5, -2 } };
	struct verdict v = {
		.feature = &f, .outcome = OUTCOME_REJECTED, .code = R_RING_SHORT, .finding = &note,
		.path = "/features/0/geometry", .offset = 40,
	};

	letter_of_feature(a, j, &v, "OGC:CRS84", max_raw);
}

/* Features [first, behind) of j; the last of them is a dead letter if `dead`. */
static inline int chunk(const struct job *j, uint64_t first, uint64_t behind, bool dead)
{
	struct buf results = { .data = (char *)(uintptr_t)"lines", .len = 5 }, report = { .data = NULL };
	struct args letters;
	struct chunk c = {
		.job = j, .first = first, .behind = behind, .accepted = behind - first - dead, .rejected = dead,
		.parsed = behind, .results = &results, .report = &report, .letters = &letters,
	};
	int rc;

	args_init(&letters, 1 << 20);
	if (dead)
		letter(&letters, j, behind - 1, "{\"id\":7}", 100);
	rc = sink_redis.write(redis, &c, &e);
	args_clear(&letters);
	return rc;
}

static inline long long letters_of(const struct job *j)
{
	struct key deadof = wire_key("deadof", j->id);

	return seed_int(redis, "LLEN", deadof.text, NULL);
}

static inline long long all_letters(void)
{
	struct key dead = wire_key("dead", NULL);

	return seed_int(redis, "XLEN", dead.text, NULL);
}

static inline int end_well(const struct job *j, uint64_t features)
{
	struct pipeline_totals t = { .features = features, .crs = "EPSG:4326", .head = "\"a\":1", .head_len = 5 };

	return finish_successful(j, redis, settings, &t, NULL, &e);
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

#endif
