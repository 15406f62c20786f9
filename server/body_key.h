/*
 * body_key - the secret key under which bodies are named, so that a delivery is known again by its bytes.
 *
 * In:  the key that Redis keeps for all servers, or a new one to offer; a body in pieces. Out: its name, the same for
 * the same bytes under the same key. Depends on lib/crypto.
 *
 * The name is a GMAC with one nonce for all: a universal hash. Two bodies that share a name cannot be made by who does
 * not know the key; from a name and its body the key could be had. So names and key stay in Redis, and nobody else is
 * shown one.
 */
#ifndef GS_SERVER_BODY_KEY_H
#define GS_SERVER_BODY_KEY_H

#include "lib/crypto.h"

#define BODY_KEY_TEXT (2 * GMAC_KEY_BYTES)
#define BODY_KEY_ID 8
#define BODY_NAME (BODY_KEY_ID + 1 + 2 * GMAC_BYTES)	/* "<id of the key>:<hex>" */

struct body_key;
struct body_name;

/* A key from its BODY_KEY_TEXT hex digits; text NULL: a new one. NULL: it is no key, or there is no memory. */
struct body_key *body_key_new(const char *text);
const char *body_key_text(const struct body_key *k);
void body_key_free(struct body_key **k);	/* wipes it; names that were begun go on */

/* NULL without memory. */
struct body_name *body_name_new(const struct body_key *k);
void body_name_add(struct body_name *b, const void *bytes, size_t n);
void body_name_end(struct body_name *b, char out[BODY_NAME + 1]);
void body_name_free(struct body_name **b);

#endif
