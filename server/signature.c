/* signature - see signature.h. */
#include "server/signature.h"

#include <stdlib.h>
#include <string.h>

#include "schema/settings.h"
#include "schema/wire.h"

#define BASE64_SHA256 44	/* characters of 32 bytes in base64 */

/* Visible ASCII alone: the id becomes part of a key and of log lines. */
static int read_delivery(struct signature *s, const char *name, const char *id, struct refusal *r)
{
	size_t n = strlen(id);

	if (n == 0 || n > DELIVERY_ID_MAX)
		return refuse(r, P_DELIVERY_ID, "%s must have 1 to %d characters.", name, DELIVERY_ID_MAX);
	for (size_t i = 0; i < n; i++)
		if (id[i] < 0x21 || id[i] > 0x7e)
			return refuse(r, P_DELIVERY_ID, "%s must consist of visible ASCII characters.", name);
	s->delivery = id;
	return 0;
}

static int read_timestamp(struct signature *s, const char *text, uint64_t now_ms, unsigned tolerance_s,
    struct refusal *r)
{
	size_t n = strspn(text, "0123456789");
	unsigned long long then, now = now_ms / 1000;

	if (n == 0 || n > 12 || text[n] != '\0')
		return refuse(r, P_SIGNATURE_MALFORMED, "webhook-timestamp must be seconds since 1970.");
	then = strtoull(text, NULL, 10);
	if ((then > now ? then - now : now - then) > tolerance_s)
		return refuse(r, P_TIMESTAMP_STALE,
		    "webhook-timestamp is %llu s %s this server's clock; the window is %u s either way.",
		    then > now ? then - now : now - then, then > now ? "ahead of" : "behind", tolerance_s);
	s->timestamp = text;
	return 0;
}

/* "v1,<base64>" items between spaces. Items of other versions are for other verifiers. */
static int read_list(struct signature *s, const char *text, struct refusal *r)
{
	for (const char *p = text; *(p += strspn(p, " ")) != '\0';) {
		size_t n = strcspn(p, " ");
		unsigned char mac[BASE64_SHA256 / 4 * 3];

		if (n > 3 && memcmp(p, "v1,", 3) == 0) {
			if (n != 3 + BASE64_SHA256
			    || base64_decode(mac, p + 3, BASE64_SHA256) != SHA256_BYTES)
				return refuse(r, P_SIGNATURE_MALFORMED,
				    "webhook-signature: behind \"v1,\" 32 bytes in base64 are expected.");
			if (s->count == SIGNATURES_MAX)
				return refuse(r, P_SIGNATURE_MALFORMED,
				    "webhook-signature has more than %d signatures.", SIGNATURES_MAX);
			memcpy(s->mac[s->count++], mac, SHA256_BYTES);
		}
		p += n;
	}
	if (s->count == 0)
		return refuse(r, P_SIGNATURE_MALFORMED, "webhook-signature has no \"v1,<base64>\" item.");
	return 0;
}

static const char *must_have(header_fn header, void *ctx, const char *name, struct refusal *r)
{
	const char *value = header(ctx, name);

	if (value == NULL)
		refuse(r, P_SIGNATURE_MISSING, "The %s header is missing.", name);
	return value;
}

static int read_standard_webhooks(struct signature *s, header_fn header, void *ctx, uint64_t now_ms,
    unsigned tolerance_s, struct refusal *r)
{
	const char *id, *timestamp, *list;

	if ((id = must_have(header, ctx, "webhook-id", r)) == NULL
	    || (timestamp = must_have(header, ctx, "webhook-timestamp", r)) == NULL
	    || (list = must_have(header, ctx, "webhook-signature", r)) == NULL)
		return -1;
	if (read_delivery(s, "webhook-id", id, r) != 0 || read_list(s, list, r) != 0)
		return -1;
	s->id = id;
	return read_timestamp(s, timestamp, now_ms, tolerance_s, r);
}

static int read_github(struct signature *s, header_fn header, void *ctx, struct refusal *r)
{
	const char *text, *id;

	if ((text = must_have(header, ctx, "X-Hub-Signature-256", r)) == NULL)
		return -1;
	if (strlen(text) != 7 + SHA256_HEX || strncmp(text, "sha256=", 7) != 0
	    || !hex_decode(s->mac[0], text + 7, SHA256_BYTES))
		return refuse(r, P_SIGNATURE_MALFORMED,
		    "X-Hub-Signature-256 must be \"sha256=\" and 64 hex digits.");
	s->count = 1;
	if ((id = header(ctx, "X-GitHub-Delivery")) != NULL)
		return read_delivery(s, "X-GitHub-Delivery", id, r);
	if ((id = header(ctx, "Idempotency-Key")) != NULL)
		return read_delivery(s, "Idempotency-Key", id, r);
	return 0;
}

int signature_read(struct signature *s, int scheme, header_fn header, void *ctx, uint64_t now_ms,
    unsigned tolerance_s, struct refusal *r)
{
	memset(s, 0, sizeof(*s));
	if (scheme == SCHEME_GITHUB)
		return read_github(s, header, ctx, r);
	return read_standard_webhooks(s, header, ctx, now_ms, tolerance_s, r);
}

void signature_begin(const struct signature *s, struct hmac *h)
{
	if (s->id == NULL)
		return;
	hmac_add(h, s->id, strlen(s->id));
	hmac_add(h, ".", 1);
	hmac_add(h, s->timestamp, strlen(s->timestamp));
	hmac_add(h, ".", 1);
}

bool signature_matches(const struct signature *s, const unsigned char mac[SHA256_BYTES])
{
	bool found = false;

	for (size_t i = 0; i < s->count; i++)
		found |= bytes_equal_ct(s->mac[i], mac, SHA256_BYTES);
	return found;
}
