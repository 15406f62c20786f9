/* digest - see digest.h. */
#include "server/digest.h"

#include <string.h>

#include "server/structured_field.h"

static int find(const char *dictionary, const char *name, unsigned char *out, size_t n, bool *found)
{
	const struct sf_text key = { name, strlen(name) };
	long len = sf_find_bytes(dictionary, &key, out, n);

	*found = len == (long)n;
	return len == -1 ? -1 : 0;
}

int digest_read(struct digest *d, const char *content_digest, struct refusal *r)
{
	memset(d, 0, sizeof(*d));
	if (find(content_digest, "sha-256", d->want256, SHA256_BYTES, &d->sha256) != 0
	    || find(content_digest, "sha-512", d->want512, SHA512_BYTES, &d->sha512) != 0)
		return refuse(r, P_DIGEST_MALFORMED, "Content-Digest is no dictionary of RFC 8941.");
	if (!d->sha256 && !d->sha512)
		return refuse(r, P_DIGEST_MALFORMED,
		    "Content-Digest must have sha-256 with 32 bytes or sha-512 with 64 bytes.");
	return 0;
}
