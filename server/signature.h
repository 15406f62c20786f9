/*
 * signature - who sent this, and when? The headers that a source signs its deliveries with.
 *
 * In:  request headers, the source's keys. Out: what the body has yet to prove, the delivery's id; or a
 * refusal. Depends on lib/crypto. body_check does the rest, over the stream.
 *
 * rfc9421             Signature-Input, Signature (RFC 9421) over headers and Content-Digest (RFC 9530):
 *                     verified here, before the body
 * standard-webhooks   webhook-id, webhook-timestamp, webhook-signature: "v1,<base64>" HMAC-SHA256 or
 *                     "v1a,<base64>" Ed25519, over "<id>.<timestamp>.<body>"
 * stripe              Stripe-Signature: "t=<timestamp>,v1=<hex>" over "<timestamp>.<body>"
 * github              X-Hub-Signature-256: "sha256=<hex>" over the body; X-GitHub-Delivery
 * shopify             X-Shopify-Hmac-Sha256: "<base64>" over the body; X-Shopify-Webhook-Id
 * generic             the header, encoding and prefix of the settings, over the body
 */
#ifndef GS_SERVER_SIGNATURE_H
#define GS_SERVER_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/wire.h"
#include "server/digest.h"
#include "server/keyring.h"
#include "server/problem.h"

#define SIGNATURES_MAX 8	/* HMACs per request: a sender that rotates keys signs with each */
#define ED25519_MAX 2		/* and Ed25519 signatures */

/* A header's value, or NULL. Names compare without case. */
typedef const char *(*header_fn)(void *ctx, const char *name);

struct signature_request {
	header_fn header;
	void *ctx;
	const char *method, *path;
	const char *query;	/* with its "?"; "" where there is none */
	bool https;
	uint64_t now_ms;
	unsigned tolerance_s;
};

/* Text is borrowed from the headers. */
struct signature {
	enum scheme scheme;
	char delivery[DELIVERY_ID_MAX + 1];	/* "" where the request has no id */

	/* What stands for an id where there is none: a hash of all that is signed, with its time; or "". */
	char message[SHA256_HEX + 1];

	/* What the headers claim of the body. Each text of before is followed by a ".". */
	struct { const char *text; size_t len; } before[2];
	unsigned char mac[SIGNATURES_MAX][SHA256_BYTES];
	size_t macs;
	unsigned char ed25519[ED25519_MAX][ED25519_BYTES];
	size_t ed25519s;

	/* Or: the headers are verified, and say what the body hashes to. */
	bool verified;
	struct digest digest;
};

/* What tells a delivery from any other that was signed by whoever knows the secret: a hash over one of its MACs or
 * signatures, and over what is signed besides the body. Whoever can show it again holds what was accepted before. */
#define PROOFS_MAX (SIGNATURES_MAX + ED25519_MAX)
void signature_proof(const struct signature *s, const unsigned char *tag, size_t n, char proof[SHA256_HEX + 1]);

/* 0, or -1 with the refusal. */
int signature_read(struct signature *s, const struct source *src, const struct keyring *keys,
    const struct signature_request *q, struct refusal *r);

#endif
