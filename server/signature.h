/*
 * signature - who sent this, and when? The headers that a source signs its deliveries with.
 *
 * In:  request headers. Out: the MACs that they claim, what is signed besides the body, the
 * delivery's id; later the verdict. Depends on lib/crypto.
 *
 * Standard Webhooks:  webhook-id, webhook-timestamp, webhook-signature: "v1,<base64>[ v1,…]"
 *                     over "<id>.<timestamp>.<body>"
 * GitHub:             X-Hub-Signature-256: "sha256=<hex>" over the body; X-GitHub-Delivery
 */
#ifndef GS_SERVER_SIGNATURE_H
#define GS_SERVER_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/crypto.h"
#include "server/problem.h"

#define SIGNATURES_MAX 8	/* per request: a sender that rotates keys signs with each */

/* A header's value, or NULL. Names compare without case. */
typedef const char *(*header_fn)(void *ctx, const char *name);

/* Text is borrowed from the headers. */
struct signature {
	const char *delivery;	/* NULL where the request has no id */
	const char *id;		/* signed before the body; NULL where nothing is */
	const char *timestamp;
	unsigned char mac[SIGNATURES_MAX][SHA256_BYTES];
	size_t count;
};

/* scheme is one of schema/settings.h. 0, or -1 with the refusal. */
int signature_read(struct signature *s, int scheme, header_fn header, void *ctx, uint64_t now_ms,
    unsigned tolerance_s, struct refusal *r);

/* Adds what is signed before the body. */
void signature_begin(const struct signature *s, struct hmac *h);

/* Is mac one of those claimed? In constant time. */
bool signature_matches(const struct signature *s, const unsigned char mac[SHA256_BYTES]);

#endif
