/*
 * input - a file's bytes, unpacked, and from the start again where need be.
 *
 * In:  a path ("-" is stdin), plain or gzip. Out: bytes. Depends on zlib.
 */
#ifndef GS_CLI_INPUT_H
#define GS_CLI_INPUT_H

#include <stddef.h>

#include "lib/err.h"

struct input;

struct input *input_open(const char *path, struct err *e);
void input_close(struct input **in);

/* Up to n bytes; 0 at the end; -1 with e filled. */
long input_read(struct input *in, char *bytes, size_t n, struct err *e);

/* Back to the first byte. What cannot seek has been kept in a temporary file. */
int input_rewind(struct input *in, struct err *e);

#endif
