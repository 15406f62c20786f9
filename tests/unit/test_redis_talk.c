/* lib/redis_async: transactions, replies of every kind, slow ones, and more than a socket holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	late_is_failure(t->loop);
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

/* Each of these takes a fifth of the timeout; all together take twice as long. */
static void what_is_slow_but_answers_is_not_lost(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, NULL);
	redis_async_timeout(t.redis, 1000);
	cmd_line(&t.c, "BLPOP", "nothing:here", "0.2", NULL);
	for (int i = 0; i < 10; i++)
		talk_send(&t);
	talk_wait(&t);
	assert_int_equal(t.e.cls, ERR_NONE);
	assert_true(redis_async_up(t.redis));
	talk_end(&t);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_slow_but_answers_is_not_lost),
		cmocka_unit_test(a_transaction_is_all_or_nothing),
		cmocka_unit_test(replies_are_what_redis_says),
		cmocka_unit_test(megabytes_arrive_in_order),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
