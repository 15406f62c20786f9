/*
 * sig_rfc9421 - the verification of an HTTP Message Signature, apart from what this server asks of it.
 *
 * In:  a request, keys. Out: is one of its signatures right? Depends on structured_field.
 */
#ifndef GS_SERVER_SIG_RFC9421_H
#define GS_SERVER_SIG_RFC9421_H

#include "server/signature_scheme.h"

struct rfc9421_policy {
	bool any_coverage;	/* the signature may cover what it likes: the RFC's own examples do */
};

/* 0: one of the signatures is right, and s->delivery is set where it covers one. -1: r says what is wrong with
 * the first. */
int rfc9421_verify(struct signature *s, const struct signature_ask *a, const struct rfc9421_policy *policy,
    struct refusal *r);

#endif
