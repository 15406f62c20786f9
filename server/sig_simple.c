/* sig_simple - one header with an HMAC-SHA256 of the body: Stripe, GitHub, Shopify, and what the settings say. */
#include <string.h>

#include "server/signature_scheme.h"

/* The delivery id of the settings' header, else of the first of these that is there. */
static int read_delivery(struct signature *s, const struct signature_ask *a, const char *first,
    const char *second, struct refusal *r)
{
	if (*a->src->delivery_header != '\0') {
		first = a->src->delivery_header;
		second = NULL;
	}
	if (first != NULL && signature_header(a, first) == NULL)
		first = second;
	return first == NULL ? 0 : signature_delivery(s, first, signature_header(a, first), r);
}

static int read_one(struct signature *s, const struct signature_ask *a, const char *name, const char *prefix,
    int encoding, struct refusal *r)
{
	const char *text = signature_need(a, name, r);
	size_t skip = strlen(prefix);

	if (text == NULL)
		return -1;
	if (strncmp(text, prefix, skip) == 0
	    && signature_add_mac(s, encoding, text + skip, strlen(text + skip)) == 0)
		return 0;
	return refuse(r, P_SIGNATURE_MALFORMED, "%s must be %s%s%s%s.", name, skip > 0 ? "\"" : "", prefix,
	    skip > 0 ? "\" and " : "", encoding == ENCODING_HEX ? "64 hex digits" : "32 bytes in base64");
}

static int read_github(struct signature *s, const struct signature_ask *a, struct refusal *r)
{
	if (read_one(s, a, "X-Hub-Signature-256", "sha256=", ENCODING_HEX, r) != 0)
		return -1;
	return read_delivery(s, a, "X-GitHub-Delivery", "Idempotency-Key", r);
}

static int read_shopify(struct signature *s, const struct signature_ask *a, struct refusal *r)
{
	if (read_one(s, a, "X-Shopify-Hmac-Sha256", "", ENCODING_BASE64, r) != 0)
		return -1;
	return read_delivery(s, a, "X-Shopify-Webhook-Id", NULL, r);
}

static int read_generic(struct signature *s, const struct signature_ask *a, struct refusal *r)
{
	if (read_one(s, a, a->src->signature_header, a->src->signature_prefix, a->src->signature_encoding, r) != 0)
		return -1;
	return read_delivery(s, a, "Idempotency-Key", NULL, r);
}

/* One "name=value" of Stripe-Signature. Names that are not known are for other verifiers. */
static int stripe_item(struct signature *s, const char *item, size_t n, struct refusal *r)
{
	if (n > 2 && memcmp(item, "t=", 2) == 0) {
		if (s->before[0].text != NULL)
			return refuse(r, P_SIGNATURE_MALFORMED, "Stripe-Signature has two timestamps.");
		s->before[0].text = item + 2;
		s->before[0].len = n - 2;
	}
	if (n > 3 && memcmp(item, "v1=", 3) == 0 && signature_add_mac(s, ENCODING_HEX, item + 3, n - 3) != 0)
		return refuse(r, P_SIGNATURE_MALFORMED,
		    "Stripe-Signature: behind \"v1=\" 64 hex digits are expected, %d times at the most.",
		    SIGNATURES_MAX);
	return 0;
}

static int read_stripe(struct signature *s, const struct signature_ask *a, struct refusal *r)
{
	const char *text = signature_need(a, "Stripe-Signature", r);

	if (text == NULL)
		return -1;
	for (const char *p = text; *(p += strspn(p, ", ")) != '\0';) {
		size_t n = strcspn(p, ", ");

		if (stripe_item(s, p, n, r) != 0)
			return -1;
		p += n;
	}
	if (s->before[0].text == NULL || s->macs == 0)
		return refuse(r, P_SIGNATURE_MALFORMED, "Stripe-Signature must be \"t=<timestamp>,v1=<hex>\".");
	if (signature_timestamp(a, "Stripe-Signature's t", s->before[0].text, s->before[0].len, r) != 0)
		return -1;
	return read_delivery(s, a, NULL, NULL, r);
}

const struct signature_scheme sig_stripe = { "Stripe-Signature", read_stripe };
const struct signature_scheme sig_github = { "X-Hub-Signature-256", read_github };
const struct signature_scheme sig_shopify = { "X-Shopify-Hmac-Sha256", read_shopify };
const struct signature_scheme sig_generic = { NULL, read_generic };
