/*
 * encode - a document as gzip or zstd, in a temporary file.
 *
 * In:  a stream. Out: another one, at its beginning. Depends on zlib and lib/frame.
 */
#ifndef GS_CLI_ENCODE_H
#define GS_CLI_ENCODE_H

#include <stdio.h>

#include "lib/err.h"
#include "lib/inflate.h"

/* Closes f. NULL: e. c is CODING_GZIP or CODING_ZSTD. */
FILE *encode_file(FILE *f, enum coding c, struct err *e);

/* How f is encoded already, by its first bytes; it is at its beginning then. */
enum coding encode_found(FILE *f);

#endif
