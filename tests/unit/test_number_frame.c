/* number_frame: what it writes is a frame that libzstd reads, it is small, and nothing is written beyond its room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/frame.h"
#include "lib/number_code.h"
#include "lib/number_frame.h"

#define TEXT_MAX ((size_t)4 << 20)
#define GUARD 16

static const char plain[] = "0123456789.,[]- ", lines[] = "0123456789.,[]- \n", other[] = "\"aZ:/{}\t\r\x7f\x80\xff";
static char text[TEXT_MAX], back[TEXT_MAX];
static char out[TEXT_MAX + GUARD];
static unsigned dice;

static unsigned roll(unsigned n)
{
	dice = dice * 1664525 + 1013904223;
	return (unsigned)((uint64_t)dice * n >> 32);
}

static void fill(size_t from, size_t n, const char *of)
{
	unsigned count = (unsigned)strlen(of);

	for (size_t i = from; i < from + n; i++)
		text[i] = of[roll(count)];
}

/* Packs n bytes of text, with so much room: its length, once it has come back as it was; 0 where it was not packed. */
static size_t pack(size_t n, size_t room)
{
	struct err e = ERR_INIT;
	struct buf whole;
	size_t size;

	memset(out + room, 0x55, GUARD);
	size = number_frame(text, n, out, room);
	for (size_t i = 0; i < GUARD; i++)
		assert_int_equal(out[room + i], 0x55);
	if (size == 0)
		return 0;
	assert_true(size <= room);
	memset(back, 0, n);
	assert_int_equal(frame_unpack(out, size, back, n, &e), 0);
	assert_memory_equal(back, text, n);
	buf_init(&whole, TEXT_MAX);
	assert_int_equal(frame_read(out, size, &whole, &e), 0);
	assert_int_equal(whole.len, n);
	assert_memory_equal(whole.data, text, n);
	buf_clear(&whole);
	return size;
}

/* Around all sizes at which another form begins: groups, one stream and four, a block and two. */
static void numbers_of_any_length_come_back(void **state)
{
	static const size_t about[] = { 400, 512, 1024, 1040, 4096, 131072, 131072 + 64, 131072 + 1024, 261984, 262144 };

	(void)state;
	for (size_t i = 0; i < sizeof(about) / sizeof(about[0]); i++)
		for (size_t n = about[i] - 18; n <= about[i] + 18; n++) {
			size_t size;

			fill(0, n, plain);
			size = pack(n, n);
			assert_in_range(size, n / 2, n / 2 + 120);
			fill(0, n, lines);
			size = pack(n, n);
			assert_in_range(size, n / 2, n / 100 * 55 + 130);
		}
	fill(0, TEXT_MAX, lines);
	assert_in_range(pack(TEXT_MAX, TEXT_MAX), TEXT_MAX / 2, TEXT_MAX / 100 * 54);
}

static void each_character_alone_comes_back(void **state)
{
	(void)state;
	for (const char *c = lines; *c != '\0'; c++)
		for (size_t n = 2000; n < 2040; n++) {
			memset(text, *c, n);
			assert_in_range(pack(n, n), n / 2, n / 8 * 5 + 100);
		}
}

/* What is no number may stand anywhere, in pieces of any length. */
static void numbers_among_other_text_come_back(void **state)
{
	static const unsigned runs[] = { 20, 70, 300, 3000, 200000 }, gaps[] = { 1, 2, 17, 64, 200 };
	unsigned packed = 0;

	(void)state;
	for (unsigned round = 0; round < 1500; round++) {
		unsigned run = runs[round % 5], gap = gaps[round / 5 % 5];
		size_t n = 1024 + roll(round % 50 == 0 ? 400000 : 9000);

		for (size_t at = 0; at < n;) {
			size_t some = 1 + roll(run), none = 1 + roll(gap);

			some = some < n - at ? some : n - at;
			fill(at, some, round % 2 ? lines : plain);
			at += some;
			none = none < n - at ? none : n - at;
			fill(at, none, other);
			at += none;
		}
		packed += pack(n, n - n / 4) > 0;
	}
	assert_in_range(packed, 300, 1200);
}

static void every_room_is_kept(void **state)
{
	size_t size;

	(void)state;
	fill(0, 6000, lines);
	for (size_t at = 500; at < 6000; at += 500)
		fill(at, 10, other);
	size = pack(6000, 6000);
	assert_in_range(size, 3000, 3700);
	for (size_t room = 0; room <= 6000; room++)
		assert_true(pack(6000, room) > 0 ? room >= size : room < size + 200);
}

static void other_text_is_left_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < 100000; i++)
		text[i] = "{\"name\": \"Oslo\", \"people\": 709037},\n"[i % 36];
	assert_int_equal(pack(100000, 100000), 0);
	fill(0, 100000, other);
	assert_int_equal(pack(100000, 100000), 0);
	for (size_t n = 1; n < 20; n++) {
		fill(0, n, plain);
		assert_int_equal(pack(n, n), 0);
	}
}

/* ---- the ways to do it ---- */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

static size_t last_character(const char *of, size_t i, size_t n)
{
	while (i < n && memchr(of, text[i], strlen(of)) != NULL)
		i++;
	return i;
}

static size_t next_run(const char *of, size_t i, size_t n)
{
	for (size_t end; i < n; i = end + 1)
		if ((end = last_character(of, i, n)) - i >= NUMBER_RUN)
			return i;
	return n;
}

/* As number_code says it, character by character. */
static void runs_are_found(const struct number_code *c, const char *of, size_t n)
{
	for (size_t i = 0; i <= n; i++) {
		assert_int_equal(c->run_end(text, i, n), last_character(of, i, n));
		assert_int_equal(c->run_begin(text, i, n), next_run(of, i, n));
	}
}

static void same_stream(const struct number_code *a, const struct number_code *b, size_t n)
{
	size_t size = (size_t)(a->put_stream((unsigned char *)out, text, n) - (unsigned char *)out);

	memset(back, 0x55, size + GUARD);
	assert_int_equal(b->put_stream((unsigned char *)back, text, n) - (unsigned char *)back, size);
	assert_memory_equal(back, out, size);
	for (size_t i = 8; i < GUARD; i++)
		assert_int_equal(back[size + i], 0x55);
}

/* Each byte, and runs that are just long enough and just not, at any place of what is looked at in one go. */
static void every_way_finds_the_same_runs(void **state)
{
	const struct number_codes *fast = number_codes_avx2();

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		size_t n = 200 + roll(100);

		for (size_t at = 0; at < n;) {
			size_t some = 56 + roll(16), none = 1 + roll(round % 3 == 0 ? 40 : 2);

			some = some < n - at ? some : n - at;
			fill(at, some, round % 2 ? lines : plain);
			at += some;
			none = none < n - at ? none : n - at;
			for (size_t i = at; i < at + none; i++)
				text[i] = (char)roll(256);
			at += none;
		}
		runs_are_found(&number_codes_any.plain, plain, n);
		runs_are_found(&number_codes_any.lines, lines, n);
		if (fast != NULL) {
			runs_are_found(&fast->plain, plain, n);
			runs_are_found(&fast->lines, lines, n);
		}
	}
}

static void every_way_writes_the_same(void **state)
{
	const struct number_codes *fast = number_codes_avx2();

	(void)state;
	if (fast == NULL)
		skip();
	for (size_t n = NUMBER_RUN; n < 400; n++)
		for (unsigned round = 0; round < 8; round++) {
			fill(0, n, plain);
			same_stream(&number_codes_any.plain, &fast->plain, n);
			fill(0, n, round == 0 ? "-\n" : round == 1 ? "\n" : round == 2 ? "-" : lines);
			same_stream(&number_codes_any.lines, &fast->lines, n);
		}
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_of_any_length_come_back),
		cmocka_unit_test(each_character_alone_comes_back),
		cmocka_unit_test(numbers_among_other_text_come_back),
		cmocka_unit_test(every_room_is_kept),
		cmocka_unit_test(other_text_is_left_alone),
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		cmocka_unit_test(every_way_finds_the_same_runs),
		cmocka_unit_test(every_way_writes_the_same),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
