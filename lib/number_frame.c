/* number_frame - see number_frame.h. */
#include "lib/number_frame.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/number_code.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#define BLOCK_MOST ((size_t)1 << 17)
#define ONE_STREAM_MOST 1023	/* characters of a block that is not four streams */
#define OVERHEAD 96		/* bytes of a coded block besides its characters, at most */
#define SAMPLES 64
#define SAMPLE 16		/* characters each */
#define SAMPLES_KNOWN 24	/* of them that are to be numbers alone */

enum { RAW = 0, CODED = 2 };			/* kinds of blocks */
enum { WITH_TABLE = 2, SAME_TABLE = 3 };	/* and of the literals in them */

/*
 * A code, and its table as RFC 8878, 4.2.1.1 has it: four bits for the weight of each byte from 0 on, ']' being the
 * last one, whose weight follows from the others'. In the one code all have four bits; in the other, which has line
 * ends, those and '-' have five. Codes of a length are given out in the order of the bytes, the longest first:
 *
 *               '\n'   '-'  ' '  ','  '-'  '.'  '0'  …  '9'  '['  ']'
 *     plain                 0    1    2    3    4   …  13   14   15
 *     lines    0 + 0 0 + 1  1    2         3    4   …  13   14   15
 */
#define TABLE_BYTES 48
static const unsigned char tables[2][TABLE_BYTES] = {{
	127 + ']',
	[' ' / 2 + 1] = 0x10, [',' / 2 + 1] = 0x11, ['.' / 2 + 1] = 0x10,
	['0' / 2 + 1] = 0x11, 0x11, 0x11, 0x11, 0x11,
	['[' / 2 + 1] = 0x01,
}, {
	127 + ']',
	['\n' / 2 + 1] = 0x10,
	[' ' / 2 + 1] = 0x20, [',' / 2 + 1] = 0x21, ['.' / 2 + 1] = 0x20,
	['0' / 2 + 1] = 0x22, 0x22, 0x22, 0x22, 0x22,
	['[' / 2 + 1] = 0x02,
}};

/* ---- blocks ---- */

struct frame {
	unsigned char *at, *end;
	unsigned char *last;	/* the head of the block that was written last */
	const struct number_code *code;
	const unsigned char *table;	/* of the code */
	bool has_table;
};

static inline void put16(unsigned char *at, size_t n)
{
	at[0] = (unsigned char)n;
	at[1] = (unsigned char)(n >> 8);
}

static inline void put24(unsigned char *at, size_t n)
{
	put16(at, n);
	at[2] = (unsigned char)(n >> 16);
}

static void put_head(struct frame *f, unsigned kind, size_t size)
{
	put24(f->last = f->at, kind << 1 | size << 3);
	f->at += 3;
}

static bool put_raw(struct frame *f, const char *p, size_t n)
{
	for (size_t piece; n > 0; p += piece, n -= piece) {
		piece = n < BLOCK_MOST ? n : BLOCK_MOST;
		if ((size_t)(f->end - f->at) < piece + 3)
			return false;
		put_head(f, RAW, piece);
		memcpy(f->at, p, piece);
		f->at += piece;
	}
	return true;
}

static unsigned char *put_four(const struct frame *f, unsigned char *at, const char *p, size_t n)
{
	unsigned char *sizes = at, *begin;
	size_t quarter = (n + 3) / 4;

	at += 6;
	for (int i = 0; i < 3; i++, p += quarter, n -= quarter) {
		begin = at;
		at = f->code->put_stream(at, p, quarter);
		put16(sizes + 2 * i, (size_t)(at - begin));
	}
	return f->code->put_stream(at, p, n);
}

/* Characters that all have a code. */
static bool put_coded(struct frame *f, const char *p, size_t n)
{
	bool one = n <= ONE_STREAM_MOST;
	unsigned char *head, *literals;
	uint64_t sizes;

	if ((size_t)(f->end - f->at) < n / 8 * 5 + OVERHEAD)
		return false;
	put_head(f, CODED, 0);
	head = f->at;
	literals = f->at += one ? 3 : 5;
	if (!f->has_table) {
		memcpy(f->at, f->table, TABLE_BYTES);
		f->at += TABLE_BYTES;
	}
	f->at = one ? f->code->put_stream(f->at, p, n) : put_four(f, f->at, p, n);
	sizes = n << 4 | (uint64_t)(f->at - literals) << (one ? 14 : 22);
	sizes |= (f->has_table ? SAME_TABLE : WITH_TABLE) | (one ? 0 : 3) << 2;
	put24(head, sizes & 0xffffff);
	if (!one)
		put16(head + 3, sizes >> 24);
	f->has_table = true;
	*f->at++ = 0;		/* no sequences: literals are all there is */
	put24(f->last, CODED << 1 | (size_t)(f->at - head) << 3);
	return true;
}

static bool put_run(struct frame *f, const char *p, size_t n)
{
	for (size_t piece; n > 0; p += piece, n -= piece) {
		piece = n < BLOCK_MOST ? n : BLOCK_MOST;
		if (!(piece < NUMBER_RUN ? put_raw(f, p, piece) : put_coded(f, p, piece)))
			return false;
	}
	return true;
}

/* Looks here and there: false where too little of it is numbers. */
static bool choose_code(struct frame *f, const char *p, size_t n)
{
	const struct number_codes *fast = number_codes_avx2(), *c = fast != NULL ? fast : &number_codes_any;
	unsigned plain = 0, lines = 0;

	for (size_t i = 0; n >= SAMPLE && i < SAMPLES; i++) {
		const char *at = p + (n - SAMPLE) / SAMPLES * i;

		plain += c->plain.run_end(at, 0, SAMPLE) == SAMPLE;
		lines += c->lines.run_end(at, 0, SAMPLE) == SAMPLE;
	}
	f->code = lines - plain > lines / 8 ? &c->lines : &c->plain;
	f->table = tables[f->code == &c->lines];
	return lines >= SAMPLES_KNOWN;
}

size_t number_frame(const void *bytes, size_t n, void *out, size_t room)
{
	struct frame f = { .at = out, .end = (unsigned char *)out + room };
	const char *p = bytes;

	if (room < OVERHEAD || !choose_code(&f, p, n))
		return 0;
	put64(f.at, 0xa0fd2fb528);	/* one segment, whose length has four bytes */
	put16(f.at + 5, n & 0xffff);
	put16(f.at + 7, n >> 16);
	f.at += 9;
	for (size_t i = 0, begin; i < n;) {
		begin = f.code->run_begin(p, i, n);
		if (!put_raw(&f, p + i, begin - i))
			return 0;
		i = f.code->run_end(p, begin, n);
		if (!put_run(&f, p + begin, i - begin))
			return 0;
	}
	*f.last |= 1;
	return (size_t)(f.at - (unsigned char *)out);
}

#else

size_t number_frame(const void *bytes, size_t n, void *out, size_t room)
{
	(void)bytes, (void)n, (void)out, (void)room;
	return 0;
}

#endif
