/* body_key - see body_key.h. */
#include "server/body_key.h"

#include <stdlib.h>
#include <string.h>

struct body_key {
	char text[BODY_KEY_TEXT + 1];
	char id[BODY_KEY_ID + 1];	/* tells names under one key from those under another */
	struct gmac *mac;
};

struct body_name {
	char id[BODY_KEY_ID + 1];
	struct gmac *mac;
};

static bool set_key(struct body_key *k, const unsigned char key[GMAC_KEY_BYTES])
{
	unsigned char hash[SHA256_BYTES];
	struct err e = ERR_INIT;

	hex_encode(k->text, key, GMAC_KEY_BYTES);
	sha256_of(key, GMAC_KEY_BYTES, hash);
	hex_encode(k->id, hash, BODY_KEY_ID / 2);
	return (k->mac = gmac_new(key, &e)) != NULL;
}

struct body_key *body_key_new(const char *text)
{
	unsigned char key[GMAC_KEY_BYTES];
	struct body_key *k;

	if (text == NULL)
		random_bytes(key, sizeof(key));
	else if (strlen(text) != BODY_KEY_TEXT || !hex_decode(key, text, sizeof(key)))
		return NULL;
	if ((k = calloc(1, sizeof(*k))) != NULL && !set_key(k, key))
		body_key_free(&k);
	secret_wipe(key, sizeof(key));
	return k;
}

const char *body_key_text(const struct body_key *k)
{
	return k->text;
}

void body_key_free(struct body_key **k)
{
	if (*k == NULL)
		return;
	gmac_free(&(*k)->mac);
	secret_wipe(*k, sizeof(**k));
	free(*k);
	*k = NULL;
}

struct body_name *body_name_new(const struct body_key *k)
{
	struct body_name *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	memcpy(b->id, k->id, sizeof(b->id));
	if ((b->mac = gmac_copy(k->mac)) == NULL)
		body_name_free(&b);
	return b;
}

void body_name_add(struct body_name *b, const void *bytes, size_t n)
{
	gmac_add(b->mac, bytes, n);
}

void body_name_end(struct body_name *b, char out[BODY_NAME + 1])
{
	unsigned char tag[GMAC_BYTES];

	gmac_end(b->mac, tag);
	memcpy(out, b->id, BODY_KEY_ID);
	out[BODY_KEY_ID] = ':';
	hex_encode(out + BODY_KEY_ID + 1, tag, sizeof(tag));
}

void body_name_free(struct body_name **b)
{
	if (*b == NULL)
		return;
	gmac_free(&(*b)->mac);
	free(*b);
	*b = NULL;
}
