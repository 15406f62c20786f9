/* number_frame - see number_frame.h. */
#include "lib/number_frame.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#define GROUP 16
#define RUN_LEAST 64		/* characters for which a block of their own is worth its head */
#define BLOCK_MOST ((size_t)1 << 17)
#define ONE_STREAM_MOST 1023	/* characters of a block that is not four streams */
#define OVERHEAD 96		/* bytes of a coded block besides its characters, at most */
#define SAMPLES 64
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

/* Sixteen bytes at a time, in the compiler's own terms for any processor. */
typedef signed char group __attribute__((vector_size(GROUP)));
typedef uint16_t pairs __attribute__((vector_size(GROUP)));
typedef unsigned char half __attribute__((vector_size(GROUP / 2)));

/* A bit for each byte of c, all of whose bits are alike; the lowest is the first. */
static inline unsigned bits_of(group c)
{
#ifdef __SSE2__
	return (unsigned)_mm_movemask_epi8((__m128i)c);
#else
	uint64_t part[2];

	memcpy(part, &c, sizeof(part));
	return (unsigned)((part[0] & 0x8040201008040201) * 0x0101010101010101 >> 56)
	    | (unsigned)((part[1] & 0x8040201008040201) * 0x0101010101010101 >> 56) << 8;
#endif
}

static inline group load(const char *p)
{
	group c;

	memcpy(&c, p, GROUP);
	return c;
}

/* Which of them have a code? */
static inline group known(group c, bool lines)
{
	group k = ((c >= ',') & (c <= '9') & (c != '/')) | (c == ' ') | (c == '[') | (c == ']');

	return lines ? k | (c == '\n') : k;
}

/* ---- a stream: the last character first, each at the lowest free bits ---- */

struct bits {
	unsigned char *at;
	uint64_t last;		/* what does not fill a byte yet */
	unsigned used;		/* bits of it, less than 8 */
};

static inline void put64(unsigned char *at, uint64_t v)
{
	memcpy(at, &v, sizeof(v));
}

/* n bits, at most 56. */
static inline void add(struct bits *b, uint64_t v, unsigned n)
{
	b->last |= v << b->used;
	put64(b->at, b->last);
	n += b->used;
	b->at += n / 8;
	b->last >>= n & ~7u;
	b->used = n % 8;
}

static inline void add64(struct bits *b, uint64_t v)
{
	put64(b->at, b->last | v << b->used);
	b->at += 8;
	b->last = v >> 1 >> (63 - b->used);
}

/* The first four bits of each one's code, those of the last one lowest. */
static inline uint64_t nibbles(group c, bool lines)
{
	group high = c > '9', code = c - (',' - 1) + (c >= '0');	/* 1 2 3 for , - . and 4 to 13 for digits */
	pairs two;
	half packed;
	uint64_t v;

	code = ((code & (c > ' ') & ~high) | (high & 14)) - (c == ']');
	if (lines)
		code = (code - (c == ' ') - (c == ',')) & (c != '-');
	two = (pairs)code;
	packed = __builtin_convertvector((two << 4 | two >> 8) & 0xff, half);
	memcpy(&v, &packed, sizeof(v));
	return __builtin_bswap64(v);
}

/* Eight characters, some of which, the first one at the lowest bit of `longer`, take a fifth bit. */
static inline void add_eight(struct bits *b, uint64_t v, unsigned longer, unsigned minus)
{
	unsigned n = 32;

	for (; longer != 0; longer &= longer - 1, n++) {
		unsigned i = (unsigned)__builtin_ctz(longer), at = 28 - 4 * i;

		v += (v & ~(uint64_t)0 << at) + ((uint64_t)(minus >> i & 1) << at);
	}
	add(b, v, n);
}

static inline void add_group(struct bits *b, group c, bool lines)
{
	uint64_t v = nibbles(c, lines);
	unsigned minus = lines ? bits_of(c == '-') : 0, longer = lines ? minus | bits_of(c == '\n') : 0;

	if (longer == 0) {
		add64(b, v);
		return;
	}
	add_eight(b, v & 0xffffffff, longer >> 8, minus >> 8);
	add_eight(b, v >> 32, longer & 0xff, minus & 0xff);
}

/* n characters; where it ends. */
static inline unsigned char *put_stream(unsigned char *at, const char *p, size_t n, bool lines)
{
	struct bits b = { .at = at };
	char one[GROUP];

	for (; n >= GROUP; n -= GROUP)
		add_group(&b, load(p + n - GROUP), lines);
	while (n-- > 0) {
		memset(one, p[n], sizeof(one));
		if (lines && (p[n] == '-' || p[n] == '\n'))
			add(&b, p[n] == '-', 5);
		else
			add(&b, nibbles(load(one), lines) & 15, 4);
	}
	add(&b, 1, 1);		/* the end's mark is the highest bit of the last byte */
	return b.used > 0 ? b.at + 1 : b.at;
}

static unsigned char *put_plain_stream(unsigned char *at, const char *p, size_t n)
{
	return put_stream(at, p, n, false);
}

static unsigned char *put_lines_stream(unsigned char *at, const char *p, size_t n)
{
	return put_stream(at, p, n, true);
}

/* ---- blocks ---- */

struct frame {
	unsigned char *at, *end;
	unsigned char *last;	/* the head of the block that was written last */
	bool lines;		/* the code that has line ends */
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

static unsigned char *put_one(const struct frame *f, unsigned char *at, const char *p, size_t n)
{
	return f->lines ? put_lines_stream(at, p, n) : put_plain_stream(at, p, n);
}

static unsigned char *put_four(const struct frame *f, unsigned char *at, const char *p, size_t n)
{
	unsigned char *sizes = at, *begin;
	size_t quarter = (n + 3) / 4;

	at += 6;
	for (int i = 0; i < 3; i++, p += quarter, n -= quarter) {
		begin = at;
		at = put_one(f, at, p, quarter);
		put16(sizes + 2 * i, (size_t)(at - begin));
	}
	return put_one(f, at, p, n);
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
		memcpy(f->at, tables[f->lines], TABLE_BYTES);
		f->at += TABLE_BYTES;
	}
	f->at = one ? put_one(f, f->at, p, n) : put_four(f, f->at, p, n);
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
		if (!(piece < RUN_LEAST ? put_raw(f, p, piece) : put_coded(f, p, piece)))
			return false;
	}
	return true;
}

/* ---- runs ---- */

/* Which of the sixteen have no code? */
static inline unsigned strangers(const char *p, bool lines)
{
	return ~bits_of(known(load(p), lines)) & 0xffff;
}

static bool is_stranger(char c, bool lines)
{
	char all[GROUP];

	memset(all, c, sizeof(all));
	return strangers(all, lines) != 0;
}

static inline bool all_known(const char *p, bool lines)
{
	return bits_of(known(load(p), lines) & known(load(p + GROUP), lines) & known(load(p + 2 * GROUP), lines)
	    & known(load(p + 3 * GROUP), lines)) == 0xffff;
}

/* Where the run that begins at i ends. */
static size_t run_end(const char *p, size_t i, size_t n, bool lines)
{
	while (n - i >= 4 * GROUP && all_known(p + i, lines))
		i += 4 * GROUP;
	for (; n - i >= GROUP; i += GROUP) {
		unsigned s = strangers(p + i, lines);

		if (s != 0)
			return i + (unsigned)__builtin_ctz(s);
	}
	while (i < n && !is_stranger(p[i], lines))
		i++;
	return i;
}

/* Where the next run of RUN_LEAST begins, from i on; n: there is none. */
static size_t run_begin(const char *p, size_t i, size_t n, bool lines)
{
	size_t since = i;

	for (; n - i >= GROUP; i += GROUP) {
		unsigned s = strangers(p + i, lines);

		if (s != 0)
			since = i + 32 - (unsigned)__builtin_clz(s);
		else if (i + GROUP - since >= RUN_LEAST)
			return since;
	}
	return n;
}

/* Looks here and there: false where too little of it is numbers. */
static bool choose_code(struct frame *f, const char *p, size_t n)
{
	unsigned plain = 0, lines = 0;

	for (size_t i = 0; n >= GROUP && i < SAMPLES; i++) {
		const char *at = p + (n - GROUP) / SAMPLES * i;

		plain += strangers(at, false) == 0;
		lines += strangers(at, true) == 0;
	}
	f->lines = lines - plain > lines / 8;
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
		begin = run_begin(p, i, n, f.lines);
		if (!put_raw(&f, p + i, begin - i))
			return 0;
		i = run_end(p, begin, n, f.lines);
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
