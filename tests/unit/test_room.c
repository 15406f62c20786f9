/* room: levels with hysteresis, what fits, who is put off. rate: buckets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "schema/scripts.h"
#include "schema/wire.h"
#include "server/rate.h"
#include "server/room.h"
#include "tests/fakes/private_redis.h"
#include "tests/fakes/seed.h"

static struct private_redis server;
static struct redis *redis;
static struct settings *settings;
static struct room room;
static struct err e;

static int setup(void **state)
{
	(void)state;
	if (private_redis_start(&server, "no") != 0)
		return -1;
	return (redis = redis_open(server.url, 5000, &e)) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	redis_close(&redis);
	private_redis_stop(&server);
	room_clear(&room);
	settings_free(&settings);
	return 0;
}

static void configure(const char *conf)
{
	room_clear(&room);
	settings_free(&settings);
	settings = settings_parse(conf, strlen(conf), &e);
	assert_non_null(settings);
	assert_int_equal(room_init(&room, settings, &e), 0);
}

/* name, value, … up to a NULL, as the scripts would have left it. */
static void holds(const char *a, const char *n, const char *b, const char *m)
{
	struct key key = wire_key("room", NULL);
	struct reply *reply;

	seed_drop(redis, "FLUSHALL", NULL);
	if (a != NULL)
		seed_drop(redis, "HSET", key.text, a, n, NULL);
	if (b != NULL)
		seed_drop(redis, "HSET", key.text, b, m, NULL);
	reply = seed_do(redis, "HGETALL", key.text, NULL);
	room_take_held(&room, reply);
	reply_free(&reply);
}

static bool uses(uint64_t used, uint64_t most)
{
	char info[160];

	snprintf(info, sizeof(info), "# Memory\r\nused_memory:%llu\r\nused_memory_peak:9\r\nmaxmemory:%llu\r\n"
	    "maxmemory_policy:noeviction\r\n", (unsigned long long)used, (unsigned long long)most);
	return room_take_info(&room, info);
}

static const struct source *source(const char *name)
{
	return settings_source(settings, name);
}

static enum problem check(const char *name, uint64_t bytes)
{
	struct refusal why = { .problem = P_NONE };
	int rc = room_check(&room, source(name), bytes, &why);

	assert_int_equal(rc, why.problem == P_NONE ? 0 : -1);
	if (problem_status(why.problem) == 503 || problem_status(why.problem) == 429)
		assert_true(why.retry_after_s > 0);
	return why.problem;
}

static void levels_have_hysteresis(void **state)
{
	static const struct { unsigned percent; enum room_level want; } steps[] = {
		{ 0, ROOM_OPEN }, { 79, ROOM_OPEN }, { 80, ROOM_SLOW }, { 61, ROOM_SLOW }, { 59, ROOM_OPEN },
		{ 70, ROOM_OPEN }, { 99, ROOM_SLOW }, { 100, ROOM_FULL }, { 81, ROOM_FULL }, { 79, ROOM_SLOW },
		{ 120, ROOM_FULL }, { 59, ROOM_OPEN },
	};

	(void)state;
	configure("[redis]\nmax_held_bytes = 1000\n[source a]\nsecret = x\n");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		enum room_level before = room.level;
		char bytes[16];

		snprintf(bytes, sizeof(bytes), "%u", steps[i].percent * 10);
		holds("kept:a", bytes, NULL, NULL);
		assert_int_equal(uses(1, 0), before != steps[i].want);
		if (room.level != steps[i].want)
			fail_msg("step %zu", i);
	}
}

static void memory_counts_where_it_is_limited(void **state)
{
	(void)state;
	configure("[source a]\nsecret = x\n");
	holds(NULL, NULL, NULL, NULL);
	uses(900000, 0);
	assert_int_equal(room_limit(&room), 0);
	assert_int_equal(check("a", UINT64_C(1) << 50), P_NONE);
	assert_int_equal(room_memory(&room), -1);
	uses(100000, 1000000);
	assert_int_equal(room_memory(&room), 800000);
	assert_int_equal(room_limit(&room), 750000);
	assert_int_equal(check("a", 700000), P_NONE);
	assert_int_equal(check("a", 750001), P_BODY_TOO_LARGE);	/* there will never be room */
	uses(300000, 1000000);
	assert_int_equal(check("a", 700000), P_STORE_FULL);
	room_let_in(&room, source("a"), 500000);	/* Redis does not say so yet */
	assert_int_equal(room_memory(&room), 100000);
	uses(910000, 1000000);
	assert_int_equal(room_memory(&room), 0);
	uses(900000, 1000000);
	assert_int_equal(room.level, ROOM_FULL);
	assert_int_equal(check("a", 1), P_STORE_FULL);
}

static void what_was_let_in_since_counts(void **state)
{
	(void)state;
	configure("[redis]\nmax_held_bytes = 1000\n[source a]\nsecret = x\nmax_held_bytes = 700\n[source b]\nsecret = x\n");
	holds("queued:a", "300", "results:gone", "100");
	uses(1, 0);
	assert_int_equal(check("a", 400), P_NONE);
	assert_int_equal(check("a", 401), P_SOURCE_FULL);
	assert_int_equal(check("b", 600), P_NONE);
	assert_int_equal(check("b", 601), P_STORE_FULL);
	room_let_in(&room, source("a"), 350);
	assert_int_equal(check("a", 51), P_SOURCE_FULL);
	assert_int_equal(check("b", 251), P_STORE_FULL);
	holds("queued:a", "650", "results:gone", "100");	/* it is in the counters now, and not twice */
	assert_int_equal(check("a", 50), P_NONE);
	assert_int_equal(check("b", 250), P_NONE);
}

static void what_came_to_nothing_counts_no_more(void **state)
{
	uint64_t then;

	(void)state;
	configure("[redis]\nmax_held_bytes = 1000\n[source a]\nsecret = x\nmax_held_bytes = 700\n[source b]\nsecret = x\n");
	holds("queued:a", "300", NULL, NULL);
	uses(1, 0);
	then = room.reads;
	room_let_in(&room, source("a"), 350);
	room_let_in(&room, source("b"), 100);
	room_let_out(&room, source("a"), 350, then);
	assert_int_equal(check("a", 400), P_NONE);
	assert_int_equal(check("b", 600), P_NONE);
	assert_int_equal(check("b", 601), P_STORE_FULL);
	holds("queued:a", "300", NULL, NULL);	/* what was let in before is not counted beside this */
	room_let_in(&room, source("b"), 10);
	room_let_out(&room, source("b"), 100, then);
	assert_int_equal(check("b", 690), P_NONE);
	assert_int_equal(check("b", 691), P_STORE_FULL);
}

static void who_holds_more_than_its_share_is_put_off(void **state)
{
	(void)state;
	configure("[redis]\nmax_held_bytes = 1000\n[source a]\nsecret = x\n[source b]\nsecret = x\n[source c]\nsecret = x\n");
	holds("queued:a", "700", "staged:b", "150");
	uses(1, 0);
	assert_int_equal(room.level, ROOM_SLOW);
	assert_int_equal(check("a", 10), P_SOURCE_SLOW);
	assert_int_equal(check("b", 10), P_NONE);
	assert_int_equal(check("c", 10), P_NONE);
	assert_int_equal(check("c", 151), P_STORE_FULL);
	holds("queued:a", "850", NULL, NULL);	/* alone: the last fifth is for the others */
	uses(1, 0);
	assert_int_equal(check("a", 10), P_SOURCE_SLOW);
	assert_int_equal(check("b", 10), P_NONE);
}

/* Entries of a stream, of which `taken` went to a worker. */
static void waiting(const char *stream, unsigned entries, unsigned taken)
{
	struct key key = wire_key(stream, NULL);
	char id[32];

	for (unsigned i = 0; i < entries; i++) {
		snprintf(id, sizeof(id), "1000-%u", i);
		seed_drop(redis, "XADD", key.text, id, "v", "1", NULL);
	}
	if (taken > 0) {
		snprintf(id, sizeof(id), "%u", taken);
		seed_drop(redis, "XGROUP", "CREATE", key.text, GROUP_WORKERS, "0", NULL);
		seed_drop(redis, "XREADGROUP", "GROUP", GROUP_WORKERS, "w", "COUNT", id, "STREAMS", key.text, ">", NULL);
	}
}

/* As queue.lua sees it. */
static void look(unsigned age_ms)
{
	static const char *const streams[] = { "jobs", "splits", "chunks" };
	struct key key[3];
	struct reply *reply;
	struct redis_cmd c;

	cmd_init(&c);
	cmd_script(&c, &script_queue, 3);
	for (int i = 0; i < 3; i++) {
		key[i] = wire_key(streams[i], NULL);
		cmd_str(&c, key[i].text);
	}
	cmd_str(&c, GROUP_WORKERS);
	cmd_int(&c, 1000 + age_ms);
	assert_int_equal(redis_do(redis, &c, &reply, &e), 0);
	room_take_queue(&room, reply);
	reply_free(&reply);
	cmd_clear(&c);
}

static void queued(unsigned entries, unsigned taken, unsigned age_ms)
{
	seed_drop(redis, "FLUSHALL", NULL);
	waiting("jobs", entries, taken);
	look(age_ms);
}

static void splits_and_chunks_wait_too(void **state)
{
	(void)state;
	configure("[redis]\nmax_queued_jobs = 10\nmax_queue_age_s = 5\n[source a]\nsecret = x\n[source b]\nsecret = x\n");
	seed_drop(redis, "FLUSHALL", NULL);
	waiting("splits", 3, 1);
	waiting("chunks", 64, 4);
	look(1000);
	assert_int_equal(room.queued, 2);
	assert_int_equal(room.queued_chunks, 60);	/* of documents that are in work: no jobs that wait */
	assert_int_equal(room.queue_ms, 1000);
	uses(1, 0);
	assert_int_equal(check("b", 10), P_NONE);
	look(5000);
	uses(1, 0);
	assert_int_equal(check("b", 10), P_STORE_FULL);
	seed_drop(redis, "FLUSHALL", NULL);
	waiting("splits", 12, 0);
	look(1);
	uses(1, 0);
	assert_int_equal(check("b", 10), P_STORE_FULL);
	seed_drop(redis, "FLUSHALL", NULL);
	waiting("chunks", 4, 4);
	look(9000);
	assert_int_equal(room.queued + room.queued_chunks + room.queue_ms, 0);
}

static void a_long_or_old_queue_shuts_the_door(void **state)
{
	(void)state;
	configure("[redis]\nmax_queued_jobs = 10\nmax_queue_age_s = 5\n[source a]\nsecret = x\n[source b]\nsecret = x\n");
	holds("queued:a", "700", "queued:b", "100");
	queued(0, 0, 9000);
	assert_int_equal(room.queued + room.queue_ms, 0);
	queued(12, 12, 9000);	/* workers have them all: none waits */
	assert_int_equal(room.queued + room.queue_ms, 0);
	queued(12, 5, 1000);
	assert_int_equal(room.queued, 7);
	uses(1, 0);
	assert_int_equal(check("a", 10), P_NONE);
	queued(8, 0, 1000);
	uses(1, 0);
	assert_int_equal(room.level, ROOM_SLOW);
	assert_int_equal(check("a", 10), P_SOURCE_SLOW);	/* it holds more than the average */
	assert_int_equal(check("b", 10), P_NONE);
	queued(10, 0, 1000);
	uses(1, 0);
	assert_int_equal(check("b", 10), P_STORE_FULL);
	queued(5, 0, 1000);
	uses(1, 0);
	assert_int_equal(room.level, ROOM_OPEN);
	queued(2, 1, 5000);
	uses(1, 0);
	assert_int_equal(room.queue_ms, 5000);
	assert_int_equal(check("b", 10), P_STORE_FULL);
}

/* One that is known at once whose it is. */
static int take(struct rate *r, const struct source *src, uint64_t n, uint64_t now_us, struct refusal *why)
{
	if (rate_check(r, src, now_us, why) != 0)
		return -1;
	rate_add_request(r, src, now_us);
	rate_add_bytes(r, src, n, now_us);
	return 0;
}

static void buckets(void **state)
{
	struct rate r = { 0 };
	struct refusal why = { .problem = P_NONE };
	const struct source *a;
	uint64_t now = 5000000;
	int n = 0;

	(void)state;
	configure("[source a]\nsecret = x\nrate_requests = 2\n[source b]\nsecret = x\nrate_bytes = 1000\n");
	a = source("a");
	while (take(&r, a, 1 << 20, now, &why) == 0)
		n++;
	assert_int_equal(n, 20);	/* ten seconds' worth at once */
	assert_int_equal(why.problem, P_RATE_LIMITED);
	assert_int_equal(why.retry_after_s, 1);
	why.problem = P_NONE;
	assert_int_equal(take(&r, a, 1, now + 490000, &why), -1);
	assert_int_equal(take(&r, a, 1, now + 510000, &why), 0);
	why.problem = P_NONE;
	assert_int_equal(take(&r, a, 1, now + 520000, &why), -1);
	for (int i = 0; i < 100; i++)	/* a look takes nothing */
		assert_int_equal(rate_check(&r, a, now + 1010000, &why), 0);
	assert_int_equal(take(&r, a, 1, now + 1010000, &why), 0);
}

static void a_large_body_is_paid_for_afterwards(void **state)
{
	struct rate r = { 0 };
	struct refusal why = { .problem = P_NONE };
	const struct source *b;
	uint64_t now = 1;

	(void)state;
	configure("[source a]\nsecret = x\nrate_requests = 2\n[source b]\nsecret = x\nrate_bytes = 1000\n");
	b = source("b");
	assert_int_equal(take(&r, b, 60000, now, &why), 0);
	assert_int_equal(take(&r, b, 1, now, &why), -1);
	assert_int_equal(why.retry_after_s, 51);
	rate_add_bytes(&r, b, 5000, now);	/* of a body without length */
	why.problem = P_NONE;
	assert_int_equal(take(&r, b, 1, now + 54000000, &why), -1);
	assert_int_equal(take(&r, b, 1, now + 56000000, &why), 0);
}

/* What began on other settings is counted on, also of a source that is no longer there. */
static void other_settings(void **state)
{
	static const char after[] = "[redis]\nmax_held_bytes = 1000\n[source aa]\nsecret = x\n[source b]\nsecret = x\n";
	struct settings *next;
	struct source old_a, old_b;

	(void)state;
	configure("[redis]\nmax_held_bytes = 5000\n[source a]\nsecret = x\n[source b]\nsecret = x\n");
	holds("queued:a", "100", "queued:b", "200");
	old_a = *settings_source(settings, "a");
	old_b = *settings_source(settings, "b");
	room_let_in(&room, &old_b, 50);
	assert_non_null(next = settings_parse(after, strlen(after), &e));
	assert_int_equal(room_renew(&room, next, &e), 0);
	assert_int_equal(room_limit(&room), 1000);
	assert_int_equal(room.source[settings_source(next, "b") - next->sources], 200);
	assert_int_equal(room.since[settings_source(next, "b") - next->sources], 50);
	assert_int_equal(room.source[settings_source(next, "aa") - next->sources], 0);
	room_let_in(&room, &old_a, 7);
	room_let_in(&room, &old_b, 1);
	assert_int_equal(room.since[settings_source(next, "b") - next->sources], 51);
	assert_int_equal(room.since[settings_source(next, "aa") - next->sources], 0);
	assert_int_equal(room.all_since, 58);
	settings_free(&settings);
	settings = next;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_settings),
		cmocka_unit_test(levels_have_hysteresis),
		cmocka_unit_test(memory_counts_where_it_is_limited),
		cmocka_unit_test(what_was_let_in_since_counts),
		cmocka_unit_test(what_came_to_nothing_counts_no_more),
		cmocka_unit_test(who_holds_more_than_its_share_is_put_off),
		cmocka_unit_test(a_long_or_old_queue_shuts_the_door),
		cmocka_unit_test(splits_and_chunks_wait_too),
		cmocka_unit_test(buckets),
		cmocka_unit_test(a_large_body_is_paid_for_afterwards),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
