/* keyring - see keyring.h. */
#include "server/keyring.h"

#include <string.h>

#include "schema/webhook.h"

static int key_init(struct ring_key *k, const struct source_secret *secret, struct err *e)
{
	k->secret = *secret;
	if (!settings_secret_is_public(secret->text))
		return (k->hmac = secret_hmac(secret->text, e)) != NULL ? 0 : -1;
	if (settings_public_key(secret->text, k->public) != 0)
		return err_set(e, ERR_INPUT, 0, "behind \"whpk_\" 32 bytes in base64 are expected");
	return 0;
}

int keyring_init(struct keyring *k, const struct source *src, struct err *e)
{
	memset(k, 0, sizeof(*k));
	for (int i = 0; i < SOURCE_SECRETS; i++) {
		const struct source_secret secret = source_secret(src, i);

		if (*secret.text == '\0')
			continue;
		if (key_init(&k->keys[k->count], &secret, e) != 0) {
			keyring_clear(k);
			return -1;
		}
		k->count++;
	}
	return 0;
}

void keyring_clear(struct keyring *k)
{
	for (size_t i = 0; i < k->count; i++)
		hmac_free(&k->keys[i].hmac);
	k->count = 0;
}

bool ring_key_live(const struct ring_key *k, uint64_t now_ms)
{
	return source_secret_live(&k->secret, (int64_t)(now_ms / 1000));
}

bool ring_key_named(const struct ring_key *k, const char *id, size_t n)
{
	return *k->secret.id == '\0' || (strlen(k->secret.id) == n && memcmp(k->secret.id, id, n) == 0);
}
