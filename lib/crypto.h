/*
 * crypto - MACs, digests, encodings and random bytes.
 *
 * In:  bytes, in pieces. Out: tags, text forms, verdicts in constant time.
 * Depends on libcrypto, which nothing else includes.
 */
#ifndef GS_LIB_CRYPTO_H
#define GS_LIB_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

#define SHA256_BYTES 32
#define SHA256_HEX 64
#define SHA512_BYTES 64
#define GMAC_KEY_BYTES 32
#define GMAC_BYTES 16

/* HMAC-SHA256 (RFC 2104) over a stream. */
struct hmac;
struct hmac *hmac_new(const void *key, size_t key_len, struct err *e);
struct hmac *hmac_copy(const struct hmac *h);	/* same key, fresh state; NULL without memory */
void hmac_add(struct hmac *h, const void *bytes, size_t n);
void hmac_end(struct hmac *h, unsigned char out[SHA256_BYTES]);
void hmac_free(struct hmac **h);	/* wipes the key */

/* GMAC (NIST SP 800-38D) of AES-256 over a stream, its nonce always zero: a hash for who has the key, and no signature.
 * Who sees a tag and what it is of can find the key of the hash. */
struct gmac;
struct gmac *gmac_new(const unsigned char key[GMAC_KEY_BYTES], struct err *e);
struct gmac *gmac_copy(const struct gmac *g);	/* same key, fresh state; NULL without memory */
void gmac_add(struct gmac *g, const void *bytes, size_t n);
void gmac_end(struct gmac *g, unsigned char out[GMAC_BYTES]);
void gmac_free(struct gmac **g);	/* wipes the key */

/* SHA-256 (FIPS 180-4) over a stream. */
struct sha256;
struct sha256 *sha256_new(struct err *e);
void sha256_add(struct sha256 *s, const void *bytes, size_t n);
void sha256_end(struct sha256 *s, unsigned char out[SHA256_BYTES]);
void sha256_of(const void *bytes, size_t n, unsigned char out[SHA256_BYTES]);	/* all at once */
void sha256_free(struct sha256 **s);

/* SHA-512, likewise. */
struct sha512;
struct sha512 *sha512_new(struct err *e);
void sha512_add(struct sha512 *s, const void *bytes, size_t n);
void sha512_end(struct sha512 *s, unsigned char out[SHA512_BYTES]);
void sha512_free(struct sha512 **s);

/* SHA-1 in hex: Redis names scripts by it. Not for anything that has to resist an attacker. */
void sha1_hex(char out[41], const void *bytes, size_t n);

/* Compares in time that depends on n alone. */
bool bytes_equal_ct(const void *a, const void *b, size_t n);

/* Lower-case hex with a NUL; out has 2n + 1 bytes. */
void hex_encode(char *out, const void *bytes, size_t n);
/* Reads 2n hex digits of either case; false if any is none. */
bool hex_decode(void *out, const char *hex, size_t n);

/* Base64 of RFC 4648 section 4 with padding and a NUL; out has 4 * ((n + 2) / 3) + 1 bytes. */
void base64_encode(char *out, const void *bytes, size_t n);
/* Strict base64 (padding required, no white space): bytes written to out (room for 3 * len / 4), or -1. */
long base64_decode(void *out, const char *text, size_t len);

/* n bytes from the system's generator; the process ends if there are none. */
void random_bytes(void *out, size_t n);
/* Overwrites in a way that the compiler keeps. */
void secret_wipe(void *p, size_t n);

#endif
