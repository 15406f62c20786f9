/* janitor: what goes, what stays, and who may sweep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "tests/fakes/seed.h"
#include "tests/fakes/stage.h"
#include "schema/scripts.h"
#include "workers/bounds.h"
#include "workers/janitor.h"
#include "workers/patience.h"

#define NOW ((uint64_t)1700000000000)
#define DAY_MS ((uint64_t)86400000)

static struct stage stage;
static struct redis *redis;
static struct settings *settings;
static struct err e;

static int setup(void **state)
{
	static const char conf[] = "[redis]\nstaging_timeout_s = 120\nretention_s = 86400\ndead_retention_s = 172800\n";

	(void)state;
	if (stage_begin(&stage, conf, "no") != 0)
		return -1;
	redis = stage.redis;
	settings = stage.settings;
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

static const char *number(uint64_t v)
{
	static char text[2][24];
	static int turn;
	char *s = text[turn++ % 2];

	snprintf(s, sizeof(text[0]), "%llu", (unsigned long long)v);
	return s;
}

static struct janitor_report sweep(void)
{
	struct janitor_report did;

	assert_int_equal(janitor_sweep(redis, settings, NOW, &did, &e), 0);
	return did;
}

static bool exists(const char *what, const char *id)
{
	struct key key = wire_key(what, id);

	return seed_int(redis, "EXISTS", key.text, NULL) == 1;
}

static void uploads_without_a_sign_of_life_go(void **state)
{
	static const struct { const char *job; uint64_t silent_ms; bool stays; } cases[] = {
		{ "dead", 121000, false }, { "slow", 119000, true }, { "live", 0, true },
	};
	struct key staging = wire_key("staging", NULL);
	uint64_t removed;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct key raw = wire_key("raw", cases[i].job);

		seed_drop(redis, "ZADD", staging.text, number(NOW - cases[i].silent_ms), cases[i].job, NULL);
		seed_drop(redis, "XADD", raw.text, "1-0", "d", "x", NULL);
	}
	removed = sweep().uploads;
	assert_int_equal(removed, 1);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(exists("raw", cases[i].job), cases[i].stays);
	assert_int_equal(seed_int(redis, "ZCARD", staging.text, NULL), 2);
}

static long long abandon(const char *job, const char *latest)
{
	struct key staging = wire_key("staging", NULL), raw = wire_key("raw", job), hash = wire_key("job", job);
	struct redis_cmd c;
	struct reply *reply;
	long long n;

	cmd_init(&c);
	cmd_script(&c, &script_abandon, 3);
	cmd_str(&c, staging.text);
	cmd_str(&c, raw.text);
	cmd_str(&c, hash.text);
	cmd_str(&c, job);
	cmd_str(&c, latest);
	assert_int_equal(redis_do(redis, &c, &reply, &e), 0);
	n = reply_int(reply);
	reply_free(&reply);
	cmd_clear(&c);
	return n;
}

static void an_upload_that_comes_alive_meanwhile_stays(void **state)
{
	struct key staging = wire_key("staging", NULL), raw = wire_key("raw", "late");

	(void)state;
	seed_drop(redis, "XADD", raw.text, "1-0", "d", "x", NULL);
	for (int sign = 2000; sign >= 1000; sign -= 1000) {
		seed_drop(redis, "ZADD", staging.text, number((uint64_t)sign), "late", NULL);
		assert_int_equal(abandon("late", "1000"), sign == 1000);	/* what the list was made with */
		assert_int_equal(exists("raw", "late"), sign == 2000);
	}
}

static void segments_whose_mark_was_lost_go_unless_they_are_a_job(void **state)
{
	struct key raw = wire_key("raw", "bare"), hash = wire_key("job", "bare");

	(void)state;
	seed_drop(redis, "XADD", raw.text, "1-0", "d", "x", NULL);
	seed_drop(redis, "HSET", hash.text, "state", "accepted", NULL);
	assert_int_equal(abandon("bare", "+inf"), 0);
	assert_true(exists("raw", "bare"));
	seed_drop(redis, "DEL", hash.text, NULL);
	assert_int_equal(abandon("bare", "+inf"), 1);
	assert_false(exists("raw", "bare"));
}

static void many_abandoned_uploads_go_in_rounds(void **state)
{
	struct key staging = wire_key("staging", NULL);

	(void)state;
	for (int i = 0; i < 700; i++)
		seed_drop(redis, "ZADD", staging.text, "1", number((uint64_t)i), NULL);
	assert_int_equal(sweep().uploads, 500);
	assert_int_equal(sweep().uploads, 200);
}

static void expired_jobs_leave_the_index_and_take_their_keys(void **state)
{
	struct key index = wire_key("index", NULL);

	(void)state;
	for (uint64_t i = 0; i < 1200; i++) {	/* every third is there still */
		struct key hash = wire_key("job", number(i)), letters = wire_key("deadof", number(i));

		seed_drop(redis, "ZADD", index.text, number(NOW - 2 * DAY_MS + i), number(i), NULL);
		seed_drop(redis, "RPUSH", letters.text, "1-0", NULL);
		if (i % 3 == 0)
			seed_drop(redis, "HSET", hash.text, "state", "running", NULL);
	}
	seed_drop(redis, "ZADD", index.text, number(NOW - 1000), "young", NULL);
	assert_int_equal(sweep().jobs, 800);
	assert_int_equal(seed_int(redis, "ZCARD", index.text, NULL), 401);
	assert_true(exists("deadof", "3"));
	assert_false(exists("deadof", "4"));
	assert_int_equal(sweep().jobs, 0);
}

/* Of one that waits and of one that is worked on, whole or in chunks. */
static void what_has_not_ended_stays_however_old_it_is(void **state)
{
	static const char doc[] = "{\"type\":\"Feature\",\"properties\":null,\"geometry\":null}";
	char waits[JOB_ID_LEN + 1], runs[JOB_ID_LEN + 1];
	struct key dead = wire_key("dead", NULL);
	struct janitor_report did;
	long long keys;

	(void)state;
	seed_job(redis, "acme", NULL, doc, sizeof(doc) - 1, 20, waits);
	seed_job(redis, "acme", NULL, doc, sizeof(doc) - 1, 20, runs);
	seed_drop(redis, "HSET", wire_key("job", runs).text, "state", "running", NULL);
	seed_drop(redis, "HSET", wire_key("out", runs).text, "0", "features", NULL);
	seed_drop(redis, "HSET", wire_key("report", runs).text, "0", "lines", NULL);
	seed_drop(redis, "HSET", wire_key("parts", runs).text, "1", "chunk", NULL);
	seed_drop(redis, "SET", wire_key("ids", runs).text, "hashes", NULL);
	seed_drop(redis, "XADD", dead.text, "1-0", "job", runs, "source", "acme", NULL);	/* nobody could replay it yet */
	seed_drop(redis, "XADD", dead.text, "2-0", "job", "0-one that ended", "source", "acme", NULL);
	seed_drop(redis, "RPUSH", wire_key("deadof", runs).text, "1-0", NULL);
	seed_drop(redis, "HSET", wire_key("replayed", NULL).text, "1-0", "job of a letter that is there", NULL);
	keys = seed_int(redis, "DBSIZE", NULL);
	assert_int_equal(janitor_sweep(redis, settings, clock_unix_ms() + 3650 * DAY_MS, &did, &e), 0);
	assert_int_equal(did.uploads + did.jobs, 0);
	assert_int_equal(did.letters, 1);
	assert_int_equal(seed_int(redis, "XLEN", dead.text, NULL), 1);
	assert_int_equal(did.replays, 0);
	assert_int_equal(seed_int(redis, "DBSIZE", NULL), keys);
	assert_int_equal(seed_int(redis, "XLEN", wire_key("raw", runs).text, NULL),
	    seed_int(redis, "XLEN", wire_key("raw", waits).text, NULL));
	assert_int_equal(seed_int(redis, "XLEN", wire_key("jobs", NULL).text, NULL), 2);
	assert_int_equal(seed_int(redis, "ZCARD", wire_key("index", NULL).text, NULL), 2);
}

static void old_letters_go_and_what_refers_to_them(void **state)
{
	struct key dead = wire_key("dead", NULL), replayed = wire_key("replayed", NULL);
	uint64_t ages[] = { 3 * DAY_MS, 2 * DAY_MS + 1, 2 * DAY_MS - 1, 0 };
	struct janitor_report did;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char id[48];

		snprintf(id, sizeof(id), "%s-0", number(NOW - ages[i]));
		seed_drop(redis, "XADD", dead.text, id, "v", "1", NULL);
		seed_drop(redis, "HSET", replayed.text, id, "job", NULL);
	}
	seed_drop(redis, "HSET", replayed.text, "1000-0", "job of a letter that went otherwise", NULL);
	did = sweep();
	assert_int_equal(did.letters, 2);
	assert_int_equal(did.replays, 1);
	assert_int_equal(seed_int(redis, "XLEN", dead.text, NULL), 2);
	assert_int_equal(seed_int(redis, "HLEN", replayed.text, NULL), 2);
}

/* n letters of a source, each of size bytes of text and a bit, as chunk.lua counts them. */
static void letters(const char *source, const char *job, unsigned n, unsigned size)
{
	static const char add[] =
	    "for i = 1, tonumber(ARGV[3]) do "
	    "local f = {'job', ARGV[2], 'source', ARGV[1], 'code', 'LON_RANGE', 'raw', string.rep('x', ARGV[4])} "
	    "local n = 0 for _, v in ipairs(f) do n = n + #v end "
	    "redis.call('RPUSH', KEYS[3], redis.call('XADD', KEYS[1], '*', unpack(f))) "
	    "redis.call('HINCRBY', KEYS[2], 'dead:' .. ARGV[1], n) end";
	struct key dead = wire_key("dead", NULL), room = wire_key("room", NULL), deadof = wire_key("deadof", job);
	char many[16], bytes[16];

	snprintf(many, sizeof(many), "%u", n);
	snprintf(bytes, sizeof(bytes), "%u", size);
	seed_drop(redis, "EVAL", add, "3", dead.text, room.text, deadof.text, source, job, many, bytes, NULL);
}

static uint64_t bound(const char *conf)
{
	struct settings *s = settings_parse(conf, strlen(conf), &e);
	uint64_t removed = 0;

	assert_non_null(s);
	assert_int_equal(bounds_round(redis, s, &removed, &e), 0);
	settings_free(&s);
	return removed;
}

static void letters_beyond_the_bounds_go_and_are_counted(void **state)
{
	struct key dead = wire_key("dead", NULL), room = wire_key("room", NULL), job = wire_key("job", "a"),
	    of_a = wire_key("deadof", "a"), of_b = wire_key("deadof", "b");

	(void)state;
	seed_drop(redis, "HSET", job.text, "state", "running", NULL);
	letters("one", "a", 3000, 100);
	letters("two", "b", 1000, 100);
	assert_int_equal(bound("[redis]\nmax_dead_bytes = 0\nmax_dead_letters = 0\n"), 0);
	assert_int_equal(bound("[redis]\nmax_dead_letters = 4000\n"), 0);
	assert_int_equal(bound("[redis]\nmax_dead_letters = 2500\n"), 1500);	/* the oldest */
	assert_int_equal(seed_int(redis, "LLEN", of_a.text, NULL), 1500);
	assert_int_equal(seed_int(redis, "LLEN", of_b.text, NULL), 1000);
	assert_string_equal(seed_field(redis, "a", "dropped:LON_RANGE"), "1500");
	bound("[source two]\nsecret = x\nmax_dead_bytes = 10000\n");
	assert_int_equal(seed_int(redis, "LLEN", of_a.text, NULL), 1500);	/* not the other's */
	assert_in_range(seed_int(redis, "HGET", room.text, "dead:two", NULL), 9000, 10000);
	bound("[redis]\nmax_dead_bytes = 50000\n");
	assert_in_range(seed_int(redis, "HGET", room.text, "dead:one", NULL) +
	    seed_int(redis, "HGET", room.text, "dead:two", NULL), 49000, 50000);
	bound("[redis]\nmax_dead_bytes = 1\n");
	assert_int_equal(seed_int(redis, "XLEN", dead.text, NULL), 0);
	assert_int_equal(seed_int(redis, "HGET", room.text, "dead:one", NULL), 0);
	assert_string_equal(seed_field(redis, "a", "dropped:LON_RANGE"), "3000");
	assert_string_equal(seed_field(redis, "b", "dropped:LON_RANGE"), "");	/* its job is not kept */
}

/* Else all that came later would be removed to make up for them, for ever. */
static void letters_that_somebody_trimmed_are_counted_no_more(void **state)
{
	struct key dead = wire_key("dead", NULL), room = wire_key("room", NULL);

	(void)state;
	letters("one", "a", 1000, 100);
	letters("two", "b", 700, 100);
	seed_drop(redis, "XTRIM", dead.text, "MAXLEN", "600", NULL);
	assert_int_equal(bound("[source one]\nsecret = x\nmax_dead_bytes = 50000\n"), 0);	/* it has none */
	assert_int_equal(seed_int(redis, "HEXISTS", room.text, "dead:one", NULL), 0);
	letters("one", "a", 10, 100);
	assert_int_equal(bound("[source one]\nsecret = x\nmax_dead_bytes = 50000\n"), 0);
	assert_int_equal(seed_int(redis, "XLEN", dead.text, NULL), 610);
	seed_drop(redis, "XTRIM", dead.text, "MAXLEN", "0", NULL);
	assert_int_equal(bound("[redis]\nmax_dead_bytes = 0\nmax_dead_letters = 0\n"), 0);
	assert_int_equal(seed_int(redis, "HEXISTS", room.text, "dead:two", NULL), 0);
	letters("two", "b", 10, 100);
	assert_int_equal(bound("[redis]\nmax_dead_bytes = 50000\n"), 0);
	assert_int_equal(seed_int(redis, "XLEN", dead.text, NULL), 10);
}

/* A job that ended at `at` and holds so many bytes of results, five of report among them. */
static void ended(const char *job, const char *source, uint64_t at, int bytes)
{
	struct key hash = wire_key("job", job), out = wire_key("out", job), lines = wire_key("report", job),
	    expiring = wire_key("expiring", NULL), room = wire_key("room", NULL);
	char text[64], score[24], member[128], kind[64];

	snprintf(text, sizeof(text), "%d", bytes);
	snprintf(score, sizeof(score), "%s", number(at));
	snprintf(member, sizeof(member), "out %s %d %s", job, bytes, source);
	snprintf(kind, sizeof(kind), "results:%s", source);
	seed_drop(redis, "HSET", hash.text, "state", "successful", "results", text, NULL);
	seed_drop(redis, "HSET", out.text, "0", "features", NULL);
	seed_drop(redis, "HSET", lines.text, "0", "lines", NULL);
	seed_drop(redis, "ZADD", expiring.text, score, member, NULL);
	snprintf(member, sizeof(member), "raw %s %d %s", job, bytes, source);
	seed_drop(redis, "ZADD", expiring.text, score, member, NULL);
	seed_drop(redis, "HINCRBY", room.text, kind, text, NULL);
}

static uint64_t bound_results(const char *conf)
{
	struct settings *s = settings_parse(conf, strlen(conf), &e);
	uint64_t jobs = 0;

	assert_non_null(s);
	assert_int_equal(bounds_results(redis, s, &jobs, &e), 0);
	settings_free(&s);
	return jobs;
}

static bool has(const char *kind, const char *job)
{
	struct key key = wire_key(kind, job);

	return seed_int(redis, "EXISTS", key.text, NULL) == 1;
}

static void results_beyond_the_bounds_go_and_their_reports_stay(void **state)
{
	struct key room = wire_key("room", NULL), expiring = wire_key("expiring", NULL);

	(void)state;
	seed_drop(redis, "FLUSHALL", NULL);
	ended("old", "one", 1000, 105);
	ended("middle", "two", 2000, 105);
	ended("new", "one", 3000, 105);
	seed_drop(redis, "HINCRBY", room.text, "results:one", "50", NULL);	/* of one that runs */
	assert_int_equal(bound_results(""), 0);
	assert_int_equal(bound_results("[redis]\nmax_result_bytes = 365\n"), 0);
	assert_int_equal(bound_results("[redis]\nmax_result_bytes = 364\n"), 1);
	assert_true(!has("out", "old") && has("report", "old") && has("out", "middle") && has("out", "new"));
	assert_string_equal(seed_field(redis, "old", "shed"), "100");
	assert_string_equal(seed_field(redis, "old", "results"), "5");
	assert_int_equal(seed_int(redis, "HGET", room.text, "results:one", NULL), 160);
	assert_int_equal(seed_int(redis, "ZSCORE", expiring.text, "out old 5 one", NULL), 1000);
	assert_int_equal(bound_results("[source one]\nsecret = x\nmax_result_bytes = 100\n"), 1);
	assert_true(has("out", "middle") && !has("out", "new"));
	assert_int_equal(bound_results("[redis]\nmax_result_bytes = 1\n"), 1);
	assert_int_equal(seed_int(redis, "HGET", room.text, "results:one", NULL), 60);
	assert_int_equal(seed_int(redis, "HGET", room.text, "results:two", NULL), 5);
	assert_int_equal(bound_results("[redis]\nmax_result_bytes = 1\n"), 0);	/* reports, and what is not done */
	for (int i = 0; i < 1200; i++) {	/* several calls */
		char job[16];

		snprintf(job, sizeof(job), "j%d", i);
		ended(job, i % 2 ? "one" : "two", 5000 + (uint64_t)i, 105);
	}
	assert_int_equal(bound_results("[source two]\nsecret = x\nmax_result_bytes = 10000\n"),
	    600 - (10000 - 600 * 5 - 5) / 100);
	assert_true(has("out", "j1199") && has("out", "j1") && has("out", "j1198") && !has("out", "j0"));
}

static void consumers_go_only_if_idle_and_free(void **state)
{
	struct key jobs = wire_key("jobs", NULL);
	struct redis_cmd c;
	struct reply *reply;

	(void)state;
	seed_drop(redis, "XGROUP", "CREATE", jobs.text, GROUP_WORKERS, "0", "MKSTREAM", NULL);
	seed_drop(redis, "XADD", jobs.text, "*", "v", "1", NULL);
	seed_drop(redis, "XREADGROUP", "GROUP", GROUP_WORKERS, "busy", "STREAMS", jobs.text, ">", NULL);
	seed_drop(redis, "XGROUP", "CREATECONSUMER", jobs.text, GROUP_WORKERS, "free", NULL);
	assert_int_equal(sweep().consumers, 0);	/* neither is idle */
	cmd_init(&c);
	cmd_script(&c, &script_sweep, 1);
	cmd_str(&c, jobs.text);
	cmd_str(&c, GROUP_WORKERS);
	cmd_int(&c, 0);
	cmd_str(&c, "another");
	assert_int_equal(redis_do(redis, &c, &reply, &e), 0);
	assert_int_equal(reply_int(reply), 0);
	reply_free(&reply);
	cmd_script(&c, &script_sweep, 1);
	cmd_str(&c, jobs.text);
	cmd_str(&c, GROUP_WORKERS);
	cmd_int(&c, 0);
	cmd_str(&c, "");
	assert_int_equal(redis_do(redis, &c, &reply, &e), 0);
	assert_int_equal(reply_int(reply), 1);
	reply_free(&reply);
	cmd_clear(&c);
	assert_int_equal(seed_int(redis, "XPENDING", jobs.text, GROUP_WORKERS, "-", "+", "9", "busy", NULL), 1);
	assert_int_equal(seed_int(redis, "XINFO", "CONSUMERS", jobs.text, GROUP_WORKERS, NULL), 1);
}

static void an_empty_redis_is_no_fault(void **state)
{
	struct janitor_report did = sweep();

	(void)state;
	assert_int_equal(did.uploads + did.jobs + did.letters + did.replays + did.consumers, 0);
}

static void callbacks_go_with_the_job_that_they_tell_of(void **state)
{
	struct key outbox = wire_key("outbox", NULL);
	char old[32], fresh_one[32];
	struct janitor_report did;

	(void)state;
	snprintf(old, sizeof(old), "%s-0", number(NOW - DAY_MS - 1));
	snprintf(fresh_one, sizeof(fresh_one), "%s-0", number(NOW - DAY_MS + 1));
	seed_drop(redis, "XADD", outbox.text, old, "v", "1", "job", "x", NULL);
	seed_drop(redis, "XADD", outbox.text, fresh_one, "v", "1", "job", "y", NULL);
	did = sweep();
	assert_int_equal(did.callbacks, 1);
	assert_int_equal(seed_int(redis, "XRANGE", outbox.text, fresh_one, fresh_one, NULL), 1);
}

static void one_holds_the_lease(void **state)
{
	struct key key = wire_key("janitor", NULL);

	(void)state;
	assert_int_equal(janitor_lease(redis, "a", 60000, &e), 0);
	assert_int_equal(janitor_lease(redis, "b", 60000, &e), 1);
	seed_drop(redis, "PEXPIRE", key.text, "5000", NULL);
	assert_int_equal(janitor_lease(redis, "a", 60000, &e), 0);
	assert_true(seed_int(redis, "PTTL", key.text, NULL) > 5000);
	seed_drop(redis, "DEL", key.text, NULL);	/* it expired */
	assert_int_equal(janitor_lease(redis, "b", 60000, &e), 0);
	assert_int_equal(janitor_lease(redis, "a", 60000, &e), 1);
}

/* One that slept past its lease finds another's in its place. */
static void who_ends_gives_up_its_own_lease_alone(void **state)
{
	struct key key = wire_key("janitor", NULL);

	(void)state;
	assert_int_equal(janitor_lease(redis, "a", 60000, &e), 0);
	seed_drop(redis, "DEL", key.text, NULL);	/* it expired */
	assert_int_equal(janitor_lease(redis, "b", 60000, &e), 0);
	assert_int_equal(janitor_resign(redis, "a", &e), 1);
	assert_int_equal(janitor_lease(redis, "c", 60000, &e), 1);
	assert_int_equal(janitor_resign(redis, "b", &e), 0);
	assert_int_equal(janitor_lease(redis, "c", 60000, &e), 0);
}

/* The janitor is what makes room again. */
static void a_full_redis_is_swept(void **state)
{
	struct key staging = wire_key("staging", NULL), raw = wire_key("raw", "dead");

	(void)state;
	seed_drop(redis, "ZADD", staging.text, "1", "dead", NULL);
	seed_drop(redis, "XADD", raw.text, "1-0", "d", "x", NULL);
	seed_drop(redis, "SCRIPT", "FLUSH", NULL);
	seed_drop(redis, "CONFIG", "SET", "maxmemory", "1", NULL);
	assert_int_equal(janitor_lease(redis, "a", 60000, &e), 0);
	assert_int_equal(sweep().uploads, 1);
	seed_drop(redis, "CONFIG", "SET", "maxmemory", "0", NULL);
	assert_false(exists("raw", "dead"));
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

/* How often Redis was asked who has the lease: only who did not get it asks. */
static long long asked(void)
{
	struct reply *stats = seed_do(redis, "INFO", "commandstats", NULL);
	const char *at = strstr(reply_str(stats, NULL), "cmdstat_get:calls=");
	long long n = at != NULL ? strtoll(at + sizeof("cmdstat_get:calls=") - 1, NULL, 10) : 0;

	reply_free(&stats);
	return n;
}

static long long uploads(void)
{
	return seed_int(redis, "ZCARD", wire_key("staging", NULL).text, NULL);
}

/* Until it gives at least `least` and at most `most`. */
static void await(long long (*number_of)(void), long long least, long long most)
{
	const struct timespec between_looks = { 0, 10000000 };
	uint64_t began = clock_mono_ms();

	for (long long n = number_of(); n < least || n > most; n = number_of()) {
		assert_in_range(clock_mono_ms() - began, 0, 30000);
		nanosleep(&between_looks, NULL);
	}
}

static void who_has_no_lease_does_not_sweep(void **state)
{
	struct key lease = wire_key("janitor", NULL), staging = wire_key("staging", NULL);
	struct settings *s;
	char conf[256];
	int status;
	pid_t pid;

	(void)state;
	snprintf(conf, sizeof(conf), "[redis]\nurl = %s\nstaging_timeout_s = 5\n", stage.server.url);
	s = settings_parse(conf, strlen(conf), &e);
	assert_non_null(s);
	seed_drop(redis, "CONFIG", "RESETSTAT", NULL);
	seed_drop(redis, "SET", lease.text, "another", NULL);
	seed_drop(redis, "ZADD", staging.text, "1", "dead", NULL);
	if ((pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* where the test fails */
		log_init("test", LOG_LEVEL_ERROR);
		patience_begin(1);
		_exit(janitor_run(s, "b"));
	}
	await(asked, 2, 1000);	/* the second round begins when the first is over */
	assert_int_equal(uploads(), 1);
	seed_drop(redis, "DEL", lease.text, NULL);
	await(uploads, 0, 0);
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(seed_int(redis, "EXISTS", lease.text, NULL), 0);	/* given up */
	settings_free(&s);
}

static long long consumers_looked_at(void)
{
	struct reply *stats = seed_do(redis, "INFO", "commandstats", NULL);
	const char *at = strstr(reply_str(stats, NULL), "cmdstat_hscan:calls=");
	long long n = at != NULL ? strtoll(at + sizeof("cmdstat_hscan:calls=") - 1, NULL, 10) : 0;

	reply_free(&stats);
	return n;
}

/* What a janitor that runs for two rounds has said: the whole of its log. */
static void said(const struct settings *s, char *text, size_t most)
{
	FILE *log = tmpfile();
	int status;
	size_t n;
	pid_t pid;

	assert_non_null(log);
	seed_drop(redis, "CONFIG", "RESETSTAT", NULL);
	if ((pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* where the test fails */
		dup2(fileno(log), STDERR_FILENO);
		log_init("test", LOG_LEVEL_INFO);
		patience_begin(60);
		_exit(janitor_run(s, "a"));
	}
	await(consumers_looked_at, 2, 1000);	/* the second round begins when all of the first is told */
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	rewind(log);
	n = fread(text, 1, most - 1, log);
	text[n] = '\0';
	fclose(log);
}

static void what_was_removed_is_logged_and_counted(void **state)
{
	static const char conf[] = "[redis]\nurl = %s\nstaging_timeout_s = 5\nretention_s = 86400\n"
	    "dead_retention_s = 86400\nmax_dead_letters = 7\nmax_result_bytes = 150\n";
	static const char line[] = "event=janitor uploads=3 jobs=2 letters=4 dropped=6 results=2 replays=1 callbacks=5 "
	    "consumers=0\n";
	static const struct { const char *name; long long n; } counters[] = {
		{ "janitor_uploads", 3 }, { "janitor_jobs", 2 }, { "janitor_letters", 4 }, { "janitor_letters_dropped", 6 },
		{ "janitor_results_dropped", 2 }, { "janitor_replays", 1 }, { "janitor_callbacks", 5 },
	};
	struct key stats = wire_key("stats", NULL), staging = wire_key("staging", NULL), list = wire_key("index", NULL),
	    dead = wire_key("dead", NULL), replayed = wire_key("replayed", NULL), outbox = wire_key("outbox", NULL);
	char text[512], log[16384];
	struct settings *s;
	const char *at;

	(void)state;
	snprintf(text, sizeof(text), conf, stage.server.url);
	s = settings_parse(text, strlen(text), &e);
	assert_non_null(s);
	for (int i = 1; i <= 5; i++) {
		snprintf(text, sizeof(text), "%d-0", i);
		if (i <= 3)
			seed_drop(redis, "ZADD", staging.text, "1", text, NULL);
		if (i <= 2)
			seed_drop(redis, "ZADD", list.text, "1", text, NULL);
		if (i <= 4)
			seed_drop(redis, "XADD", dead.text, text, "job", "j", "source", "acme", "code", "LON_RANGE", NULL);
		seed_drop(redis, "XADD", outbox.text, text, "job", "j", NULL);
	}
	seed_drop(redis, "HSET", replayed.text, "9-0", "job of a letter that went otherwise", NULL);
	letters("one", "kept", 13, 10);
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "ended-%d", i);
		ended(text, "one", clock_unix_ms() + DAY_MS + (uint64_t)i, 105);
	}
	said(s, log, sizeof(log));
	assert_non_null(at = strstr(log, "event=janitor "));
	if (strncmp(at, line, sizeof(line) - 1) != 0)
		fail_msg("it said: %.300s", at);
	assert_null(strstr(at + 1, "event=janitor "));	/* nothing went in the second round */
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (strtoll(seed_text(redis, "HGET", stats.text, counters[i].name, NULL), NULL, 10) != counters[i].n)
			fail_msg("%s is %s", counters[i].name, seed_text(redis, "HGET", stats.text, counters[i].name, NULL));
	settings_free(&s);
}

/* A callback that was lost cannot be put back into a full Redis; what makes room goes on all the same. */
static void what_fails_keeps_nothing_from_being_done(void **state)
{
	struct key list = wire_key("index", NULL), hash = wire_key("job", "j"), dead = wire_key("dead", NULL),
	    staging = wire_key("staging", NULL);
	char text[512], log[16384];
	struct settings *s;

	(void)state;
	snprintf(text, sizeof(text), "[redis]\nurl = %s\nstaging_timeout_s = 5\nmax_dead_letters = 7\n"
	    "max_result_bytes = 150\n", stage.server.url);
	s = settings_parse(text, strlen(text), &e);
	assert_non_null(s);
	seed_drop(redis, "HSET", hash.text, "state", "successful", "owed", "1-1", NULL);
	seed_drop(redis, "ZADD", list.text, number(clock_unix_ms()), "j", NULL);
	seed_drop(redis, "SET", staging.text, "no uploads", NULL);	/* the first duty fails, too */
	letters("one", "kept", 13, 10);
	ended("late", "one", clock_unix_ms() + DAY_MS, 305);
	seed_drop(redis, "CONFIG", "SET", "maxmemory", "1", NULL);
	said(s, log, sizeof(log));
	seed_drop(redis, "CONFIG", "SET", "maxmemory", "0", NULL);
	assert_int_equal(seed_int(redis, "XLEN", dead.text, NULL), 7);
	assert_false(has("out", "late"));
	assert_non_null(strstr(log, "event=janitor_failed reason=\"WRONGTYPE "));
	assert_non_null(strstr(log, "event=janitor uploads=0 jobs=0 letters=0 dropped=6 results=1 "));
	said(s, log, sizeof(log));
	assert_non_null(strstr(log, "event=work_put_back jobs=0 callbacks=1 "));
	settings_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(uploads_without_a_sign_of_life_go),
		TEST(an_upload_that_comes_alive_meanwhile_stays),
		TEST(segments_whose_mark_was_lost_go_unless_they_are_a_job),
		TEST(many_abandoned_uploads_go_in_rounds),
		TEST(expired_jobs_leave_the_index_and_take_their_keys),
		TEST(what_has_not_ended_stays_however_old_it_is),
		TEST(old_letters_go_and_what_refers_to_them),
		TEST(letters_beyond_the_bounds_go_and_are_counted),
		TEST(letters_that_somebody_trimmed_are_counted_no_more),
		TEST(results_beyond_the_bounds_go_and_their_reports_stay),
		TEST(consumers_go_only_if_idle_and_free),
		TEST(an_empty_redis_is_no_fault),
		TEST(callbacks_go_with_the_job_that_they_tell_of),
		TEST(one_holds_the_lease),
		TEST(who_has_no_lease_does_not_sweep),
		TEST(who_ends_gives_up_its_own_lease_alone),
		TEST(a_full_redis_is_swept),
		TEST(what_was_removed_is_logged_and_counted),
		TEST(what_fails_keeps_nothing_from_being_done),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
