/*
 * keyring - a source's secrets, ready to verify with.
 *
 * In:  a source's settings. Out: up to four keys, each with its id and the time in which it counts.
 * Depends on lib/crypto.
 */
#ifndef GS_SERVER_KEYRING_H
#define GS_SERVER_KEYRING_H

#include "lib/crypto.h"
#include "lib/ed25519.h"
#include "schema/settings.h"

struct ring_key {
	struct source_secret secret;	/* borrowed from the settings */
	struct hmac *hmac;		/* keyed; NULL: it is an Ed25519 key */
	unsigned char public[ED25519_KEY_BYTES];
};

struct keyring {
	struct ring_key keys[SOURCE_SECRETS];
	size_t count;
};

/* -1: a secret of it cannot be a key; the ring is then empty. */
int keyring_init(struct keyring *k, const struct source *src, struct err *e);
void keyring_clear(struct keyring *k);

bool ring_key_live(const struct ring_key *k, uint64_t now_ms);
/* Is it meant where a signature names a key by these n bytes? A key without an id may be any. */
bool ring_key_named(const struct ring_key *k, const char *id, size_t n);

#endif
