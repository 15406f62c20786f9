/* lib/redis: commands, replies and URLs, and both kinds of connection against a real Redis. */
#define _GNU_SOURCE	/* RTLD_NEXT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/redis_out.h"
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

/* The asynchronous scenario: up, a command, Redis stopped (timeout), killed, started again, up. */
struct scene {
	struct loop *loop;
	struct redis_async *redis;
	int ups, downs, replies, failures;
	long long last;
	bool stop_on_up, stop_on_reply, stop_on_down;
};

/* To try again would be to try for ever. */
static void no_memory_for_a_reply_is_no_fault_of_redis(void **state)
{
	struct err e = ERR_INIT;
	int status;
	pid_t pid;

	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	skip();		/* it ends the process instead */
#endif
	if ((pid = fork()) == 0) {
		struct redis *r = redis_open(server.url, 5000, &e);
		struct rlimit few = { 16 << 20, 16 << 20 };
		struct reply *reply = NULL;
		struct redis_cmd c;

		cmd_init(&c);
		cmd_line(&c, "SETRANGE", "large", "67108863", "x", NULL);
		if (redis_do(r, &c, &reply, &e) != 0)
			_exit(1);
		reply_free(&reply);
		setrlimit(RLIMIT_DATA, &few);
		cmd_line(&c, "GET", "large", NULL);
		_exit(redis_do(r, &c, &reply, &e) == -1 && e.cls == ERR_SYSTEM && e.code == ENOMEM ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

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

static void on_late(void *ctx)
{
	(void)ctx;
	fail_msg("the awaited event did not come");
}

static void async_survives_restart_and_silence(void **state)
{
	static struct redis_script twice = { "twice", "return ARGV[1] * 2", "" };
	static struct redis_script *const scripts[] = { &twice, NULL };
	struct err e = ERR_INIT;
	struct scene s = { .stop_on_up = true };
	struct loop_timer *late;
	struct redis_cmd c;

	(void)state;
	cmd_init(&c);
	s.loop = loop_new(&e);
	late = loop_timer_new(s.loop, on_late, NULL, &e);
	loop_timer_start(late, 30000, 0);
	s.redis = redis_async_new(s.loop, server.url, scripts, on_state, &s, &e);
	assert_non_null(s.redis);
	redis_async_timeout(s.redis, 300);
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
	struct loop_timer *late;
	struct redis_cmd c;
	struct reply *reply;

	(void)state;
	cmd_init(&c);
	assert_int_equal(redis_primary(r, &e), 0);
	s.loop = loop_new(&e);
	late = loop_timer_new(s.loop, on_late, NULL, &e);
	loop_timer_start(late, 30000, 0);
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

/* ---- transactions, and more than a socket holds ---- */

struct talk {
	struct loop *loop;
	struct redis_async *redis;
	struct redis_cmd c;
	size_t want, got;
	struct err e;		/* of the last */
	long long last;
	size_t elements;
};

static void talk_state(void *ctx, bool up)
{
	(void)up;
	loop_stop(((struct talk *)ctx)->loop);
}

static void talk_begin(struct talk *t, struct redis_script *const *scripts)
{
	struct err e = ERR_INIT;

	memset(t, 0, sizeof(*t));
	cmd_init(&t->c);
	t->loop = loop_new(&e);
	loop_timer_start(loop_timer_new(t->loop, on_late, NULL, &e), 30000, 0);
	t->redis = redis_async_new(t->loop, server.url, scripts, talk_state, t, &e);
	loop_run(t->loop);
	assert_true(redis_async_up(t->redis));
}

static void talk_end(struct talk *t)
{
	redis_async_free(&t->redis);
	cmd_clear(&t->c);
	loop_free(&t->loop);
}

static void on_talk(void *ctx, const struct reply *r, const struct err *e)
{
	struct talk *t = ctx;

	t->e = *e;
	t->elements = reply_count(r);
	t->last = reply_int(t->elements > 0 ? reply_at(r, t->elements - 1) : r);
	if (++t->got == t->want)
		loop_stop(t->loop);
}

static void talk_send(struct talk *t)
{
	struct err e = ERR_INIT;

	assert_int_equal(redis_async_do(t->redis, &t->c, on_talk, t, &e), 0);
	t->want++;
}

static void talk_wait(struct talk *t)
{
	loop_run(t->loop);
	assert_int_equal(t->got, t->want);
}

static long long ask_int(struct talk *t, const char *command, const char *key)
{
	cmd_line(&t->c, command, key, NULL);
	talk_send(t);
	talk_wait(t);
	return t->last;
}

/* Each of these takes a third of the timeout; all together take twice as long. */
static void what_is_slow_but_answers_is_not_lost(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, NULL);
	redis_async_timeout(t.redis, 600);
	cmd_line(&t.c, "BLPOP", "nothing:here", "0.2", NULL);
	for (int i = 0; i < 6; i++)
		talk_send(&t);
	talk_wait(&t);
	assert_int_equal(t.e.cls, ERR_NONE);
	assert_true(redis_async_up(t.redis));
	talk_end(&t);
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

static void a_transaction_is_all_or_nothing(void **state)
{
	static struct redis_script length = { "length", "return redis.call('STRLEN', KEYS[1])", "" };
	static struct redis_script *const scripts[] = { &length, NULL };
	struct talk t;

	(void)state;
	talk_begin(&t, scripts);
	cmd_line(&t.c, "SET", "tx:a", "12345", NULL);
	cmd_next(&t.c);
	cmd_str(&t.c, "SET");
	cmd_str(&t.c, "tx:b");
	cmd_int(&t.c, -7);
	cmd_next_script(&t.c, &length, 1);
	cmd_str(&t.c, "tx:a");
	talk_send(&t);
	talk_wait(&t);
	assert_int_equal(t.e.cls, ERR_NONE);
	assert_int_equal(t.elements, 3);
	assert_int_equal(t.last, 5);
	assert_int_equal(ask_int(&t, "GET", "tx:b"), -7);

	/* One that Redis does not queue: the reason is that one's, not EXEC's, and nothing was done. */
	cmd_line(&t.c, "SET", "tx:c", "1", NULL);
	cmd_next(&t.c);
	cmd_str(&t.c, "NOSUCHCOMMAND");
	cmd_next(&t.c);
	cmd_str(&t.c, "PING");
	talk_send(&t);
	talk_wait(&t);
	assert_non_null(strstr(t.e.text, "unknown command"));
	assert_int_equal(ask_int(&t, "EXISTS", "tx:c"), 0);
	assert_int_equal(t.e.cls, ERR_NONE);

	/* Scripts lost: the caller is told, and finds them again. */
	cmd_line(&t.c, "SCRIPT", "FLUSH", NULL);
	talk_send(&t);
	for (int round = 0; round < 2; round++) {
		cmd_line(&t.c, "PING", NULL);
		cmd_next_script(&t.c, &length, 1);
		cmd_str(&t.c, "tx:a");
		talk_send(&t);
		talk_wait(&t);
		assert_int_equal(t.e.cls, round == 0 ? ERR_RETRY : ERR_NONE);
	}
	assert_int_equal(t.last, 5);
	cmd_reset(&t.c);
	for (int i = 0; i < CMD_PARTS_MAX; i++) {
		assert_false(t.c.failed);
		cmd_next(&t.c);
	}
	assert_true(t.c.failed);
	talk_end(&t);
}

/* A reply of any kind as text; of a long string its length. */
static void put_reply(char *out, size_t room, const struct reply *r)
{
	size_t n, at = strlen(out);
	const char *text = reply_str(r, &n);

	switch (reply_type(r)) {
	case REPLY_NIL:
		snprintf(out + at, room - at, " nil");
		break;
	case REPLY_INT:
		snprintf(out + at, room - at, " %lld", reply_int(r));
		break;
	case REPLY_ARRAY:
		snprintf(out + at, room - at, " [");
		for (size_t i = 0; i < reply_count(r); i++)
			put_reply(out, room, reply_at(r, i));
		at = strlen(out);
		snprintf(out + at, room - at, " ]");
		break;
	default:
		assert_int_equal(strlen(text), n);
		if (n > 100)
			snprintf(out + at, room - at, " %zu bytes", n);
		else
			snprintf(out + at, room - at, " %s'%s'", reply_type(r) == REPLY_STATUS ? "+"
			    : reply_type(r) == REPLY_ERROR ? "-" : "", text);
	}
}

struct said {
	struct talk *talk;
	char text[512];
};

static void on_said(void *ctx, const struct reply *r, const struct err *e)
{
	struct said *s = ctx;

	put_reply(s->text, sizeof(s->text), r);
	if (e->cls != ERR_NONE)
		snprintf(s->text, sizeof(s->text), "%s", e->text);
	on_talk(s->talk, r, e);
}

/* Several at once and one after the other, short ones between long ones. */
static void replies_are_what_redis_says(void **state)
{
	static const struct { const char *command, *a, *b, *want; } cases[] = {
		{ "GET", "absent", NULL, " nil" }, { "SET", "there", "", " +'OK'" }, { "GET", "there", NULL, " ''" },
		{ "EVAL", "return {1, 'a', {}, false, {'b', {-2, {'c'}}}, {ok = 'fine'}, {err = 'ERR x'}, ''}", "0",
			" [ 1 'a' [ ] nil [ 'b' [ -2 [ 'c' ] ] ] +'fine' -'ERR x' '' ]" },
		{ "EVAL", "return {string.rep('x', 3000000), 7, string.rep('y', 101)}", "0",
			" [ 3000000 bytes 7 101 bytes ]" },
		{ "EVAL", "return {}", "0", " [ ]" }, { "STRLEN", "absent", NULL, " 0" },
		{ "EVAL", "local t = {} for i = 1, 3000 do t[i] = 'abc' .. i end return #t", "0", " 3000" },
		{ "INCR", "there", NULL, "ERR value is not an integer or out of range" },
		{ "BLPOP", "absent", "0.01", " nil" },
	};
	const size_t n = sizeof(cases) / sizeof(cases[0]);
	struct said said[2 * sizeof(cases) / sizeof(cases[0])];
	struct err e = ERR_INIT;
	struct talk t;

	(void)state;
	talk_begin(&t, NULL);
	for (size_t i = 0; i < 2 * n; i++) {
		said[i] = (struct said){ .talk = &t };
		cmd_line(&t.c, cases[i % n].command, cases[i % n].a, cases[i % n].b, NULL);
		assert_int_equal(redis_async_do(t.redis, &t.c, on_said, &said[i], &e), 0);
		t.want++;
		if (i < n)
			talk_wait(&t);
	}
	talk_wait(&t);
	for (size_t i = 0; i < 2 * n; i++)
		assert_string_equal(said[i].text, cases[i % n].want);
	talk_end(&t);
}

/* Commands of every size between small ones, far more than a socket takes at once, arrive whole and in order. */
static void megabytes_arrive_in_order(void **state)
{
	static const size_t sizes[] = { 1, 100, 65000, 65536, 3000000, 0, 16384, 262144, 7000000, 5 };
	size_t n = sizeof(sizes) / sizeof(sizes[0]), total = 0;
	char *bytes = malloc(7000000);
	struct talk t;

	(void)state;
	talk_begin(&t, NULL);
	memset(bytes, 'b', 7000000);
	for (size_t round = 0; round < 4; round++) {
		for (size_t i = 0; i < n; i++) {
			cmd_line(&t.c, "APPEND", "big", NULL);
			if (round % 2 == 0)
				cmd_bytes(&t.c, bytes, sizes[i]);
			else
				cmd_give(&t.c, memset(malloc(sizes[i] + 1), 'b', sizes[i]), sizes[i]);
			talk_send(&t);
			total += sizes[i];
			cmd_line(&t.c, "STRLEN", "big", NULL);
			talk_send(&t);
		}
		talk_wait(&t);
		assert_int_equal(t.last, total);
	}
	/* What is given is taken by a command that is taken, though the connection ends before it is written. */
	cmd_line(&t.c, "APPEND", "small", NULL);
	cmd_give(&t.c, memset(malloc(300000), 'b', 300000), 300000);
	cmd_str(&t.c, "one too many");
	talk_send(&t);
	assert_int_equal(ask_int(&t, "DEL", "big"), 1);
	free(bytes);
	talk_end(&t);
}

/* What would put given memory on the way as a copy, or several commands as one, ends the process. */
static void what_is_given_goes_alone(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			const struct rlimit none = { 0, 0 };
			struct redis_out o;
			struct redis_cmd c;

			setrlimit(RLIMIT_CORE, &none);
			signal(SIGABRT, SIG_DFL);
			redis_out_init(&o);
			cmd_init(&c);
			cmd_line(&c, "APPEND", "key", NULL);
			cmd_give(&c, strdup("text"), 4);
			if (i == 1)
				cmd_next(&c);
			cmd_str(&c, "PING");
			_exit((i == 0 ? redis_out_part(&o, &c) : redis_out_add(&o, &c)) >= 0 ? 0 : 1);
		}
		assert_true(child > 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_slow_but_answers_is_not_lost),
		cmocka_unit_test(a_slow_resolver_stops_nothing),
		cmocka_unit_test(a_transaction_is_all_or_nothing),
		cmocka_unit_test(replies_are_what_redis_says),
		cmocka_unit_test(megabytes_arrive_in_order),
		cmocka_unit_test(what_is_given_goes_alone),
		cmocka_unit_test(urls_are_read_strictly),
		cmocka_unit_test(passwords_are_percent_decoded),
		cmocka_unit_test(blocking_commands_and_scripts),
		cmocka_unit_test(what_passes_is_told_from_what_stays),
		cmocka_unit_test(lost_connections_are_retry),
		cmocka_unit_test(no_memory_for_a_reply_is_no_fault_of_redis),
		cmocka_unit_test(async_survives_restart_and_silence),
		cmocka_unit_test(a_replica_is_left),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
