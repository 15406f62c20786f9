/* sig_standard - Standard Webhooks: HMAC-SHA256 ("v1") and Ed25519 ("v1a") over id, timestamp and body. */
#include <string.h>

#include "server/signature_scheme.h"

#define BASE64_ED25519 88	/* characters of 64 bytes in base64 */

static int add_ed25519(struct signature *s, const char *text, size_t n, struct refusal *r)
{
	unsigned char bytes[BASE64_ED25519 / 4 * 3];

	if (n != BASE64_ED25519 || base64_decode(bytes, text, n) != ED25519_BYTES)
		return refuse(r, P_SIGNATURE_MALFORMED,
		    "webhook-signature: behind \"v1a,\" 64 bytes in base64 are expected.");
	if (s->ed25519s == ED25519_MAX)
		return refuse(r, P_SIGNATURE_MALFORMED, "webhook-signature has more than %d \"v1a\" items.",
		    ED25519_MAX);
	memcpy(s->ed25519[s->ed25519s++], bytes, ED25519_BYTES);
	return 0;
}

static int add_mac(struct signature *s, const char *text, size_t n, struct refusal *r)
{
	if (s->macs == SIGNATURES_MAX)
		return refuse(r, P_SIGNATURE_MALFORMED, "webhook-signature has more than %d \"v1\" items.",
		    SIGNATURES_MAX);
	if (signature_add_mac(s, ENCODING_BASE64, text, n) != 0)
		return refuse(r, P_SIGNATURE_MALFORMED,
		    "webhook-signature: behind \"v1,\" 32 bytes in base64 are expected.");
	return 0;
}

/* "v1,<base64>" and "v1a,<base64>" between spaces. Items of other versions are for other verifiers. */
static int read_list(struct signature *s, const char *text, bool wants_ed25519, struct refusal *r)
{
	for (const char *p = text; *(p += strspn(p, " ")) != '\0';) {
		size_t n = strcspn(p, " ");

		if (n > 3 && memcmp(p, "v1,", 3) == 0 && add_mac(s, p + 3, n - 3, r) != 0)
			return -1;
		if (wants_ed25519 && n > 4 && memcmp(p, "v1a,", 4) == 0 && add_ed25519(s, p + 4, n - 4, r) != 0)
			return -1;
		p += n;
	}
	if (s->macs + s->ed25519s == 0)
		return refuse(r, P_SIGNATURE_MALFORMED, "webhook-signature has no \"v1,<base64>\" item%s.",
		    wants_ed25519 ? " and no \"v1a,<base64>\" item" : "");
	return 0;
}

static bool has_ed25519(const struct keyring *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->keys[i].hmac == NULL)
			return true;
	return false;
}

static int read_standard(struct signature *s, const struct signature_ask *a, struct refusal *r)
{
	const char *id, *timestamp, *list;

	if ((id = signature_need(a, "webhook-id", r)) == NULL
	    || (timestamp = signature_need(a, "webhook-timestamp", r)) == NULL
	    || (list = signature_need(a, "webhook-signature", r)) == NULL)
		return -1;
	if (signature_delivery(s, "webhook-id", id, r) != 0 || read_list(s, list, has_ed25519(a->keys), r) != 0)
		return -1;
	s->before[0].text = id;
	s->before[0].len = strlen(id);
	s->before[1].text = timestamp;
	s->before[1].len = strlen(timestamp);
	return signature_timestamp(a, "webhook-timestamp", timestamp, strlen(timestamp), r);
}

const struct signature_scheme sig_standard = { "webhook-signature", read_standard };
