/*
 * tokens - who may read and who may operate.
 *
 * In:  the text of [server] tokens: "name:scope:hash, …", the hash being the SHA-256 of the token in hex. Out: a list.
 * Depends on lib/crypto.
 */
#ifndef GS_SCHEMA_TOKENS_H
#define GS_SCHEMA_TOKENS_H

#include <stddef.h>

#include "lib/crypto.h"
#include "lib/err.h"

#define TOKENS_MAX 32
#define TOKEN_NAME_MAX 40
#define TOKEN_PREFIX "gst_"
#define TOKEN_BYTES 32		/* of chance */
#define TOKEN_TEXT (sizeof(TOKEN_PREFIX) + TOKEN_BYTES * 2)

enum scope { SCOPE_OPEN, SCOPE_READ, SCOPE_OPERATE };	/* each may do what those before it may */

struct token {
	char name[TOKEN_NAME_MAX + 1];
	enum scope scope;
	unsigned char hash[SHA256_BYTES];
};

/* How many there are; -1: e says which of them is wrong. */
int tokens_parse(const char *text, struct token out[TOKENS_MAX], struct err *e);
const char *scope_name(enum scope s);

/* A new one: its text, and what stands of it in the settings. */
void token_make(char text[TOKEN_TEXT], char hash[SHA256_HEX + 1]);

#endif
