/* inflate: every coding at every split point, several members, streams that are cut, damaged or something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/buf.h"
#include "lib/frame.h"
#include "lib/inflate.h"
#include "tests/fakes/apart.h"

#define TEXT "{\"type\":\"Point\",\"coordinates\":[1,2]}                                         "
#define FORMS 6

static void by_zlib(struct buf *out, const char *text, size_t n, int bits)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)n };

	buf_reserve(out, n + 1024);
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = (Bytef *)out->data + out->len;
	z.avail_out = (uInt)(out->room - out->len);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len = out->room - z.avail_out;
	deflateEnd(&z);
}

static void by_zstd(struct buf *out, const char *text, size_t n)
{
	struct err e = ERR_INIT;
	struct frame_writer *w = frame_writer_new(&e);

	assert_int_equal(frame_add(w, text, n, out, &e), 0);
	assert_int_equal(frame_end(w, out, &e), 0);
	frame_writer_free(&w);
}

/* Text as one of the forms that senders have. */
static enum coding encode(int form, struct buf *out, const char *text, size_t n)
{
	switch (form) {
	case 0:
		by_zlib(out, text, n, 31);
		return CODING_GZIP;
	case 1:		/* two members */
		by_zlib(out, text, n / 2, 31);
		by_zlib(out, text + n / 2, n - n / 2, 31);
		return CODING_GZIP;
	case 2:
		by_zlib(out, text, n, 15);
		return CODING_DEFLATE;
	case 3:		/* bare */
		by_zlib(out, text, n, -15);
		return CODING_DEFLATE;
	case 4:
		by_zstd(out, text, n);
		return CODING_ZSTD;
	default:	/* two frames */
		by_zstd(out, text, n / 2);
		by_zstd(out, text + n / 2, n - n / 2);
		return CODING_ZSTD;
	}
}

/* Decodes in steps: 0 and the text in got, or -1. */
static int decode(struct inflate *z, const char *bytes, size_t n, size_t step, struct buf *got, struct err *e)
{
	const char *out;
	size_t k;
	int rc;

	for (size_t at = 0; at < n; at += step) {
		char *piece = malloc(step);	/* of its own, so that a sanitiser sees what is read beyond it */
		size_t len = n - at < step ? n - at : step;

		memcpy(piece, bytes + at, len);
		inflate_give(z, piece, len);
		while ((rc = inflate_take(z, &out, &k, e)) == 0)
			assert_int_equal(buf_append(got, out, k), 0);
		free(piece);
		if (rc < 0)
			return -1;
	}
	return inflate_end(z, e);
}

static void what_comes_does_not_depend_on_the_pieces(void **state)
{
	size_t n = strlen(TEXT);

	(void)state;
	for (int form = 0; form < FORMS; form++) {
		struct err e = ERR_INIT;
		struct buf in, got;
		struct inflate *z;

		buf_init(&in, 1 << 20);
		buf_init(&got, 1 << 20);
		z = inflate_new(encode(form, &in, TEXT, n), &e);
		assert_non_null(z);
		for (size_t step = 1; step <= in.len; step++) {
			if (decode(z, in.data, in.len, step, &got, &e) != 0)
				fail_msg("form %d, step %zu: %s", form, step, e.text);
			assert_string_equal(buf_cstr(&got), TEXT);
			assert_int_equal(inflate_in(z), in.len);
			assert_int_equal(inflate_out(z), n);
			inflate_restart(z);
			buf_reset(&got);
		}
		inflate_free(&z);
		buf_clear(&in);
		buf_clear(&got);
	}
}

static void comes_whole(char *text, size_t n)
{
	memset(text, ' ', n);
	for (int form = 0; form < FORMS; form++) {
		struct err e = ERR_INIT;
		struct buf in, got;
		struct inflate *z;

		buf_init(&in, 1 << 26);
		buf_init(&got, 1 << 26);
		z = inflate_new(encode(form, &in, text, n), &e);
		if (decode(z, in.data, in.len, 4096, &got, &e) != 0)
			fail_msg("form %d, %zu bytes: %s", form, n, e.text);
		assert_int_equal(got.len, n);
		assert_memory_equal(got.data, text, n);
		inflate_free(&z);
		buf_clear(&in);
		buf_clear(&got);
	}
}

/* More than one buffer comes of a few bytes; the last one may be full to the brim. */
static void a_long_text_comes_whole(void **state)
{
	static const size_t lengths[] = { 5000000, 65535, 65536, 65537, 131072, 655360, 1 << 20 };
	char *text = malloc(lengths[0]);

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		comes_whole(text, lengths[i]);
	free(text);
}

static void a_stream_that_is_cut_is_not_whole(void **state)
{
	size_t n = strlen(TEXT);

	(void)state;
	for (int form = 0; form < FORMS; form++) {
		struct buf in, got;
		enum coding c;
		size_t first;

		buf_init(&in, 1 << 20);
		c = encode(form == 1 ? 0 : form == 5 ? 4 : form, &in, TEXT, n / 2);
		first = in.len;		/* a first member alone is a whole stream */
		buf_reset(&in);
		c = encode(form, &in, TEXT, n);
		for (size_t cut = 0; cut < in.len; cut++) {
			struct err e = ERR_INIT;
			struct inflate *z = inflate_new(c, &e);

			buf_init(&got, 1 << 20);
			if ((form != 1 && form != 5) || cut != first) {
				assert_int_equal(decode(z, in.data, cut, 7, &got, &e), -1);
				assert_int_equal(e.cls, ERR_INPUT);
			}
			inflate_free(&z);
			buf_clear(&got);
		}
		buf_clear(&in);
	}
}

static void what_is_damaged_is_told(void **state)
{
	static const struct { enum coding c; const char *bytes; } cases[] = {
		{ CODING_GZIP, "{\"type\":\"FeatureCollection\"}" }, { CODING_ZSTD, "{\"type\":\"FeatureCollection\"}" },
		{ CODING_DEFLATE, "{\"type\":\"FeatureCollection\"}" }, { CODING_GZIP, "\x1f\x8b\x09" },
	};
	size_t n = strlen(TEXT);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;
		struct inflate *z = inflate_new(cases[i].c, &e);
		struct buf got;

		buf_init(&got, 1 << 20);
		assert_int_equal(decode(z, cases[i].bytes, strlen(cases[i].bytes), 3, &got, &e), -1);
		assert_int_equal(e.cls, ERR_INPUT);
		assert_non_null(strstr(e.text, coding_name(cases[i].c)));
		inflate_free(&z);
		buf_clear(&got);
	}
	for (int form = 0; form < FORMS; form++) {	/* a byte behind the end */
		struct err e = ERR_INIT;
		struct inflate *z;
		struct buf in, got;

		buf_init(&in, 1 << 20);
		buf_init(&got, 1 << 20);
		z = inflate_new(encode(form, &in, TEXT, n), &e);
		buf_putc(&in, '{');
		assert_int_equal(decode(z, in.data, in.len, in.len, &got, &e), -1);
		assert_int_equal(e.cls, ERR_INPUT);
		inflate_free(&z);
		buf_clear(&in);
		buf_clear(&got);
	}
}

/* A window above what a receiver has to take would be our memory. */
static void a_large_zstd_window_is_refused(void **state)
{
	/* Magic, a frame header without content size, a window of 128 MiB, an empty last block. */
	static const unsigned char frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00 };
	struct err e = ERR_INIT;
	struct inflate *z = inflate_new(CODING_ZSTD, &e);
	struct buf got;

	(void)state;
	buf_init(&got, 1 << 20);
	assert_int_equal(decode(z, (const char *)frame, sizeof(frame), sizeof(frame), &got, &e), -1);
	assert_non_null(strstr(e.text, "memory"));
	inflate_free(&z);
	buf_clear(&got);
}

static int inflate_without_memory(void *ctx)
{
	/* As that below, with a window of 8 MiB. */
	static const unsigned char frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68, 0x01, 0x00, 0x00 };
	struct err e = ERR_INIT;
	struct inflate *z = inflate_new(CODING_ZSTD, &e);
	struct buf got;

	(void)ctx;
	buf_init(&got, 1 << 20);
	apart_starve(1);
	return decode(z, (const char *)frame, sizeof(frame), sizeof(frame), &got, &e) != -1 || e.cls != ERR_SYSTEM;
}

/* One that a receiver has to take, and that there is no memory for, is no fault of the stream. */
static void no_memory_for_a_window_is_no_damage(void **state)
{
	(void)state;
	apart_may_starve();
	assert_int_equal(apart(inflate_without_memory, NULL), 0);
}

static void codings_have_names(void **state)
{
	(void)state;
	assert_int_equal(coding_of("GZIP", 4), CODING_GZIP);
	assert_int_equal(coding_of("x-gzip", 6), CODING_GZIP);
	assert_int_equal(coding_of("identity", 8), CODING_NONE);
	assert_int_equal(coding_of("gzip, gzip", 10), CODING_UNKNOWN);
	assert_int_equal(coding_of("gzi", 3), CODING_UNKNOWN);
	assert_int_equal(coding_of("", 0), CODING_UNKNOWN);
	assert_string_equal(coding_name(CODING_GZIP), "gzip");
	assert_string_equal(coding_name(CODING_DEFLATE), "deflate");
	assert_string_equal(coding_name(CODING_ZSTD), "zstd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_memory_for_a_window_is_no_damage),	/* first: others leave memory */
		cmocka_unit_test(what_comes_does_not_depend_on_the_pieces),
		cmocka_unit_test(a_long_text_comes_whole),
		cmocka_unit_test(a_stream_that_is_cut_is_not_whole),
		cmocka_unit_test(what_is_damaged_is_told),
		cmocka_unit_test(a_large_zstd_window_is_refused),
		cmocka_unit_test(codings_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
