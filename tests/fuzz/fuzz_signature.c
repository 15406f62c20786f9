/*
 * The headers that a request is judged by: any text is taken or refused, and a refusal says why.
 *
 * The input is: a byte that chooses the scheme, then up to three header values, each ended by a newline.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/settings.h"
#include "schema/wire.h"
#include "server/query.h"
#include "server/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[2][3] = {
	{ "webhook-id", "webhook-timestamp", "webhook-signature" },
	{ "X-Hub-Signature-256", "X-GitHub-Delivery", "Idempotency-Key" },
};

struct headers {
	int scheme;
	char *values[3];
};

static const char *header(void *ctx, const char *name)
{
	struct headers *h = ctx;

	for (int i = 0; i < 3; i++)
		if (strcasecmp(names[h->scheme][i], name) == 0)
			return h->values[i];
	return NULL;
}

static void check(const struct signature *s, int rc, const struct refusal *why)
{
	if ((rc == 0) != (why->problem == P_NONE) || (rc != 0 && why->detail[0] == '\0'))
		abort();
	if (rc != 0)
		return;
	if (s->count < 1 || s->count > SIGNATURES_MAX || !signature_matches(s, s->mac[s->count - 1]))
		abort();
	if (s->delivery != NULL && (*s->delivery == '\0' || strlen(s->delivery) > DELIVERY_ID_MAX
	    || strcspn(s->delivery, " \r\n\t") != strlen(s->delivery)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "application/geo+json", "application/geo+json-seq" };
	struct headers h = { 0, { NULL, NULL, NULL } };
	struct refusal why = { .problem = P_NONE };
	struct signature s;
	char *text;
	int rc, n = 0;

	if (size < 1 || (text = malloc(size)) == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	h.scheme = data[0] & 1;
	for (char *p = text, *end; n < 3 && (end = strchr(p, '\n')) != NULL; p = end + 1) {
		*end = '\0';
		h.values[n++] = p;
	}
	rc = signature_read(&s, h.scheme == 0 ? SCHEME_STANDARD_WEBHOOKS : SCHEME_GITHUB, header, &h,
	    UINT64_C(1700000000000), 300, &why);
	check(&s, rc, &why);
	rc = accept_choose(h.values[0], types, 2);
	if (rc < -1 || rc > 1)
		abort();
	free(text);
	return 0;
}
