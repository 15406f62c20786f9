/*
 * chunked - a body in the chunked transfer coding (RFC 9112 section 7.1), taken apart as it passes.
 *
 * In:  bytes. Out: where the data in them are, and where the body ends. Depends on nothing.
 *
 * Extensions and trailers are skipped; together they may have CHUNKED_WASTE_MAX bytes.
 */
#ifndef GS_SERVER_CHUNKED_H
#define GS_SERVER_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

#define CHUNKED_WASTE_MAX 16384

/* All zero at the beginning of a body. */
struct chunked {
	int state;
	unsigned digits;
	uint64_t left;		/* data of this chunk that are still to come */
	size_t waste;
};

enum chunked_step { CHUNKED_MORE, CHUNKED_DATA, CHUNKED_END, CHUNKED_BAD };

/* Skips framing: *used of n bytes. DATA: *have bytes of data follow there; chunked_took is told how many of them
 * were taken. END: the body is over; what follows is the next request. MORE: n is used up. */
enum chunked_step chunked_next(struct chunked *c, const char *bytes, size_t n, size_t *used, size_t *have);
void chunked_took(struct chunked *c, size_t n);

#endif
