/* The scripts against a real Redis: what each source holds is counted, in the step that changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/script_steps.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

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
	if (redis_do(redis, &c, &reply, &e) != 0) {
		if (strncmp(e.text, "READONLY ", 9) != 0)
			fail_msg("%s: %s", s->name, e.text);
		err_clear(&e);
		cmd_clear(&c);
		return "READONLY";
	}
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

/* Of a large one only the lengths are looked at: to read it would keep Redis from others for a second. */
static void a_report_is_measured_without_being_read(void **state)
{
	struct key report, out, room = wire_key("room", NULL);
	struct reply *stats;
	struct job j;

	(void)state;
	claimed(&j, "w0");
	report = wire_key("report", j.id);
	out = wire_key("out", j.id);
	seed_drop(redis, "HSET", report.text, "0", "0123456789", "1", "01234", NULL);
	seed_drop(redis, "HSET", out.text, "0", "0123456789", NULL);
	seed_drop(redis, "HSET", wire_key("job", j.id).text, "results", "25", NULL);
	seed_drop(redis, "HSET", room.text, "results:acme", "25", NULL);
	seed_drop(redis, "CONFIG", "RESETSTAT", NULL);
	assert_int_equal(finish_failed(&j, redis, settings, R_JSON_SYNTAX, "why", 7, &e), 0);
	hold(0, 0, 10, 15, newest_letter());
	job_clear(&j);

	claimed(&j, "w0");
	report = wire_key("report", j.id);
	assert_int_equal(chunk(&j, 0, 1, false), 0);
	seed_drop(redis, "HSET", report.text, "0", "0123456", NULL);
	seed_drop(redis, "HSET", wire_key("job", j.id).text, "results", "12", NULL);
	seed_drop(redis, "HSET", room.text, "results:acme", "27", NULL);
	assert_int_equal(end_well(&j, 1), 0);
	hold(0, 0, 20, 32, newest_letter());
	call(&script_shed, NULL, (const char *const[]){ "expiring", "room" }, 2, "", "1", "0", "100", NULL);
	hold(0, 0, 20, 22, newest_letter());
	assert_string_equal(seed_field(redis, j.id, "shed"), "10");
	stats = seed_do(redis, "INFO", "commandstats", NULL);
	assert_null(strstr(reply_str(stats, NULL), "cmdstat_hvals"));
	assert_non_null(strstr(reply_str(stats, NULL), "cmdstat_hstrlen"));
	reply_free(&stats);
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

/* Some of its letters are gone, and nobody will come to its end. */
static void a_job_dismissed_while_its_letters_go_gives_back_theirs(void **state)
{
	static const char *const keys[] = { ":job", ":raw", ":out", ":report", "index" },
	    *const forget[] = { ":job", "dead", ":deadof", "jobs" };
	char epoch[32];
	struct job j;

	(void)state;
	claimed(&j, "w0");
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(chunk(&j, i, i + 1, true), 0);
	snprintf(epoch, sizeof(epoch), "%lld", j.epoch);
	assert_string_equal(call(&script_forget, j.id, forget, 4, epoch, GROUP_WORKERS, "w0", j.message.id, "2", "EPSG:2056",
	    NULL), "2");
	assert_int_equal(all_letters(), 1);
	hold(0, 10, 0, 15, newest_letter());
	assert_string_equal(call(&script_dismiss, j.id, keys, 5, j.id, "5", "100000", NULL), "dismissed");
	hold(0, 0, 0, 0, newest_letter());
	assert_string_equal(seed_text(redis, "HGET", wire_key("room", NULL).text, "dead:acme", NULL),
	    seed_field(redis, j.id, "dead"));
	job_clear(&j);
}

/* Long ones take longer: there are fewer of them in a step. */
static void long_letters_go_a_few_at_a_time(void **state)
{
	static const char many[] = "for i = 1, 20 do redis.call('RPUSH', KEYS[2], redis.call('XADD', KEYS[1], '*', 'raw', "
	    "string.rep('x', 400000))) end redis.call('HSET', KEYS[3], 'dead', 20 * 400003) "
	    "redis.call('HSET', KEYS[4], 'dead:acme', 20 * 400003)";
	static const char *const forget[] = { ":job", "dead", ":deadof", "jobs" };
	char epoch[32];
	struct job j;

	(void)state;
	claimed(&j, "w0");
	snprintf(epoch, sizeof(epoch), "%lld", j.epoch);
	seed_drop(redis, "EVAL", many, "4", wire_key("dead", NULL).text, wire_key("deadof", j.id).text,
	    wire_key("job", j.id).text, wire_key("room", NULL).text, NULL);
	assert_string_equal(call(&script_forget, j.id, forget, 4, epoch, GROUP_WORKERS, "w0", j.message.id, "500", "EPSG:2056",
	    NULL), "4");
	assert_int_equal(held("dead"), 16 * 400003);
	assert_int_equal(job_forget_letters(&j, redis, R_NONE, "EPSG:2056", 0, &e), 0);
	assert_int_equal(all_letters(), 0);
	assert_int_equal(held("dead"), 0);
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
	assert_string_equal(call(&script_admit, JOB_A, (const char *const[]){ "staging", "room", "staged", "room" }, 4, JOB_A,
	    "1000", "acme", "100", "150", "0", "", "100", "0", NULL), "go");
	hold(0, 0, 0, 0, 0);
	assert_int_equal(seed_int(redis, "EXISTS", staging.text, staged.text, NULL), 0);
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

/* replay.lua of the letter 1-0, which acme holds, and its first word. */
static const char *replay(const char *all, const char *own, const char *left, const char *mended)
{
	static const char *const keys[] = { "dead", "replayed", ":raw", ":job", "jobs", "index", "raw:old" };

	return call(&script_replay, JOB_B, keys, 7, "1-0", JOB_B, "1000", "0-1-0", "4", all, own, left,
	    mended != NULL ? "00" : NULL, mended, NULL);
}

/* A feature of ten bytes, or a document of eight. */
static void a_replay_needs_room_once(void **state)
{
	struct key dead = wire_key("dead", NULL), room = wire_key("room", NULL), old = wire_key("raw", "old"),
	    was = wire_key("job", "old"), raw = wire_key("raw", JOB_B);

	(void)state;
	for (int document = 0; document < 2; document++) {
		const long long bytes = document ? 8 : 10;

		seed_drop(redis, "FLUSHALL", NULL);
		seed_drop(redis, "XADD", dead.text, "1-0", "kind", document ? "document" : "feature", "source", "acme",
		    "raw", "0123456789", NULL);
		seed_drop(redis, "HSET", room.text, "kept:acme", "50", "kept:other", "40", NULL);
		seed_drop(redis, "XADD", old.text, "1-0", "d", "01234567", NULL);
		seed_drop(redis, "HSET", was.text, "bytes", "20", "segments", "1", "held", "8", NULL);
		assert_string_equal(replay("97", "0", "-1", NULL), "full");
		assert_string_equal(replay("1000", "57", "-1", NULL), "greedy");
		assert_string_equal(replay("0", "0", "7", NULL), "full");
		assert_string_equal(replay("0", "0", "0", NULL), "full");
		if (!document)
			assert_string_equal(replay("100", "0", "-1", "01234567890"), "full");
		assert_int_equal(seed_int(redis, "DBSIZE", NULL), 4);
		hold(0, 0, 50, 0, 0);

		assert_string_equal(replay("100", "60", "10", NULL), "ok");
		hold(0, bytes, 50, 0, 0);
		assert_int_equal(seed_int(redis, "XLEN", raw.text, NULL), document ? 1 : 3);
		assert_string_equal(replay("1", "1", "0", NULL), "same");
		hold(0, bytes, 50, 0, 0);
	}
}

#define OLD_HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"	/* SHA-256, as a former version wrote it */

/* commit.lua of a job with the delivery 1, and its first word. */
static const char *commit_delivery(const char *job, const char *hash, const char *proof)
{
	return call(&script_commit, job,
	    (const char *const[]){ ":raw", ":job", "jobs", "staging", "index", "seen:acme:1" }, 6, job, "1000", "1", "00",
	    "1234567", hash, "100", proof, "source", "acme", "held", "7", "bytes", "7", NULL);
}

/* A delivery that was committed is known again by a signed digest or its proof; a length alone tells a guesser nothing. */
static void a_known_delivery_is_settled_before_its_body(void **state)
{
	static const struct {
		const char *hash, *proof;	/* of the committed one */
		const char *digest, *length, *offered, *want;
	} cases[] = {
		{ "ab:1", "p", "", "7", "p", "same" }, { "ab:1", "p", "", "-1", "p", "same" },
		{ "ab:1", "p", "", "8", "p", "same" }, { "ab:1", "p", "", "7", "q", "go" },
		{ "ab:1", "p", "", "-1", "q", "go" }, { "ab:1", "p", "", "8", "q", "go" },
		{ "ab:1", "sha-256=aa", "sha-256=aa", "7", "-", "same" },
		{ "ab:1", "sha-256=aa", "sha-256=aa", "-1", "-", "same" },
		{ "ab:1", "sha-256=aa", "sha-256=aa", "8", "-", "other" },
		{ "ab:1", "sha-256=aa", "sha-256=bb", "7", "-", "other" },
		{ "ab:1", "p", "sha-256=aa", "7", "-", "go" }, { "ab:1", "p", "sha-256=aa", "8", "-", "other" },
		{ OLD_HASH, "", "sha-256=" OLD_HASH, "7", "-", "same" }, { OLD_HASH, "", "sha-256=aa", "7", "-", "other" },
		{ OLD_HASH, "p", "", "7", "p", "same" }, { OLD_HASH, "p", "", "7", "q", "go" },
	};
	struct key seen = wire_seen_key("acme", "1");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char stored[256];
		const char *got;

		seed_drop(redis, "FLUSHALL", NULL);
		assert_string_equal(commit_delivery(JOB_A, cases[i].hash, cases[i].proof), "ok");
		snprintf(stored, sizeof(stored), JOB_A " %s %s", cases[i].hash, cases[i].proof);
		assert_string_equal(seed_text(redis, "GET", seen.text, NULL), stored);
		assert_in_range(seed_int(redis, "PTTL", seen.text, NULL), 1, 100000);	/* -1: it would stay for ever */
		got = call(&script_admit, JOB_B, (const char *const[]){ "staging", "room", "staged", "seen:acme:1" }, 4, JOB_B,
		    "1000", "acme", "500", "0", "0", cases[i].digest, cases[i].length, "100", "x", cases[i].offered, NULL);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("case %zu: %s", i, got);
		hold(strcmp(got, "go") == 0 ? 100 : 0, 7, 0, 0, 0);
	}
}

/* What was a primary until just now may have what the new one lost: nobody is told of that. */
static void a_replica_knows_nothing_for_sure(void **state)
{
	static const char *const keys[] = { "staging", "room", "staged", "seen:acme:1" };
	static const char *const digests[] = { "sha-256=aa", "sha-256=bb" };	/* the same, and another body */
	struct key dead = wire_key("dead", NULL);

	(void)state;
	assert_string_equal(commit_delivery(JOB_A, "ab:1", "sha-256=aa"), "ok");
	seed_drop(redis, "XADD", dead.text, "1-0", "kind", "feature", "source", "acme", "raw", "0123456789", NULL);
	assert_string_equal(replay("0", "0", "-1", NULL), "ok");
	for (int i = 0; i < 2; i++) {
		assert_string_equal(call(&script_admit, JOB_B, keys, 4, JOB_B, "1000", "acme", "500", "0", "0", digests[i],
		    "-1", "100", "-", NULL), i == 0 ? "same" : "other");
		seed_drop(redis, "REPLICAOF", "127.0.0.1", "1", NULL);
		assert_string_equal(call(&script_admit, JOB_B, keys, 4, JOB_B, "1000", "acme", "500", "0", "0", digests[i],
		    "-1", "100", "-", NULL), "READONLY");
		assert_string_equal(replay("0", "0", "-1", NULL), "READONLY");
		seed_drop(redis, "REPLICAOF", "NO", "ONE", NULL);
		assert_string_equal(replay("0", "0", "-1", NULL), "same");
	}
}

/* publish.lua, behind what stands before it in its transaction. */
static const char *publish_delivery(const char *job, const char *hash, const char *proof)
{
	static char word[256];
	char this[256];
	struct key raw = wire_key("raw", job), hash_of = wire_key("job", job), list = wire_key("index", NULL),
	    room = wire_key("room", NULL), jobs = wire_key("jobs", NULL), seen = wire_seen_key("acme", "1");
	struct reply *reply;
	struct redis_cmd c;

	seed_drop(redis, "XADD", raw.text, "1-0", "d", "1234567", NULL);
	seed_drop(redis, "HSET", hash_of.text, "state", "accepted", "source", "acme", "held", "7", NULL);
	seed_drop(redis, "ZADD", list.text, "1000", job, NULL);
	seed_drop(redis, "HINCRBY", room.text, "queued:acme", "7", NULL);
	cmd_init(&c);
	snprintf(this, sizeof(this), "%s %s %s", job, hash, proof);
	cmd_script(&c, &script_publish, 3);
	for (const char *const *arg = (const char *const[]){ jobs.text, hash_of.text, seen.text, "1", "100", "", this,
	    NULL }; *arg != NULL; arg++)
		cmd_str(&c, *arg);
	if (redis_do(redis, &c, &reply, &e) != 0)
		fail_msg("%s", e.text);
	snprintf(word, sizeof(word), "%s", reply_str(reply_count(reply) > 0 ? reply_at(reply_at(reply, 0), 0) : reply, NULL));
	reply_free(&reply);
	cmd_clear(&c);
	return word;
}

/* Each of a transaction has its own v, delivery id or none, and verdict. */
static void what_is_published_together_stays_apart(void **state)
{
	static const struct { const char *job, *delivery, *v, *this; } posts[] = {
		{ JOB_A, NULL, "1", JOB_A }, { JOB_B, "1", "2", JOB_B " ab:1 " },
		{ "0-00000000000000000000000003", "1", "1", "0-00000000000000000000000003 ab:1 p" },
		{ "0-00000000000000000000000004", "2", "2", "0-00000000000000000000000004 ab:1 p" },
		{ "0-00000000000000000000000005", NULL, "1", "0-00000000000000000000000005" },
	};
	static const char *const want[] = { "ok", "ok", "same", "ok", "ok" };
	struct key jobs = wire_key("jobs", NULL), list = wire_key("index", NULL), room = wire_key("room", NULL),
	    hash[ARRAY_LEN(posts)], seen[ARRAY_LEN(posts)];
	struct reply *reply;
	struct redis_cmd c;

	(void)state;
	cmd_init(&c);
	cmd_script(&c, &script_publish, 9);
	cmd_str(&c, jobs.text);
	for (size_t i = 0; i < ARRAY_LEN(posts); i++) {
		struct key raw = wire_key("raw", posts[i].job);

		hash[i] = wire_key("job", posts[i].job);
		seed_drop(redis, "XADD", raw.text, "1-0", "d", "1234567", NULL);
		seed_drop(redis, "HSET", hash[i].text, "state", "accepted", "source", "acme", "held", "7", NULL);
		seed_drop(redis, "ZADD", list.text, "1000", posts[i].job, NULL);
		seed_drop(redis, "HINCRBY", room.text, "queued:acme", "7", NULL);
		cmd_str(&c, hash[i].text);
		if (posts[i].delivery != NULL) {
			seen[i] = wire_seen_key("acme", posts[i].delivery);
			cmd_str(&c, seen[i].text);
		}
	}
	cmd_str(&c, "12121");
	cmd_str(&c, "100");
	cmd_str(&c, "");
	for (size_t i = 0; i < ARRAY_LEN(posts); i++)
		cmd_str(&c, posts[i].this);
	assert_int_equal(redis_do(redis, &c, &reply, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(posts); i++)
		assert_string_equal(reply_str(reply_at(reply_at(reply, i), 0), NULL), want[i]);
	assert_string_equal(reply_str(reply_at(reply_at(reply, 2), 1), NULL), JOB_B);
	reply_free(&reply);
	for (size_t i = 0; i < ARRAY_LEN(posts); i++)	/* each of them for as long as deliveries are remembered */
		if (posts[i].delivery != NULL)
			assert_in_range(seed_int(redis, "PTTL", seen[i].text, NULL), 1, 100000);
	hold(0, 28, 0, 0, 0);
	cmd_line(&c, "XRANGE", jobs.text, "-", "+", NULL);
	assert_int_equal(redis_do(redis, &c, &reply, &e), 0);
	assert_int_equal(reply_count(reply), 4);
	for (size_t i = 0, k = 0; i < ARRAY_LEN(posts); i++) {
		const struct reply *entry = reply_at(reply, k), *fields = reply_at(entry, 1);

		if (i == 2) {
			assert_int_equal(seed_int(redis, "EXISTS", hash[i].text, NULL), 0);
			continue;
		}
		k++;
		assert_string_equal(reply_str(reply_field(fields, 0, "v"), NULL), posts[i].v);
		assert_string_equal(reply_str(reply_field(fields, 0, "job"), NULL), posts[i].job);
		assert_string_equal(seed_field(redis, posts[i].job, "message"), reply_str(reply_at(entry, 0), NULL));
		if (posts[i].delivery != NULL)
			assert_string_equal(seed_text(redis, "GET", seen[i].text, NULL), posts[i].this);
	}
	reply_free(&reply);
	cmd_clear(&c);
}

/* The usual case: no ids, one v, and one word of all. */
static void what_goes_well_is_said_in_a_word(void **state)
{
	static const char *const ids[] = { JOB_A, JOB_B };
	struct key jobs = wire_key("jobs", NULL), hash[2] = { wire_key("job", JOB_A), wire_key("job", JOB_B) };
	struct reply *reply;
	struct redis_cmd c;

	(void)state;
	cmd_init(&c);
	for (int i = 0; i < 2; i++)
		seed_drop(redis, "HSET", hash[i].text, "state", "accepted", NULL);
	cmd_script(&c, &script_publish, 3);
	for (const char *const *arg = (const char *const[]){ jobs.text, hash[0].text, hash[1].text, "2", "0", "", JOB_A,
	    JOB_B, NULL }; *arg != NULL; arg++)
		cmd_str(&c, *arg);
	assert_int_equal(redis_do(redis, &c, &reply, &e), 0);
	assert_string_equal(reply_str(reply, NULL), "ok");
	reply_free(&reply);
	cmd_line(&c, "XRANGE", jobs.text, "-", "+", NULL);
	assert_int_equal(redis_do(redis, &c, &reply, &e), 0);
	assert_int_equal(reply_count(reply), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct reply *entry = reply_at(reply, i), *fields = reply_at(entry, 1);

		assert_string_equal(reply_str(reply_field(fields, 0, "v"), NULL), "2");
		assert_string_equal(reply_str(reply_field(fields, 0, "job"), NULL), ids[i]);
		assert_string_equal(seed_field(redis, ids[i], "message"), reply_str(reply_at(entry, 0), NULL));
	}
	reply_free(&reply);
	cmd_clear(&c);
}

/*
 * What was hashed under another key, or by a former version, is no other body: it is known by its proof, or becomes a
 * job of its own and is remembered in its turn.
 */
static void hashes_that_cannot_be_compared_are_no_verdict(void **state)
{
	static const struct { const char *hash, *proof, *want; } cases[] = {
		{ "ab:1", "p", "same" }, { "ab:1", "q", "same" }, { "ab:2", "q", "other" }, { "ab:2", "", "other" },
		{ "cd:1", "q", "ok" }, { "cd:1", "", "ok" }, { "cd:1", "p", "same" },
	}, old[] = {
		{ "ab:1", "p", "same" }, { "ab:1", "q", "ok" }, { "ab:1", "", "ok" }, { "ab:1", "sha-256=" OLD_HASH, "same" },
	};
	const char *(*const how[])(const char *, const char *, const char *) = { commit_delivery, publish_delivery };
	struct key seen = wire_seen_key("acme", "1");
	const size_t n = sizeof(cases) / sizeof(cases[0]), all = n + sizeof(old) / sizeof(old[0]);

	(void)state;
	for (size_t i = 0; i < 2 * all; i++) {
		const bool is_old = i / 2 >= n;
		const char *hash = is_old ? old[i / 2 - n].hash : cases[i / 2].hash, *want, *proof, *got;
		char stored[256];

		want = is_old ? old[i / 2 - n].want : cases[i / 2].want;
		proof = is_old ? old[i / 2 - n].proof : cases[i / 2].proof;
		seed_drop(redis, "FLUSHALL", NULL);
		assert_string_equal(commit_delivery(JOB_A, is_old ? OLD_HASH : "ab:1", "p"), "ok");
		got = how[i % 2](JOB_B, hash, proof);
		if (strcmp(got, want) != 0)
			fail_msg("case %zu: %s", i, got);
		hold(0, strcmp(got, "ok") == 0 ? 14 : 7, 0, 0, 0);
		snprintf(stored, sizeof(stored), "%s %s %s", strcmp(got, "ok") == 0 ? JOB_B : JOB_A,
		    strcmp(got, "ok") == 0 ? hash : is_old ? OLD_HASH : "ab:1", strcmp(got, "ok") == 0 ? proof : "p");
		assert_string_equal(seed_text(redis, "GET", seen.text, NULL), stored);
		assert_true(seed_int(redis, "TTL", seen.text, NULL) > 0);
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
		TEST(a_report_is_measured_without_being_read),
		TEST(a_dismissed_job_gives_back_what_it_held),
		TEST(a_job_dismissed_while_its_letters_go_gives_back_theirs),
		TEST(long_letters_go_a_few_at_a_time),
		TEST(room_is_kept_for_uploads_and_given_back),
		TEST(a_replay_needs_room_once),
		TEST(a_known_delivery_is_settled_before_its_body),
		TEST(a_replica_knows_nothing_for_sure),
		TEST(hashes_that_cannot_be_compared_are_no_verdict),
		TEST(what_is_published_together_stays_apart),
		TEST(what_goes_well_is_said_in_a_word),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
