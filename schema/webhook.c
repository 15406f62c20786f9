/* webhook - see webhook.h. */
#include "schema/webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/settings.h"

struct hmac *secret_hmac(const char *secret, struct err *e)
{
	size_t room = strlen(secret) + 1;
	unsigned char *key = malloc(room);
	struct hmac *h = NULL;
	long n;

	if (key == NULL) {
		err_set(e, ERR_SYSTEM, 0, "out of memory");
		return NULL;
	}
	if ((n = settings_secret_key(secret, key)) <= 0)
		err_set(e, ERR_INPUT, 0, "the secret is empty, or no base64 behind \"whsec_\"");
	else
		h = hmac_new(key, (size_t)n, e);
	secret_wipe(key, room);
	free(key);
	return h;
}

struct hmac *webhook_begin(const char *secret, const char *id, long long unix_s, struct err *e)
{
	struct hmac *h = secret_hmac(secret, e);
	char stamp[32];
	int n = snprintf(stamp, sizeof(stamp), ".%lld.", unix_s);

	if (h != NULL) {
		hmac_add(h, id, strlen(id));
		hmac_add(h, stamp, (size_t)n);
	}
	return h;
}

void webhook_end(struct hmac **h, char out[WEBHOOK_SIGNATURE_MAX])
{
	unsigned char tag[SHA256_BYTES];

	hmac_end(*h, tag);
	hmac_free(h);
	memcpy(out, "v1,", 3);
	base64_encode(out + 3, tag, sizeof(tag));
}
