/*
 * webhook - signs as the Standard Webhooks specification says.
 *
 * In:  a secret, an id, a time, a body in pieces. Out: the value of webhook-signature.
 * Depends on lib/crypto.
 */
#ifndef GS_SCHEMA_WEBHOOK_H
#define GS_SCHEMA_WEBHOOK_H

#include "lib/crypto.h"
#include "lib/err.h"

#define WEBHOOK_SIGNATURE_MAX 48	/* "v1," and base64 of 32 bytes, and a NUL */

/* The MAC's beginning; the body is added with hmac_add. secret is as the settings have it. NULL: e says why. */
struct hmac *webhook_begin(const char *secret, const char *id, long long unix_s, struct err *e);
/* Ends and frees it. */
void webhook_end(struct hmac **h, char out[WEBHOOK_SIGNATURE_MAX]);

/* An HMAC-SHA256 with the key bytes of a secret, for other schemes. NULL: e says why. */
struct hmac *secret_hmac(const char *secret, struct err *e);

#endif
