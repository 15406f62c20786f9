/* segment_writer: what goes to Redis when, and who waits. Redis is this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/crypto.h"
#include "lib/frame.h"
#include "server/reactor.h"

struct sent {
	char name[8], id[16];
	size_t bytes, plain;	/* plain: what z says, 0 without it */
	const char *given;	/* where the bytes were, if their memory went along */
	bool counted;		/* they are those that place_all wrote */
	redis_fn fn;
	void *ctx;
};

static struct sent sent[256];
static char unpacked[1 << 20];
static size_t sent_count, answered;
static int sending = 0;		/* what reactor_do_bulk returns */
static int woken;
static struct reactor reactor;
static const char JOB[] = "0-01k00000000000000000000000";

/* Where the id stands among the arguments. */
static size_t id_at(const struct redis_cmd *c)
{
	return c->lens[2] == 10 && memcmp(c->argv[2], "NOMKSTREAM", 10) == 0 ? 3 : 2;
}

/* In place of the reactor's. */
int reactor_do_bulk(struct reactor *r, redis_fn fn, void *ctx)
{
	struct sent *s = &sent[sent_count];
	size_t at;

	if (sending != 0)
		return sending;
	assert_true(sent_count < sizeof(sent) / sizeof(sent[0]));
	snprintf(s->name, sizeof(s->name), "%.*s", (int)r->cmd.lens[0], r->cmd.argv[0]);
	at = id_at(&r->cmd);
	snprintf(s->id, sizeof(s->id), "%.*s", (int)r->cmd.lens[at], r->cmd.argv[at]);
	if (strcmp(s->name, "XADD") == 0)	/* the first alone makes the stream */
		assert_int_equal(at, strcmp(s->id, "1-0") == 0 ? 2 : 3);
	s->bytes = r->cmd.argc > at + 2 ? r->cmd.lens[at + 2] : 0;
	s->plain = 0;
	if (r->cmd.argc > at + 6) {
		char digits[24] = "";

		memcpy(digits, r->cmd.argv[at + 6], r->cmd.lens[at + 6]);
		s->plain = strtoul(digits, NULL, 10);
		assert_int_equal(frame_unpack(r->cmd.argv[at + 2], r->cmd.lens[at + 2], unpacked, s->plain, NULL), 0);
	}
	s->fn = fn;
	s->ctx = ctx;
	sent_count++;
	s->given = r->cmd.given > 0 ? r->cmd.argv[r->cmd.given] : NULL;
	s->counted = true;
	for (size_t i = 0; i < s->bytes; i++)
		s->counted &= r->cmd.argv[at + 2][i] == (char)((s->bytes * (strtoul(s->id, NULL, 10) - 1) + i) % 251);
	if (s->given != NULL)
		free((char *)r->cmd.argv[r->cmd.given]);
	return 0;
}

/* Answers the oldest command; a reply is never looked into. */
static void answer(bool good)
{
	struct err e = ERR_INIT;

	if (!good)
		err_set(&e, ERR_RETRY, 0, "OOM");
	assert_true(answered < sent_count);
	sent[answered].fn(sent[answered].ctx, good ? (const struct reply *)sent : NULL, &e);
	answered++;
}

static void room(void *ctx)
{
	(void)ctx;
	woken++;
}

static int setup(void **state)
{
	struct err e = ERR_INIT;
	struct settings set = { .server = { .segment_bytes = 32768, .window_segments = 2, .window_bytes = 1 << 20,
		.compress_segments = PACKING_NEVER } };

	(void)state;
	memset(&reactor, 0, sizeof(reactor));
	reactor.loop = loop_new(&e);
	assert_int_equal(segment_pool_init(&reactor.segments, &set, &e), 0);
	reactor.segments.turn_left = SIZE_MAX;	/* but where turns are what is tested */
	cmd_init(&reactor.cmd);
	sent_count = answered = 0;
	sending = woken = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (answered < sent_count)
		answer(true);
	cmd_clear(&reactor.cmd);
	assert_int_equal(reactor.segments.count, 0);
	assert_int_equal(reactor.segments.waiting, 0);
	segment_pool_clear(&reactor.segments, reactor.loop);
	loop_free(&reactor.loop);
	return 0;
}

static char body[1 << 20];

/* Of the last segment, as the commit would send it. */
static size_t last_bytes(struct segment_writer *w)
{
	cmd_reset(&reactor.cmd);
	segment_last(w, &reactor.cmd);
	return reactor.cmd.lens[id_at(&reactor.cmd) + 2];
}

/* What the loop does before it waits. */
static void next_turn(void)
{
	loop_task_cancel(reactor.loop, &reactor.segments.turn);
	reactor.segments.turn.fn(reactor.segments.turn.ctx);
}

static void one_segment_stays_here(void **state)
{
	struct segment_writer *w = segment_writer_new(&reactor, JOB, room, NULL);

	(void)state;
	for (int i = 0; i < 32768; i++)
		assert_int_equal(segment_add(w, body, 1), 1);
	assert_int_equal(sent_count, 0);
	assert_int_equal(segment_number(w), 1);
	assert_int_equal(last_bytes(w), 32768);
	segments_touch(&reactor);
	assert_int_equal(sent_count, 0);
	segment_writer_free(&w);
	assert_null(w);
}

static void the_last_byte_never_leaves_alone(void **state)
{
	struct segment_writer *w = segment_writer_new(&reactor, JOB, room, NULL);

	(void)state;
	assert_int_equal(segment_add(w, body, 2 * 32768), 2 * 32768);
	assert_int_equal(sent_count, 2);
	assert_string_equal(sent[0].name, "ZADD");
	assert_string_equal(sent[1].name, "XADD");
	assert_string_equal(sent[1].id, "1-0");
	assert_int_equal(sent[1].bytes, 32768);
	assert_int_equal(segment_number(w), 2);
	assert_int_equal(last_bytes(w), 32768);
	segments_touch(&reactor);
	assert_string_equal(sent[2].name, "ZADD");
	assert_string_equal(sent[2].id, "XX");
	segment_writer_free(&w);
}

static void a_full_window_stalls(void **state)
{
	struct segment_writer *w = segment_writer_new(&reactor, JOB, room, NULL);

	(void)state;
	assert_int_equal(segment_add(w, body, 5 * 32768), 3 * 32768);
	assert_int_equal(sent_count, 3);	/* the mark and two segments; the third is at hand */
	assert_int_equal(segment_add(w, body, 1), 0);
	answer(true);
	assert_int_equal(woken, 0);
	answer(true);
	assert_int_equal(woken, 1);
	assert_int_equal(segment_add(w, body, 2 * 32768), 32768);
	assert_string_equal(sent[3].id, "3-0");
	segment_writer_free(&w);
}

static void a_refused_segment_fails_the_upload(void **state)
{
	struct segment_writer *w = segment_writer_new(&reactor, JOB, room, NULL);

	(void)state;
	assert_int_equal(segment_add(w, body, 5 * 32768), 3 * 32768);
	answer(true);
	answer(false);
	assert_true(segment_failed(w));
	assert_int_equal(woken, 1);
	assert_int_equal(segment_add(w, body, 1), 0);
	segment_writer_free(&w);

	w = segment_writer_new(&reactor, JOB, room, NULL);
	sending = -1;
	segment_add(w, body, 2 * 32768);
	assert_true(segment_failed(w));
	segment_writer_free(&w);
}

static void all_share_one_window(void **state)
{
	struct segment_writer *a, *b;

	(void)state;
	reactor.segments.window_bytes = 3 * 32768;
	a = segment_writer_new(&reactor, JOB, room, NULL);
	b = segment_writer_new(&reactor, JOB, room, NULL);
	assert_int_equal(segment_add(a, body, sizeof(body)), 3 * 32768);
	assert_int_equal(reactor.segments.waiting, 2 * 32768);
	assert_int_equal(segment_add(b, body, sizeof(body)), 2 * 32768);
	assert_int_equal(segment_add(b, body, 1), 0);
	answer(true);
	answer(true);
	assert_int_equal(woken, 1);	/* room for one, and a waited longer */
	assert_int_equal(segment_add(a, body, 32768), 32768);
	segment_writer_free(&a);
	segment_writer_free(&b);
}

/* Reads as http does, to where the writer wants it; each byte says at which offset it is. */
static long place(struct segment_writer *w, size_t *at, size_t most)
{
	void *to = NULL;
	long n = segment_place(w, &to);

	if (n <= 0)
		return n;
	n = (size_t)n < most ? n : (long)most;
	for (long i = 0; i < n; i++)
		((char *)to)[i] = (char)((*at + (size_t)i) % 251);
	assert_int_equal(segment_add(w, to, (size_t)n), n);
	*at += (size_t)n;
	return n;
}

/* A large body is read into its segments, and these go to Redis as they are; it stops where copied bytes would, too. */
static void what_is_placed_is_not_copied(void **state)
{
	static const size_t steps[] = { 1, 7, 4096, 40000 };
	static char head[32768];

	(void)state;
	for (size_t i = 0; i < sizeof(head); i++)
		head[i] = (char)(i % 251);
	for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
		struct segment_writer *w = segment_writer_new(&reactor, JOB, room, NULL);
		size_t at = sizeof(head), sent_before = sent_count;
		void *to;

		assert_int_equal(segment_place(w, &to), 0);	/* it may be a small one */
		assert_int_equal(segment_add(w, head, sizeof(head)), sizeof(head));
		while (place(w, &at, steps[k]) > 0)
			;
		assert_int_equal(at, 3 * 32768);
		assert_int_equal(segment_place(w, &to), -1);
		assert_int_equal(sent_count, sent_before + 3);
		for (size_t i = 0; i < 2; i++) {
			const struct sent *s = &sent[sent_before + 1 + i];

			assert_int_equal(s->bytes, 32768);
			assert_non_null(s->given);
			assert_true(s->counted);
		}
		woken = 0;
		while (answered < sent_count)
			answer(true);
		assert_int_equal(woken, 1);
		assert_true(place(w, &at, 1) == 1);
		assert_true(sent[sent_count - 1].counted);
		assert_int_equal(last_bytes(w), 1);
		segment_writer_free(&w);
	}
}

/* What is left of a turn is no reason to read less: it is read in the next one. */
static void what_is_placed_takes_turns(void **state)
{
	struct segment_writer *w = segment_writer_new(&reactor, JOB, room, NULL);
	size_t at = 32768;
	void *to;

	(void)state;
	reactor.segments.window_segments = 64;
	segment_add(w, body, 32768);
	reactor.segments.turn_left = 32768 + 1000;
	assert_int_equal(segment_place(w, &to), 32768);
	assert_int_equal(place(w, &at, 4000), 4000);
	assert_int_equal(segment_place(w, &to), 32768 - 4000);
	reactor.segments.turn_left = 32768 - 4001;
	assert_int_equal(segment_place(w, &to), -1);
	assert_int_equal(woken, 0);
	next_turn();
	assert_int_equal(woken, 1);
	assert_int_equal(place(w, &at, 4000), 4000);
	sending = -1;		/* Redis goes away */
	while (place(w, &at, 40000) > 0)
		;
	assert_true(segment_failed(w));
	assert_int_equal(segment_place(w, &to), 0);
	segment_writer_free(&w);
}

static void replies_after_the_end_are_taken(void **state)
{
	struct segment_writer *w = segment_writer_new(&reactor, JOB, room, NULL);

	(void)state;
	segment_add(w, body, 5 * 32768);
	segment_writer_free(&w);
	answer(true);
	answer(true);
	answer(false);
	assert_int_equal(woken, 0);
}

static void segments_shrink_where_many_upload(void **state)
{
	struct segment_pool p = { .segment_bytes = 262144, .window_segments = 4, .window_bytes = 4194304 };
	static const struct { unsigned count; size_t want; } cases[] = {
		{ 0, 262144 }, { 15, 262144 }, { 16, 245600 }, { 99, 40800 }, { 100000, 16224 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		p.count = cases[i].count;
		assert_int_equal(segment_size(&p), cases[i].want);
	}
	p.segment_bytes = 4096;
	assert_int_equal(segment_size(&p), 4096);
}

/* A large body has its part of each turn, a small one is never put off. */
static void large_bodies_take_turns(void **state)
{
	struct segment_writer *large = segment_writer_new(&reactor, JOB, room, NULL),
	    *small = segment_writer_new(&reactor, JOB, room, NULL);
	size_t first, n;

	(void)state;
	reactor.segments.window_segments = 64;
	reactor.segments.turn_left = 0;
	next_turn();
	first = segment_add(large, body, sizeof(body));
	assert_in_range(first, 100000, 400000);
	assert_int_equal(segment_add(large, body, sizeof(body)), 0);
	assert_int_equal(segment_add(small, body, 32768), 32768);
	assert_int_equal(woken, 0);
	next_turn();
	assert_int_equal(woken, 1);
	n = segment_add(large, body, sizeof(body));
	assert_in_range(n, 100000, 400000);
	segment_writer_free(&large);
	segment_writer_free(&small);
}

static int order[32];

static void note(void *ctx)
{
	order[woken++] = *(int *)ctx;
}

/* Who waits longest goes on first, no more of them in a turn than it has time for, and each comes to its end. */
static void those_who_wait_for_their_turn_are_woken_in_order(void **state)
{
	struct segment_writer *w[10];
	size_t left[10], all = 0;
	int names[10], turns;

	(void)state;
	reactor.segments.window_segments = 64;
	reactor.segments.window_bytes = sizeof(body) * 10;
	for (int i = 0; i < 10; i++) {
		names[i] = i;
		left[i] = 300000;
		w[i] = segment_writer_new(&reactor, JOB, note, &names[i]);
		assert_int_equal(segment_add(w[i], body, 32768), 32768);	/* from here on it is large */
	}
	reactor.segments.turn_left = 0;
	for (int i = 0; i < 10; i++)
		assert_int_equal(segment_add(w[i], body, left[i]), 0);
	next_turn();
	assert_int_equal(woken, 8);		/* 256 KiB, of which each may read a segment of 32 */
	for (int i = 0; i < 8; i++)
		assert_int_equal(order[i], i);
	for (turns = 0; woken > 0 && turns < 1000; turns++) {
		size_t taken = 0;
		int n = woken;

		woken = 0;
		for (int k = 0; k < n; k++) {
			int i = order[k];
			size_t got;

			for (; left[i] > 0 && (got = segment_add(w[i], body, left[i])) > 0; taken += got)
				left[i] -= got;
		}
		assert_in_range(taken, 1, 262144);
		all += taken;
		while (answered < sent_count)
			answer(true);
		sent_count = answered = 0;
		next_turn();
	}
	for (int i = 0; i < 10; i++) {
		assert_int_equal(left[i], 0);
		segment_writer_free(&w[i]);
	}
	assert_int_equal(all, 10 * 300000);
}

static void stop(void *ctx)
{
	(void)ctx;
	woken++;
	loop_stop(reactor.loop);
}

static void give_up(void *ctx)
{
	(void)ctx;
	loop_stop(reactor.loop);
}

/* On a loop on which nothing else happens. */
static void a_turn_comes_by_itself(void **state)
{
	struct segment_writer *w = segment_writer_new(&reactor, JOB, stop, NULL);
	struct err e = ERR_INIT;
	struct loop_timer *guard = loop_timer_new(reactor.loop, give_up, NULL, &e);

	(void)state;
	reactor.segments.window_segments = 64;
	reactor.segments.turn_left = 0;
	segment_add(w, body, sizeof(body));
	assert_int_equal(segment_add(w, body, 1000), 0);
	loop_timer_start(guard, 30000, 0);
	loop_run(reactor.loop);
	assert_int_equal(woken, 1);
	loop_timer_free(&guard);
	segment_writer_free(&w);
}

static void fill_with(char *text, size_t n, const char *of)
{
	for (size_t i = 0; i < n; i++)
		text[i] = of[i * i % 15];
}

static void fill(char *text, size_t n)
{
	fill_with(text, n, "0123456789.,[] ");
}

/* auto: numbers always, and their memory goes along; the segment's own stays. */
static void numbers_are_packed_in_any_case(void **state)
{
	struct segment_writer *w = segment_writer_new(&reactor, JOB, room, NULL);
	struct segment_writer *gzip = segment_writer_new(&reactor, JOB, room, NULL);
	size_t stored;

	(void)state;
	fill(body, sizeof(body));
	reactor.segments.form.packing = PACKING_AUTO;
	reactor.segments.window_segments = 9;
	assert_int_equal(segment_add(w, body, 2 * 32768 + 10000), 2 * 32768 + 10000);
	for (int i = 1; i < 3; i++) {
		assert_in_range(sent[i].bytes, 16000, 16600);
		assert_non_null(sent[i].given);
	}
	assert_int_equal(sent[1].plain, 32768);
	stored = sent[1].bytes + sent[2].bytes;
	assert_int_equal(reactor.segments.waiting, stored);
	assert_true(segment_any_packed(w));
	stored += last_bytes(w);
	assert_in_range(reactor.cmd.lens[id_at(&reactor.cmd) + 2], 5000, 6000);
	assert_int_equal(segment_stored(w), stored);
	segment_writer_free(&w);

	w = segment_writer_new(&reactor, JOB, room, NULL);
	segment_add(w, body, 5000);
	assert_in_range(last_bytes(w), 2500, 2700);
	segment_writer_free(&w);
	w = segment_writer_new(&reactor, JOB, room, NULL);
	segment_add(w, body, 1000);
	assert_int_equal(last_bytes(w), 1000);
	segment_writer_free(&w);
	segment_writer_is_packed(gzip);
	segment_add(gzip, body, 2 * 32768);
	assert_int_equal(sent[4].bytes, 32768);
	assert_false(segment_any_packed(gzip));
	segment_writer_free(&gzip);
}

/* With what Redis adds, 16384 bytes are one allocation, and one more byte takes 20480. */
static void packed_segments_fit_their_allocations(void **state)
{
	struct segment_writer *w = segment_writer_new(&reactor, JOB, room, NULL);

	(void)state;
	fill(body, sizeof(body));
	reactor.segments.form.packing = PACKING_AUTO;
	reactor.segments.window_segments = 64;
	segment_add(w, body, 10 * 32768);
	assert_in_range(sent[1].bytes, 16385 - 160, 16600);
	assert_int_equal(sent_count, 11);
	for (size_t i = 2; i < sent_count; i++) {
		assert_in_range(sent[i].bytes, 15800, 16384 - 160);
		assert_in_range(sent[i].plain, 31500, 32767);
	}
	random_bytes(body, 4 * 32768);		/* what is not packed has its own size again */
	segment_add(w, body, 4 * 32768);
	assert_int_equal(sent[sent_count - 1].plain, 0);
	assert_int_equal(sent[sent_count - 1].bytes, 32768);
	segment_writer_free(&w);
}

/* A pack that Redis does not get stays here. */
static void a_packed_segment_that_cannot_be_sent_is_not_lost(void **state)
{
	struct segment_writer *w = segment_writer_new(&reactor, JOB, room, NULL);

	(void)state;
	fill(body, sizeof(body));
	reactor.segments.form.packing = PACKING_AUTO;
	assert_int_equal(segment_add(w, body, 32768), 32768);
	sending = -1;
	segment_add(w, body, 1);
	assert_true(segment_failed(w));
	segment_writer_free(&w);
}

/* auto: other text plain as long as Redis keeps up, compressed when it is behind. */
static void segments_are_packed_when_redis_is_behind(void **state)
{
	struct segment_writer *w = segment_writer_new(&reactor, JOB, room, NULL);

	(void)state;
	fill_with(body, sizeof(body), "\"names\": {}abcd");
	reactor.segments.form.packing = PACKING_AUTO;
	assert_int_equal(segment_add(w, body, 5 * 32768), 3 * 32768);
	assert_int_equal(sent[1].plain, 0);
	assert_int_equal(sent[1].bytes, 32768);
	assert_int_equal(sent[2].plain, 32768);
	assert_in_range(sent[2].bytes, 1, 16384);
	assert_memory_equal(unpacked, body + 32768, 32768);
	assert_true(segment_any_packed(w));
	assert_int_equal(reactor.segments.waiting, sent[1].bytes + sent[2].bytes);
	answer(true);
	answer(true);
	answer(true);
	assert_int_equal(last_bytes(w), 32768);
	assert_int_equal(segment_stored(w), sent[1].bytes + sent[2].bytes + 32768);
	segment_writer_free(&w);
}

static void always_never_and_what_cannot_be_packed(void **state)
{
	struct segment_writer *w = segment_writer_new(&reactor, JOB, room, NULL);

	(void)state;
	fill(body, sizeof(body));
	reactor.segments.form.packing = PACKING_ALWAYS;
	segment_add(w, body, 5000);
	assert_in_range(last_bytes(w), 1, 4000);
	assert_int_equal(segment_stored(w), last_bytes(w));
	assert_true(segment_any_packed(w));
	segment_writer_free(&w);

	w = segment_writer_new(&reactor, JOB, room, NULL);	/* small, or random: as it came */
	segment_add(w, body, 1000);
	assert_int_equal(last_bytes(w), 1000);
	segment_writer_free(&w);
	w = segment_writer_new(&reactor, JOB, room, NULL);
	random_bytes(body, 20000);
	segment_add(w, body, 20000);
	assert_int_equal(last_bytes(w), 20000);
	assert_false(segment_any_packed(w));
	segment_writer_free(&w);

	fill(body, sizeof(body));
	w = segment_writer_new(&reactor, JOB, room, NULL);	/* gzip, say */
	segment_writer_is_packed(w);
	segment_add(w, body, 5000);
	assert_int_equal(last_bytes(w), 5000);
	segment_writer_free(&w);
	reactor.segments.form.packing = PACKING_NEVER;
	w = segment_writer_new(&reactor, JOB, room, NULL);
	segment_add(w, body, 5000);
	assert_int_equal(last_bytes(w), 5000);
	segment_writer_free(&w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_segment_stays_here),
		TEST(the_last_byte_never_leaves_alone),
		TEST(a_full_window_stalls),
		TEST(a_refused_segment_fails_the_upload),
		TEST(what_is_placed_is_not_copied),
		TEST(what_is_placed_takes_turns),
		TEST(all_share_one_window),
		TEST(replies_after_the_end_are_taken),
		TEST(segments_shrink_where_many_upload),
		TEST(large_bodies_take_turns),
		TEST(those_who_wait_for_their_turn_are_woken_in_order),
		TEST(a_turn_comes_by_itself),
		TEST(numbers_are_packed_in_any_case),
		TEST(packed_segments_fit_their_allocations),
		TEST(a_packed_segment_that_cannot_be_sent_is_not_lost),
		TEST(segments_are_packed_when_redis_is_behind),
		TEST(always_never_and_what_cannot_be_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
