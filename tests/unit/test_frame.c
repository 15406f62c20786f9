/* frame and checksum: what goes in comes out; damage is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/checksum.h"
#include "lib/frame.h"

static void fill(struct buf *b, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		buf_putc(b, (char)(seed >> 28) + 'a');
	}
}

/* frame_take in pieces of step bytes: how many came, all as in plain; -1 where it fails. */
static long take_in_steps(const struct buf *frame, size_t n, const struct buf *plain, size_t step)
{
	struct err e = ERR_INIT;
	struct frame_reader *r = frame_reader_new(frame->data, n, &e);
	char *piece = malloc(step);
	long got, done = 0;

	assert_non_null(r);
	while ((got = frame_take(r, piece, step, &e)) > 0) {
		assert_true((size_t)(done + got) <= plain->len);
		assert_memory_equal(piece, plain->data + done, (size_t)got);
		done += got;
	}
	assert_int_equal(e.cls, got < 0 ? ERR_INPUT : ERR_NONE);
	frame_reader_free(&r);
	free(piece);
	return got < 0 ? -1 : done;
}

static void frames_come_back_whatever_the_pieces(void **state)
{
	static const size_t sizes[] = { 0, 1, 1000, 300000, 5000000 }, steps[] = { 1, 777, 100000, 1 << 24 };
	struct err e = ERR_INIT;
	struct frame_writer *w = frame_writer_new(&e);

	(void)state;
	for (size_t i = 0; i < 5; i++)
		for (size_t k = sizes[i] > 1000; k < 4; k++) {
			struct buf plain, frame, back;

			buf_init(&plain, 1 << 24);
			buf_init(&frame, 1 << 24);
			buf_init(&back, 1 << 24);
			fill(&plain, sizes[i], (unsigned)i);
			for (size_t at = 0; at < plain.len; at += steps[k]) {
				size_t n = plain.len - at < steps[k] ? plain.len - at : steps[k];

				assert_int_equal(frame_add(w, plain.data + at, n, &frame, &e), 0);
			}
			assert_int_equal(frame_end(w, &frame, &e), 0);
			assert_int_equal(frame_read(frame.data, frame.len, &back, &e), 0);
			assert_int_equal(back.len, plain.len);
			assert_true(plain.len == 0 || memcmp(back.data, plain.data, plain.len) == 0);
			assert_int_equal(take_in_steps(&frame, frame.len, &plain, steps[k]), plain.len);
			buf_clear(&plain);
			buf_clear(&frame);
			buf_clear(&back);
		}
	frame_writer_free(&w);
}

/* Digits without repetitions are what coordinates are: each effort makes them smaller, and all can be read. */
static void every_effort_packs_digits(void **state)
{
	static char digits[200000], back[sizeof(digits)];
	static const enum frame_effort efforts[] = { FRAME_QUICK, FRAME_TEXT, FRAME_USUAL, FRAME_QUICK };
	struct err e = ERR_INIT;
	struct frame_writer *w = frame_writer_new(&e);
	unsigned dice = 1;
	struct buf frame;

	(void)state;
	for (size_t i = 0; i < sizeof(digits); i++)
		digits[i] = "0123456789,.[]"[((dice = dice * 1103515245 + 12345) >> 16) % 14];
	buf_init(&frame, 1 << 20);
	for (size_t i = 0; i < sizeof(efforts) / sizeof(efforts[0]); i++) {
		frame_writer_set(w, efforts[i]);
		assert_int_equal(frame_pack(w, digits, sizeof(digits), sizeof(digits), &frame, &e), 1);
		assert_in_range(frame.len, sizeof(digits) / 4, sizeof(digits) * 6 / 10);
		memset(back, 0, sizeof(back));
		assert_int_equal(frame_unpack(frame.data, frame.len, back, sizeof(back), &e), 0);
		assert_memory_equal(back, digits, sizeof(digits));
	}
	buf_clear(&frame);
	frame_writer_free(&w);
}

static void an_abandoned_frame_leaves_no_trace(void **state)
{
	struct err e = ERR_INIT;
	struct frame_writer *w = frame_writer_new(&e);
	struct buf frame, back;

	(void)state;
	buf_init(&frame, 1 << 20);
	buf_init(&back, 1 << 20);
	assert_int_equal(frame_add(w, "old", 3, &frame, &e), 0);
	frame_abandon(w);
	buf_reset(&frame);
	assert_int_equal(frame_add(w, "new", 3, &frame, &e), 0);
	assert_int_equal(frame_end(w, &frame, &e), 0);
	assert_int_equal(frame_read(frame.data, frame.len, &back, &e), 0);
	assert_string_equal(buf_cstr(&back), "new");
	buf_clear(&frame);
	buf_clear(&back);
	frame_writer_free(&w);
}

static void damage_and_excess_are_errors(void **state)
{
	struct err e = ERR_INIT;
	struct frame_writer *w = frame_writer_new(&e);
	struct buf plain, frame, back;

	(void)state;
	buf_init(&plain, 1 << 20);
	buf_init(&frame, 1 << 20);
	fill(&plain, 200000, 1);
	assert_int_equal(frame_add(w, plain.data, plain.len, &frame, &e), 0);
	assert_int_equal(frame_end(w, &frame, &e), 0);
	for (size_t cut = 0; cut < frame.len; cut += frame.len / 7) {
		buf_init(&back, 1 << 20);
		assert_int_equal(frame_read(frame.data, cut, &back, &e), -1);
		assert_int_equal(e.cls, ERR_INPUT);
		err_clear(&e);
		buf_clear(&back);
		assert_int_equal(take_in_steps(&frame, cut, &plain, 777), -1);
	}
	buf_init(&back, 150000);
	assert_int_equal(frame_read(frame.data, frame.len, &back, &e), -1);
	assert_int_equal(e.cls, ERR_LIMIT);
	err_clear(&e);
	buf_clear(&back);
	frame.data[0] ^= 1;
	buf_init(&back, 1 << 20);
	assert_int_equal(frame_read(frame.data, frame.len, &back, &e), -1);
	assert_int_equal(e.cls, ERR_INPUT);
	buf_clear(&back);
	buf_clear(&frame);
	err_clear(&e);
	buf_init(&frame, 1000);		/* no room for what it writes */
	assert_int_equal(frame_add(w, plain.data, plain.len, &frame, &e), -1);
	buf_clear(&frame);
	buf_clear(&plain);
	frame_writer_free(&w);
}

static void checksums_are_the_published_ones(void **state)
{
	char hex[CHECKSUM_HEX + 1];

	(void)state;
	checksum_hex(hex, "", 0);
	assert_string_equal(hex, "2d06800538d394c2");
	checksum_hex(hex, "abc", 3);
	assert_string_equal(hex, "78af5f94892f3950");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_back_whatever_the_pieces),
		cmocka_unit_test(every_effort_packs_digits),
		cmocka_unit_test(an_abandoned_frame_leaves_no_trace),
		cmocka_unit_test(damage_and_excess_are_errors),
		cmocka_unit_test(checksums_are_the_published_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
