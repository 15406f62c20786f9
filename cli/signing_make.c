/* signing_make - the headers of each scheme; see signing.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/signing.h"
#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/ed25519.h"
#include "schema/webhook.h"

#define PIECE (256u << 10)
#define PRIVATE "whsk_"

int signing_read(FILE *f, void (*add)(void *ctx, const void *bytes, size_t n), void *ctx, uint64_t *bytes,
    struct err *e)
{
	char *piece = malloc(PIECE);
	size_t n;

	if (piece == NULL)
		return err_set(e, ERR_SYSTEM, 0, "out of memory");
	*bytes = 0;
	rewind(f);
	while ((n = fread(piece, 1, PIECE, f)) > 0) {
		add(ctx, piece, n);
		*bytes += n;
	}
	free(piece);
	if (ferror(f))
		return err_errno(e, "reading the document");
	rewind(f);
	return 0;
}

void signing_put(struct signing_headers *h, const char *name, const char *value)
{
	int i = 0;

	while (h->lines[i] != NULL)
		i++;
	snprintf(h->text[i], sizeof(h->text[i]), "%s: %s", name, value);
	h->lines[i] = h->text[i];
	h->lines[i + 1] = NULL;
}

int signing_seed(const char *secret, unsigned char seed[32], struct err *e)
{
	unsigned char key[66];
	size_t n = strlen(secret);
	long len;

	if (strncmp(secret, PRIVATE, strlen(PRIVATE)) != 0)
		return 1;
	/* The seed alone, or with the public key behind it. */
	len = n - strlen(PRIVATE) > 88 ? -1 : base64_decode(key, secret + strlen(PRIVATE), n - strlen(PRIVATE));
	if (len == 32 || len == 64)
		memcpy(seed, key, 32);
	secret_wipe(key, sizeof(key));
	return len == 32 || len == 64 ? 0
	    : err_set(e, ERR_INPUT, 0, "behind \"" PRIVATE "\" 32 or 64 bytes in base64 are expected");
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

/*
 * Ed25519 reads its message twice, as a whole: the document is mapped, right behind what is signed ahead of it.
 */
static int sign_mapped(const unsigned char seed[32], const char *ahead, FILE *f, unsigned char signature[64],
    uint64_t *bytes, struct err *e)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = strlen(ahead), size, all;
	off_t end;
	char *at;
	int rc;

	if (fseeko(f, 0, SEEK_END) != 0 || (end = ftello(f)) < 0)
		return err_errno(e, "reading the document");
	rewind(f);
	size = (size_t)end;
	all = page + size;
	*bytes = (uint64_t)size;
	if ((at = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) == MAP_FAILED)
		return err_errno(e, "mapping the document");
	if (size > 0 && mmap(at + page, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fileno(f), 0) == MAP_FAILED) {
		munmap(at, all);
		return err_errno(e, "mapping the document");
	}
	memcpy(at + page - n, ahead, n);
	rc = ed25519_sign(seed, at + page - n, n + size, signature, e);
	munmap(at, all);
	return rc;
}

static int make_v1a(const struct signing *s, const unsigned char seed[32], FILE *f, struct signing_headers *out,
    uint64_t *bytes, struct err *e)
{
	unsigned char signature[ED25519_BYTES];
	char ahead[SIGNING_ID_MAX + 32], text[100] = "v1a,";

	snprintf(ahead, sizeof(ahead), "%s.%lld.", s->id, s->timestamp);
	if (sign_mapped(seed, ahead, f, signature, bytes, e) != 0)
		return -1;
	base64_encode(text + strlen(text), signature, sizeof(signature));
	signing_put(out, "webhook-signature", text);
	return 0;
}

static void add_mac(void *ctx, const void *bytes, size_t n)
{
	hmac_add(ctx, bytes, n);
}

/* The HMAC of ahead and the document, behind prefix. */
static int make_mac(const struct signing *s, const char *ahead, bool base64, const char *prefix, FILE *f,
    char *text, size_t room, uint64_t *bytes, struct err *e)
{
	struct hmac *h = secret_hmac(s->secret, e);
	unsigned char mac[SHA256_BYTES];
	char tag[SHA256_HEX + 1];
	int rc;

	if (h == NULL)
		return -1;
	hmac_add(h, ahead, strlen(ahead));
	if ((rc = signing_read(f, add_mac, h, bytes, e)) == 0) {
		hmac_end(h, mac);
		if (base64)
			base64_encode(tag, mac, sizeof(mac));
		else
			hex_encode(tag, mac, sizeof(mac));
		snprintf(text, room, "%s%s", prefix, tag);
	}
	hmac_free(&h);
	return rc;
}

/* The schemes of one header, and where each has its delivery id. */
static int make_simple(const struct signing *s, FILE *f, struct signing_headers *out, uint64_t *bytes, struct err *e)
{
	const struct {
		const char *header, *prefix, *id;
		bool base64, stamped;
	} forms[SCHEME_COUNT] = {
		[SCHEME_STANDARD_WEBHOOKS] = { "webhook-signature", "v1,", NULL, true, true },
		[SCHEME_STRIPE] = { "stripe-signature", "", NULL, false, true },
		[SCHEME_GITHUB] = { "x-hub-signature-256", "sha256=", "x-github-delivery", false, false },
		[SCHEME_SHOPIFY] = { "x-shopify-hmac-sha256", "", "x-shopify-webhook-id", true, false },
		[SCHEME_GENERIC] = { s->header, s->prefix, "idempotency-key", s->base64, false },
	}, *form = &forms[s->scheme];
	char ahead[SIGNING_ID_MAX + 32] = "", prefix[64], text[SIGNING_ID_MAX + 100];

	if (s->scheme == SCHEME_STANDARD_WEBHOOKS)
		snprintf(ahead, sizeof(ahead), "%s.%lld.", s->id, s->timestamp);
	else if (form->stamped)
		snprintf(ahead, sizeof(ahead), "%lld.", s->timestamp);
	snprintf(prefix, sizeof(prefix), "t=%lld,v1=", s->timestamp);
	if (make_mac(s, ahead, form->base64, s->scheme == SCHEME_STRIPE ? prefix : form->prefix, f, text,
	    sizeof(text), bytes, e) != 0)
		return -1;
	signing_put(out, form->header, text);
	if (form->id != NULL)
		signing_put(out, form->id, s->id);
	return 0;
}

static int make_standard(const struct signing *s, FILE *f, struct signing_headers *out, uint64_t *bytes,
    struct err *e)
{
	unsigned char seed[ED25519_KEY_BYTES];
	char stamp[24];
	int rc = signing_seed(s->secret, seed, e);

	snprintf(stamp, sizeof(stamp), "%lld", s->timestamp);
	signing_put(out, "webhook-id", s->id);
	signing_put(out, "webhook-timestamp", stamp);
	if (rc == 1)
		return make_simple(s, f, out, bytes, e);
	if (rc == 0)
		rc = make_v1a(s, seed, f, out, bytes, e);
	secret_wipe(seed, sizeof(seed));
	return rc;
}

int signing_make(struct signing *s, FILE *f, struct signing_headers *out, uint64_t *bytes, struct err *e)
{
	make_id(s);
	if (s->timestamp == 0)
		s->timestamp = (long long)(clock_unix_ms() / 1000);
	out->lines[0] = NULL;
	if (s->scheme == SCHEME_RFC9421)
		return signing_rfc9421(s, f, out, bytes, e);
	if (s->scheme == SCHEME_STANDARD_WEBHOOKS)
		return make_standard(s, f, out, bytes, e);
	if (strncmp(s->secret, PRIVATE, strlen(PRIVATE)) == 0)
		return err_set(e, ERR_INPUT, 0, "this scheme needs a shared secret, not a private key");
	return make_simple(s, f, out, bytes, e);
}
