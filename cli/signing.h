/*
 * signing - the headers that a sender signs its delivery with.
 *
 * In:  a secret, a scheme, a document as a seekable stream. Out: "name: value" lines.
 * Depends on schema/webhook. The document is read in pieces, or mapped.
 */
#ifndef GS_CLI_SIGNING_H
#define GS_CLI_SIGNING_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "schema/settings.h"

#define SIGNING_HEADERS_MAX 5
#define SIGNING_ID_MAX 256
#define SIGNING_LINE_MAX 1024

struct signing {
	enum scheme scheme;
	char *secret;		/* own copy; "whsk_" and base64 is an Ed25519 private key */
	char id[SIGNING_ID_MAX + 1];	/* the delivery; a random one if empty */
	long long timestamp;	/* Unix seconds; now if 0 */
	const char *header, *prefix;	/* generic */
	bool base64;
	const char *key_id;	/* rfc9421; NULL: none */

	/* What rfc9421 signs besides, to be set before signing_make. */
	const char *url, *type, *crs, *encoding;	/* crs and encoding NULL: none is sent */
};

struct signing_headers {
	char text[SIGNING_HEADERS_MAX][SIGNING_LINE_MAX];
	const char *lines[SIGNING_HEADERS_MAX + 1];	/* up to a NULL */
};

/* The options that send and sign share. */
#define SIGNING_OPTIONS \
	{ "secret", required_argument, NULL, 's' }, \
	{ "secret-file", required_argument, NULL, 'f' }, \
	{ "scheme", required_argument, NULL, 'm' }, \
	{ "id", required_argument, NULL, 'i' }, \
	{ "timestamp", required_argument, NULL, 't' }, \
	{ "key-id", required_argument, NULL, 'k' }, \
	{ "header", required_argument, NULL, 'H' }, \
	{ "prefix", required_argument, NULL, 'P' }, \
	{ "base64", no_argument, NULL, 'B' }

#define SIGNING_USAGE \
"  --secret SECRET     or --secret-file FILE, or GEOSLUICE_SECRET; whsk_ and base64 is an Ed25519 key\n" \
"  --scheme SCHEME     standard-webhooks (default), rfc9421, stripe, github, shopify or generic\n" \
"  --key-id ID         of the secret, for rfc9421\n" \
"  --header NAME       for generic (default: X-Signature), with --prefix TEXT and --base64\n" \
"  --id ID             the delivery's id (default: a random one); the same again is the same job\n" \
"  --timestamp T       Unix seconds (default: now)\n"

void signing_init(struct signing *s);
/* Takes one of SIGNING_OPTIONS. A secret is wiped from the command line. 1: it is another option. */
int signing_option(struct signing *s, int option, char *value, struct err *e);
/* Once all options are taken: GEOSLUICE_SECRET where none said the secret. */
int signing_ready(struct signing *s, struct err *e);
void signing_clear(struct signing *s);	/* wipes */

/* Reads f from its beginning to its end, and sets it to its beginning again. bytes: how many there were. */
int signing_make(struct signing *s, FILE *f, struct signing_headers *out, uint64_t *bytes, struct err *e);

/* A file, or standard input ("-") copied to a temporary file, so that it can be read twice. */
FILE *signing_open(const char *path, struct err *e);

/* ---- of signing_make.c, for signing_rfc9421.c ---- */

void signing_put(struct signing_headers *h, const char *name, const char *value);
/* The seed behind "whsk_"; 1: the secret is none of that kind. */
int signing_seed(const char *secret, unsigned char seed[32], struct err *e);
int signing_rfc9421(const struct signing *s, FILE *f, struct signing_headers *out, uint64_t *bytes, struct err *e);
/* Calls add with all of f in pieces, and sets f to its beginning again. */
int signing_read(FILE *f, void (*add)(void *ctx, const void *bytes, size_t n), void *ctx, uint64_t *bytes,
    struct err *e);

#endif
