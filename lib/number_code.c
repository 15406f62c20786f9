/* number_code - see number_code.h. Sixteen characters at a time, in the compiler's own terms for any processor. */
#include "lib/number_code.h"

#include <stdbool.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#define GROUP 16

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

/* Fewer than a group, and zeros. */
static inline group load_some(const char *p, size_t n)
{
	char some[GROUP] = { 0 };

	memcpy(some, p, n);
	return load(some);
}

/* ---- runs ---- */

/* Which of them have a code? */
static inline group known(group c, bool lines)
{
	group k = ((c >= ',') & (c <= '9') & (c != '/')) | (c == ' ') | (c == '[') | (c == ']');

	return lines ? k | (c == '\n') : k;
}

static inline unsigned strangers(group c, bool lines)
{
	return ~bits_of(known(c, lines)) & 0xffff;
}

static inline bool all_known(const char *p, bool lines)
{
	return bits_of(known(load(p), lines) & known(load(p + GROUP), lines) & known(load(p + 2 * GROUP), lines)
	    & known(load(p + 3 * GROUP), lines)) == 0xffff;
}

static inline size_t run_end(const char *p, size_t i, size_t n, bool lines)
{
	while (n - i >= 4 * GROUP && all_known(p + i, lines))
		i += 4 * GROUP;
	for (; n - i >= GROUP; i += GROUP) {
		unsigned s = strangers(load(p + i), lines);

		if (s != 0)
			return i + (unsigned)__builtin_ctz(s);
	}
	return i + (unsigned)__builtin_ctz(strangers(load_some(p + i, n - i), lines));
}

static inline size_t run_begin(const char *p, size_t i, size_t n, bool lines)
{
	size_t since = i;

	for (; n - i >= GROUP; i += GROUP) {
		unsigned s = strangers(load(p + i), lines);

		if (i + (s != 0 ? (unsigned)__builtin_ctz(s) : GROUP) - since >= NUMBER_RUN)
			return since;
		if (s != 0)
			since = i + 32 - (unsigned)__builtin_clz(s);
	}
	return run_end(p, i, n, lines) - since >= NUMBER_RUN ? since : n;
}

/* ---- streams ---- */

static inline void add64(struct number_bits *b, uint64_t v)
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
static inline void add_eight(struct number_bits *b, uint64_t v, unsigned longer, unsigned minus)
{
	unsigned n = 32;

	for (; longer != 0; longer &= longer - 1, n++) {
		unsigned i = (unsigned)__builtin_ctz(longer), at = 28 - 4 * i;

		v += (v & ~(uint64_t)0 << at) + ((uint64_t)(minus >> i & 1) << at);
	}
	bits_add(b, v, n);
}

static inline void add_group(struct number_bits *b, group c, bool lines)
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

static inline unsigned char *put_stream(unsigned char *at, const char *p, size_t n, bool lines)
{
	struct number_bits b = { .at = at };
	char one[GROUP];

	for (; n >= GROUP; n -= GROUP)
		add_group(&b, load(p + n - GROUP), lines);
	while (n-- > 0) {
		memset(one, p[n], sizeof(one));
		if (lines && (p[n] == '-' || p[n] == '\n'))
			bits_add(&b, p[n] == '-', 5);
		else
			bits_add(&b, nibbles(load(one), lines) & 15, 4);
	}
	return bits_end(&b);
}

/* ---- both codes ---- */

static size_t plain_end(const char *p, size_t i, size_t n)
{
	return run_end(p, i, n, false);
}

static size_t lines_end(const char *p, size_t i, size_t n)
{
	return run_end(p, i, n, true);
}

static size_t plain_begin(const char *p, size_t i, size_t n)
{
	return run_begin(p, i, n, false);
}

static size_t lines_begin(const char *p, size_t i, size_t n)
{
	return run_begin(p, i, n, true);
}

static unsigned char *put_plain(unsigned char *at, const char *p, size_t n)
{
	return put_stream(at, p, n, false);
}

static unsigned char *put_lines(unsigned char *at, const char *p, size_t n)
{
	return put_stream(at, p, n, true);
}

const struct number_codes number_codes_any = {
	{ plain_end, plain_begin, put_plain },
	{ lines_end, lines_begin, put_lines },
};

#endif
