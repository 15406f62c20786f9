/* barrier: what a reply of WAITAOF or WAIT means, and that who waits is always answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "lib/loop.h"
#include "server/barrier.h"
#include "tests/fakes/private_redis.h"
#include "tests/fakes/seed.h"

static struct private_redis server;
static struct redis *redis;
static struct settings *settings;
static struct loop *loop;
static struct loop_timer *timer;
static struct barrier *barrier;
static struct err e;
static int asked, answered, reached;

static int setup(void **state)
{
	char conf[512];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (private_redis_start(&server, "yes") != 0)
		return -1;
	snprintf(conf, sizeof(conf), "[redis]\nurl = %s\nack_timeout_ms = 50\nack_replicas = 2\n[source a]\nsecret = x\n",
	    server.url);
	settings = settings_parse(conf, strlen(conf), &e);
	redis = redis_open(server.url, 5000, &e);
	return settings && redis ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	redis_close(&redis);
	private_redis_stop(&server);
	settings_free(&settings);
	return 0;
}

static void replies_are_read(void **state)
{
	static const struct {
		enum ack level;
		const char *reply;
		bool want;
	} cases[] = {
		{ ACK_AOF, "return {1, 0}", true }, { ACK_AOF, "return {1, 2}", true }, { ACK_AOF, "return {0, 2}", false },
		{ ACK_AOF, "return {}", false }, { ACK_AOF, "return 1", false }, { ACK_AOF, "return 'OK'", false },
		{ ACK_REPLICA, "return 2", true }, { ACK_REPLICA, "return 3", true }, { ACK_REPLICA, "return 1", false },
		{ ACK_REPLICA, "return 0", false }, { ACK_REPLICA, "return {2}", false }, { ACK_REPLICA, "return '2'", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply *r = seed_do(redis, "EVAL", cases[i].reply, "0", NULL);

		if (barrier_reached(cases[i].level, r, 2) != cases[i].want)
			fail_msg("case %zu", i);
		reply_free(&r);
	}
	assert_false(barrier_reached(ACK_AOF, NULL, 1));
	assert_false(barrier_reached(ACK_REPLICA, NULL, 1));
}

static void on_done(void *ctx, bool ok)
{
	(void)ctx;
	reached += ok;
	if (++answered == 5)
		loop_stop(loop);
}

/* Five ask as soon as there is a connection; the last of them while others wait. */
static void on_timer(void *ctx)
{
	(void)ctx;
	while (asked < 5 && barrier_wait(barrier, barrier_run_id(barrier), on_done, NULL) == 0)
		asked++;
}

static void ask_five(enum ack level)
{
	asked = answered = reached = 0;
	loop = loop_new(&e);
	timer = loop_timer_new(loop, on_timer, NULL, &e);
	barrier = barrier_new(loop, settings, level, &e);
	assert_non_null(barrier);
	assert_int_equal(barrier_wait(barrier, "", on_done, NULL), -1);	/* not connected yet */
	loop_timer_start(timer, 1, 1);
	loop_run(loop);
	assert_int_equal(answered, 5);
}

static void done(void)
{
	barrier_free(&barrier);
	loop_timer_free(&timer);
	loop_free(&loop);
}

static void replicas_that_are_not_there_are_not_reached(void **state)
{
	(void)state;
	ask_five(ACK_REPLICA);
	assert_int_equal(reached, 0);
	done();
}

/* Redis 7.0 does not know the command; a later one keeps it. Either way all are answered. */
static void the_append_only_file(void **state)
{
	struct reply *r = seed_do(redis, "COMMAND", "INFO", "WAITAOF", NULL);
	bool known = reply_count(reply_at(r, 0)) > 0;

	(void)state;
	reply_free(&r);
	seed_drop(redis, "CONFIG", "SET", "appendfsync", "always", NULL);
	ask_five(ACK_AOF);
	assert_int_equal(reached, known ? 5 : 0);
	done();
}

/* A number that could not be written is nothing to wait for. */
static void a_full_redis_reaches_nothing(void **state)
{
	(void)state;
	seed_drop(redis, "CONFIG", "SET", "maxmemory", "1", NULL);
	ask_five(ACK_AOF);
	assert_int_equal(reached, 0);
	done();
	seed_drop(redis, "CONFIG", "SET", "maxmemory", "0", NULL);
}

static void who_waits_is_told_when_it_ends(void **state)
{
	(void)state;
	ask_five(ACK_REPLICA);
	answered = reached = 0;
	assert_int_equal(barrier_wait(barrier, barrier_run_id(barrier), on_done, NULL), 0);
	assert_int_equal(barrier_wait(barrier, barrier_run_id(barrier), on_done, NULL), 0);
	done();
	assert_int_equal(answered, 2);
	assert_int_equal(reached, 0);
}

/* What another Redis has answered is not safe because this one's replicas have a number. */
static void another_redis_proves_nothing(void **state)
{
	struct reply *r = seed_do(redis, "INFO", "server", NULL);
	char other[41];

	(void)state;
	ask_five(ACK_REPLICA);
	assert_int_equal(strlen(barrier_run_id(barrier)), 40);
	assert_non_null(strstr(reply_str(r, NULL), barrier_run_id(barrier)));
	memset(other, 'f', 40);
	other[40] = '\0';
	answered = 0;
	assert_int_equal(barrier_wait(barrier, other, on_done, NULL), -1);
	assert_int_equal(barrier_wait(barrier, "", on_done, NULL), -1);
	done();
	assert_int_equal(answered, 0);
	reply_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_read),
		cmocka_unit_test(replicas_that_are_not_there_are_not_reached),
		cmocka_unit_test(the_append_only_file),
		cmocka_unit_test(a_full_redis_reaches_nothing),
		cmocka_unit_test(who_waits_is_told_when_it_ends),
		cmocka_unit_test(another_redis_proves_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
