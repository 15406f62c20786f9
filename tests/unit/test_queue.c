/* queue: whose turn it is, against a real Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "tests/fakes/seed.h"
#include "tests/fakes/stage.h"
#include "workers/queue.h"

static struct stage stage;
static struct redis *redis;
static struct key jobs;
static struct err e;

static int setup(void **state)
{
	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	jobs = wire_key("jobs", NULL);
	if (stage_begin(&stage, NULL, "no") != 0)
		return -1;
	redis = stage.redis;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return stage_end(&stage);
}

static int fresh(void **state)
{
	(void)state;
	err_clear(&e);
	return stage_fresh(&stage);
}

/* The job that q gives next, or "" if it has none; a group that had to be made does not count. */
static const char *next(struct queue *q)
{
	static struct message m;

	for (int i = 0; i < 3; i++) {
		int rc = queue_next(q, false, &m, &e);

		assert_true(rc >= 0);
		if (rc == 0)
			return m.job;
	}
	return "";
}

static long long pending(const char *consumer)
{
	return seed_int(redis, "XPENDING", jobs.text, GROUP_WORKERS, "-", "+", "100", consumer, NULL);
}

static void each_message_goes_to_one(void **state)
{
	char a[JOB_ID_LEN + 1], b[JOB_ID_LEN + 1];
	struct queue q0, q1;

	(void)state;
	queue_init(&q0, redis, "w-0", 60000, 5);
	queue_init(&q1, redis, "w-1", 60000, 5);
	assert_string_equal(next(&q0), "");	/* makes the group before there is a stream */
	seed_job(redis, "acme", NULL, "x", 1, 9, a);
	seed_job(redis, "acme", NULL, "x", 1, 9, b);
	assert_string_equal(next(&q0), a);
	assert_string_equal(next(&q1), b);
	assert_string_equal(next(&q0), "");
	queue_clear(&q0);
	queue_clear(&q1);
}

static void a_successor_takes_up_what_was_pending_before_new_work(void **state)
{
	char a[JOB_ID_LEN + 1], b[JOB_ID_LEN + 1];
	struct queue q;

	(void)state;
	seed_job(redis, "acme", NULL, "x", 1, 9, a);
	queue_init(&q, redis, "w-0", 60000, 5);
	assert_string_equal(next(&q), a);
	queue_clear(&q);
	seed_job(redis, "acme", NULL, "x", 1, 9, b);
	queue_init(&q, redis, "w-0", 60000, 5);
	assert_string_equal(next(&q), a);
	assert_string_equal(next(&q), b);
	assert_string_equal(next(&q), "");
	queue_look_back(&q);
	assert_string_equal(next(&q), a);
	assert_string_equal(next(&q), b);
	queue_clear(&q);
}

static void an_abandoned_message_is_taken_after_its_lease(void **state)
{
	char a[JOB_ID_LEN + 1];
	uint64_t began = clock_mono_ms();
	struct queue q0, q1;
	struct message m;

	(void)state;
	seed_job(redis, "acme", NULL, "x", 1, 9, a);
	queue_init(&q0, redis, "w-0", 3600000, 5);
	assert_string_equal(next(&q0), a);
	queue_init(&q1, redis, "w-1", 3600000, 5);
	assert_string_equal(next(&q1), "");
	assert_true(q1.pending[STREAM_JOBS].scan_at_ms > began);
	q1.pending[STREAM_JOBS].scan_at_ms += 3600000;	/* however slow this machine is */
	q1.lease_ms = 0;	/* all leases are over */
	assert_string_equal(next(&q1), "");	/* but it is not time to look */
	q1.pending[STREAM_JOBS].scan_at_ms = 0;
	assert_int_equal(queue_next(&q1, false, &m, &e), 0);
	assert_string_equal(m.job, a);
	assert_int_equal(pending("w-0"), 0);
	assert_int_equal(pending("w-1"), 1);
	queue_clear(&q0);
	queue_clear(&q1);
}

static void a_lost_group_is_made_again_and_nothing_is_lost(void **state)
{
	char a[JOB_ID_LEN + 1];
	struct queue q;

	(void)state;
	seed_job(redis, "acme", NULL, "x", 1, 9, a);
	queue_init(&q, redis, "w-0", 60000, 5);
	assert_string_equal(next(&q), a);
	seed_drop(redis, "XGROUP", "DESTROY", jobs.text, GROUP_WORKERS, NULL);
	assert_string_equal(next(&q), a);
	seed_drop(redis, "FLUSHALL", NULL);
	assert_string_equal(next(&q), "");
	assert_int_equal(seed_int(redis, "EXISTS", jobs.text, NULL), 1);
	queue_clear(&q);
}

static void what_cannot_be_read_is_dropped_and_what_is_newer_is_left(void **state)
{
	static const struct { const char *v, *job; long long left; } cases[] = {
		{ "1", "not-a-job", 0 },
		{ "0", "0-01arz3ndektsv4rrffq69g5fav", 0 },
		{ "x", "0-01arz3ndektsv4rrffq69g5fav", 0 },
		{ "4", "0-01arz3ndektsv4rrffq69g5fav", 1 },
		{ "4", "a-form-of-the-future", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct queue q;

		seed_drop(redis, "FLUSHALL", NULL);
		seed_drop(redis, "XADD", jobs.text, "*", "v", cases[i].v, "job", cases[i].job, NULL);
		queue_init(&q, redis, "w-0", 60000, 5);
		assert_string_equal(next(&q), "");
		queue_look_back(&q);
		assert_string_equal(next(&q), "");
		assert_int_equal(seed_int(redis, "XLEN", jobs.text, NULL), cases[i].left);
		assert_int_equal(pending("w-0"), cases[i].left);
		queue_clear(&q);
	}
}

/* Of both: what is new, and what another left behind. Each program has a lease of a minute; none is waited for. */
static void what_is_newer_is_for_others_at_once(void **state)
{
	struct message m;
	struct queue q;

	(void)state;
	seed_drop(redis, "XGROUP", "CREATE", jobs.text, GROUP_WORKERS, "0", "MKSTREAM", NULL);
	queue_init(&q, redis, "w-0", 60000, 5);
	for (int i = 1; i <= 3; i++) {
		seed_drop(redis, "XADD", jobs.text, "*", "v", "4", "job", "a-form-of-the-future", NULL);
		seed_drop(redis, "XADD", jobs.text, "*", "v", "4", "job", "a-form-of-the-future", NULL);
		assert_string_equal(next(&q), "");
		assert_int_equal(pending("w-0"), 2);
		seed_drop(redis, "XAUTOCLAIM", jobs.text, GROUP_WORKERS, "next", "60000", "0", NULL);
		assert_int_equal(pending("next"), 2);
		seed_drop(redis, "XGROUP", "DELCONSUMER", jobs.text, GROUP_WORKERS, "next", NULL);
	}
	seed_drop(redis, "XADD", jobs.text, "*", "v", "4", "job", "a-form-of-the-future", NULL);
	seed_drop(redis, "XREADGROUP", "GROUP", GROUP_WORKERS, "gone", "STREAMS", jobs.text, ">", NULL);
	q.lease_ms = 0;
	q.pending[STREAM_JOBS].scan_at_ms = 0;
	assert_int_equal(queue_next(&q, false, &m, &e), 1);
	assert_int_equal(pending("w-0"), 1);
	seed_drop(redis, "XAUTOCLAIM", jobs.text, GROUP_WORKERS, "next", "60000", "0", NULL);
	assert_int_equal(pending("next"), 1);
	queue_clear(&q);
}

/* The look through them takes and releases each: so it is not made each second where there are some. */
static void what_is_newer_is_not_met_all_the_time(void **state)
{
	uint64_t before = clock_mono_ms();
	struct queue q;

	(void)state;
	seed_drop(redis, "XADD", jobs.text, "*", "v", "4", "job", "a-form-of-the-future", NULL);
	queue_init(&q, redis, "w-0", 60000, 5);
	assert_string_equal(next(&q), "");
	assert_true(q.pending[STREAM_JOBS].scan_at_ms <= clock_mono_ms() + 1000);
	q.pending[STREAM_JOBS].scan_at_ms = 0;
	assert_string_equal(next(&q), "");
	assert_true(q.pending[STREAM_JOBS].scan_at_ms >= before + 20000);
	seed_drop(redis, "XTRIM", jobs.text, "MAXLEN", "0", NULL);
	q.pending[STREAM_JOBS].scan_at_ms = 0;
	assert_string_equal(next(&q), "");
	assert_true(q.pending[STREAM_JOBS].scan_at_ms <= clock_mono_ms() + 1000);
	queue_clear(&q);
}

static long long consumers(void)
{
	return seed_int(redis, "XINFO", "CONSUMERS", jobs.text, GROUP_WORKERS, NULL);
}

static void who_leaves_hands_on_what_it_was_given_and_takes_its_name_along(void **state)
{
	struct key chunks = wire_key("chunks", NULL);
	char a[JOB_ID_LEN + 1];
	struct message m;
	struct queue q, other;

	(void)state;
	queue_init(&q, redis, "w-0", 60000, 5);
	assert_string_equal(next(&q), "");
	assert_int_equal(consumers(), 1);
	queue_leave(&q);
	assert_int_equal(consumers(), 0);
	seed_job(redis, "acme", NULL, "x", 1, 9, a);
	seed_drop(redis, "XADD", chunks.text, "*", "v", "1", "job", a, "n", "0", NULL);
	assert_string_equal(next(&q), a);	/* one of both streams came; the other one waits within */
	queue_leave(&q);
	assert_int_equal(consumers(), 1);	/* something is pending under it */
	queue_init(&other, redis, "w-1", 60000, 5);
	while (queue_next(&other, false, &m, &e) == 1)
		;
	assert_string_equal(m.job, a);		/* at once, not a lease later */
	queue_clear(&q);
	queue_clear(&other);
}

static void a_message_that_was_deleted_while_pending_is_dropped(void **state)
{
	char a[JOB_ID_LEN + 1];
	struct message m;
	struct queue q;

	(void)state;
	seed_job(redis, "acme", NULL, "x", 1, 9, a);
	queue_init(&q, redis, "w-0", 60000, 5);
	while (queue_next(&q, false, &m, &e) == 1)
		;
	seed_drop(redis, "XDEL", jobs.text, m.id, NULL);
	queue_look_back(&q);
	assert_string_equal(next(&q), "");
	assert_int_equal(pending("w-0"), 0);
	queue_clear(&q);
}

static void drop_ends_a_message(void **state)
{
	char a[JOB_ID_LEN + 1];
	struct message m;
	struct queue q;

	(void)state;
	seed_job(redis, "acme", NULL, "x", 1, 9, a);
	queue_init(&q, redis, "w-0", 60000, 5);
	while (queue_next(&q, false, &m, &e) == 1)
		;
	assert_int_equal(queue_drop(&q, &m, &e), 0);
	assert_int_equal(pending("w-0"), 0);
	assert_int_equal(seed_int(redis, "XLEN", jobs.text, NULL), 0);
	queue_clear(&q);
}

static void what_is_not_begun_can_be_put_back(void **state)
{
	char a[JOB_ID_LEN + 1];
	struct key chunks = wire_key("chunks", NULL);
	struct queue q0, q1;
	struct message m;

	(void)state;
	queue_init(&q0, redis, "w-0", 60000, 5);
	queue_init(&q1, redis, "w-1", 60000, 5);
	assert_string_equal(next(&q0), "");
	seed_job(redis, "acme", NULL, "x", 1, 9, a);
	seed_drop(redis, "XADD", chunks.text, "*", "v", "1", "job", a, "n", "7", NULL);
	assert_int_equal(queue_next(&q0, false, &m, &e), 0);	/* both came, one was handed out */
	assert_int_equal(m.stream, STREAM_JOBS);
	assert_int_equal(queue_hold(&q0, &e), 0);
	assert_string_equal(next(&q1), "");
	assert_int_equal(queue_put_back(&q0, &e), 0);
	q1.pending[STREAM_CHUNKS].scan_at_ms = 0;
	assert_int_equal(queue_next(&q1, false, &m, &e), 0);
	assert_int_equal(m.stream, STREAM_CHUNKS);
	assert_int_equal(m.n, 7);
	assert_string_equal(next(&q0), "");
	queue_clear(&q0);
	queue_clear(&q1);
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_message_goes_to_one),
		TEST(a_successor_takes_up_what_was_pending_before_new_work),
		TEST(an_abandoned_message_is_taken_after_its_lease),
		TEST(a_lost_group_is_made_again_and_nothing_is_lost),
		TEST(what_cannot_be_read_is_dropped_and_what_is_newer_is_left),
		TEST(what_is_newer_is_for_others_at_once),
		TEST(what_is_newer_is_not_met_all_the_time),
		TEST(a_message_that_was_deleted_while_pending_is_dropped),
		TEST(who_leaves_hands_on_what_it_was_given_and_takes_its_name_along),
		TEST(drop_ends_a_message),
		TEST(what_is_not_begun_can_be_put_back),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
