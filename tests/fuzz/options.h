/*
 * options - what the fuzzers of the pipeline make of an input's first bytes.
 *
 * In:  a byte or two. Out: severities that a source may choose, and a document cut to pieces.
 */
#ifndef GS_TESTS_FUZZ_OPTIONS_H
#define GS_TESTS_FUZZ_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/reject.h"

static inline uint32_t options_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

/* 0: the defaults; else every code gets one of those that it allows. */
static inline void options_severity(unsigned char severity[R_COUNT], unsigned seed)
{
	uint32_t state = seed;

	for (int code = 1; code < R_COUNT; code++) {
		const struct reject_info *info = reject_info((enum reject_code)code);
		unsigned s = options_random(&state) % 3;

		if (seed == 0 || (info->allowed & 1u << s) == 0)
			s = info->severity;
		severity[code] = (unsigned char)s;
	}
}

struct pieces {
	const char *at;
	size_t left;
	unsigned most;	/* bytes in a piece; 0: all at once; 1: one by one */
	uint32_t state;
};

/* Length of the next piece, which lies before `at` now; 0 at the end. */
static inline size_t piece_next(struct pieces *p)
{
	size_t n = p->most == 0 ? p->left : 1 + options_random(&p->state) % p->most;

	n = n < p->left ? n : p->left;
	if (n > 0)
		p->at += n;
	p->left -= n;
	return n;
}

#endif
