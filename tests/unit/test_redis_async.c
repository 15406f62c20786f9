/* lib/redis_async: its life, against a real Redis that hangs, goes away, and becomes a replica; and slow names. */
#define _GNU_SOURCE	/* RTLD_NEXT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/loop.h"
#include "lib/redis.h"
#include "tests/fakes/late.h"
#include "tests/fakes/private_redis.h"

static struct private_redis server;

static int setup(void **state)
{
	(void)state;
	return private_redis_start(&server, "no");
}

static int teardown(void **state)
{
	(void)state;
	private_redis_stop(&server);
	return 0;
}

/* The asynchronous scenario: up, a command, Redis stopped (timeout), killed, started again, up. */
struct scene {
	struct loop *loop;
	struct redis_async *redis;
	int ups, downs, replies, failures;
	long long last;
	bool stop_on_up, stop_on_reply, stop_on_down;
};

static void on_state(void *ctx, bool up)
{
	struct scene *s = ctx;

	if (up)
		s->ups++;
	else
		s->downs++;
	if (up ? s->stop_on_up : s->stop_on_down)
		loop_stop(s->loop);
}

static void on_reply(void *ctx, const struct reply *r, const struct err *e)
{
	struct scene *s = ctx;

	if (r == NULL) {
		assert_int_equal(e->cls, ERR_RETRY);
		s->failures++;
	} else {
		s->replies++;
		s->last = reply_int(r);
	}
	if (s->stop_on_reply)
		loop_stop(s->loop);
}

static void async_survives_restart_and_silence(void **state)
{
	static struct redis_script twice = { "twice", "return ARGV[1] * 2", "" };
	static struct redis_script *const scripts[] = { &twice, NULL };
	struct err e = ERR_INIT;
	struct scene s = { .stop_on_up = true };
	struct redis_cmd c;

	(void)state;
	cmd_init(&c);
	s.loop = loop_new(&e);
	late_is_failure(s.loop);
	s.redis = redis_async_new(s.loop, server.url, scripts, on_state, &s, &e);
	assert_non_null(s.redis);
	redis_async_timeout(s.redis, 1000);
	cmd_script(&c, &twice, 0);
	cmd_int(&c, 21);
	assert_int_equal(redis_async_do(s.redis, &c, on_reply, &s, &e), -1);	/* not up yet */
	err_clear(&e);
	loop_run(s.loop);
	assert_int_equal(s.ups, 1);
	s.stop_on_reply = true;
	s.stop_on_up = false;
	assert_int_equal(redis_async_do(s.redis, &c, on_reply, &s, &e), 0);
	loop_run(s.loop);
	assert_int_equal(s.last, 42);

	kill(server.pid, SIGSTOP);	/* silent, but connected: the timeout tells */
	assert_int_equal(redis_async_do(s.redis, &c, on_reply, &s, &e), 0);
	loop_run(s.loop);
	assert_int_equal(s.failures, 1);
	kill(server.pid, SIGCONT);
	private_redis_kill(&server);
	s.stop_on_up = true;
	s.stop_on_reply = false;
	assert_int_equal(private_redis_restart(&server), 0);
	loop_run(s.loop);
	assert_true(s.ups >= 2);
	s.stop_on_reply = true;
	s.stop_on_up = false;
	s.last = 0;
	assert_int_equal(redis_async_do(s.redis, &c, on_reply, &s, &e), 0);	/* the script is there again */
	loop_run(s.loop);
	assert_int_equal(s.last, 42);

	assert_int_equal(redis_async_do(s.redis, &c, on_reply, &s, &e), 0);
	s.failures = 0;
	redis_async_free(&s.redis);	/* what is owed fails, once */
	assert_int_equal(s.failures, 1);
	cmd_clear(&c);
	loop_free(&s.loop);
}

/* REPLICAOF host port, by a connection of its own. */
static void demote(const char *host, const char *port)
{
	struct err e = ERR_INIT;
	struct redis *r = redis_open(server.url, 1000, &e);
	struct redis_cmd c;
	struct reply *reply;

	cmd_init(&c);
	cmd_line(&c, "REPLICAOF", host, port, NULL);
	assert_int_equal(redis_do(r, &c, &reply, &e), 0);
	reply_free(&reply);
	cmd_clear(&c);
	redis_close(&r);
}

static void a_replica_is_left(void **state)
{
	struct err e = ERR_INIT;
	struct redis *r = redis_open(server.url, 1000, &e);
	struct scene s = { .stop_on_up = true, .stop_on_down = true };
	struct redis_cmd c;
	struct reply *reply;

	(void)state;
	cmd_init(&c);
	assert_int_equal(redis_primary(r, &e), 0);
	s.loop = loop_new(&e);
	late_is_failure(s.loop);
	s.redis = redis_async_new(s.loop, server.url, NULL, on_state, &s, &e);
	loop_run(s.loop);
	assert_int_equal(s.ups, 1);

	demote("127.0.0.1", "1");
	loop_run(s.loop);	/* idle as it is, it notices */
	assert_int_equal(s.downs, 1);
	assert_int_equal(redis_primary(r, &e), -1);
	assert_int_equal(e.cls, ERR_RETRY);
	err_clear(&e);
	cmd_line(&c, "SET", "key", "value", NULL);
	assert_int_equal(redis_do(r, &c, &reply, &e), -1);
	assert_int_equal(e.cls, ERR_RETRY);

	demote("NO", "ONE");
	loop_run(s.loop);
	assert_int_equal(s.ups, 2);	/* and was not while it was a replica */
	assert_int_equal(redis_primary(r, &e), 0);

	demote("127.0.0.1", "1");	/* now a command meets it first, perhaps */
	assert_int_equal(redis_async_do(s.redis, &c, on_reply, &s, &e), 0);
	loop_run(s.loop);
	assert_int_equal(s.downs, 2);
	assert_int_equal(s.failures, 1);
	demote("NO", "ONE");
	redis_async_free(&s.redis);
	loop_free(&s.loop);
	cmd_clear(&c);
	redis_close(&r);
}

/* ---- a name that is slow to be looked up ---- */

static sem_t turned;
static int lookups, in_vain;

/* The resolver of this program, of libuv and of hiredis: it waits until the loop has gone on. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
	struct timespec until;

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (name == NULL || strcmp(name, "redis.slow") != 0)
		return real(name, service, hints, found);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	in_vain += sem_timedwait(&turned, &until) != 0;
	return lookups++ == 0 ? EAI_AGAIN : real("127.0.0.1", service, hints, found);
}

struct visit {
	struct loop *loop;
	int listener;
};

static void on_turn(void *ctx)
{
	struct visit *v = ctx;
	int fd = accept(v->listener, NULL, NULL);

	sem_post(&turned);
	if (fd < 0)
		return;
	close(fd);
	loop_stop(v->loop);
}

static void a_slow_resolver_stops_nothing(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	struct visit v = { loop_new(NULL), socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) };
	struct loop_timer *timer = loop_timer_new(v.loop, on_turn, &v, NULL);
	struct redis_async *r;
	char url[64];

	(void)state;
	sem_init(&turned, 0, 0);
	assert_int_equal(bind(v.listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(v.listener, 1), 0);
	assert_int_equal(getsockname(v.listener, (struct sockaddr *)&a, &n), 0);
	snprintf(url, sizeof(url), "redis://redis.slow:%d", ntohs(a.sin_port));
	r = redis_async_new(v.loop, url, NULL, NULL, NULL, NULL);
	loop_timer_start(timer, 1, 1);
	loop_run(v.loop);	/* the first look-up fails, the second leads here */
	assert_int_equal(in_vain, 0);
	assert_true(lookups >= 2);
	redis_async_free(&r);
	/* And one that is given up. */
	r = redis_async_new(v.loop, url, NULL, NULL, NULL, NULL);
	redis_async_free(&r);
	loop_timer_free(&timer);
	loop_free(&v.loop);
	close(v.listener);
}

/* ---- how long it waits before it tries again ---- */

#define TRIES 500

static struct loop *trying;	/* NULL: nobody looks */
static uint64_t waits[TRIES];
static int tries;

/* lib/redis_async's timers: what is to be waited for is noted, and comes at once. */
void __real_loop_timer_start(struct loop_timer *t, uint64_t in_ms, uint64_t repeat_ms);
void __wrap_loop_timer_start(struct loop_timer *t, uint64_t in_ms, uint64_t repeat_ms);
void __wrap_loop_timer_start(struct loop_timer *t, uint64_t in_ms, uint64_t repeat_ms)
{
	if (trying == NULL || in_ms == 0 || repeat_ms != 0) {
		__real_loop_timer_start(t, in_ms, repeat_ms);
		return;
	}
	waits[tries++] = in_ms;
	if (tries < TRIES)
		__real_loop_timer_start(t, 0, 0);
	else
		loop_stop(trying);
}

/* It doubles, from 50 ms to 2 s; and who lost Redis together does not come back together. */
static void it_waits_longer_each_time_and_never_as_long_as_others(void **state)
{
	struct loop *loop = loop_new(NULL);
	struct redis_async *r;
	int shorter = 0, longer = 0;

	(void)state;
	late_is_failure(loop);
	trying = loop;
	r = redis_async_new(loop, "unix:///nobody/is/here.sock", NULL, NULL, NULL, NULL);
	assert_non_null(r);
	loop_run(loop);
	trying = NULL;
	assert_int_equal(tries, TRIES);
	for (int i = 0; i < TRIES; i++) {
		uint64_t most = i < 6 ? UINT64_C(50) << i : 2000;

		assert_in_range(waits[i], most / 2, most);
		shorter += most == 2000 && waits[i] < 1250;
		longer += most == 2000 && waits[i] > 1750;
	}
	assert_true(shorter > 0 && longer > 0);
	redis_async_free(&r);
	loop_free(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(async_survives_restart_and_silence),
		cmocka_unit_test(a_replica_is_left),
		cmocka_unit_test(a_slow_resolver_stops_nothing),
		cmocka_unit_test(it_waits_longer_each_time_and_never_as_long_as_others),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
