/*
 * inflate - an encoded stream, piece by piece, to what it stands for.
 *
 * In:  bytes of a content coding (RFC 9110, section 8.4.1): gzip of any number of members (RFC 1952), deflate
 * (RFC 1950, or RFC 1951 as some send it), zstd of any number of frames (RFC 8878). Out: the plain bytes.
 * Depends on zlib and libzstd.
 *
 * Memory is bounded: a window of 32 KiB, or of 8 MiB for zstd (RFC 9659), and 64 KiB of output.
 */
#ifndef GS_LIB_INFLATE_H
#define GS_LIB_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE, CODING_ZSTD, CODING_UNKNOWN };

/* By the name of n characters in a Content-Encoding header, without case; "identity" is CODING_NONE. */
enum coding coding_of(const char *name, size_t n);
const char *coding_name(enum coding c);

struct inflate;

/* NULL: no memory, or nothing to decode. */
struct inflate *inflate_new(enum coding c, struct err *e);
void inflate_free(struct inflate **z);
void inflate_restart(struct inflate *z);	/* at the first byte again */

/* Bytes to decode next; borrowed until inflate_take has returned 1. */
void inflate_give(struct inflate *z, const void *bytes, size_t n);
/* 0: *bytes and *n are what comes next, until the next call. 1: all that was given is used up. -1: ERR_INPUT, the
 * stream is damaged; ERR_SYSTEM, no memory. */
int inflate_take(struct inflate *z, const char **bytes, size_t *n, struct err *e);
/* Nothing more comes: -1, ERR_INPUT, if the stream is not whole. */
int inflate_end(const struct inflate *z, struct err *e);

uint64_t inflate_in(const struct inflate *z);	/* bytes that were used */
uint64_t inflate_out(const struct inflate *z);	/* bytes that came of them */

#endif
