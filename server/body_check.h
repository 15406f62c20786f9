/*
 * body_check - is the body what was signed? Asked while it passes.
 *
 * In:  what signature read from the headers, the body in pieces. Out: its name and the verdict.
 * Depends on signature and body_key.
 */
#ifndef GS_SERVER_BODY_CHECK_H
#define GS_SERVER_BODY_CHECK_H

#include "server/body_key.h"
#include "server/signature.h"

#define BODY_PROOF (sizeof("sha-256=") - 1 + SHA256_HEX)

struct body_check;

/* s is borrowed until it is freed, keys and naming for the call alone. naming NULL: the body is not named. NULL without
 * memory. */
struct body_check *body_check_new(const struct signature *s, const struct keyring *keys,
    const struct body_key *naming, uint64_t now_ms);
void body_check_add(struct body_check *c, const void *bytes, size_t n);
/* At the last byte: 0 and the body's name ("" if it has none), or -1 with the refusal. */
int body_check_end(struct body_check *c, char name[BODY_NAME + 1], struct refusal *r);
/* After that: signature_proof of what matched. Where the headers alone were signed, body_digest_proof. */
const char *body_check_proof(struct body_check *c);
/* "sha-256=<hex>" of a digest that is signed and that the body has; "" where there is none. */
void body_digest_proof(const struct signature *s, char proof[BODY_PROOF + 1]);
void body_check_free(struct body_check **c);

#endif
