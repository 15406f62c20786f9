/* signing - see signing.h. */
#include "cli/signing.h"
#include "cli/temporary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/crypto.h"

#define PIECE (256u << 10)
#define SECRET_MAX_BYTES 4096u

static int set_secret(struct signing *s, const char *text, struct err *e)
{
	signing_clear(s);
	if ((s->secret = strdup(text)) == NULL)
		return err_set(e, ERR_SYSTEM, 0, "out of memory");
	return 0;
}

/* Any file: "--secret-file <(pass show acme)" is a pipe. */
static int secret_from_file(struct signing *s, const char *path, struct err *e)
{
	char text[SECRET_MAX_BYTES + 2];
	FILE *f = fopen(path, "re");
	size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
	int rc;

	if (f == NULL || ferror(f))
		rc = err_errno(e, path);
	else if (n > SECRET_MAX_BYTES)
		rc = err_set(e, ERR_INPUT, 0, "%.100s: larger than %u bytes", path, SECRET_MAX_BYTES);
	else {
		while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
			n--;
		text[n] = '\0';
		rc = strlen(text) == n ? set_secret(s, text, e)
		    : err_set(e, ERR_INPUT, 0, "%.100s: holds a NUL byte", path);
	}
	if (f != NULL)
		fclose(f);
	secret_wipe(text, sizeof(text));
	return rc;
}

static const char *const schemes[SCHEME_COUNT] = {
	[SCHEME_RFC9421] = "rfc9421", [SCHEME_STANDARD_WEBHOOKS] = "standard-webhooks", [SCHEME_STRIPE] = "stripe",
	[SCHEME_GITHUB] = "github", [SCHEME_SHOPIFY] = "shopify", [SCHEME_GENERIC] = "generic",
};

static int set_scheme(struct signing *s, const char *value, struct err *e)
{
	for (int i = 0; i < SCHEME_COUNT; i++) {
		if (strcmp(value, schemes[i]) == 0) {
			s->scheme = (enum scheme)i;
			return 0;
		}
	}
	return err_set(e, ERR_INPUT, 0, "--scheme %.40s: expected standard-webhooks, rfc9421, stripe, github, "
	    "shopify or generic", value);
}

static bool is_short_line(const char *value)
{
	return strlen(value) <= SIGNING_ID_MAX && strpbrk(value, "\r\n") == NULL;
}

void signing_init(struct signing *s)
{
	memset(s, 0, sizeof(*s));
	s->scheme = SCHEME_STANDARD_WEBHOOKS;
	s->header = "X-Signature";
	s->prefix = "";
}

int signing_option(struct signing *s, int option, char *value, struct err *e)
{
	char *end;
	int rc;

	switch (option) {
	case 's':
		rc = set_secret(s, value, e);
		memset(value, '*', strlen(value));	/* not for ps to show */
		return rc;
	case 'f':
		return secret_from_file(s, value, e);
	case 'm':
		return set_scheme(s, value, e);
	case 'i':
		if (*value == '\0' || !is_short_line(value))
			return err_set(e, ERR_INPUT, 0, "--id: expected 1 to %d characters", SIGNING_ID_MAX);
		strcpy(s->id, value);
		return 0;
	case 'k':
		if (!is_short_line(value) || strpbrk(value, "\"\\") != NULL)
			return err_set(e, ERR_INPUT, 0, "--key-id: it is too long, or holds what it cannot");
		s->key_id = value;
		return 0;
	case 'H':
	case 'P':
		if (!is_short_line(value))
			return err_set(e, ERR_INPUT, 0, "--header or --prefix is too long, or holds what it cannot");
		*(option == 'H' ? &s->header : &s->prefix) = value;
		return 0;
	case 'B':
		s->base64 = true;
		return 0;
	case 't':
		s->timestamp = strtoll(value, &end, 10);
		if (s->timestamp <= 0 || *end != '\0')
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

static FILE *spool(struct err *e)
{
	FILE *f = temporary_file();
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
