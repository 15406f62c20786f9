/*
 * terms - the settings that a request is served on, with what is made of them.
 *
 * In:  settings. Out: them; a keyring and a rate per source, tokens, trusted proxies, the TLS setup. Depends on
 * keyring, rate, access and tls.
 *
 * A reload replaces a reactor's terms; requests in flight hold those that they began with, which go with the
 * last of them. Terms belong to one reactor; settings, rates and TLS setup are all reactors'.
 */
#ifndef GS_SERVER_TERMS_H
#define GS_SERVER_TERMS_H

#include "lib/address.h"
#include "schema/settings.h"
#include "server/access.h"
#include "server/keyring.h"
#include "server/rate.h"
#include "server/tls.h"

struct terms {
	const struct settings *settings;
	const struct keyring *keys;	/* per source, in the settings' order */
	struct rate *const *rates;	/* the same */
	struct access access;
	struct address_ranges trusted;	/* proxies */
	struct tls_setup *tls;		/* NULL: none is spoken */
};

/* Terms for n reactors, held once each. Takes set over, also where it fails: -1, and e says why. Sources that were
 * there before (NULL: none were) share their rates with these. */
int terms_make(struct terms **all, size_t n, struct settings *set, const struct terms *before, struct err *e);
struct terms *terms_hold(struct terms *t);
void terms_release(struct terms **t);

const struct keyring *terms_keys(const struct terms *t, const struct source *src);	/* NULL for none */
struct rate *terms_rate(const struct terms *t, const struct source *src);

#endif
