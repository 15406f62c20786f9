/*
 * signing - the headers that a sender signs its delivery with.
 *
 * In:  a secret, a scheme, a document as a seekable stream. Out: "name: value" lines.
 * Depends on schema/webhook. The document is read once, in pieces.
 */
#ifndef GS_CLI_SIGNING_H
#define GS_CLI_SIGNING_H

#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"

#define SIGNING_HEADERS_MAX 3
#define SIGNING_ID_MAX 256

struct signing {
	int scheme;		/* of schema/settings.h */
	char *secret;		/* own copy */
	char id[SIGNING_ID_MAX + 1];	/* the delivery; a random one if empty */
	long long timestamp;	/* Unix seconds; now if 0 */
};

struct signing_headers {
	char text[SIGNING_HEADERS_MAX][SIGNING_ID_MAX + 64];
	const char *lines[SIGNING_HEADERS_MAX + 1];	/* up to a NULL */
};

/* The options that send and sign share. */
#define SIGNING_OPTIONS \
	{ "secret", required_argument, NULL, 's' }, \
	{ "secret-file", required_argument, NULL, 'f' }, \
	{ "scheme", required_argument, NULL, 'm' }, \
	{ "id", required_argument, NULL, 'i' }, \
	{ "timestamp", required_argument, NULL, 't' }

/* Takes one of SIGNING_OPTIONS. A secret is wiped from the command line. 1: it is another option. */
int signing_option(struct signing *s, int option, char *value, struct err *e);
/* Once all options are taken: GEOSLUICE_SECRET where none said the secret. */
int signing_ready(struct signing *s, struct err *e);
void signing_clear(struct signing *s);	/* wipes */

/* Reads f from its beginning to its end, and sets it to its beginning again. bytes: how many there were. */
int signing_make(struct signing *s, FILE *f, struct signing_headers *out, uint64_t *bytes, struct err *e);

/* A file, or standard input ("-") copied to a temporary file, so that it can be read twice. */
FILE *signing_open(const char *path, struct err *e);

#endif
