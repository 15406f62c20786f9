/*
 * number_code - the code of number_frame: where text is of its characters, and what they become. Nothing else uses it.
 *
 * In:  characters. Out: the ends of runs, streams of bits. Depends on nothing.
 *
 * There is a way for any processor, and a faster one for those that have AVX2. Both find and write the same.
 */
#ifndef GS_LIB_NUMBER_CODE_H
#define GS_LIB_NUMBER_CODE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NUMBER_RUN 64	/* characters for which a block of their own is worth its head */

struct number_code {
	/* Where the run that begins at i ends, at most n. */
	size_t (*run_end)(const char *p, size_t i, size_t n);
	/* Where the next run of NUMBER_RUN or more begins, from i on; n: there is none. */
	size_t (*run_begin)(const char *p, size_t i, size_t n);
	/* A stream of the n characters of a run, NUMBER_RUN or more, the last one first. Where it ends; up to eight
	 * bytes behind that may have been written to. */
	unsigned char *(*put_stream)(unsigned char *at, const char *p, size_t n);
};

/* The code without line ends, and the one that has them. */
struct number_codes {
	struct number_code plain, lines;
};

extern const struct number_codes number_codes_any;
const struct number_codes *number_codes_avx2(void);	/* NULL: the processor has no AVX2 */

/* ---- a stream being written: each at the lowest free bits ---- */

struct number_bits {
	unsigned char *at;
	uint64_t last;		/* what does not fill a byte yet */
	unsigned used;		/* bits of it, less than 8 */
};

static inline void put64(unsigned char *at, uint64_t v)
{
	memcpy(at, &v, sizeof(v));
}

/* n bits, at most 56. */
static inline void bits_add(struct number_bits *b, uint64_t v, unsigned n)
{
	b->last |= v << b->used;
	put64(b->at, b->last);
	n += b->used;
	b->at += n / 8;
	b->last >>= n & ~7u;
	b->used = n % 8;
}

/* The end's mark is the highest bit of the last byte. */
static inline unsigned char *bits_end(struct number_bits *b)
{
	bits_add(b, 1, 1);
	return b->used > 0 ? b->at + 1 : b->at;
}

#endif
