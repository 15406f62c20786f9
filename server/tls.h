/*
 * tls - TLS 1.2 and 1.3 on a socket that does not block.
 *
 * In:  a certificate and its key, a descriptor. Out: bytes. Depends on OpenSSL's libssl, which nothing else includes.
 */
#ifndef GS_SERVER_TLS_H
#define GS_SERVER_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

struct tls_setup;	/* what connections begin with; may be shared by threads */
struct tls;

/* certificate: a PEM file with the chain, the server's own first. NULL: no such file, or a key that does not fit. */
struct tls_setup *tls_setup_new(const char *certificate, const char *key, bool only_1_3, struct err *e);
void tls_setup_free(struct tls_setup **s);	/* connections that began with it go on */

enum { TLS_AGAIN = -1, TLS_FAILED = -2 };

/* fd stays the caller's. NULL without memory. */
struct tls *tls_new(struct tls_setup *s, int fd);
void tls_free(struct tls **t);
/* 1 once it is done, or TLS_AGAIN or TLS_FAILED. */
int tls_handshake(struct tls *t);
long tls_read(struct tls *t, void *out, size_t room);		/* bytes, 0 at the end, or one of these */
long tls_write(struct tls *t, const void *bytes, size_t n);	/* the same; after TLS_AGAIN with the same bytes */
bool tls_wants_write(const struct tls *t);	/* TLS_AGAIN was for room to send */
void tls_end(struct tls *t);			/* tells the peer that nothing more is sent */
const char *tls_error(const struct tls *t);	/* words on TLS_FAILED */

#endif
