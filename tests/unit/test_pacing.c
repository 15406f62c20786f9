/* pacing: who waits while Redis syncs its file, and for how long. Redis is this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "server/reactor.h"

#define SEGMENT 32768

static const char JOB[] = "0-01k00000000000000000000000";
static const char syncs[] = "aof_enabled:1\r\naof_pending_bio_fsync:1\r\n", rests[] = "aof_pending_bio_fsync:0\r\n";
static struct server server;
static struct reactor reactor;
static struct segment_writer *writer;
static char body[16 * SEGMENT];
static unsigned sent, asked, woken;
static int asking;		/* what reactor_do returns */
static redis_fn answer, written;
static void *owed[64];		/* of segments whose replies have not come */

int reactor_do_bulk(struct reactor *r, redis_fn fn, void *ctx)
{
	if (r->cmd.given == 0)
		return 0;	/* the mark, whose reply is of no use */
	free((char *)r->cmd.argv[r->cmd.given]);
	written = fn;
	assert_true(sent < sizeof(owed) / sizeof(owed[0]));
	owed[sent++] = ctx;
	return 0;
}

int reactor_do(struct reactor *r, redis_fn fn, void *ctx)
{
	assert_ptr_equal(ctx, r);
	assert_int_equal(r->cmd.argc, 2);
	assert_memory_equal(r->cmd.argv[0], "INFO", 4);
	assert_memory_equal(r->cmd.argv[1], "persistence", 11);
	asked++;
	answer = fn;
	loop_stop(r->loop);
	return asking;
}

static void room(void *ctx)
{
	(void)ctx;
	woken++;
}

static int setup(void **state)
{
	struct err e = ERR_INIT;
	struct settings set = { .server = { .segment_bytes = SEGMENT, .window_segments = 64, .window_bytes = 4 << 20,
		.compress_segments = PACKING_NEVER } };

	(void)state;
	memset(&reactor, 0, sizeof(reactor));
	memset(&server, 0, sizeof(server));
	reactor.server = &server;
	reactor.loop = loop_new(&e);
	assert_int_equal(segment_pool_init(&reactor.segments, &set, &e), 0);
	assert_int_equal(pacing_init(&reactor, &e), 0);
	reactor.segments.turn_left = SIZE_MAX;
	cmd_init(&reactor.cmd);
	writer = segment_writer_new(&reactor, JOB, room, NULL);
	sent = asked = woken = 0;
	asking = 0;
	return 0;
}

static int teardown(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	segment_writer_free(&writer);
	while (sent > 0)
		written(owed[--sent], NULL, &e);
	cmd_clear(&reactor.cmd);
	pacing_clear(&reactor);
	segment_pool_clear(&reactor.segments, reactor.loop);
	loop_free(&reactor.loop);
	return 0;
}

static void segments_wait_for_the_end_of_a_sync(void **state)
{
	(void)state;
	pacing_small(&reactor);
	assert_int_equal(segment_add(writer, body, 3 * SEGMENT), 3 * SEGMENT);
	assert_int_equal(sent, 2);
	pacing_take(&reactor, syncs);
	assert_int_equal(segment_add(writer, body, SEGMENT), 0);
	pacing_take(&reactor, syncs);
	assert_int_equal(woken, 0);
	pacing_take(&reactor, rests);
	assert_int_equal(woken, 1);
	assert_int_equal(segment_add(writer, body, SEGMENT), SEGMENT);
	assert_int_equal(sent, 3);
	pacing_take(&reactor, syncs);
	assert_int_equal(segment_add(writer, body, SEGMENT), 0);
	pacing_take(&reactor, "");	/* it did not answer */
	assert_int_equal(woken, 2);
}

static void nobody_waits_where_nothing_small_comes(void **state)
{
	(void)state;
	pacing_take(&reactor, syncs);
	assert_int_equal(segment_add(writer, body, 4 * SEGMENT), 4 * SEGMENT);
	pacing_small(&reactor);
	server.small_ms -= 1000;
	pacing_take(&reactor, syncs);
	assert_int_equal(segment_add(writer, body, SEGMENT), SEGMENT);
	assert_int_equal(woken, 0);
}

static void a_sync_without_end_is_not_waited_for(void **state)
{
	(void)state;
	pacing_small(&reactor);
	segment_add(writer, body, SEGMENT);
	pacing_take(&reactor, syncs);
	assert_int_equal(segment_add(writer, body, SEGMENT), 0);
	reactor.pacing.since_ms -= 1500;
	pacing_take(&reactor, syncs);
	assert_int_equal(woken, 1);
	pacing_take(&reactor, syncs);
	assert_int_equal(segment_add(writer, body, SEGMENT), SEGMENT);
	pacing_take(&reactor, rests);
	pacing_take(&reactor, syncs);	/* the next one is */
	assert_int_equal(segment_add(writer, body, SEGMENT), 0);
}

static void give_up(void *ctx)
{
	(void)ctx;
	loop_stop(reactor.loop);
}

/* Asks again and again, once it has been answered; and not where only small or only large ones come. */
static void redis_is_asked_while_both_come(void **state)
{
	struct err e = ERR_INIT;
	struct loop_timer *guard = loop_timer_new(reactor.loop, give_up, NULL, &e);

	(void)state;
	segment_add(writer, body, 2 * SEGMENT);
	pacing_tick(&reactor);
	assert_false(loop_timer_active(reactor.pacing.timer));
	pacing_small(&reactor);
	pacing_tick(&reactor);
	assert_false(loop_timer_active(reactor.pacing.timer));
	segment_add(writer, body, SEGMENT);
	pacing_tick(&reactor);
	assert_true(loop_timer_active(reactor.pacing.timer));
	for (unsigned i = 1; i <= 3; i++) {
		loop_timer_start(guard, 30000, 0);
		loop_run(reactor.loop);
		assert_int_equal(asked, i);
		answer(&reactor, NULL, &e);
	}
	pacing_small(&reactor);
	pacing_take(&reactor, syncs);
	assert_int_equal(segment_add(writer, body, SEGMENT), 0);
	pacing_tick(&reactor);			/* held, so it is still watched */
	assert_true(loop_timer_active(reactor.pacing.timer));
	asking = -1;				/* Redis is away: nothing tells when to go on */
	loop_timer_start(guard, 30000, 0);
	loop_run(reactor.loop);
	assert_int_equal(woken, 1);
	pacing_take(&reactor, syncs);
	server.small_ms = 0;
	pacing_tick(&reactor);
	assert_false(loop_timer_active(reactor.pacing.timer));
	assert_false(reactor.segments.held);
	loop_timer_free(&guard);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(segments_wait_for_the_end_of_a_sync),
		TEST(nobody_waits_where_nothing_small_comes),
		TEST(a_sync_without_end_is_not_waited_for),
		TEST(redis_is_asked_while_both_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
