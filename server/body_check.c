/* body_check - see body_check.h. */
#include "server/body_check.h"

#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX (SOURCE_SECRETS * ED25519_MAX)

struct body_check {
	const struct signature *signature;
	struct body_name *name;		/* where the delivery is to be known again */
	struct sha256 *sha256;		/* where it is to be compared */
	struct sha512 *sha512;
	struct hmac *hmac[SOURCE_SECRETS];
	size_t hmacs;
	struct ed25519 *ed25519[STREAMS_MAX];
	size_t ed25519s;
	unsigned char tag[ED25519_BYTES];	/* the one that was found good; by its length a MAC or a signature */
	size_t tag_len;
	char proof[BODY_PROOF + 1];
};

/* Of a request whose body is signed itself: a stream per key, and per Ed25519 signature. */
static int add_streams(struct body_check *c, const struct ring_key *k)
{
	const struct signature *s = c->signature;

	if (k->hmac != NULL && s->macs > 0) {
		if ((c->hmac[c->hmacs] = hmac_copy(k->hmac)) == NULL)
			return -1;
		c->hmacs++;
	}
	for (size_t i = 0; k->hmac == NULL && i < s->ed25519s; i++) {
		if ((c->ed25519[c->ed25519s] = ed25519_new(k->public, s->ed25519[i], NULL)) == NULL)
			return -1;
		c->ed25519s++;
	}
	return 0;
}

static void add_signed(struct body_check *c, const void *bytes, size_t n)
{
	for (size_t i = 0; i < c->hmacs; i++)
		hmac_add(c->hmac[i], bytes, n);
	for (size_t i = 0; i < c->ed25519s; i++)
		ed25519_add(c->ed25519[i], bytes, n);
}

struct body_check *body_check_new(const struct signature *s, const struct keyring *keys,
    const struct body_key *naming, uint64_t now_ms)
{
	struct body_check *c = calloc(1, sizeof(*c));

	if (c == NULL || (naming != NULL && (c->name = body_name_new(naming)) == NULL)
	    || (s->digest.sha256 && (c->sha256 = sha256_new(NULL)) == NULL)
	    || (s->digest.sha512 && (c->sha512 = sha512_new(NULL)) == NULL)) {
		body_check_free(&c);
		return NULL;
	}
	c->signature = s;
	for (size_t i = 0; !s->verified && i < keys->count; i++)
		if (ring_key_live(&keys->keys[i], now_ms) && add_streams(c, &keys->keys[i]) != 0) {
			body_check_free(&c);
			return NULL;
		}
	for (size_t i = 0; i < 2 && s->before[i].text != NULL; i++) {
		add_signed(c, s->before[i].text, s->before[i].len);
		add_signed(c, ".", 1);
	}
	return c;
}

void body_check_add(struct body_check *c, const void *bytes, size_t n)
{
	if (c->name != NULL)
		body_name_add(c->name, bytes, n);
	if (c->sha256 != NULL)
		sha256_add(c->sha256, bytes, n);
	if (c->sha512 != NULL)
		sha512_add(c->sha512, bytes, n);
	add_signed(c, bytes, n);
}

void body_digest_proof(const struct signature *s, char proof[BODY_PROOF + 1])
{
	proof[0] = '\0';
	if (!s->verified || !s->digest.sha256)
		return;
	strcpy(proof, "sha-256=");
	hex_encode(proof + strlen(proof), s->digest.want256, SHA256_BYTES);
}

static int check_digest(struct body_check *c, struct refusal *r)
{
	const struct digest *d = &c->signature->digest;
	unsigned char hash[SHA256_BYTES], long_hash[SHA512_BYTES];
	bool good = true;

	if (d->sha256) {
		sha256_end(c->sha256, hash);
		good &= bytes_equal_ct(hash, d->want256, SHA256_BYTES);
	}
	if (d->sha512) {
		sha512_end(c->sha512, long_hash);
		good &= bytes_equal_ct(long_hash, d->want512, SHA512_BYTES);
	}
	if (!good)
		return refuse(r, P_DIGEST_WRONG, "The bytes that came have another digest.");
	body_digest_proof(c->signature, c->proof);
	return 0;
}

static void note_tag(struct body_check *c, const unsigned char *tag, size_t n)
{
	memcpy(c->tag, tag, n);
	c->tag_len = n;
}

/* Every key is tried with every signature, whichever fits. */
static bool is_signed(struct body_check *c)
{
	const struct signature *s = c->signature;
	unsigned char mac[SHA256_BYTES];
	bool found = false;

	for (size_t i = 0; i < c->hmacs; i++) {
		hmac_end(c->hmac[i], mac);
		for (size_t k = 0; k < s->macs; k++)
			if (bytes_equal_ct(s->mac[k], mac, SHA256_BYTES)) {
				note_tag(c, mac, SHA256_BYTES);
				found = true;
			}
	}
	for (size_t i = 0; i < c->ed25519s; i++)
		if (ed25519_end(c->ed25519[i])) {
			/* Each key was tried with each signature, in this order. */
			note_tag(c, s->ed25519[i % s->ed25519s], ED25519_BYTES);
			found = true;
		}
	return found;
}

int body_check_end(struct body_check *c, char name[BODY_NAME + 1], struct refusal *r)
{
	name[0] = '\0';
	if (c->name != NULL)
		body_name_end(c->name, name);
	if (c->signature->verified)
		return check_digest(c, r);
	return is_signed(c) ? 0
	    : refuse(r, P_SIGNATURE_WRONG, "Sign the bytes as they are sent, with this source's secret.");
}

const char *body_check_proof(struct body_check *c)
{
	if (c->proof[0] == '\0' && c->tag_len > 0)
		signature_proof(c->signature, c->tag, c->tag_len, c->proof);
	return c->proof;
}

void body_check_free(struct body_check **c)
{
	if (*c == NULL)
		return;
	body_name_free(&(*c)->name);
	sha256_free(&(*c)->sha256);
	sha512_free(&(*c)->sha512);
	for (size_t i = 0; i < (*c)->hmacs; i++)
		hmac_free(&(*c)->hmac[i]);
	for (size_t i = 0; i < (*c)->ed25519s; i++)
		ed25519_free(&(*c)->ed25519[i]);
	free(*c);
	*c = NULL;
}
