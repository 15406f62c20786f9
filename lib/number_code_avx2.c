/*
 * number_code_avx2 - see number_code.h: 32 characters at a time.
 *
 * Nearly all characters of the code differ in their lower four bits, so that one look into a table of sixteen tells
 * what they become, and another one which they ought to be. A space has those of '0', and ']' has those of '-'.
 */
#include "lib/number_code.h"

#include <stdbool.h>

#ifdef __x86_64__
#include <immintrin.h>

#define GROUP 32
#define AVX2 __attribute__((target("avx2,bmi2,popcnt")))

/* By the lower half:   0    1    2    3    4    5    6    7    8    9    a     b    c    d    e */
#define PLAIN_CHARS	'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 0,    '[', ',', '-', '.', 0
#define LINES_CHARS	'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '\n', '[', ',', '-', '.', 0
#define PLAIN_CODES	4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  0,    14,  1,   2,   3,   0
#define LINES_CODES	4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  0,    14,  2,   1,   3,   0

/* The bits of them that are others: of '0' for a space, of '-' for ']'. */
enum { PLAIN_SPACE = 4, PLAIN_END = 13, LINES_SPACE = 5, LINES_END = 14 };

AVX2 static inline __m256i load(const char *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

/* Fewer than a group, and zeros. */
AVX2 static inline __m256i load_some(const char *p, size_t n)
{
	char some[GROUP] = { 0 };

	memcpy(some, p, n);
	return load(some);
}

AVX2 static inline __m256i is(__m256i c, char what)
{
	return _mm256_cmpeq_epi8(c, _mm256_set1_epi8(what));
}

/* ---- runs ---- */

AVX2 static inline unsigned strangers(__m256i c, bool lines)
{
	const __m256i plain_chars = _mm256_setr_epi8(PLAIN_CHARS, PLAIN_CHARS);
	const __m256i lines_chars = _mm256_setr_epi8(LINES_CHARS, LINES_CHARS);
	__m256i ought = _mm256_shuffle_epi8(lines ? lines_chars : plain_chars, c);
	__m256i known = _mm256_or_si256(_mm256_cmpeq_epi8(c, ought), _mm256_or_si256(is(c, ' '), is(c, ']')));

	return ~(unsigned)_mm256_movemask_epi8(known);
}

AVX2 static inline size_t run_end(const char *p, size_t i, size_t n, bool lines)
{
	for (; n - i >= GROUP; i += GROUP) {
		unsigned s = strangers(load(p + i), lines);

		if (s != 0)
			return i + (unsigned)__builtin_ctz(s);
	}
	return i + (unsigned)__builtin_ctz(strangers(load_some(p + i, n - i), lines));
}

AVX2 static inline size_t run_begin(const char *p, size_t i, size_t n, bool lines)
{
	size_t since = i;

	for (; n - i >= GROUP; i += GROUP) {
		unsigned s = strangers(load(p + i), lines);

		if (i + (s != 0 ? (unsigned)__builtin_ctz(s) : GROUP) - since >= NUMBER_RUN)
			return since;
		if (s != 0)
			since = i + GROUP - (unsigned)__builtin_clz(s);
	}
	return run_end(p, i, n, lines) - since >= NUMBER_RUN ? since : n;
}

/* ---- streams ---- */

/* A code per byte; of a fifth bit, which only '-' and '\n' have, not the place but what it is. */
AVX2 static inline __m256i codes(__m256i c, bool lines)
{
	const __m256i plain_codes = _mm256_setr_epi8(PLAIN_CODES, PLAIN_CODES);
	const __m256i lines_codes = _mm256_setr_epi8(LINES_CODES, LINES_CODES);
	__m256i space = _mm256_set1_epi8(lines ? LINES_SPACE : PLAIN_SPACE);
	__m256i end = _mm256_set1_epi8(lines ? LINES_END : PLAIN_END);
	__m256i code = _mm256_shuffle_epi8(lines ? lines_codes : plain_codes, c);

	code = _mm256_xor_si256(code, _mm256_and_si256(is(c, ' '), space));
	return _mm256_xor_si256(code, _mm256_and_si256(is(c, ']'), end));
}

/* 32 characters of four bits each, the last one lowest. */
AVX2 static inline __m128i nibbles(__m256i c)
{
	const __m256i backwards = _mm256_setr_epi8(14, 12, 10, 8, 6, 4, 2, 0, -1, -1, -1, -1, -1, -1, -1, -1,
	    14, 12, 10, 8, 6, 4, 2, 0, -1, -1, -1, -1, -1, -1, -1, -1);
	__m256i two = _mm256_maddubs_epi16(codes(c, false), _mm256_set1_epi16(0x0110));	/* the first goes up by four */

	two = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(two, backwards), _MM_SHUFFLE(3, 1, 0, 2));
	return _mm256_castsi256_si128(two);
}

/* Eight characters each, the last one lowest, and a bit for each character that takes five. */
struct eights {
	uint64_t bits[GROUP / 8];
	unsigned longer;
};

/*
 * Two neighbours become one of both their bits, three times: the first goes up by as many as the second has, four and
 * one for each that is longer.
 */
AVX2 static inline struct eights eights(__m256i c, bool lines)
{
	const __m256i one = _mm256_set1_epi8(1), four = _mm256_set1_epi16(0x0110);
	__m256i longer = lines ? _mm256_or_si256(is(c, '-'), is(c, '\n')) : _mm256_setzero_si256();
	__m256i extra = _mm256_and_si256(longer, one), n, first, second;
	struct eights e;

	second = _mm256_slli_epi16(_mm256_srli_epi16(extra, 8), 4);	/* 16 more, to go up by five */
	second = _mm256_maddubs_epi16(codes(c, lines), _mm256_add_epi16(four, second));
	n = _mm256_maddubs_epi16(extra, one);
	first = _mm256_and_si256(second, _mm256_set1_epi32(0xffff));
	first = _mm256_sllv_epi32(first, _mm256_add_epi32(_mm256_srli_epi32(n, 16), _mm256_set1_epi32(8)));
	second = _mm256_or_si256(first, _mm256_srli_epi32(second, 16));
	n = _mm256_madd_epi16(n, _mm256_set1_epi16(1));
	first = _mm256_and_si256(second, _mm256_set1_epi64x(0xffffffff));
	first = _mm256_sllv_epi64(first, _mm256_add_epi64(_mm256_srli_epi64(n, 32), _mm256_set1_epi64x(16)));
	second = _mm256_or_si256(first, _mm256_srli_epi64(second, 32));
	e.bits[0] = (uint64_t)_mm256_extract_epi64(second, 0);
	e.bits[1] = (uint64_t)_mm256_extract_epi64(second, 1);
	e.bits[2] = (uint64_t)_mm256_extract_epi64(second, 2);
	e.bits[3] = (uint64_t)_mm256_extract_epi64(second, 3);
	e.longer = (unsigned)_mm256_movemask_epi8(longer);
	return e;
}

AVX2 static inline void add_eight(struct number_bits *b, const struct eights *e, unsigned i)
{
	bits_add(b, e->bits[i], 32 + (unsigned)__builtin_popcount(e->longer >> 8 * i & 0xff));
}

/* The first n characters alone, fewer than a group. */
AVX2 static inline void add_some(struct number_bits *b, const char *p, size_t n, bool lines)
{
	struct eights e = eights(load(p), lines);
	unsigned i = (unsigned)n / 8, some = (unsigned)n % 8, rest = e.longer >> 8 * i & 0xff;

	if (some > 0)
		bits_add(b, e.bits[i] >> (4 * (8 - some) + (unsigned)__builtin_popcount(rest >> some)),
		    4 * some + (unsigned)__builtin_popcount(rest & ((1u << some) - 1)));
	while (i-- > 0)
		add_eight(b, &e, i);
}

AVX2 static unsigned char *put_plain(unsigned char *at, const char *p, size_t n)
{
	struct number_bits b;

	for (; n >= GROUP; n -= GROUP, at += GROUP / 2)
		_mm_storeu_si128((__m128i *)at, nibbles(load(p + n - GROUP)));
	b = (struct number_bits){ .at = at };
	add_some(&b, p, n, false);
	return bits_end(&b);
}

AVX2 static unsigned char *put_lines(unsigned char *at, const char *p, size_t n)
{
	struct number_bits b = { .at = at };

	for (; n >= GROUP; n -= GROUP) {
		struct eights e = eights(load(p + n - GROUP), true);

		add_eight(&b, &e, 3);
		add_eight(&b, &e, 2);
		add_eight(&b, &e, 1);
		add_eight(&b, &e, 0);
	}
	add_some(&b, p, n, true);
	return bits_end(&b);
}

/* ---- both codes ---- */

AVX2 static size_t plain_end(const char *p, size_t i, size_t n)
{
	return run_end(p, i, n, false);
}

AVX2 static size_t lines_end(const char *p, size_t i, size_t n)
{
	return run_end(p, i, n, true);
}

AVX2 static size_t plain_begin(const char *p, size_t i, size_t n)
{
	return run_begin(p, i, n, false);
}

AVX2 static size_t lines_begin(const char *p, size_t i, size_t n)
{
	return run_begin(p, i, n, true);
}

static const struct number_codes both = {
	{ plain_end, plain_begin, put_plain },
	{ lines_end, lines_begin, put_lines },
};

const struct number_codes *number_codes_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt")
	    ? &both : NULL;
}

#else

const struct number_codes *number_codes_avx2(void)
{
	return NULL;
}

#endif
