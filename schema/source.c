/* source - the secrets of one source; see settings.h. */
#include <stddef.h>
#include <string.h>

#include "lib/crypto.h"
#include "schema/settings.h"

#define PUBLIC "whpk_"

struct source_secret source_secret(const struct source *src, int i)
{
	switch (i) {
#define SECRET_OF(name) (struct source_secret){ src->name, src->name##_id, src->name##_not_before, \
	src->name##_not_after }
	case 0:
		return SECRET_OF(secret);
	case 1:
		return SECRET_OF(secret_2);
	case 2:
		return SECRET_OF(secret_3);
	default:
		return SECRET_OF(secret_4);
#undef SECRET_OF
	}
}

bool source_secret_live(const struct source_secret *k, int64_t unix_s)
{
	return *k->text != '\0' && unix_s >= k->not_before && (k->not_after == 0 || unix_s < k->not_after);
}

const char *source_callback_secret(const struct source *src, int64_t unix_s)
{
	const char *late = "";

	if (*src->callback_secret != '\0')
		return src->callback_secret;
	for (int i = 0; i < SOURCE_SECRETS; i++) {
		const struct source_secret k = source_secret(src, i);

		if (*k.text == '\0' || settings_secret_is_public(k.text))
			continue;
		if (source_secret_live(&k, unix_s))
			return k.text;
		if (*late == '\0')
			late = k.text;
	}
	return late;
}

long settings_secret_key(const char *secret, unsigned char *out)
{
	size_t n = strlen(secret);

	if (strncmp(secret, "whsec_", 6) == 0)
		return base64_decode(out, secret + 6, n - 6);
	memcpy(out, secret, n);
	return (long)n;
}

bool settings_secret_is_public(const char *secret)
{
	return strncmp(secret, PUBLIC, strlen(PUBLIC)) == 0;
}

int settings_public_key(const char *secret, unsigned char key[32])
{
	const char *text = secret + strlen(PUBLIC);

	if (!settings_secret_is_public(secret) || strlen(text) != 44 || text[42] == '=')
		return -1;
	return base64_decode(key, text, 44) == 32 ? 0 : -1;
}
