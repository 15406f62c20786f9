/* The worker's scripts against a real Redis: what each changes, and that twice is once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/script_steps.h"

static void claim_gives_the_job_and_counts_tries(void **state)
{
	long long begun = (long long)clock_unix_ms(), epoch;
	struct job j, again;

	(void)state;
	claimed(&j, "w0");
	assert_string_equal(j.source, "acme");
	assert_string_equal(j.crs, "EPSG:4326");
	assert_null(j.pass_crs);
	assert_int_equal(j.segments, 3);
	assert_int_equal(j.bytes, 10);
	assert_true(j.epoch >= begun);	/* a Redis that lost its last second gives none twice */
	assert_string_equal(seed_field(redis, j.id, "state"), "running");
	epoch = j.epoch;
	for (int i = 2; i <= 3; i++) {
		assert_int_equal(job_claim(&again, redis, &j.message, "w1", 3, &e), CLAIM_RUN);
		assert_true(again.epoch > epoch);
		epoch = again.epoch;
		job_clear(&again);
	}
	assert_int_equal(job_claim(&again, redis, &j.message, "w1", 3, &e), CLAIM_WORN);
	assert_string_equal(again.source, "acme");
	job_clear(&again);
	seed_drop(redis, "FLUSHALL", NULL);
	assert_int_equal(job_claim(&again, redis, &j.message, "w1", 3, &e), CLAIM_OVER);
	job_clear(&j);
}

static void a_claim_whose_reply_was_lost_is_one_try(void **state)
{
	struct key hash;
	struct redis_cmd c;
	struct reply *reply;
	char epoch[24];
	struct job j;

	(void)state;
	claimed(&j, "w0");
	hash = wire_key("job", j.id);
	cmd_init(&c);
	cmd_script(&c, &script_claim, 1);
	cmd_str(&c, hash.text);
	cmd_str(&c, "w1");
	cmd_str(&c, "5");
	cmd_str(&c, "3");
	cmd_str(&c, "a nonce");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(redis_do(redis, &c, &reply, &e), 0);
		assert_string_equal(reply_str(reply_at(reply, 0), NULL), "run");
		if (i == 0)
			snprintf(epoch, sizeof(epoch), "%s", reply_str(reply_at(reply, 1), NULL));
		assert_string_equal(reply_str(reply_at(reply, 1), NULL), epoch);
		assert_string_equal(reply_str(reply_field(reply, 2, "source"), NULL), "acme");
		reply_free(&reply);
	}
	cmd_clear(&c);
	assert_true(strtoll(epoch, NULL, 10) > j.epoch);
	assert_string_equal(seed_field(redis, j.id, "tries"), "2");
	assert_string_equal(seed_field(redis, j.id, "attempts"), "2");
	job_clear(&j);
}

static void progress_forgives_tries_and_release_is_none(void **state)
{
	struct job j, next;

	(void)state;
	claimed(&j, "w0");
	for (int i = 0; i < 10; i++) {
		assert_int_equal(chunk(&j, (uint64_t)i, (uint64_t)i + 1, false), 0);
		assert_int_equal(job_claim(&next, redis, &j.message, "w0", 3, &e), CLAIM_RUN);
		job_clear(&j);
		j = next;
	}
	for (int i = 0; i < 10; i++) {
		assert_int_equal(job_release(&j, redis, false, false, &e), 0);
		assert_int_equal(job_claim(&next, redis, &j.message, "w0", 3, &e), CLAIM_RUN);
		job_clear(&j);
		j = next;
	}
	assert_string_equal(seed_field(redis, j.id, "attempts"), "21");
	job_clear(&j);
}

static void a_released_job_is_taken_over_at_once(void **state)
{
	struct job j;
	struct queue q;
	struct message m;

	(void)state;
	claimed(&j, "w0");
	queue_init(&q, redis, "w1", 60000, 10);
	assert_int_equal(queue_next(&q, false, &m, &e), 1);
	assert_int_equal(job_release(&j, redis, false, false, &e), 0);
	q.pending[STREAM_JOBS].scan_at_ms = 0;
	assert_int_equal(queue_next(&q, false, &m, &e), 0);
	assert_string_equal(m.job, j.id);
	queue_clear(&q);
	job_clear(&j);
}

static void a_chunk_is_written_once(void **state)
{
	struct key out;
	struct job j;

	(void)state;
	claimed(&j, "w0");
	out = wire_key("out", j.id);
	assert_int_equal(chunk(&j, 0, 3, true), 0);
	assert_int_equal(chunk(&j, 0, 3, true), 0);	/* its reply was lost: nothing happens */
	assert_string_equal(seed_field(redis, j.id, "accepted"), "2");
	assert_string_equal(seed_field(redis, j.id, "rejected"), "1");
	assert_string_equal(seed_field(redis, j.id, "next"), "3");
	assert_string_equal(seed_field(redis, j.id, "chunk"), "1");
	assert_int_equal(letters_of(&j), 1);
	assert_int_equal(all_letters(), 1);
	assert_int_equal(chunk(&j, 0, 2, false), 1);
	assert_int_equal(chunk(&j, 4, 5, false), 1);
	assert_int_equal(chunk(&j, 3, 5, false), 0);
	assert_int_equal(seed_int(redis, "HLEN", out.text, NULL), 2);
	assert_string_equal(seed_text(redis, "HGET", out.text, "1", NULL), "lines");
	job_clear(&j);
}

static void an_old_epoch_changes_nothing(void **state)
{
	struct job old, now;

	(void)state;
	claimed(&old, "w0");
	assert_int_equal(chunk(&old, 0, 1, false), 0);
	assert_int_equal(job_claim(&now, redis, &old.message, "w1", 3, &e), CLAIM_RUN);
	assert_int_equal(chunk(&old, 1, 2, false), 1);
	assert_int_equal(job_renew(&old, redis, 9, &e), 1);
	assert_int_equal(job_release(&old, redis, false, false, &e), 1);
	assert_int_equal(job_restart(&old, redis, "EPSG:3857", &e), 1);
	assert_int_equal(end_well(&old, 1), 1);
	assert_int_equal(finish_failed(&old, redis, settings, R_JSON_SYNTAX, "no", 1, &e), 1);
	assert_string_equal(seed_field(redis, now.id, "state"), "running");
	assert_string_equal(seed_field(redis, now.id, "next"), "1");
	assert_string_equal(seed_field(redis, now.id, "pass_crs"), "");
	assert_int_equal(all_letters(), 0);
	assert_int_equal(chunk(&now, 1, 2, false), 0);
	job_clear(&old);
	job_clear(&now);
}

static void renew_keeps_the_lease_and_progress_never_goes_back(void **state)
{
	struct key jobs = wire_key("jobs", NULL);
	struct job j;

	(void)state;
	claimed(&j, "w0");
	assert_int_equal(job_renew(&j, redis, 7, &e), 0);
	assert_int_equal(job_renew(&j, redis, 3, &e), 0);
	assert_string_equal(seed_field(redis, j.id, "parsed"), "7");
	assert_int_equal(seed_int(redis, "XPENDING", jobs.text, GROUP_WORKERS, "-", "+", "9", "w0", NULL), 1);
	seed_drop(redis, "XGROUP", "DESTROY", jobs.text, GROUP_WORKERS, NULL);
	assert_int_equal(job_renew(&j, redis, 8, &e), 0);	/* no lease to renew, no harm */
	assert_string_equal(seed_field(redis, j.id, "parsed"), "8");
	job_clear(&j);
}

static void restart_takes_everything_back(void **state)
{
	struct key out;
	struct job j;

	(void)state;
	claimed(&j, "w0");
	out = wire_key("out", j.id);
	assert_int_equal(chunk(&j, 0, 2, true), 0);
	seed_drop(redis, "HSET", wire_key("job", j.id).text, "dropped:LON_RANGE", "3", NULL);	/* the janitor did */
	assert_int_equal(job_restart(&j, redis, "EPSG:3857", &e), 0);
	assert_string_equal(seed_field(redis, j.id, "dropped:LON_RANGE"), "");
	assert_int_equal(job_restart(&j, redis, "EPSG:3857", &e), 0);
	assert_int_equal(j.next, 0);
	assert_string_equal(seed_field(redis, j.id, "pass_crs"), "EPSG:3857");
	assert_string_equal(seed_field(redis, j.id, "accepted"), "");
	assert_int_equal(seed_int(redis, "EXISTS", out.text, NULL), 0);
	assert_int_equal(letters_of(&j) + all_letters(), 0);
	assert_int_equal(chunk(&j, 0, 2, false), 0);
	assert_int_equal(end_well(&j, 2), 0);
	job_clear(&j);
}

static void a_successful_end(void **state)
{
	struct key jobs = wire_key("jobs", NULL), outbox = wire_key("outbox", NULL);
	struct key stats = wire_key("stats", NULL), hash, out;
	struct reply *owed;
	struct job j;

	(void)state;
	claimed(&j, "w0");
	hash = wire_key("job", j.id);
	out = wire_key("out", j.id);
	assert_int_equal(chunk(&j, 0, 4, true), 0);
	assert_int_equal(end_well(&j, 5), -1);		/* a feature is missing */
	assert_string_equal(e.text, "finish.lua answered 'short'");
	err_clear(&e);
	seed_drop(redis, "HINCRBY", hash.text, "accepted", "1", NULL);
	assert_int_equal(end_well(&j, 4), -1);		/* a count too many */
	err_clear(&e);
	seed_drop(redis, "HINCRBY", hash.text, "accepted", "-1", NULL);
	assert_string_equal(seed_field(redis, j.id, "state"), "running");
	assert_int_equal(end_well(&j, 4), 0);
	assert_int_equal(end_well(&j, 4), 1);		/* its reply was lost */
	assert_string_equal(seed_field(redis, j.id, "state"), "successful");
	assert_string_equal(seed_field(redis, j.id, "used_crs"), "EPSG:4326");
	assert_string_equal(seed_text(redis, "HGET", out.text, "head", NULL), "\"a\":1");
	assert_string_equal(seed_field(redis, j.id, "head"), "");	/* it may be long; the hash is read often */
	assert_string_equal(seed_field(redis, j.id, "parsed"), "10");
	assert_int_equal(seed_int(redis, "XLEN", jobs.text, NULL), 0);
	assert_int_equal(seed_int(redis, "XPENDING", jobs.text, GROUP_WORKERS, "-", "+", "9", NULL), 0);
	assert_true(seed_int(redis, "PTTL", hash.text, NULL) > 0);
	owed = seed_do(redis, "XRANGE", outbox.text, "-", "+", NULL);
	assert_int_equal(reply_count(owed), 1);
	assert_string_equal(reply_str(reply_field(reply_at(reply_at(owed, 0), 1), 0, "job"), NULL), j.id);
	assert_string_equal(reply_str(reply_field(reply_at(reply_at(owed, 0), 1), 0, "source"), NULL), "acme");
	reply_free(&owed);
	assert_string_equal(seed_text(redis, "HGET", stats.text, "jobs_successful", NULL), "1");
	assert_string_equal(seed_text(redis, "HGET", stats.text, "features_accepted", NULL), "3");
	assert_int_equal(letters_of(&j), 1);
	job_clear(&j);
}

static void an_empty_collection_ends_well(void **state)
{
	struct job j;

	(void)state;
	claimed(&j, "w0");
	assert_int_equal(end_well(&j, 0), 0);
	job_clear(&j);
}

static void a_failed_end_delivers_nothing(void **state)
{
	struct key dead = wire_key("dead", NULL), out, raw;
	const struct reply *fields;
	struct reply *list;
	struct job j, other;

	(void)state;
	claimed(&other, "w1");
	assert_int_equal(chunk(&other, 0, 1, true), 0);
	claimed(&j, "w0");
	out = wire_key("out", j.id);
	raw = wire_key("raw", j.id);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(chunk(&j, i, i + 1, true), 0);
	assert_int_equal(all_letters(), 4);
	assert_int_equal(finish_failed(&j, redis, settings, R_JSON_SYNTAX, "a comma", 77, &e), 0);
	assert_string_equal(seed_field(redis, j.id, "state"), "failed");
	assert_string_equal(seed_field(redis, j.id, "code"), "JSON_SYNTAX");
	assert_string_equal(seed_field(redis, j.id, "offset"), "77");
	assert_int_equal(seed_int(redis, "EXISTS", out.text, NULL), 0);
	assert_true(seed_int(redis, "PTTL", raw.text, NULL) > 0);
	assert_int_equal(letters_of(&j), 1);
	assert_int_equal(letters_of(&other), 1);
	list = seed_do(redis, "XRANGE", dead.text, "-", "+", NULL);
	assert_int_equal(reply_count(list), 2);
	fields = reply_at(reply_at(list, 1), 1);
	assert_string_equal(reply_str(reply_field(fields, 0, "kind"), NULL), "document");
	assert_string_equal(reply_str(reply_field(fields, 0, "reason"), NULL), "a comma");
	reply_free(&list);
	job_clear(&j);
	job_clear(&other);
}

/* No script removes all of them: it would keep Redis from everybody else for seconds. */
static void a_failed_end_of_many_letters_lets_others_in_between(void **state)
{
	static const char many[] = "for i = 1, 2500 do "
	    "redis.call('RPUSH', KEYS[2], redis.call('XADD', KEYS[1], '*', 'job', 'x')) end";
	struct key dead = wire_key("dead", NULL), of;
	struct reply *stats;
	struct job j, old;
	const char *calls;

	(void)state;
	claimed(&j, "w0");
	of = wire_key("deadof", j.id);
	seed_drop(redis, "EVAL", many, "2", dead.text, of.text, NULL);
	old = j;
	old.epoch--;
	assert_int_equal(job_forget_letters(&old, redis, R_JSON_SYNTAX, "a comma", 77, &e), 0);
	assert_int_equal(all_letters(), 2500);		/* they are not its own any more */
	seed_drop(redis, "CONFIG", "RESETSTAT", NULL);
	assert_int_equal(finish_failed(&j, redis, settings, R_JSON_SYNTAX, "a comma", 77, &e), 0);
	assert_int_equal(all_letters(), 1);
	assert_int_equal(letters_of(&j), 1);
	stats = seed_do(redis, "INFO", "commandstats", NULL);
	assert_non_null(calls = strstr(reply_str(stats, NULL), "cmdstat_hsetnx:calls="));
	assert_int_equal(strtol(calls + strlen("cmdstat_hsetnx:calls="), NULL, 10), 2500 / FORGET_AT_ONCE);
	reply_free(&stats);
	job_clear(&j);
}

static void a_lease_outlasts_the_letters(void **state)
{
	struct key jobs = wire_key("jobs", NULL);
	struct job j;

	(void)state;
	claimed(&j, "w0");
	assert_int_equal(chunk(&j, 0, 1, true), 0);
	seed_drop(redis, "XCLAIM", jobs.text, GROUP_WORKERS, "w0", "0", j.message.id, "IDLE", "3600000", "JUSTID", NULL);
	assert_int_equal(seed_int(redis, "XPENDING", jobs.text, GROUP_WORKERS, "IDLE", "3600000", "-", "+", "9", NULL), 1);
	assert_int_equal(job_forget_letters(&j, redis, R_NONE, "EPSG:2056", 0, &e), 0);
	assert_int_equal(letters_of(&j), 0);
	assert_int_equal(seed_int(redis, "XPENDING", jobs.text, GROUP_WORKERS, "IDLE", "3600000", "-", "+", "9", NULL), 0);
	job_clear(&j);
}

static void letters_hold_what_the_wire_says(void **state)
{
	static const struct { size_t max; const char *raw, *cut; } cases[] = {
		{ 100, "{\"id\":7,\"x\":\"\xc3\xa4\"}", "" },
		{ 14, "{\"id\":7,\"x\":\"", "1" },	/* not half an umlaut */
		{ 15, "{\"id\":7,\"x\":\"\xc3\xa4", "1" },
	};
	struct key dead = wire_key("dead", NULL);
	struct job j;

	(void)state;
	claimed(&j, "w0");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const char *const want[][2] = {
			{ "v", "1" }, { "kind", "feature" }, { "source", "acme" }, { "code", "RING_SHORT" },
			{ "reason", "A ring has fewer than four positions." }, { "path", "/features/0/geometry" },
			{ "offset", "40" }, { "index", "5" }, { "length", "17" }, { "id", "7" },
			{ "at", "1.5 -2" }, { "crs", "OGC:CRS84" },
		};
		struct args a;
		struct redis_cmd c;
		struct err mine = ERR_INIT;
		struct reply *reply;
		const struct reply *fields;

		args_init(&a, 1 << 20);
		letter(&a, &j, 5, cases[0].raw, cases[i].max);
		cmd_init(&c);
		cmd_line(&c, "XADD", dead.text, "*", NULL);
		args_to_cmd(&a, &c);
		/* the first argument is the number of those behind it */
		assert_int_equal(strtol(c.argv[3], NULL, 10), (long)a.count - 1);
		memmove(&c.argv[3], &c.argv[4], (c.argc - 4) * sizeof(c.argv[0]));
		memmove(&c.lens[3], &c.lens[4], (c.argc - 4) * sizeof(c.lens[0]));
		c.argc--;
		assert_int_equal(redis_do(redis, &c, &reply, &mine), 0);
		reply_free(&reply);
		cmd_clear(&c);
		reply = seed_do(redis, "XREVRANGE", dead.text, "+", "-", "COUNT", "1", NULL);
		fields = reply_at(reply_at(reply, 0), 1);
		for (size_t k = 0; k < sizeof(want) / sizeof(want[0]); k++)
			assert_string_equal(reply_str(reply_field(fields, 0, want[k][0]), NULL), want[k][1]);
		assert_string_equal(reply_str(reply_field(fields, 0, "raw"), NULL), cases[i].raw);
		assert_string_equal(reply_str(reply_field(fields, 0, "cut"), NULL), cases[i].cut);
		reply_free(&reply);
		args_clear(&a);
	}
	job_clear(&j);
}

static void a_commit_whose_reply_was_lost_may_be_repeated(void **state)
{
	struct key raw, jobs = wire_key("jobs", NULL), k[6];
	struct err mine = ERR_INIT;
	struct redis_cmd c;
	struct reply *reply;
	struct job j;

	(void)state;
	claimed(&j, "w0");
	raw = wire_key("raw", j.id);
	cmd_init(&c);
	cmd_script(&c, &script_commit, 6);
	for (int i = 0; i < 6; i++) {
		static const char *const what[] = { "raw", "job", "jobs", "staging", "index", "raw" };

		k[i] = wire_key(what[i], i < 2 || i == 5 ? j.id : NULL);
		cmd_str(&c, k[i].text);
	}
	cmd_str(&c, j.id);
	cmd_str(&c, "1");
	cmd_int(&c, 3);
	cmd_str(&c, "00");
	cmd_str(&c, "89");
	cmd_str(&c, "00");
	cmd_int(&c, 0);
	cmd_str(&c, "");
	cmd_str(&c, "source");
	cmd_str(&c, "acme");
	cmd_str(&c, "held");
	cmd_int(&c, 10);
	assert_int_equal(redis_do(redis, &c, &reply, &mine), 0);
	assert_string_equal(reply_str(reply_at(reply, 0), NULL), "ok");
	reply_free(&reply);
	cmd_clear(&c);
	assert_int_equal(seed_int(redis, "XLEN", raw.text, NULL), 3);
	assert_int_equal(seed_int(redis, "XLEN", jobs.text, NULL), 1);
	assert_string_equal(seed_field(redis, j.id, "state"), "running");
	job_clear(&j);
}

/* called.lua; its answer. attempt: which one it was, or NULL, as of a courier of a former version. */
static long long called(const char *id, const char *message, const char *outcome, const char *attempt)
{
	struct key job = wire_key("job", id), outbox = wire_key("outbox", NULL);
	struct err mine = ERR_INIT;
	struct redis_cmd c;
	struct reply *reply;
	long long n;

	cmd_init(&c);
	cmd_script(&c, &script_called, 2);
	cmd_str(&c, job.text);
	cmd_str(&c, outbox.text);
	cmd_str(&c, GROUP_COURIERS);
	cmd_str(&c, message);
	cmd_str(&c, outcome);
	cmd_str(&c, "200");
	cmd_str(&c, "1");
	if (attempt != NULL) {
		cmd_str(&c, "7");
		cmd_str(&c, attempt);
	}
	assert_int_equal(redis_do(redis, &c, &reply, &mine), 0);
	n = reply_int(reply);
	reply_free(&reply);
	cmd_clear(&c);
	return n;
}

static long long call_back(const char *id, const char *message, const char *outcome)
{
	return called(id, message, outcome, NULL);
}

static void an_attempt_whose_reply_was_lost_counts_once(void **state)
{
	struct key outbox = wire_key("outbox", NULL);
	char message[64];
	struct job j;

	(void)state;
	claimed(&j, "w0");
	snprintf(message, sizeof(message), "%s", seed_text(redis, "XADD", outbox.text, "*", "v", "1", NULL));
	assert_int_equal(called(j.id, message, "retry", "1"), 1);
	assert_int_equal(called(j.id, message, "retry", "1"), 1);
	assert_int_equal(called(j.id, message, "retry", "2"), 2);
	assert_int_equal(called(j.id, message, "retry", "1"), 2);	/* another courier's, which is late */
	assert_string_equal(seed_field(redis, j.id, "callback_attempts"), "2");
	assert_string_equal(seed_field(redis, j.id, "callback_due"), "7");
	assert_int_equal(called(j.id, message, "failed", "3"), 3);
	assert_int_equal(seed_int(redis, "XLEN", outbox.text, NULL), 0);
	job_clear(&j);
}

static void a_callback_is_owed_until_it_is_settled(void **state)
{
	struct key outbox = wire_key("outbox", NULL), job;
	char message[64];
	struct job j;

	(void)state;
	claimed(&j, "w0");
	job = wire_key("job", j.id);
	snprintf(message, sizeof(message), "%s", seed_text(redis, "XADD", outbox.text, "*", "v", "1", NULL));
	seed_drop(redis, "HSET", job.text, "owed", message, NULL);
	assert_int_equal(call_back(j.id, message, "gone"), -1);	/* the job is there, and was not told of */
	assert_int_equal(call_back(j.id, message, "retry"), 1);
	assert_string_equal(seed_field(redis, j.id, "owed"), message);
	assert_int_equal(seed_int(redis, "XLEN", outbox.text, NULL), 1);
	assert_int_equal(call_back(j.id, message, "delivered"), 2);
	assert_string_equal(seed_field(redis, j.id, "owed"), "");
	assert_int_equal(seed_int(redis, "XLEN", outbox.text, NULL), 0);
	assert_int_equal(call_back(j.id, message, "gone"), 2);	/* told of by another */
	/* One who is late: what is settled stays so, and what he held is done with. */
	snprintf(message, sizeof(message), "%s", seed_text(redis, "XADD", outbox.text, "*", "v", "1", NULL));
	assert_int_equal(call_back(j.id, message, "failed"), 2);
	assert_int_equal(call_back(j.id, message, "retry"), 2);
	assert_string_equal(seed_field(redis, j.id, "callback"), "delivered");
	assert_string_equal(seed_field(redis, j.id, "callback_attempts"), "2");
	assert_string_equal(seed_field(redis, j.id, "callback_due"), "");
	assert_int_equal(seed_int(redis, "XLEN", outbox.text, NULL), 0);
	seed_drop(redis, "DEL", job.text, NULL);
	assert_int_equal(call_back(j.id, message, "gone"), 0);
	assert_int_equal(seed_int(redis, "EXISTS", job.text, NULL), 0);
	job_clear(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(claim_gives_the_job_and_counts_tries),
		TEST(a_claim_whose_reply_was_lost_is_one_try),
		TEST(progress_forgives_tries_and_release_is_none),
		TEST(a_released_job_is_taken_over_at_once),
		TEST(a_chunk_is_written_once),
		TEST(an_old_epoch_changes_nothing),
		TEST(renew_keeps_the_lease_and_progress_never_goes_back),
		TEST(restart_takes_everything_back),
		TEST(a_successful_end),
		TEST(an_empty_collection_ends_well),
		TEST(a_failed_end_delivers_nothing),
		TEST(a_failed_end_of_many_letters_lets_others_in_between),
		TEST(a_lease_outlasts_the_letters),
		TEST(letters_hold_what_the_wire_says),
		TEST(a_commit_whose_reply_was_lost_may_be_repeated),
		TEST(a_callback_is_owed_until_it_is_settled),
		TEST(an_attempt_whose_reply_was_lost_counts_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
