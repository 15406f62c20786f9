/*
 * body_check - is the body what was signed? Asked while it passes.
 *
 * In:  what signature read from the headers, the body in pieces. Out: its SHA-256 and the verdict.
 * Depends on signature.
 */
#ifndef GS_SERVER_BODY_CHECK_H
#define GS_SERVER_BODY_CHECK_H

#include "server/signature.h"

struct body_check;

/* s is borrowed until it is freed, keys for the call alone. NULL without memory. */
struct body_check *body_check_new(const struct signature *s, const struct keyring *keys, uint64_t now_ms);
void body_check_add(struct body_check *c, const void *bytes, size_t n);
/* At the last byte: 0 and the SHA-256 of the body, or -1 with the refusal. */
int body_check_end(struct body_check *c, unsigned char hash[SHA256_BYTES], struct refusal *r);
/* After that: signature_proof of what matched; "" where the headers alone were signed. */
const char *body_check_proof(const struct body_check *c);
void body_check_free(struct body_check **c);

#endif
