/* signing - see signing.h. */
#include "cli/signing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/crypto.h"
#include "schema/settings.h"
#include "schema/webhook.h"

#define PIECE (256u << 10)
#define SECRET_MAX_BYTES 4096u

static int set_secret(struct signing *s, const char *text, struct err *e)
{
	signing_clear(s);
	if ((s->secret = strdup(text)) == NULL)
		return err_set(e, ERR_SYSTEM, 0, "out of memory");
	return 0;
}

static int secret_from_file(struct signing *s, const char *path, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, SECRET_MAX_BYTES + 2);
	if ((rc = conf_slurp(path, SECRET_MAX_BYTES, &b, e)) == 0) {
		while (b.len > 0 && (b.data[b.len - 1] == '\n' || b.data[b.len - 1] == '\r'))
			b.len--;
		rc = set_secret(s, buf_cstr(&b), e);
	}
	if (b.data != NULL)
		secret_wipe(b.data, b.room);
	buf_clear(&b);
	return rc;
}

int signing_option(struct signing *s, int option, char *value, struct err *e)
{
	int rc;

	switch (option) {
	case 's':
		rc = set_secret(s, value, e);
		memset(value, '*', strlen(value));	/* not for ps to show */
		return rc;
	case 'f':
		return secret_from_file(s, value, e);
	case 'm':
		if (strcmp(value, "standard-webhooks") == 0)
			s->scheme = SCHEME_STANDARD_WEBHOOKS;
		else if (strcmp(value, "github") == 0)
			s->scheme = SCHEME_GITHUB;
		else
			return err_set(e, ERR_INPUT, 0, "--scheme %.40s: expected standard-webhooks or github",
			    value);
		return 0;
	case 'i':
		if (*value == '\0' || strlen(value) > SIGNING_ID_MAX || strpbrk(value, "\r\n") != NULL)
			return err_set(e, ERR_INPUT, 0, "--id: expected 1 to %d characters", SIGNING_ID_MAX);
		strcpy(s->id, value);
		return 0;
	case 't':
		s->timestamp = strtoll(value, NULL, 10);
		if (s->timestamp <= 0)
			return err_set(e, ERR_INPUT, 0, "--timestamp %.40s: expected Unix seconds", value);
		return 0;
	}
	return 1;
}

int signing_ready(struct signing *s, struct err *e)
{
	const char *env = getenv("GEOSLUICE_SECRET");

	if (s->secret == NULL && env != NULL && *env != '\0')
		return set_secret(s, env, e);
	if (s->secret == NULL || *s->secret == '\0')
		return err_set(e, ERR_INPUT, 0,
		    "a secret is needed: --secret, --secret-file or GEOSLUICE_SECRET");
	return 0;
}

void signing_clear(struct signing *s)
{
	if (s->secret != NULL)
		secret_wipe(s->secret, strlen(s->secret));
	free(s->secret);
	s->secret = NULL;
}

static int add_all(struct hmac *h, FILE *f, uint64_t *bytes, struct err *e)
{
	char *piece = malloc(PIECE);
	size_t n;

	if (piece == NULL)
		return err_set(e, ERR_SYSTEM, 0, "out of memory");
	*bytes = 0;
	rewind(f);
	while ((n = fread(piece, 1, PIECE, f)) > 0) {
		hmac_add(h, piece, n);
		*bytes += n;
	}
	free(piece);
	if (ferror(f))
		return err_errno(e, "reading the document");
	rewind(f);
	return 0;
}

static void make_id(struct signing *s)
{
	unsigned char random[12];
	char hex[2 * sizeof(random) + 1];

	if (*s->id != '\0')
		return;
	random_bytes(random, sizeof(random));
	hex_encode(hex, random, sizeof(random));
	snprintf(s->id, sizeof(s->id), "msg_%s", hex);
}

static void put(struct signing_headers *h, int i, const char *name, const char *value)
{
	snprintf(h->text[i], sizeof(h->text[i]), "%s: %s", name, value);
	h->lines[i] = h->text[i];
	h->lines[i + 1] = NULL;
}

int signing_make(struct signing *s, FILE *f, struct signing_headers *out, uint64_t *bytes, struct err *e)
{
	unsigned char tag[SHA256_BYTES];
	char text[80] = "sha256=", stamp[24];
	struct hmac *h;

	make_id(s);
	if (s->timestamp == 0)
		s->timestamp = (long long)(clock_unix_ms() / 1000);
	h = s->scheme == SCHEME_GITHUB ? secret_hmac(s->secret, e) :
	    webhook_begin(s->secret, s->id, s->timestamp, e);
	if (h == NULL)
		return -1;
	if (add_all(h, f, bytes, e) != 0) {
		hmac_free(&h);
		return -1;
	}
	if (s->scheme == SCHEME_GITHUB) {
		hmac_end(h, tag);
		hmac_free(&h);
		hex_encode(text + 7, tag, sizeof(tag));
		put(out, 0, "x-hub-signature-256", text);
		put(out, 1, "x-github-delivery", s->id);
		return 0;
	}
	webhook_end(&h, text);
	snprintf(stamp, sizeof(stamp), "%lld", s->timestamp);
	put(out, 0, "webhook-id", s->id);
	put(out, 1, "webhook-timestamp", stamp);
	put(out, 2, "webhook-signature", text);
	return 0;
}

static FILE *spool(struct err *e)
{
	FILE *f = tmpfile();
	char *piece = malloc(PIECE);
	size_t n;

	if (f == NULL || piece == NULL) {
		err_errno(e, "a temporary file");
		goto fail;
	}
	while ((n = fread(piece, 1, PIECE, stdin)) > 0)
		if (fwrite(piece, 1, n, f) != n)
			break;
	if (ferror(stdin) || ferror(f) || fflush(f) != 0) {
		err_errno(e, "copying standard input to a temporary file");
		goto fail;
	}
	free(piece);
	return f;
 fail:
	free(piece);
	if (f != NULL)
		fclose(f);
	return NULL;
}

FILE *signing_open(const char *path, struct err *e)
{
	struct stat st;
	FILE *f;

	if (strcmp(path, "-") == 0)
		return spool(e);
	if ((f = fopen(path, "rbe")) == NULL) {
		err_errno(e, path);
		return NULL;
	}
	if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode)) {
		err_set(e, ERR_INPUT, 0, "%s: not a file that can be read twice; give it as standard input (-)",
		    path);
		fclose(f);
		return NULL;
	}
	return f;
}
