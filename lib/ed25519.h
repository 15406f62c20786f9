/*
 * ed25519 - signatures of RFC 8032, also over a message that is never there as a whole.
 *
 * In:  keys, messages. Out: signatures, verdicts. Depends on libcrypto.
 *
 * libcrypto verifies a message in one piece. A body of gigabytes comes in many, so the stream below hashes
 * it as it passes and checks the equation of section 5.1.7 at its end. It handles public data alone.
 */
#ifndef GS_LIB_ED25519_H
#define GS_LIB_ED25519_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

#define ED25519_KEY_BYTES 32	/* a public key, and the seed that is the private one */
#define ED25519_BYTES 64	/* a signature */

bool ed25519_verify(const unsigned char key[ED25519_KEY_BYTES], const unsigned char signature[ED25519_BYTES],
    const void *message, size_t n);
int ed25519_sign(const unsigned char seed[ED25519_KEY_BYTES], const void *message, size_t n,
    unsigned char signature[ED25519_BYTES], struct err *e);
/* The public key that belongs to a seed. */
int ed25519_public(const unsigned char seed[ED25519_KEY_BYTES], unsigned char key[ED25519_KEY_BYTES],
    struct err *e);

/* The verification of one signature over a stream. */
struct ed25519;
struct ed25519 *ed25519_new(const unsigned char key[ED25519_KEY_BYTES],
    const unsigned char signature[ED25519_BYTES], struct err *e);
void ed25519_add(struct ed25519 *v, const void *bytes, size_t n);
bool ed25519_end(struct ed25519 *v);	/* takes about half a millisecond */
void ed25519_free(struct ed25519 **v);

#endif
