/* The scripts against a real Redis: what each source holds is counted, in the step that changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/script_steps.h"

static long long held(const char *kind)
{
	struct key room = wire_key("room", NULL);
	char field[64];

	snprintf(field, sizeof(field), "%s:acme", kind);
	return atoll(seed_text(redis, "HGET", room.text, field, NULL));
}

static void hold(long long staged, long long queued, long long kept, long long results, long long dead)
{
	const long long want[] = { staged, queued, kept, results, dead };
	static const char *const kinds[] = { "staged", "queued", "kept", "results", "dead" };

	for (int i = 0; i < 5; i++)
		if (held(kinds[i]) != want[i])
			fail_msg("%s: %lld, expected %lld", kinds[i], held(kinds[i]), want[i]);
}

/* Calls script with keys by name (those behind a ':' belong to job) and arguments up to a NULL; its first word. */
static const char *call(struct redis_script *s, const char *job, const char *const *keys, int nkeys, ...)
{
	static char word[256];
	struct key k[9];
	struct redis_cmd c;
	struct reply *reply;
	const char *arg;
	va_list ap;

	cmd_init(&c);
	cmd_script(&c, s, nkeys);
	for (int i = 0; i < nkeys; i++) {
		k[i] = wire_key(keys[i] + (keys[i][0] == ':'), keys[i][0] == ':' ? job : NULL);
		cmd_str(&c, k[i].text);
	}
	va_start(ap, nkeys);
	while ((arg = va_arg(ap, const char *)) != NULL)
		cmd_str(&c, arg);
	va_end(ap);
	if (redis_do(redis, &c, &reply, &e) != 0)
		fail_msg("%s: %s", s->name, e.text);
	if (reply_type(reply) == REPLY_INT)
		snprintf(word, sizeof(word), "%lld", reply_int(reply));
	else
		snprintf(word, sizeof(word), "%s", reply_str(reply_type(reply) == REPLY_ARRAY ? reply_at(reply, 0) : reply,
		    NULL));
	reply_free(&reply);
	cmd_clear(&c);
	return word;
}

/* The length of all names and values of the newest letter. */
static long long newest_letter(void)
{
	struct key dead = wire_key("dead", NULL);
	struct reply *reply = seed_do(redis, "XREVRANGE", dead.text, "+", "-", "COUNT", "1", NULL);
	const struct reply *fields = reply_at(reply_at(reply, 0), 1);
	long long bytes = 0;

	for (size_t i = 0; i < reply_count(fields); i++) {
		size_t n;

		reply_str(reply_at(fields, i), &n);
		bytes += (long long)n;
	}
	reply_free(&reply);
	return bytes;
}

static const char *expire(const char *now)
{
	return call(&script_expire, NULL, (const char *const[]){ "expiring", "room" }, 2, now, "100", NULL);
}

static void what_a_job_holds_is_counted_until_it_is_gone(void **state)
{
	struct key dead = wire_key("dead", NULL), room = wire_key("room", NULL);
	struct job j;
	long long letter_bytes;
	char id[64];
	struct reply *reply;

	(void)state;
	claimed(&j, "w0");
	hold(0, 10, 0, 0, 0);
	assert_int_equal(chunk(&j, 0, 2, true), 0);
	letter_bytes = newest_letter();
	hold(0, 10, 0, 5, letter_bytes);
	assert_int_equal(chunk(&j, 0, 2, true), 0);	/* the same again */
	hold(0, 10, 0, 5, letter_bytes);
	assert_int_equal(end_well(&j, 2), 0);
	hold(0, 0, 10, 10, letter_bytes);	/* "head" too is 5 bytes long */
	assert_int_equal(end_well(&j, 2), 1);
	hold(0, 0, 10, 10, letter_bytes);

	assert_string_equal(expire("1000"), "0");
	assert_string_equal(expire("99999999999999"), "2");
	hold(0, 0, 0, 0, letter_bytes);
	reply = seed_do(redis, "XRANGE", dead.text, "-", "+", NULL);
	snprintf(id, sizeof(id), "%s", reply_str(reply_at(reply_at(reply, 0), 0), NULL));
	reply_free(&reply);
	assert_string_equal(call(&script_bury, NULL, (const char *const[]){ "dead", "replayed", "room" }, 3, "", "1", id,
	    NULL), "1");
	hold(0, 0, 0, 0, 0);
	assert_int_equal(seed_int(redis, "HLEN", room.text, NULL), 4);
	job_clear(&j);
}

static void a_failed_or_restarted_job_gives_back_what_it_wrote(void **state)
{
	struct job j;

	(void)state;
	claimed(&j, "w0");
	assert_int_equal(chunk(&j, 0, 2, true), 0);
	assert_int_equal(job_restart(&j, redis, "EPSG:2056", &e), 0);
	hold(0, 10, 0, 0, 0);
	assert_int_equal(chunk(&j, 0, 2, true), 0);
	assert_int_equal(finish_failed(&j, redis, settings, R_JSON_SYNTAX, "why", 7, &e), 0);
	hold(0, 0, 10, 0, newest_letter());
	expire("99999999999999");
	hold(0, 0, 0, 0, newest_letter());
	job_clear(&j);
}

static void a_dismissed_job_gives_back_what_it_held(void **state)
{
	static const char *const keys[] = { ":job", ":raw", ":out", ":report", "index" };
	struct job j;

	(void)state;
	claimed(&j, "w0");	/* while it runs */
	assert_int_equal(chunk(&j, 0, 2, true), 0);
	assert_string_equal(call(&script_dismiss, j.id, keys, 5, j.id, "5", "100000", NULL), "dismissed");
	hold(0, 0, 0, 0, newest_letter());
	assert_string_equal(call(&script_dismiss, j.id, keys, 5, j.id, "5", "100000", NULL), "dismissed");	/* lost */
	assert_string_equal(seed_field(redis, j.id, "state"), "dismissed");
	assert_true(seed_int(redis, "PTTL", wire_key("deadof", j.id).text, NULL) > 0);
	assert_string_equal(call(&script_dismiss, j.id, keys, 5, j.id, "6", "100000", NULL), "removed");
	hold(0, 0, 0, 0, newest_letter());
	job_clear(&j);
	seed_drop(redis, "FLUSHALL", NULL);
	claimed(&j, "w0");	/* after its end */
	assert_int_equal(chunk(&j, 0, 2, false), 0);
	assert_int_equal(end_well(&j, 2), 0);
	assert_string_equal(call(&script_dismiss, j.id, keys, 5, j.id, "5", "100000", NULL), "removed");
	hold(0, 0, 0, 0, 0);
	assert_string_equal(expire("99999999999999"), "0");
	hold(0, 0, 0, 0, 0);
	job_clear(&j);
}

#define JOB_A "0-00000000000000000000000001"
#define JOB_B "0-00000000000000000000000002"

static const char *admit(const char *job, const char *bytes, const char *all, const char *own)
{
	return call(&script_admit, job, (const char *const[]){ "staging", "room", "staged", "room" }, 4, job, "1000", "acme",
	    bytes, all, own, "", bytes, bytes, NULL);
}

static void room_is_kept_for_uploads_and_given_back(void **state)
{
	static const char *const extend[] = { "room", "staged" }, *const abandon[] = { "staging", ":raw", ":job" };
	struct key staging = wire_key("staging", NULL), staged = wire_key("staged", NULL);

	(void)state;
	assert_string_equal(admit(JOB_A, "100", "150", "0"), "go");
	hold(100, 0, 0, 0, 0);
	assert_string_equal(admit(JOB_B, "51", "150", "0"), "full");
	assert_string_equal(admit(JOB_B, "51", "1000", "150"), "greedy");
	hold(100, 0, 0, 0, 0);
	assert_string_equal(admit(JOB_B, "50", "150", "150"), "go");
	assert_string_equal(call(&script_extend, NULL, extend, 2, JOB_B, "acme", "10", "150", "0", NULL), "full");
	assert_string_equal(call(&script_extend, NULL, extend, 2, JOB_B, "acme", "10", "0", "155", NULL), "greedy");
	assert_string_equal(call(&script_extend, NULL, extend, 2, JOB_B, "acme", "10", "160", "160", NULL), "go");
	assert_string_equal(call(&script_extend, NULL, extend, 2, "0-nobody", "acme", "1", "0", "0", NULL), "lost");
	hold(160, 0, 0, 0, 0);
	assert_int_equal(seed_int(redis, "ZCARD", staging.text, NULL), 2);
	for (int twice = 0; twice < 2; twice++)
		call(&script_abandon, JOB_B, abandon, 3, JOB_B, "+inf", NULL);
	hold(100, 0, 0, 0, 0);

	/* Committed as 7 bytes, of which it had not known. */
	assert_string_equal(call(&script_commit, JOB_A,
	    (const char *const[]){ ":raw", ":job", "jobs", "staging", "index", ":raw", "staged" }, 7, JOB_A, "1000", "1", "00",
	    "1234567", "00", "0", "", "source", "acme", "held", "7", NULL), "ok");
	hold(0, 7, 0, 0, 0);
	assert_int_equal(seed_int(redis, "ZCARD", staging.text, NULL), 0);
	assert_int_equal(seed_int(redis, "HLEN", staged.text, NULL), 0);
}

/* A delivery that was committed is known again by its hash or its proof; a length alone tells a guesser nothing. */
static void a_known_delivery_is_settled_before_its_body(void **state)
{
	static const struct {
		const char *hash, *length, *proof, *want;
	} cases[] = {
		{ "aa", "7", "p", "same" }, { "aa", "-1", "-", "same" }, { "bb", "7", "p", "other" },
		{ "", "7", "p", "same" }, { "", "-1", "p", "same" }, { "", "8", "p", "same" }, { "", "7", "q", "go" },
		{ "", "-1", "q", "go" }, { "", "8", "q", "go" }, { "aa", "8", "-", "other" },
	};
	struct key seen = wire_seen_key("acme", "1");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got;

		seed_drop(redis, "FLUSHALL", NULL);
		assert_string_equal(call(&script_commit, JOB_A,
		    (const char *const[]){ ":raw", ":job", "jobs", "staging", "index", "seen:acme:1" }, 6, JOB_A, "1000", "1",
		    "00", "1234567", "aa", "100", "p", "source", "acme", "held", "7", "bytes", "7", NULL), "ok");
		assert_string_equal(seed_text(redis, "GET", seen.text, NULL), JOB_A " aa p");
		got = call(&script_admit, JOB_B, (const char *const[]){ "staging", "room", "staged", "seen:acme:1" }, 4, JOB_B,
		    "1000", "acme", "500", "0", "0", cases[i].hash, cases[i].length, "100", "x", cases[i].proof, NULL);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("case %zu: %s", i, got);
		hold(strcmp(got, "go") == 0 ? 100 : 0, 7, 0, 0, 0);
	}
}

/* A transaction of which all but its script was done is taken back, also where Redis is full; one that was ended stays. */
static void what_could_not_be_published_is_taken_back(void **state)
{
	const char *const keys[] = { ":job", ":raw", "index", "room" };

	(void)state;
	for (int published = 0; published < 2; published++) {
		struct key job = wire_key("job", JOB_A), raw = wire_key("raw", JOB_A), list = wire_key("index", NULL),
		    room = wire_key("room", NULL);

		seed_drop(redis, "FLUSHALL", NULL);
		seed_drop(redis, "XADD", raw.text, "1-0", "d", "1234567", NULL);
		seed_drop(redis, "HSET", job.text, "state", "accepted", published ? "message" : "held", "7", NULL);
		seed_drop(redis, "ZADD", list.text, "1000", JOB_A, NULL);
		seed_drop(redis, "HINCRBY", room.text, "queued:acme", "7", NULL);
		seed_drop(redis, "CONFIG", "SET", "maxmemory", "1", NULL);
		for (int twice = 0; twice < 2; twice++)
			call(&script_unpublish, JOB_A, keys, 4, JOB_A, "acme", "7", NULL);
		seed_drop(redis, "CONFIG", "SET", "maxmemory", "0", NULL);
		hold(0, published ? 7 : 0, 0, 0, 0);
		assert_int_equal(seed_int(redis, "EXISTS", job.text, raw.text, list.text, NULL), published ? 3 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_could_not_be_published_is_taken_back),
		TEST(what_a_job_holds_is_counted_until_it_is_gone),
		TEST(a_failed_or_restarted_job_gives_back_what_it_wrote),
		TEST(a_dismissed_job_gives_back_what_it_held),
		TEST(room_is_kept_for_uploads_and_given_back),
		TEST(a_known_delivery_is_settled_before_its_body),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
