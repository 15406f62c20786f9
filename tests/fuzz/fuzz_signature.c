/*
 * The headers that a request is judged by: any text is taken or refused, and a refusal says why.
 *
 * The input is: a byte that chooses the source, then up to four header values, each ended by a newline.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/settings.h"
#include "server/body_check.h"
#include "server/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VALUES 4
#define SOURCES 7
#define PUBLIC "whpk_JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="

static const char conf[] =
    "[source a]\nsecret = s\n"
    "[source b]\nsecret = s\nscheme = github\n"
    "[source c]\nsecret = " PUBLIC "\nsecret_2 = s\nsecret_2_id = k\n"
    "[source d]\nsecret = s\nscheme = stripe\n"
    "[source e]\nsecret = s\nscheme = shopify\n"
    "[source f]\nsecret = s\nscheme = generic\nsignature_prefix = h=\n"
    "[source g]\nsecret = s\nsecret_2 = " PUBLIC "\nscheme = rfc9421\n";

static const char *const names[SOURCES][VALUES] = {
	{ "webhook-id", "webhook-timestamp", "webhook-signature", "-" },
	{ "X-Hub-Signature-256", "X-GitHub-Delivery", "Idempotency-Key", "-" },
	{ "webhook-id", "webhook-timestamp", "webhook-signature", "-" },
	{ "Stripe-Signature", "-", "-", "-" },
	{ "X-Shopify-Hmac-Sha256", "X-Shopify-Webhook-Id", "-", "-" },
	{ "X-Signature", "Idempotency-Key", "-", "-" },
	{ "Signature-Input", "Signature", "Content-Digest", "Idempotency-Key" },
};

static struct settings *settings;
static struct keyring keys[SOURCES];
static struct body_key *naming;

struct headers {
	const char *const *names;
	char *values[VALUES];
};

static const char *header(void *ctx, const char *name)
{
	struct headers *h = ctx;

	for (int i = 0; i < VALUES; i++)
		if (strcasecmp(h->names[i], name) == 0)
			return h->values[i];
	return strcasecmp(name, "host") == 0 ? "x" : strcasecmp(name, "content-type") == 0 ? "text/plain" : NULL;
}

static void set_up(void)
{
	struct err e = ERR_INIT;

	if (settings != NULL)
		return;
	if ((settings = settings_parse(conf, sizeof(conf) - 1, &e)) == NULL || settings->source_count != SOURCES)
		abort();
	for (int i = 0; i < SOURCES; i++)
		if (keyring_init(&keys[i], &settings->sources[i], &e) != 0)
			abort();
	if ((naming = body_key_new(NULL)) == NULL)
		abort();
}

static void check(const struct signature *s, const struct keyring *k, int rc, const struct refusal *why)
{
	struct refusal none = { .problem = P_NONE };
	char name[BODY_NAME + 1];
	struct body_check *c;

	if ((rc == 0) != (why->problem == P_NONE) || (rc != 0 && why->detail[0] == '\0'))
		abort();
	if (rc != 0)
		return;
	if (strlen(s->delivery) > DELIVERY_ID_MAX || strcspn(s->delivery, " \r\n\t") != strlen(s->delivery))
		abort();
	if (s->macs > SIGNATURES_MAX || s->ed25519s > ED25519_MAX
	    || (!s->verified && s->macs + s->ed25519s == 0) || (c = body_check_new(s, k, naming, 0)) == NULL)
		abort();
	body_check_add(c, "body", 4);
	if (body_check_end(c, name, &none) == 0 || none.problem == P_NONE)
		abort();	/* nobody guesses a signature */
	body_check_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "application/geo+json", "application/geo+json-seq" };
	struct refusal why = { .problem = P_NONE };
	struct headers h = { .names = NULL };
	struct signature_request q = {
		.header = header, .ctx = &h, .method = "POST", .path = "/", .query = "",
		.now_ms = UINT64_C(1700000000000), .tolerance_s = 300,
	};
	struct signature s;
	char *text;
	int which, rc, n = 0;

	set_up();
	if (size < 1 || (text = malloc(size)) == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	which = (data[0] + 1) % SOURCES;	/* "0" is the first */
	h.names = names[which];
	for (char *p = text, *end; n < VALUES && (end = strchr(p, '\n')) != NULL; p = end + 1) {
		*end = '\0';
		h.values[n++] = p;
	}
	rc = signature_read(&s, &settings->sources[which], &keys[which], &q, &why);
	check(&s, &keys[which], rc, &why);
	rc = accept_choose(h.values[0], types, 2);
	if (rc < -1 || rc > 1)
		abort();
	free(text);
	return 0;
}
