/*
 * digest - what a body must hash to: the Content-Digest header (RFC 9530).
 *
 * In:  the header. Out: the SHA-256 and SHA-512 that it names. Depends on structured_field.
 */
#ifndef GS_SERVER_DIGEST_H
#define GS_SERVER_DIGEST_H

#include <stdbool.h>

#include "lib/crypto.h"
#include "server/problem.h"

struct digest {
	bool sha256, sha512;	/* which it names; of both, both must hold */
	unsigned char want256[SHA256_BYTES], want512[SHA512_BYTES];
};

/* 0, or -1 with the refusal. Digests by other algorithms are passed over; there must be one of these. */
int digest_read(struct digest *d, const char *content_digest, struct refusal *r);

#endif
