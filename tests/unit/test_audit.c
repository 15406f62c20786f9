/* audit: work whose stream entry is gone comes back, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "tests/fakes/private_redis.h"
#include "tests/fakes/seed.h"
#include "schema/scripts.h"
#include "workers/audit.h"

#define LEASE_MS 1000
#define BODY "{\"type\":\"Point\",\"coordinates\":[1,2]}"

static struct private_redis server;
static struct redis *redis;
static struct err e;
static struct key jobs, outbox;
static char id[JOB_ID_LEN + 1];

static int setup(void **state)
{
	(void)state;
	jobs = wire_key("jobs", NULL);
	outbox = wire_key("outbox", NULL);
	if (private_redis_start(&server, "no") != 0)
		return -1;
	return (redis = redis_open(server.url, 5000, &e)) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	redis_close(&redis);
	private_redis_stop(&server);
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	err_clear(&e);
	seed_drop(redis, "FLUSHALL", NULL);
	seed_job(redis, "acme", NULL, BODY, sizeof(BODY) - 1, 4096, id);
	return 0;
}

/* One whole audit, as if it were after_ms from now. */
static struct audit_report look(uint64_t after_ms)
{
	struct audit_report found, sum = { 0 };
	struct audit a = { 0 };

	do {
		assert_int_equal(audit_round(&a, redis, LEASE_MS, clock_unix_ms() + after_ms, &found, &e), 0);
		sum.jobs += found.jobs;
		sum.callbacks += found.callbacks;
		sum.taken_back += found.taken_back;
	} while (a.next != 0);
	return sum;
}

static void a_job_that_waits_is_left_alone(void **state)
{
	(void)state;
	assert_int_equal(look(60000).jobs, 0);
	assert_int_equal(seed_int(redis, "XLEN", jobs.text, NULL), 1);
}

static void a_job_that_was_trimmed_away_comes_back_once(void **state)
{
	struct key job = wire_key("job", id);
	const char *message;

	(void)state;
	seed_drop(redis, "XTRIM", jobs.text, "MAXLEN", "0", NULL);
	assert_int_equal(look(0).jobs, 0);	/* it is too fresh: who works on it may be at its end */
	assert_int_equal(look(60000).jobs, 1);
	assert_int_equal(look(60000).jobs, 0);
	assert_int_equal(seed_int(redis, "XLEN", jobs.text, NULL), 1);
	message = seed_field(redis, id, "message");
	assert_int_equal(seed_int(redis, "XRANGE", jobs.text, message, message, NULL), 1);
	seed_drop(redis, "DEL", jobs.text, NULL);
	seed_drop(redis, "HSET", job.text, "state", "running", NULL);
	assert_int_equal(look(60000).jobs, 1);
}

static void what_has_ended_does_not(void **state)
{
	static const char *const states[] = { "successful", "failed", "dismissed" };
	struct key job = wire_key("job", id);

	(void)state;
	seed_drop(redis, "XTRIM", jobs.text, "MAXLEN", "0", NULL);
	for (size_t i = 0; i < 3; i++) {
		seed_drop(redis, "HSET", job.text, "state", states[i], NULL);
		assert_int_equal(look(60000).jobs, 0);
	}
	seed_drop(redis, "DEL", job.text, NULL);
	assert_int_equal(look(60000).jobs, 0);
}

static void a_callback_that_was_trimmed_away_comes_back(void **state)
{
	struct key job = wire_key("job", id);

	(void)state;
	seed_drop(redis, "HSET", job.text, "state", "successful", "owed", "5-0", NULL);
	assert_int_equal(look(0).callbacks, 1);
	assert_int_equal(look(0).callbacks, 0);
	assert_int_equal(seed_int(redis, "XLEN", outbox.text, NULL), 1);
	seed_drop(redis, "HDEL", job.text, "owed", NULL);
	seed_drop(redis, "XTRIM", outbox.text, "MAXLEN", "0", NULL);
	assert_int_equal(look(0).callbacks, 0);
}

/* Its transaction met a Redis without scripts, and nobody came back: the sender was told nothing, and sends it again. */
static void a_job_that_was_never_published_is_taken_back(void **state)
{
	struct key job = wire_key("job", id), raw = wire_key("raw", id), room = wire_key("room", NULL),
	    index = wire_key("index", NULL);
	char other[JOB_ID_LEN + 1];
	struct audit_report found;

	(void)state;
	seed_job(redis, "acme", NULL, BODY, sizeof(BODY) - 1, 4096, other);
	seed_drop(redis, "XDEL", jobs.text, seed_field(redis, id, "message"), NULL);
	seed_drop(redis, "HDEL", job.text, "message", NULL);
	found = look(0);
	assert_int_equal(found.taken_back, 0);	/* it is too fresh: it may be published yet */
	found = look(60000);
	assert_int_equal(found.taken_back, 1);
	assert_int_equal(found.jobs, 0);
	assert_int_equal(seed_int(redis, "EXISTS", job.text, raw.text, NULL), 0);
	assert_int_equal(seed_int(redis, "ZCARD", index.text, NULL), 1);
	assert_int_equal(strtol(seed_text(redis, "HGET", room.text, "queued:acme", NULL), NULL, 10),
	    strtol(seed_field(redis, other, "held"), NULL, 10));
	assert_int_equal(look(60000).taken_back, 0);
}

/* Whoever lost its message: a worker had it, so somebody was told of the job. */
static void a_job_that_runs_is_never_taken_back(void **state)
{
	struct key job = wire_key("job", id);
	struct audit_report found;
	const char *message;

	(void)state;
	seed_drop(redis, "HSET", job.text, "state", "running", NULL);
	seed_drop(redis, "HDEL", job.text, "message", NULL);
	seed_drop(redis, "XTRIM", jobs.text, "MAXLEN", "0", NULL);
	found = look(60000);
	assert_int_equal(found.taken_back, 0);
	assert_int_equal(found.jobs, 1);
	message = seed_field(redis, id, "message");
	assert_int_equal(seed_int(redis, "XRANGE", jobs.text, message, message, NULL), 1);
	assert_int_equal(look(60000).jobs, 0);
}

/* Nor does one that holds nothing, or does not say what, keep the audit from those behind it. */
static void a_job_of_no_known_size_is_taken_back(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct key job;

		fresh(NULL);
		job = wire_key("job", id);
		seed_drop(redis, "HDEL", job.text, "message", i == 0 ? "held" : NULL, NULL);
		if (i == 1)
			seed_drop(redis, "HSET", job.text, "held", "0", NULL);
		assert_int_equal(look(60000).taken_back, 1);
	}
}

/* More jobs than one round looks at: the next rounds get to them. */
static void a_long_index_is_walked_in_rounds(void **state)
{
	static const char many[] = "for i = 1, 25000 do redis.call('ZADD', KEYS[1], 1, 'x' .. i) end";
	struct key index = wire_key("index", NULL);
	struct audit_report found;
	struct audit a = { 0 };
	int rounds = 1;

	(void)state;
	seed_drop(redis, "EVAL", many, "1", index.text, NULL);
	seed_drop(redis, "XTRIM", jobs.text, "MAXLEN", "0", NULL);
	assert_int_equal(audit_round(&a, redis, LEASE_MS, clock_unix_ms() + 60000, &found, &e), 0);
	assert_true(a.next > 0);
	assert_int_equal(found.jobs, 0);	/* ours is the newest, thus the last */
	for (; a.next != 0; rounds++)
		assert_int_equal(audit_round(&a, redis, LEASE_MS, clock_unix_ms() + 60000, &found, &e), 0);
	assert_int_equal(rounds, 3);
	assert_int_equal(found.jobs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_job_that_was_never_published_is_taken_back, fresh),
		cmocka_unit_test_setup(a_job_that_runs_is_never_taken_back, fresh),
		cmocka_unit_test_setup(a_job_of_no_known_size_is_taken_back, fresh),
		cmocka_unit_test_setup(a_job_that_waits_is_left_alone, fresh),
		cmocka_unit_test_setup(a_job_that_was_trimmed_away_comes_back_once, fresh),
		cmocka_unit_test_setup(what_has_ended_does_not, fresh),
		cmocka_unit_test_setup(a_callback_that_was_trimmed_away_comes_back, fresh),
		cmocka_unit_test_setup(a_long_index_is_walked_in_rounds, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
