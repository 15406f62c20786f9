/*
 * conf - reads INI text, line by line.
 *
 * In:  a file, or text in memory. Out: a call per "name = value", with its section and line.
 * Depends on inih, which nothing else includes.
 *
 * "; " after white space begins a comment, as ";" and "#" do at the start of a line. Values go
 * to the end of their line; nothing is quoted or continued.
 */
#ifndef GS_LIB_CONF_H
#define GS_LIB_CONF_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

#define CONF_SECTION_MAX 49	/* bytes of a section's name that inih keeps */

/* Borrowed during the call. section is "" before the first one. */
struct conf_line {
	const char *file;
	int line;	/* from 1 */
	const char *section;
	const char *name;
	const char *value;
};

/* 0: go on. -1: stop, e says why. */
typedef int (*conf_fn)(void *ctx, const struct conf_line *l, struct err *e);

/* file names the text in messages. What is no INI is refused with its line. */
int conf_read(const char *file, const char *text, size_t n, conf_fn fn, void *ctx, struct err *e);

/* Appends a regular file of at most max_bytes to b, which is never moved while it is read:
 * the caller can wipe all of it. */
int conf_slurp(const char *path, size_t max_bytes, struct buf *b, struct err *e);

#endif
