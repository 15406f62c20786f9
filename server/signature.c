/* signature - see signature.h. */
#include "server/signature.h"

#include <stdio.h>
#include <string.h>

#include "server/signature_scheme.h"

#define BASE64_SHA256 44	/* characters of 32 bytes in base64 */
#define TIMESTAMP_DIGITS 12

static const struct signature_scheme *const schemes[SCHEME_COUNT] = {
	[SCHEME_RFC9421] = &sig_rfc9421,
	[SCHEME_STANDARD_WEBHOOKS] = &sig_standard,
	[SCHEME_STRIPE] = &sig_stripe,
	[SCHEME_GITHUB] = &sig_github,
	[SCHEME_SHOPIFY] = &sig_shopify,
	[SCHEME_GENERIC] = &sig_generic,
};

/* ---- what schemes share ---- */

const char *signature_header(const struct signature_ask *a, const char *name)
{
	return a->q->header(a->q->ctx, name);
}

const char *signature_need(const struct signature_ask *a, const char *name, struct refusal *r)
{
	const char *value = signature_header(a, name);

	if (value == NULL)
		refuse(r, P_SIGNATURE_MISSING, "The %s header is missing.", name);
	return value;
}

int signature_delivery(struct signature *s, const char *name, const char *text, struct refusal *r)
{
	size_t n;

	if (text == NULL)
		return 0;
	n = strlen(text);
	if (n == 0 || n > DELIVERY_ID_MAX)
		return refuse(r, P_DELIVERY_ID, "%s must have 1 to %d characters.", name, DELIVERY_ID_MAX);
	for (size_t i = 0; i < n; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			return refuse(r, P_DELIVERY_ID, "%s must consist of visible ASCII characters.", name);
	memcpy(s->delivery, text, n + 1);
	return 0;
}

int signature_in_window(const struct signature_ask *a, const char *where, uint64_t unix_s, struct refusal *r)
{
	uint64_t now = a->q->now_ms / 1000;
	uint64_t off = unix_s > now ? unix_s - now : now - unix_s;

	if (off <= a->q->tolerance_s)
		return 0;
	return refuse(r, P_TIMESTAMP_STALE, "%s is %llu s %s this server's clock; the window is %u s either way.",
	    where, (unsigned long long)off, unix_s > now ? "ahead of" : "behind", a->q->tolerance_s);
}

int signature_timestamp(const struct signature_ask *a, const char *where, const char *text, size_t n,
    struct refusal *r)
{
	uint64_t unix_s = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9' || n > TIMESTAMP_DIGITS)
			n = 0;
		unix_s = unix_s * 10 + (unsigned)(text[i] - '0');
	}
	if (n == 0)
		return refuse(r, P_SIGNATURE_MALFORMED, "%s must be seconds since 1970.", where);
	return signature_in_window(a, where, unix_s, r);
}

int signature_add_mac(struct signature *s, int encoding, const char *text, size_t n)
{
	unsigned char mac[BASE64_SHA256 / 4 * 3];

	if (s->macs == SIGNATURES_MAX)
		return -1;
	if (encoding == ENCODING_HEX ? n != SHA256_HEX || !hex_decode(mac, text, SHA256_BYTES)
	    : n != BASE64_SHA256 || base64_decode(mac, text, n) != SHA256_BYTES)
		return -1;
	memcpy(s->mac[s->macs++], mac, SHA256_BYTES);
	return 0;
}

void signature_proof(const struct signature *s, const unsigned char *tag, size_t n, char proof[SHA256_HEX + 1])
{
	unsigned char hash[SHA256_BYTES];
	struct err e = ERR_INIT;
	struct sha256 *h = sha256_new(&e);

	proof[0] = '\0';
	if (h == NULL)
		return;
	for (size_t i = 0; i < 2 && s->before[i].text != NULL; i++) {
		sha256_add(h, s->before[i].text, s->before[i].len);
		sha256_add(h, ".", 1);
	}
	sha256_add(h, tag, n);
	sha256_end(h, hash);
	sha256_free(&h);
	hex_encode(proof, hash, sizeof(hash));
}

/* ---- choosing ---- */

static const char *header_of(int scheme, const struct source *src)
{
	return schemes[scheme]->header != NULL ? schemes[scheme]->header : src->signature_header;
}

/* The first of the source's schemes whose header is there; the only one, if there is but one. */
static int choose(const struct signature_ask *a, struct refusal *r)
{
	unsigned set = a->src->scheme;
	char names[160] = "";
	size_t n = 0;

	for (int i = 0; i < SCHEME_COUNT; i++) {
		if ((set & 1u << i) == 0)
			continue;
		if (set == 1u << i || signature_header(a, header_of(i, a->src)) != NULL)
			return i;
		if (n < sizeof(names))
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n > 0 ? ", " : "",
			    header_of(i, a->src));
	}
	return refuse(r, P_SIGNATURE_MISSING, "None of these headers is there: %s.", names);
}

/* Is there a key that could have made what the headers claim? Else the body need not come. */
static int check_keys(const struct signature *s, const struct signature_ask *a, struct refusal *r)
{
	for (size_t i = 0; i < a->keys->count; i++) {
		const struct ring_key *k = &a->keys->keys[i];

		if (ring_key_live(k, a->q->now_ms) && (k->hmac != NULL ? s->macs : s->ed25519s) > 0)
			return 0;
	}
	return refuse(r, P_KEY_UNKNOWN, "This source has no secret of this kind that counts now.");
}

int signature_read(struct signature *s, const struct source *src, const struct keyring *keys,
    const struct signature_request *q, struct refusal *r)
{
	const struct signature_ask a = { src, keys, q };
	int scheme = choose(&a, r);

	memset(s, 0, sizeof(*s));
	if (scheme < 0)
		return -1;
	s->scheme = (enum scheme)scheme;
	if (schemes[scheme]->read(s, &a, r) != 0)
		return -1;
	return s->verified ? 0 : check_keys(s, &a, r);
}
