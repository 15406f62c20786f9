/*
 * signature_scheme - one way to sign, for the files sig_*.c alone.
 *
 * In:  a request that has the scheme's header. Out: the fields of struct signature. Depends on signature.
 */
#ifndef GS_SERVER_SIGNATURE_SCHEME_H
#define GS_SERVER_SIGNATURE_SCHEME_H

#include "server/signature.h"

struct signature_ask {
	const struct source *src;
	const struct keyring *keys;
	const struct signature_request *q;
};

struct signature_scheme {
	const char *header;	/* whose presence says that this scheme is meant; NULL: the settings' own */
	int (*read)(struct signature *s, const struct signature_ask *a, struct refusal *r);
};

extern const struct signature_scheme sig_rfc9421, sig_standard, sig_stripe, sig_github, sig_shopify, sig_generic;

/* What they share. Each fills the refusal where it fails. */

const char *signature_header(const struct signature_ask *a, const char *name);	/* NULL if absent */
const char *signature_need(const struct signature_ask *a, const char *name, struct refusal *r);
/* Takes the delivery id, if text is not NULL. It becomes part of a key and of log lines: visible ASCII alone. */
int signature_delivery(struct signature *s, const char *name, const char *text, struct refusal *r);
/* Seconds since 1970, n digits, within the window. where: the header, for words. */
int signature_timestamp(const struct signature_ask *a, const char *where, const char *text, size_t n,
    struct refusal *r);
int signature_in_window(const struct signature_ask *a, const char *where, uint64_t unix_s, struct refusal *r);
/* Exactly 64 hex digits, or the base64 of 32 bytes, into the next mac; -1 without a refusal where it is none. */
int signature_add_mac(struct signature *s, int encoding, const char *text, size_t n);

#endif
