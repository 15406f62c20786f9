/* segment_reader: bodies of every segmentation, faults named, losses survived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/checksum.h"
#include "lib/frame.h"
#include "schema/reject.h"
#include "tests/fakes/apart.h"
#include "tests/fakes/private_redis.h"
#include "tests/fakes/seed.h"
#include "workers/segment_reader.h"

static struct private_redis server;
static struct redis *redis, *body;

static int setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (private_redis_start(&server, "yes") != 0)
		return -1;
	redis = redis_open(server.url, 5000, &e);
	body = redis_open(server.url, 5000, &e);
	return redis && body ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	redis_close(&redis);
	redis_close(&body);
	private_redis_stop(&server);
	return 0;
}

static char *make_text(size_t n)
{
	char *s = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		s[i] = (char)('a' + i * i % 26);
	s[n] = '\0';
	return s;
}

/* The number of segments that belong to n bytes. */
static uint64_t segments_of(size_t n, size_t step)
{
	return n <= step ? 1 : (n + step - 1) / step;
}

/* As segment_reader_next; everything it gave is appended to out. */
static int read_all(struct segment_reader *s, struct buf *out, struct err *e)
{
	const char *bytes;
	size_t n;
	int rc;

	while ((rc = segment_reader_next(s, &bytes, &n, e)) == 0)
		buf_append(out, bytes, n);
	return rc;
}

static void body_comes_back_whatever_the_segments(void **state)
{
	static const size_t steps[] = { 1, 7, 999, 1000, 1001, 5000 };
	char *text = make_text(1000), id[JOB_ID_LEN + 1];
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		for (unsigned prefetch = 1; prefetch <= 64; prefetch *= 8) {
			struct segment_reader *s;
			struct buf got;

			buf_init(&got, 1 << 20);
			seed_job(redis, "acme", NULL, text, 1000, steps[i], id);
			s = segment_reader_new(body, id, segments_of(1000, steps[i]), prefetch, &e);
			assert_int_equal(read_all(s, &got, &e), 1);
			assert_string_equal(buf_cstr(&got), text);
			buf_reset(&got);
			segment_reader_rewind(s);
			assert_int_equal(read_all(s, &got, &e), 1);
			assert_string_equal(buf_cstr(&got), text);
			segment_reader_free(&s);
			assert_int_equal(redis_outstanding(body), 0);
			buf_clear(&got);
		}
	free(text);
}

static void leaving_early_leaves_nothing_outstanding(void **state)
{
	char *text = make_text(1000), id[JOB_ID_LEN + 1];
	struct err e = ERR_INIT;
	struct segment_reader *s;
	const char *bytes;
	size_t n;

	(void)state;
	seed_job(redis, "acme", NULL, text, 1000, 10, id);
	s = segment_reader_new(body, id, 100, 8, &e);
	assert_int_equal(segment_reader_next(s, &bytes, &n, &e), 0);
	assert_true(redis_outstanding(body) > 0);
	segment_reader_free(&s);
	assert_int_equal(redis_outstanding(body), 0);
	free(text);
}

static void what_is_behind_the_last_wanted_is_not_asked_for_ahead(void **state)
{
	char *text = make_text(1000), id[JOB_ID_LEN + 1];
	struct err e = ERR_INIT;
	struct segment_reader *s;
	const char *bytes;
	size_t n;

	(void)state;
	seed_job(redis, "acme", NULL, text, 1000, 10, id);
	s = segment_reader_new(body, id, 100, 8, &e);
	segment_reader_seek(s, 3, 5);
	for (int i = 3; i <= 7; i++) {	/* who wants more gets it */
		assert_int_equal(segment_reader_next(s, &bytes, &n, &e), 0);
		assert_memory_equal(bytes, text + 10 * (i - 1), 10);
		assert_int_equal(redis_outstanding(body), i < 5 ? 5 - i : 0);
	}
	segment_reader_free(&s);
	free(text);
}

static void missing_and_damaged_segments_are_named(void **state)
{
	static const struct { const char *cut, *add, *sum, *says; } cases[] = {
		{ "4-0", NULL, NULL, "segment 4 of 10 is missing" },
		{ "10-0", NULL, NULL, "segment 10 of 10 is missing" },
		{ "1-0", NULL, NULL, "segment 1 of 10 is missing" },
		{ NULL, "11-0", "0123456789abcdef", NULL },	/* behind the committed ones: not looked at */
		{ NULL, "10-0", "0123456789abcdef", "segment 10 of 10 is damaged" },
		{ NULL, "10-0", NULL, NULL },			/* without a sum nothing is compared */
	};
	char *text = make_text(1000), id[JOB_ID_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool last = cases[i].add != NULL && strcmp(cases[i].add, "10-0") == 0;
		struct err e = ERR_INIT;
		struct segment_reader *s;
		struct buf got;
		struct key raw;

		buf_init(&got, 1 << 20);
		seed_job(redis, "acme", NULL, text, last ? 900 : 1000, 100, id);
		raw = wire_key("raw", id);
		if (cases[i].cut != NULL)
			seed_drop(redis, "XDEL", raw.text, cases[i].cut, NULL);
		if (cases[i].add != NULL)
			seed_drop(redis, "XADD", raw.text, cases[i].add, "d", "x",
			    cases[i].sum ? "h" : NULL, cases[i].sum, NULL);
		s = segment_reader_new(body, id, 10, 2, &e);
		assert_int_equal(read_all(s, &got, &e), cases[i].says ? -1 : 1);
		if (cases[i].says != NULL) {
			assert_string_equal(e.text, cases[i].says);
			assert_int_equal(e.code, R_BODY_LOST);
			assert_int_equal(e.cls, ERR_INPUT);
		}
		segment_reader_free(&s);
		buf_clear(&got);
	}
	free(text);
}

static void a_killed_redis_is_waited_for(void **state)
{
	char *text = make_text(1000), id[JOB_ID_LEN + 1];
	struct err e = ERR_INIT;
	struct segment_reader *s;
	struct buf got;
	const char *bytes;
	size_t n;
	int rc;

	(void)state;
	buf_init(&got, 1 << 20);
	seed_job(redis, "acme", NULL, text, 1000, 10, id);
	s = segment_reader_new(body, id, 100, 4, &e);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(segment_reader_next(s, &bytes, &n, &e), 0);
		buf_append(&got, bytes, n);
	}
	private_redis_kill(&server);
	do {	/* replies that are here already may still be read */
		if (segment_reader_next(s, &bytes, &n, &e) == 0)
			buf_append(&got, bytes, n);
	} while (e.cls == ERR_NONE);
	assert_int_equal(e.cls, ERR_RETRY);
	err_clear(&e);
	assert_int_equal(segment_reader_next(s, &bytes, &n, &e), -1);
	assert_int_equal(e.cls, ERR_RETRY);
	err_clear(&e);
	assert_int_equal(private_redis_restart(&server), 0);
	while ((rc = read_all(s, &got, &e)) == -1 && e.cls == ERR_RETRY)	/* it may be loading still */
		err_clear(&e);
	assert_int_equal(rc, 1);
	assert_string_equal(buf_cstr(&got), text);
	segment_reader_free(&s);
	buf_clear(&got);
	free(text);
}

/* After a failover the Redis that is still connected may be a replica without the body. */
static void a_replica_is_not_believed(void **state)
{
	char *text = make_text(1000), id[JOB_ID_LEN + 1];
	struct err e = ERR_INIT;
	struct segment_reader *s;
	const char *bytes;
	struct key raw;
	size_t n;

	(void)state;
	seed_job(redis, "acme", NULL, text, 1000, 100, id);
	raw = wire_key("raw", id);
	s = segment_reader_new(body, id, 10, 2, &e);
	assert_int_equal(segment_reader_next(s, &bytes, &n, &e), 0);
	seed_drop(redis, "RENAME", raw.text, "elsewhere", NULL);
	seed_drop(redis, "REPLICAOF", "127.0.0.1", "1", NULL);
	for (int i = 0; i < 3; i++)	/* the first ones were on their way before */
		if (segment_reader_next(s, &bytes, &n, &e) != 0)
			break;
	assert_int_equal(e.cls, ERR_RETRY);
	err_clear(&e);
	seed_drop(redis, "REPLICAOF", "NO", "ONE", NULL);
	seed_drop(redis, "RENAME", "elsewhere", raw.text, NULL);
	segment_reader_rewind(s);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(segment_reader_next(s, &bytes, &n, &e), 0);
		assert_int_equal(n, 100);
		assert_memory_equal(bytes, text + i * 100, 100);
	}
	assert_int_equal(segment_reader_next(s, &bytes, &n, &e), 1);
	segment_reader_free(&s);
	free(text);
}

/* Puts a segment in place of number 2 of 3, compressed or claiming to be. */
static void put_second(const char *id, const char *bytes, size_t n, const char *sum, const char *z)
{
	struct key raw = wire_key("raw", id);
	struct redis_cmd c;
	struct reply *reply;
	struct err e = ERR_INIT;

	seed_drop(redis, "DEL", raw.text, NULL);
	cmd_init(&c);
	for (int i = 1; i <= 3; i++) {
		char number[8] = { (char)('0' + i), '-', '0', 0 };

		cmd_line(&c, "XADD", raw.text, number, "d", NULL);
		cmd_bytes(&c, i == 2 ? bytes : "ab", i == 2 ? n : 2);
		if (i == 2 && sum != NULL) {
			cmd_str(&c, "h");
			cmd_str(&c, sum);
		}
		if (i == 2) {
			cmd_str(&c, "z");
			cmd_str(&c, z);
		}
		assert_int_equal(redis_do(redis, &c, &reply, &e), 0);
		reply_free(&reply);
	}
	cmd_clear(&c);
}

static void compressed_segments_are_taken_apart(void **state)
{
	static const char text[] = "{\"type\":\"FeatureCollection\",\"features\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[";
	struct err e = ERR_INIT;
	struct frame_writer *w = frame_writer_new(&e);
	char id[JOB_ID_LEN + 1], sum[CHECKSUM_HEX + 1], length[16];
	struct buf frame;

	(void)state;
	buf_init(&frame, 1 << 20);
	assert_int_equal(frame_pack(w, text, sizeof(text) - 1, 10, &frame, &e), 0);	/* no room: nothing gained */
	assert_int_equal(frame_pack(w, text, sizeof(text) - 1, 200, &frame, &e), 1);
	assert_true(frame.len < sizeof(text) - 1);
	checksum_hex(sum, frame.data, frame.len);
	snprintf(length, sizeof(length), "%zu", sizeof(text) - 1);
	seed_job(redis, "acme", NULL, "abcdef", 6, 2, id);
	for (int i = 0; i < 9; i++) {
		static const char *const lengths[] = { NULL, NULL, "0", "-5", "4194305", "5000", "99999999999999", "x", NULL };
		struct segment_reader *s = segment_reader_new(body, id, 3, 4, &e);
		struct buf got;
		size_t cut = i == 8 ? 3 : 0;	/* and a sum that fits the torn frame */

		buf_init(&got, 1 << 20);
		err_clear(&e);
		put_second(id, frame.data, frame.len - cut, i == 1 ? "0123456789abcdef" : i == 8 ? NULL : sum,
		    lengths[i] != NULL ? lengths[i] : length);
		if (i == 0) {
			assert_int_equal(read_all(s, &got, &e), 1);
			assert_int_equal(got.len, 4 + sizeof(text) - 1);
			assert_memory_equal(got.data + 2, text, sizeof(text) - 1);
		} else {
			assert_int_equal(read_all(s, &got, &e), -1);
			assert_int_equal(e.code, R_BODY_LOST);
			assert_non_null(strstr(e.text, "segment 2 of 3 is damaged"));
		}
		segment_reader_free(&s);
		buf_clear(&got);
	}
	buf_clear(&frame);
	frame_writer_free(&w);
}

static int read_without_memory(void *id)
{
	struct err e = ERR_INIT;
	struct redis *own = redis_open(server.url, 5000, &e);
	struct segment_reader *s = segment_reader_new(own, id, 1, 1, &e);
	const char *bytes;
	size_t n;

	apart_starve(1);
	return segment_reader_next(s, &bytes, &n, &e) != -1 || e.cls != ERR_SYSTEM;
}

/* Nor is a segment damaged that there is no memory for. */
static void no_memory_for_a_segment_is_no_damage(void **state)
{
	struct frame_writer *w;
	char id[JOB_ID_LEN + 1], sum[CHECKSUM_HEX + 1], *text;
	struct redis_cmd c;
	struct key raw;
	struct buf frame;
	struct err e = ERR_INIT;
	struct reply *reply;

	(void)state;
	apart_may_starve();
	w = frame_writer_new(&e);
	text = calloc(1, SEGMENT_BYTES_MAX);
	buf_init(&frame, 1 << 20);
	assert_int_equal(frame_pack(w, text, SEGMENT_BYTES_MAX, 1 << 20, &frame, &e), 1);
	seed_job(redis, "acme", NULL, "a", 1, 1, id);
	raw = wire_key("raw", id);
	seed_drop(redis, "DEL", raw.text, NULL);
	checksum_hex(sum, frame.data, frame.len);
	cmd_init(&c);
	cmd_line(&c, "XADD", raw.text, "1-0", "h", sum, "z", "4194304", "d", NULL);
	cmd_bytes(&c, frame.data, frame.len);
	assert_int_equal(redis_do(redis, &c, &reply, &e), 0);
	reply_free(&reply);
	cmd_clear(&c);
	frame_writer_free(&w);
	buf_clear(&frame);
	free(text);
	assert_int_equal(apart(read_without_memory, id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_memory_for_a_segment_is_no_damage),	/* first: others leave memory */
		cmocka_unit_test(compressed_segments_are_taken_apart),
		cmocka_unit_test(body_comes_back_whatever_the_segments),
		cmocka_unit_test(leaving_early_leaves_nothing_outstanding),
		cmocka_unit_test(what_is_behind_the_last_wanted_is_not_asked_for_ahead),
		cmocka_unit_test(missing_and_damaged_segments_are_named),
		cmocka_unit_test(a_replica_is_not_believed),
		cmocka_unit_test(a_killed_redis_is_waited_for),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
