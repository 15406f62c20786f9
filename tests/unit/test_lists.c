/* list_jobs.lua and list_letters.lua: filters, and pages that miss nothing and repeat nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "schema/scripts.h"
#include "schema/wire.h"
#include "tests/fakes/private_redis.h"

#define JOBS 250

static struct private_redis server;
static struct redis *redis;

static struct reply *run(struct redis_cmd *c)
{
	struct err e = ERR_INIT;
	struct reply *reply = NULL;

	if (redis_do(redis, c, &reply, &e) != 0)
		fail_msg("%s", e.text);
	cmd_clear(c);
	return reply;
}

static void tell(const char *a, const char *b, const char *c, const char *d, const char *e, const char *f)
{
	struct redis_cmd cmd;
	struct reply *reply;

	cmd_init(&cmd);
	cmd_line(&cmd, a, b, c, d, e, f, NULL);
	reply = run(&cmd);
	reply_free(&reply);
}

/* The id of job i: later ones sort behind. */
static void job_name(char out[JOB_ID_LEN + 1], int i)
{
	unsigned char dice[10] = { (unsigned char)i };

	wire_job_id(out, 1000 + (unsigned)i, dice);
}

static int setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (private_redis_start(&server, "no") != 0)
		return -1;
	redis = redis_open(server.url, 5000, &e);
	for (int i = 0; i < JOBS; i++) {
		struct key index = wire_key("index", NULL), job;
		char id[JOB_ID_LEN + 1], score[16];

		job_name(id, i);
		job = wire_key("job", id);
		snprintf(score, sizeof(score), "%d", 5000 + i / 7);	/* seven at a time share a score */
		tell("ZADD", index.text, score, id, NULL, NULL);
		if (i % 10 != 9)	/* the tenth has expired */
			tell("HSET", job.text, "source", i % 2 ? "odd" : "even", "state",
			    i % 3 ? "successful" : "failed");
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	redis_close(&redis);
	private_redis_stop(&server);
	return 0;
}

/* Walks through all pages: how many came; each job once, the newest first. */
static int walk_jobs(const char *source, const char *status, int limit, int look)
{
	struct key index = wire_key("index", NULL);
	char cursor[64] = "", last[JOB_ID_LEN + 1] = "z";
	int found = 0;

	do {
		struct redis_cmd c;
		struct reply *page;

		cmd_init(&c);
		cmd_script(&c, &script_list_jobs, 1);
		cmd_str(&c, index.text);
		cmd_str(&c, cursor);
		cmd_str(&c, source);
		cmd_str(&c, status);
		cmd_int(&c, limit);
		cmd_int(&c, look);
		page = run(&c);
		assert_true(reply_count(page) <= 1 + 2 * (size_t)limit);
		for (size_t i = 1; i < reply_count(page); i += 2, found++) {
			const char *id = reply_str(reply_at(page, i), NULL);

			assert_true(strcmp(id, last) < 0);
			snprintf(last, sizeof(last), "%s", id);
			assert_non_null(reply_field(reply_at(page, i + 1), 0, "state"));
		}
		snprintf(cursor, sizeof(cursor), "%s", reply_str(reply_at(page, 0), NULL));
		reply_free(&page);
	} while (cursor[0] != '\0');
	return found;
}

static void jobs_come_once_each(void **state)
{
	static const struct { const char *source, *status; int want; } cases[] = {
		{ "", "", 225 }, { "even", "", 125 }, { "odd", "", 100 }, { "", "failed", 75 }, { "none", "", 0 },
		{ "even", "failed", 42 },
	};
	static const struct { int limit, look; } pages[] = { { 1, 2000 }, { 7, 2000 }, { 100, 2000 }, { 1000, 2000 },
		{ 20, 1 }, { 20, 13 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t k = 0; k < sizeof(pages) / sizeof(pages[0]); k++) {
			int n = walk_jobs(cases[i].source, cases[i].status, pages[k].limit, pages[k].look);

			if (n != cases[i].want)
				fail_msg("case %zu, pages %zu: %d jobs", i, k, n);
		}
}

static int walk_letters(const char *job, const char *source, const char *code, int limit, int look)
{
	struct key dead = wire_key("dead", NULL), of = job ? wire_key("deadof", job) : dead;
	char cursor[64] = "";
	long long last = 1 << 30;
	int found = 0;

	do {
		struct redis_cmd c;
		struct reply *page;

		cmd_init(&c);
		cmd_script(&c, &script_list_letters, 2);
		cmd_str(&c, dead.text);
		cmd_str(&c, of.text);
		cmd_str(&c, cursor);
		cmd_str(&c, source);
		cmd_str(&c, code);
		cmd_int(&c, limit);
		cmd_int(&c, look);
		page = run(&c);
		assert_true(reply_count(page) <= 1 + 2 * (size_t)limit);
		for (size_t i = 1; i < reply_count(page); i += 2, found++) {
			long long ms = reply_int(reply_at(page, i));	/* "<ms>-0" */

			sscanf(reply_str(reply_at(page, i), NULL), "%lld", &ms);
			assert_true(ms < last);
			last = ms;
			assert_null(reply_field(reply_at(page, i + 1), 0, "raw"));
			assert_non_null(reply_field(reply_at(page, i + 1), 0, "code"));
		}
		snprintf(cursor, sizeof(cursor), "%s", reply_str(reply_at(page, 0), NULL));
		reply_free(&page);
	} while (cursor[0] != '\0');
	return found;
}

static void letters_come_once_each_without_their_texts(void **state)
{
	static const int limits[] = { 1, 3, 64, 1000 }, looks[] = { 2000, 1, 5 };
	struct key dead = wire_key("dead", NULL);
	char jobs[2][JOB_ID_LEN + 1];

	(void)state;
	job_name(jobs[0], 1);
	job_name(jobs[1], 2);
	for (int i = 0; i < 150; i++) {
		struct key of = wire_key("deadof", jobs[i % 2]);
		struct redis_cmd c;
		struct reply *reply;
		char id[32];

		snprintf(id, sizeof(id), "%d-0", 100 + i);
		cmd_init(&c);
		cmd_line(&c, "XADD", dead.text, id, "code", i % 5 ? "RING_SHORT" : "JSON_SYNTAX", "raw", "{}", "source",
		    i % 3 ? "acme" : "other", NULL);
		reply = run(&c);
		reply_free(&reply);
		tell("RPUSH", of.text, id, NULL, NULL, NULL);
	}
	tell("XDEL", dead.text, "101-0", NULL, NULL, NULL);	/* its list still names it */
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 3; k++) {
			assert_int_equal(walk_letters(NULL, "", "", limits[i], looks[k]), 149);
			assert_int_equal(walk_letters(NULL, "other", "", limits[i], looks[k]), 50);
			assert_int_equal(walk_letters(NULL, "", "JSON_SYNTAX", limits[i], looks[k]), 30);
			assert_int_equal(walk_letters(jobs[0], "", "", limits[i], looks[k]), 75);
			assert_int_equal(walk_letters(jobs[1], "", "", limits[i], looks[k]), 74);
			assert_int_equal(walk_letters(jobs[1], "other", "", limits[i], looks[k]), 25);
		}
}

/* Where the next page begins, of a page of the letters of `job`. */
static void first_page(const char *job, const char *cursor, const char *look, size_t want, const char *next)
{
	struct key dead = wire_key("dead", NULL), of = wire_key("deadof", job);
	struct redis_cmd c;
	struct reply *page;

	cmd_init(&c);
	cmd_script(&c, &script_list_letters, 2);
	cmd_str(&c, dead.text);
	cmd_str(&c, of.text);
	cmd_str(&c, cursor);
	cmd_str(&c, "");
	cmd_str(&c, "");
	cmd_str(&c, "10");
	cmd_str(&c, look);
	page = run(&c);
	assert_int_equal(reply_count(page) / 2, want);
	assert_string_equal(reply_str(reply_at(page, 0), NULL), next);
	reply_free(&page);
}

/* A cursor is the client's: no number costs more than the list is long. */
static void a_cursor_beyond_the_end_begins_at_the_end(void **state)
{
	struct key dead = wire_key("dead", NULL), of = wire_key("deadof", "short");

	(void)state;
	tell("XADD", dead.text, "9000-0", "code", "RING_SHORT", NULL);
	tell("RPUSH", of.text, "9000-0", NULL, NULL, NULL);
	first_page("short", "9999999999999999999", "10", 1, "");
}

static void long_texts_end_a_page_early(void **state)
{
	static char text[40000];
	struct key dead = wire_key("dead", NULL), of = wire_key("deadof", "long");
	struct redis_cmd c;
	struct reply *reply;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	cmd_init(&c);
	for (const char *id = "9001-0"; id != NULL; id = strcmp(id, "9001-0") == 0 ? "9002-0" : NULL) {
		cmd_line(&c, "XADD", dead.text, id, "code", "RING_SHORT", "raw", text, NULL);
		reply = run(&c);
		reply_free(&reply);
		tell("RPUSH", of.text, id, NULL, NULL, NULL);
	}
	first_page("long", "", "3", 1, "1");
	first_page("long", "", "6", 2, "0");
	first_page("long", "1", "6", 1, "");
}

static void names_of_letters_that_are_gone_are_looked_at_too(void **state)
{
	struct key of = wire_key("deadof", "hollow");

	(void)state;
	for (int i = 0; i < 100; i++)
		tell("RPUSH", of.text, "1-1", NULL, NULL, NULL);
	first_page("hollow", "", "7", 0, "93");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_come_once_each),
		cmocka_unit_test(letters_come_once_each_without_their_texts),
		cmocka_unit_test(a_cursor_beyond_the_end_begins_at_the_end),
		cmocka_unit_test(long_texts_end_a_page_early),
		cmocka_unit_test(names_of_letters_that_are_gone_are_looked_at_too),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
