/* lib/redis: URLs, commands and replies, against a real Redis that is waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/redis_out.h"
#include "tests/fakes/apart.h"
#include "tests/fakes/private_redis.h"

static struct private_redis server;

static int setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);	/* as all programs do */
	return private_redis_start(&server, "no");
}

static int teardown(void **state)
{
	(void)state;
	private_redis_stop(&server);
	return 0;
}

static void urls_are_read_strictly(void **state)
{
	static const struct { const char *url; bool ok; } cases[] = {
		{ "redis://localhost", true }, { "redis://localhost:6380/2", true },
		{ "redis://user:pass@h:1/0", true }, { "redis://:pass@h", true },
		{ "redis://[::1]:6379/0", true }, { "unix:///run/r.sock", true },
		{ "unix:///run/r.sock?db=3", true }, { "redis://", false },
		{ "redis://h:0", false }, { "redis://h:65536", false }, { "redis://h/x", false },
		{ "redis://h:6379x", false }, { "redis://user@h", false }, { "redis://[::1", false },
		{ "unix://run/r.sock", false }, { "unix:///r?db=", false }, { "unix:///r?x=1", false },
		{ "rediss://h", false }, { "", false },
		{ "redis://:a%2Fb%40c@h", true }, { "redis://:100%@h", false }, { "redis://:%4@h", false },
		{ "redis://:%zz@h", false }, { "redis://:a%00b@h", false }, { "redis://u%3A:%25@h", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (redis_url_ok(cases[i].url) != cases[i].ok)
			fail_msg("%s", cases[i].url);
}

static void passwords_are_percent_decoded(void **state)
{
	static const char given[] = "p@ss/w:rd%", encoded[] = "p%40ss%2fw:rd%25";
	struct err e = ERR_INIT;
	struct redis *r = redis_open(server.url, 5000, &e);
	char url[256];
	struct redis_cmd c;
	struct reply *reply;

	(void)state;
	/* A socket needs no password here, so the URL's is asked about. */
	assert_non_null(r);
	cmd_init(&c);
	cmd_line(&c, "ACL", "SETUSER", "us:er", "on", "allkeys", "allcommands", NULL);
	snprintf(url, sizeof(url), ">%s", given);
	cmd_str(&c, url);
	assert_int_equal(redis_do(r, &c, &reply, &e), 0);
	reply_free(&reply);
	cmd_line(&c, "CONFIG", "SET", "port", "0", NULL);
	assert_int_equal(redis_do(r, &c, &reply, &e), 0);
	reply_free(&reply);
	for (int port = 20000 + getpid() % 20000, i = 0;; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", port + i);
		err_clear(&e);
		cmd_line(&c, "CONFIG", "SET", "port", text, NULL);
		if (redis_do(r, &c, &reply, &e) == 0) {
			snprintf(url, sizeof(url), "redis://us%%3aer:%s@127.0.0.1:%d", encoded, port + i);
			break;
		}
		reply_free(&reply);
		assert_true(i < 100);
	}
	reply_free(&reply);
	redis_close(&r);
	assert_non_null(r = redis_open(url, 5000, &e));
	cmd_line(&c, "ACL", "WHOAMI", NULL);
	assert_int_equal(redis_do(r, &c, &reply, &e), 0);
	assert_string_equal(reply_str(reply, NULL), "us:er");
	reply_free(&reply);
	redis_close(&r);
	cmd_clear(&c);
}

static void blocking_commands_and_scripts(void **state)
{
	static struct redis_script script = { "test", "return {KEYS[1], ARGV[1], 7}", "" };
	struct err e = ERR_INIT;
	struct redis *r = redis_open(server.url, 5000, &e);
	struct redis_cmd c;
	struct reply *reply;
	size_t len;

	(void)state;
	assert_non_null(r);
	cmd_init(&c);
	cmd_line(&c, "SET", "k", NULL);
	cmd_bytes(&c, "a\0b", 3);
	assert_int_equal(redis_do(r, &c, &reply, &e), 0);
	assert_int_equal(reply_type(reply), REPLY_STATUS);
	reply_free(&reply);
	cmd_line(&c, "GET", "k", NULL);
	assert_int_equal(redis_do(r, &c, &reply, &e), 0);
	assert_memory_equal(reply_str(reply, &len), "a\0b", 3);
	assert_int_equal(len, 3);
	reply_free(&reply);
	cmd_script(&c, &script, 1);
	cmd_str(&c, "key");
	cmd_int(&c, -5);
	assert_int_equal(redis_do(r, &c, &reply, &e), 0);	/* loads it first */
	assert_int_equal(reply_count(reply), 3);
	assert_string_equal(reply_str(reply_at(reply, 1), NULL), "-5");
	assert_int_equal(reply_int(reply_at(reply, 2)), 7);
	assert_null(reply_at(reply, 3));
	reply_free(&reply);
	cmd_line(&c, "LPUSH", "k", "x", NULL);
	assert_int_equal(redis_do(r, &c, &reply, &e), -1);
	assert_int_equal(e.cls, ERR_SYSTEM);
	assert_memory_equal(e.text, "WRONGTYPE", 9);
	assert_null(reply);
	err_clear(&e);
	for (int i = 0; i < 3; i++) {
		cmd_line(&c, "INCR", "n", NULL);
		assert_int_equal(redis_send(r, &c, &e), 0);
	}
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(redis_receive(r, &reply, &e), 0);
		assert_int_equal(reply_int(reply), i);
		reply_free(&reply);
	}
	assert_int_equal(redis_receive(r, &reply, &e), -1);	/* nothing is owed */
	cmd_clear(&c);
	redis_close(&r);
}

static void what_passes_is_told_from_what_stays(void **state)
{
	static const struct { const char *reply; enum err_class cls; } cases[] = {
		{ "LOADING Redis is loading", ERR_RETRY }, { "OOM command not allowed", ERR_RETRY },
		{ "READONLY a replica", ERR_RETRY }, { "BUSY running a script", ERR_RETRY },
		{ "UNBLOCKED instance state changed", ERR_RETRY },	/* to who waits, in a failover */
		{ "WRONGTYPE of key", ERR_SYSTEM }, { "NOGROUP no such key", ERR_SYSTEM },
		{ "NOPERM may not", ERR_SYSTEM }, { "ERR OOM READONLY", ERR_SYSTEM },
		{ "ERR max number of clients reached", ERR_RETRY },
	};
	struct err e = ERR_INIT;
	struct redis *r = redis_open(server.url, 5000, &e);
	struct redis_cmd c;
	struct reply *reply;

	(void)state;
	cmd_init(&c);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err_clear(&e);
		cmd_line(&c, "EVAL", "return {err = ARGV[1]}", "0", cases[i].reply, NULL);
		assert_int_equal(redis_do(r, &c, &reply, &e), -1);
		if (e.cls != cases[i].cls || strcmp(e.text, cases[i].reply) != 0)
			fail_msg("%s: class %d, %s", cases[i].reply, (int)e.cls, e.text);
	}
	cmd_clear(&c);
	redis_close(&r);
}

/* One connection more than it takes: it is told so, and cut off. */
static void a_redis_without_a_place_is_away_for_now(void **state)
{
	struct err e = ERR_INIT;
	struct redis *r = redis_open(server.url, 5000, &e), *second = redis_open(server.url, 5000, &e);
	struct redis_cmd c;
	struct reply *reply;

	(void)state;
	cmd_init(&c);
	cmd_line(&c, "CONFIG", "SET", "maxclients", "1", NULL);
	assert_int_equal(redis_do(r, &c, &reply, &e), 0);
	reply_free(&reply);
	cmd_line(&c, "PING", NULL);
	assert_int_equal(redis_do(second, &c, &reply, &e), -1);
	assert_int_equal(e.cls, ERR_RETRY);
	err_clear(&e);
	cmd_line(&c, "CONFIG", "SET", "maxclients", "1000", NULL);
	assert_int_equal(redis_do(r, &c, &reply, &e), 0);
	reply_free(&reply);
	cmd_line(&c, "PING", NULL);
	assert_int_equal(redis_do(second, &c, &reply, &e), 0);	/* by another connection */
	reply_free(&reply);
	cmd_clear(&c);
	redis_close(&r);
	redis_close(&second);
}

static void lost_connections_are_retry(void **state)
{
	struct err e = ERR_INIT;
	struct redis *r = redis_open("unix:///nonexistent/redis.sock", 100, &e);
	struct redis_cmd c;
	struct reply *reply;

	(void)state;
	cmd_init(&c);
	cmd_line(&c, "PING", NULL);
	assert_int_equal(redis_do(r, &c, &reply, &e), -1);
	assert_int_equal(e.cls, ERR_RETRY);
	cmd_clear(&c);
	redis_close(&r);
}

static int reply_without_memory(void *ctx)
{
	struct err e = ERR_INIT;
	struct redis *r = redis_open(server.url, 5000, &e);
	struct reply *reply = NULL;
	struct redis_cmd c;

	(void)ctx;
	cmd_init(&c);
	cmd_line(&c, "SETRANGE", "large", "67108863", "x", NULL);
	if (redis_do(r, &c, &reply, &e) != 0)
		return 1;
	reply_free(&reply);
	apart_starve(16 << 20);
	cmd_line(&c, "GET", "large", NULL);
	return redis_do(r, &c, &reply, &e) == -1 && e.cls == ERR_SYSTEM && e.code == ENOMEM ? 0 : 2;
}

/* To try again would be to try for ever. */
static void no_memory_for_a_reply_is_no_fault_of_redis(void **state)
{
	(void)state;
	apart_may_starve();
	assert_int_equal(apart(reply_without_memory, NULL), 0);
}

static int give_among_others(void *as_part)
{
	const struct rlimit none = { 0, 0 };
	struct redis_out o;
	struct redis_cmd c;

	setrlimit(RLIMIT_CORE, &none);
	signal(SIGABRT, SIG_DFL);
	redis_out_init(&o);
	cmd_init(&c);
	cmd_line(&c, "APPEND", "key", NULL);
	cmd_give(&c, strdup("text"), 4);
	if (as_part == NULL)
		cmd_next(&c);
	cmd_str(&c, "PING");
	return (as_part != NULL ? redis_out_part(&o, &c) : redis_out_add(&o, &c)) < 0;
}

/* What would put given memory on the way as a copy, or several commands as one, ends the process. */
static void what_is_given_goes_alone(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		int status = apart(give_among_others, i == 0 ? &server : NULL);

		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_read_strictly),
		cmocka_unit_test(passwords_are_percent_decoded),
		cmocka_unit_test(blocking_commands_and_scripts),
		cmocka_unit_test(what_passes_is_told_from_what_stays),
		cmocka_unit_test(a_redis_without_a_place_is_away_for_now),
		cmocka_unit_test(lost_connections_are_retry),
		cmocka_unit_test(no_memory_for_a_reply_is_no_fault_of_redis),
		cmocka_unit_test(what_is_given_goes_alone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
