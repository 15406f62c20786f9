/*
 * signing_rfc9421 - HTTP Message Signatures (RFC 9421) with a Content-Digest (RFC 9530); see signing.h.
 *
 * In:  the URL, the media type, the document. Out: four headers. What is signed is what the server asks for.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "cli/signing.h"
#include "lib/buf.h"
#include "lib/crypto.h"
#include "lib/ed25519.h"
#include "schema/webhook.h"

#define BASE_MAX_BYTES 16384

static void add_hash(void *ctx, const void *bytes, size_t n)
{
	sha256_add(ctx, bytes, n);
}

static int make_digest(FILE *f, char text[80], uint64_t *bytes, struct err *e)
{
	struct sha256 *s = sha256_new(e);
	unsigned char hash[SHA256_BYTES];
	char base64[48];
	int rc;

	if (s == NULL)
		return -1;
	if ((rc = signing_read(f, add_hash, s, bytes, e)) == 0) {
		sha256_end(s, hash);
		base64_encode(base64, hash, sizeof(hash));
		snprintf(text, 80, "sha-256=:%s:", base64);
	}
	sha256_free(&s);
	return rc;
}

/* Sections 2.2.3, 2.2.6 and 2.2.7 of RFC 9421: authority in lower case without the scheme's own port, path, query. */
static int split_url(const char *url, char authority[300], const char **path, size_t *path_len, const char **query,
    struct err *e)
{
	const char *host = strstr(url, "://"), *port;
	size_t n;

	if (host == NULL)
		return err_set(e, ERR_INPUT, 0, "%.100s: expected http://… or https://…", url);
	host += 3;
	n = strcspn(host, "/?#");
	if (n == 0 || n >= 300 || memchr(host, '@', n) != NULL)
		return err_set(e, ERR_INPUT, 0, "this URL cannot be signed");
	*path = host[n] == '/' ? host + n : "/";
	*path_len = strcspn(*path, "?#");
	*query = (*path)[*path_len] == '?' ? *path + *path_len : "";
	for (size_t i = 0; i < n; i++)
		authority[i] = (char)tolower((unsigned char)host[i]);
	authority[n] = '\0';
	port = strncmp(url, "https", 5) == 0 ? ":443" : ":80";
	if (n > strlen(port) && strcmp(authority + n - strlen(port), port) == 0)
		authority[n - strlen(port)] = '\0';
	return 0;
}

/* The list of what is signed, and the base up to its last line. */
static int write_base(const struct signing *s, const char *digest, uint64_t bytes, struct buf *list, struct buf *base,
    struct err *e)
{
	char authority[300], length[24];
	const char *path = "/", *query = "";
	size_t path_len = 1;

	if (split_url(s->url, authority, &path, &path_len, &query, e) != 0)
		return -1;
	snprintf(length, sizeof(length), "%" PRIu64, bytes);
	buf_printf(base, "\"@method\": POST\n\"@authority\": %s\n\"@path\": %.*s\n", authority, (int)path_len, path);
	buf_puts(list, "(\"@method\" \"@authority\" \"@path\"");
	if (*query != '\0') {
		buf_printf(base, "\"@query\": %.*s\n", (int)strcspn(query, "#"), query);
		buf_puts(list, " \"@query\"");
	}
	buf_printf(base, "\"content-type\": %s\n\"content-length\": %s\n\"content-digest\": %s\n"
	    "\"idempotency-key\": %s\n", s->type, length, digest, s->id);
	buf_puts(list, " \"content-type\" \"content-length\" \"content-digest\" \"idempotency-key\"");
	if (s->encoding != NULL) {
		buf_printf(base, "\"content-encoding\": %s\n", s->encoding);
		buf_puts(list, " \"content-encoding\"");
	}
	if (s->crs != NULL) {
		buf_printf(base, "\"content-crs\": %s\n", s->crs);
		buf_puts(list, " \"content-crs\"");
	}
	buf_printf(list, ");created=%lld", s->timestamp);
	if (s->key_id != NULL)
		buf_printf(list, ";keyid=\"%s\"", s->key_id);
	return 0;
}

static int sign_base(const struct signing *s, struct buf *list, struct buf *base, char text[100], struct err *e)
{
	unsigned char seed[ED25519_KEY_BYTES], tag[ED25519_BYTES];
	int rc = signing_seed(s->secret, seed, e);
	struct hmac *h;

	if (rc < 0)
		return -1;
	buf_puts(list, rc == 0 ? ";alg=\"ed25519\"" : ";alg=\"hmac-sha256\"");
	buf_puts(base, "\"@signature-params\": ");
	buf_append(base, list->data, list->len);
	if (base->failed || list->failed)
		return err_set(e, ERR_INPUT, 0, "what is to be signed is too long");
	if (rc == 0) {
		rc = ed25519_sign(seed, base->data, base->len, tag, e);
		secret_wipe(seed, sizeof(seed));
		base64_encode(text, tag, ED25519_BYTES);
		return rc;
	}
	if ((h = secret_hmac(s->secret, e)) == NULL)
		return -1;
	hmac_add(h, base->data, base->len);
	hmac_end(h, tag);
	hmac_free(&h);
	base64_encode(text, tag, SHA256_BYTES);
	return 0;
}

int signing_rfc9421(const struct signing *s, FILE *f, struct signing_headers *out, uint64_t *bytes, struct err *e)
{
	char digest[80], tag[100], line[SIGNING_LINE_MAX];
	struct buf list, base;
	int rc = -1;

	if (s->url == NULL || s->type == NULL)
		return err_set(e, ERR_INPUT, 0, "rfc9421 signs the URL too: give --url and --source");
	buf_init(&list, SIGNING_LINE_MAX - 64);
	buf_init(&base, BASE_MAX_BYTES);
	if (make_digest(f, digest, bytes, e) == 0 && write_base(s, digest, *bytes, &list, &base, e) == 0
	    && sign_base(s, &list, &base, tag, e) == 0) {
		signing_put(out, "content-digest", digest);
		signing_put(out, "idempotency-key", s->id);
		snprintf(line, sizeof(line), "sig1=%s", buf_cstr(&list));
		signing_put(out, "signature-input", line);
		snprintf(line, sizeof(line), "sig1=:%s:", tag);
		signing_put(out, "signature", line);
		rc = 0;
	}
	buf_clear(&list);
	buf_clear(&base);
	return rc;
}
