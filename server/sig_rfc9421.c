/*
 * sig_rfc9421 - HTTP Message Signatures (RFC 9421) with hmac-sha256 and ed25519, verified before the body.
 *
 * A signature counts if it covers all that decides what becomes of the body: see must_cover. The body itself is
 * covered by its digest, which body_check compares at the last byte.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "server/sig_rfc9421.h"
#include "server/signature_scheme.h"
#include "server/structured_field.h"

#define LABELS_MAX 4		/* signatures of one request that are looked at */
#define COMPONENTS_MAX 32
#define NAME_MAX_BYTES 64
#define BASE_MAX_BYTES 32768
#define SIGNATURE_ROOM ED25519_BYTES

/* One member of Signature-Input. */
struct input {
	struct sf_text label;
	char names[COMPONENTS_MAX][NAME_MAX_BYTES + 1];
	size_t count;
	bool has_created, has_expires, has_keyid, has_alg, has_nonce;
	int64_t created, expires;
	struct sf_item keyid, alg, nonce;
	struct buf params;	/* the list and its parameters as section 2.3 writes them */
};

/* ---- reading ---- */

static int malformed(struct refusal *r, const struct sf_text *label, const char *why)
{
	return refuse(r, P_SIGNATURE_MALFORMED, "Signature-Input %.*s: %s", (int)(label->len < 40 ? label->len : 40),
	    label->text, why);
}

static bool covers(const struct input *in, const char *name)
{
	for (size_t i = 0; i < in->count; i++)
		if (strcmp(in->names[i], name) == 0)
			return true;
	return false;
}

static int add_component(struct input *in, const struct sf_item *item, struct refusal *r)
{
	char *name = in->names[in->count];

	if (item->type != SF_STRING || item->raw.len == 0)
		return malformed(r, &in->label, "a component is no string.");
	if (in->count == COMPONENTS_MAX || item->raw.len > NAME_MAX_BYTES)
		return malformed(r, &in->label, "there are too many components, or one is too long.");
	memcpy(name, item->raw.text, item->raw.len);
	name[item->raw.len] = '\0';
	for (const char *p = name; *p != '\0'; p++)
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && strchr("-_@", *p) == NULL)
			return malformed(r, &in->label, "a component's name is none in lower case.");
	if (covers(in, name))
		return malformed(r, &in->label, "a component is there twice.");
	in->count++;
	return 0;
}

static int read_components(struct input *in, struct sf *f, struct refusal *r)
{
	struct sf_text name;
	struct sf_item item;
	int n;

	if (sf_open(f) != 1)
		return malformed(r, &in->label, "it is no list of components.");
	buf_putc(&in->params, '(');
	while ((n = sf_inner(f, &item)) == 1) {
		if (in->count > 0)
			buf_putc(&in->params, ' ');
		sf_write(&in->params, &item);
		if (add_component(in, &item, r) != 0)
			return -1;
		if (sf_param(f, &name, &item) != 0)
			return malformed(r, &in->label, "components with parameters are not taken.");
	}
	buf_putc(&in->params, ')');
	return n < 0 ? malformed(r, &in->label, "the list cannot be read.") : 0;
}

/* Takes a parameter that has a meaning here. false: it is of the wrong type, or there twice. */
static bool take_param(struct input *in, const struct sf_text *name, const struct sf_item *value)
{
	const struct {
		const char *name;
		enum sf_type type;
		bool *has;
		int64_t *number;
		struct sf_item *item;
	} known[] = {
		{ "created", SF_INTEGER, &in->has_created, &in->created, NULL },
		{ "expires", SF_INTEGER, &in->has_expires, &in->expires, NULL },
		{ "keyid", SF_STRING, &in->has_keyid, NULL, &in->keyid },
		{ "alg", SF_STRING, &in->has_alg, NULL, &in->alg },
		{ "nonce", SF_STRING, &in->has_nonce, NULL, &in->nonce },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!sf_is(name, known[i].name))
			continue;
		if (*known[i].has || value->type != known[i].type)
			return false;
		*known[i].has = true;
		if (known[i].number != NULL)
			*known[i].number = value->number;
		else
			*known[i].item = *value;
		return true;
	}
	return true;
}

static int read_params(struct input *in, struct sf *f, struct refusal *r)
{
	struct sf_text name;
	struct sf_item value;
	int n;

	while ((n = sf_param(f, &name, &value)) == 1) {
		buf_putc(&in->params, ';');
		buf_append(&in->params, name.text, name.len);
		if (value.type != SF_BOOLEAN || value.number == 0) {	/* a true one is written as its name */
			buf_putc(&in->params, '=');
			sf_write(&in->params, &value);
		}
		if (!take_param(in, &name, &value))
			return malformed(r, &in->label, "a parameter is of the wrong type, or there twice.");
	}
	return n < 0 ? malformed(r, &in->label, "the parameters cannot be read.") : 0;
}

/* ---- the signature base (section 2.5) ---- */

/* Section 2.2.3: in lower case, without the port that the scheme implies. */
static int add_authority(struct buf *b, const char *host, bool https)
{
	const char *port = https ? ":443" : ":80";
	size_t n = strlen(host), k = strlen(port);

	if (n > k && strcmp(host + n - k, port) == 0)
		n -= k;
	for (size_t i = 0; i < n; i++)
		buf_putc(b, (char)tolower((unsigned char)host[i]));
	return 0;
}

static int add_text(struct buf *b, const char *text)
{
	size_t n = strlen(text), skip = strspn(text, " \t");

	while (n > skip && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	return buf_append(b, text + skip, n - skip);
}

/* -1: the request has no such component. */
static int add_value(struct buf *b, const char *name, const struct signature_request *q)
{
	const char *value;

	if (strcmp(name, "@method") == 0)
		return buf_puts(b, q->method);
	if (strcmp(name, "@path") == 0)
		return buf_puts(b, q->path);
	if (strcmp(name, "@query") == 0)
		return buf_puts(b, *q->query != '\0' ? q->query : "?");
	value = q->header(q->ctx, *name == '@' ? "Host" : name);
	if (value == NULL || (*name == '@' && strcmp(name, "@authority") != 0))
		return -1;
	return *name == '@' ? add_authority(b, value, q->https) : add_text(b, value);
}

static int write_base(struct buf *b, const struct input *in, const struct signature_request *q,
    struct refusal *r)
{
	for (size_t i = 0; i < in->count; i++) {
		buf_printf(b, "\"%s\": ", in->names[i]);
		if (add_value(b, in->names[i], q) != 0)
			return refuse(r, P_SIGNATURE_MALFORMED, "\"%s\" is covered by the signature but not to be had "
			    "from the request.", in->names[i]);
		buf_putc(b, '\n');
	}
	buf_puts(b, "\"@signature-params\": ");
	buf_append(b, in->params.data, in->params.len);
	return b->failed || in->params.failed ? refuse(r, P_SIGNATURE_MALFORMED, "What is signed is too long.") : 0;
}

/* ---- what has to hold ---- */

static int must_cover(const struct input *in, const char *name, bool if_so, struct refusal *r)
{
	if (!if_so || covers(in, name))
		return 0;
	return refuse(r, P_SIGNATURE_COVERAGE, "The signature must cover \"%s\".", name);
}

static const char *delivery_header(const struct source *src)
{
	return *src->delivery_header != '\0' ? src->delivery_header : "Idempotency-Key";
}

/* All that routes and reads the request, and what of this is there at all. */
static int check_coverage(const struct input *in, const struct signature_ask *a, struct refusal *r)
{
	static const char *const always[] = { "@method", "@authority", "@path", "content-type", "content-digest" };
	static const char *const where_there[] = { "content-length", "content-encoding", "content-crs" };
	char delivery[NAME_MAX_BYTES + 1];
	const char *name = delivery_header(a->src);
	size_t n = 0;

	for (; n < NAME_MAX_BYTES && name[n] != '\0'; n++)
		delivery[n] = (char)tolower((unsigned char)name[n]);
	delivery[n] = '\0';
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (must_cover(in, always[i], true, r) != 0)
			return -1;
	for (size_t i = 0; i < sizeof(where_there) / sizeof(where_there[0]); i++)
		if (must_cover(in, where_there[i], signature_header(a, where_there[i]) != NULL, r) != 0)
			return -1;
	if (must_cover(in, "@query", *a->q->query != '\0', r) != 0)
		return -1;
	return must_cover(in, delivery, signature_header(a, name) != NULL, r);
}

static int check_time(const struct input *in, const struct signature_ask *a, struct refusal *r)
{
	if (!in->has_created || in->created < 0)
		return malformed(r, &in->label, "created is missing.");
	if (signature_in_window(a, "The signature's created", (uint64_t)in->created, r) != 0)
		return -1;
	if (in->has_expires && in->expires < (int64_t)(a->q->now_ms / 1000))
		return refuse(r, P_TIMESTAMP_STALE, "The signature has expired.");
	return 0;
}

static bool key_fits(const struct ring_key *k, const struct input *in, uint64_t now_ms)
{
	const char *alg = k->hmac != NULL ? "hmac-sha256" : "ed25519";

	return ring_key_live(k, now_ms) && (!in->has_alg || sf_is(&in->alg.raw, alg))
	    && (!in->has_keyid || ring_key_named(k, in->keyid.raw.text, in->keyid.raw.len));
}

static bool key_verifies(const struct ring_key *k, const struct buf *base, const unsigned char *signature, long n)
{
	unsigned char mac[SHA256_BYTES];
	struct hmac *h;

	if (k->hmac == NULL)
		return n == ED25519_BYTES && ed25519_verify(k->public, signature, base->data, base->len);
	if (n != SHA256_BYTES || (h = hmac_copy(k->hmac)) == NULL)
		return false;
	hmac_add(h, base->data, base->len);
	hmac_end(h, mac);
	hmac_free(&h);
	return bytes_equal_ct(mac, signature, SHA256_BYTES);
}

static int check_signature(const struct input *in, const struct signature_ask *a, const struct buf *base,
    struct refusal *r)
{
	const char *text = signature_header(a, "Signature");
	unsigned char signature[SIGNATURE_ROOM];
	long n = text != NULL ? sf_find_bytes(text, &in->label, signature, sizeof(signature)) : -1;
	bool found = false, fits = false;

	if (n < 0)
		return refuse(r, P_SIGNATURE_MALFORMED, "Signature has no byte sequence %.*s that can be one.",
		    (int)(in->label.len < 40 ? in->label.len : 40), in->label.text);
	for (size_t i = 0; i < a->keys->count; i++) {
		const struct ring_key *k = &a->keys->keys[i];

		if (!key_fits(k, in, a->q->now_ms))
			continue;
		fits = true;
		found |= key_verifies(k, base, signature, n);
	}
	if (!fits)
		return refuse(r, P_KEY_UNKNOWN, "This source has no key of this keyid and alg that counts now.");
	return found ? 0 : refuse(r, P_SIGNATURE_WRONG, "Signature %.*s does not match the headers.",
	    (int)(in->label.len < 40 ? in->label.len : 40), in->label.text);
}

/* ---- all of it ---- */

/* No two messages of one second are alike but for copies of one. */
static void take_message(struct signature *s, const struct buf *base)
{
	unsigned char hash[SHA256_BYTES];

	sha256_of(base->data, base->len, hash);
	hex_encode(s->message, hash, sizeof(hash));
}

/* The id is covered; a nonce always is. */
static int take_delivery(struct signature *s, const struct signature_ask *a, const struct input *in,
    struct refusal *r)
{
	const char *name = delivery_header(a->src), *text = signature_header(a, name);
	char nonce[DELIVERY_ID_MAX + 2];

	if (text != NULL || !in->has_nonce)
		return signature_delivery(s, name, text, r);
	if (!sf_unescape(&in->nonce, nonce, sizeof(nonce)))
		return refuse(r, P_DELIVERY_ID, "The nonce must have 1 to %d characters.", DELIVERY_ID_MAX);
	return signature_delivery(s, "The nonce", nonce, r);
}

/* One member of Signature-Input, its name just read. 0: it is right. */
static int judge(struct signature *s, const struct signature_ask *a, struct input *in, struct sf *f,
    const struct rfc9421_policy *policy, struct refusal *r)
{
	struct buf base;
	int rc = -1;

	buf_init(&base, BASE_MAX_BYTES);
	if (read_components(in, f, r) == 0 && read_params(in, f, r) == 0
	    && (policy->any_coverage || check_coverage(in, a, r) == 0) && check_time(in, a, r) == 0
	    && write_base(&base, in, a->q, r) == 0 && check_signature(in, a, &base, r) == 0
	    && (rc = take_delivery(s, a, in, r)) == 0 && *s->delivery == '\0')
		take_message(s, &base);
	buf_clear(&base);
	return rc;
}

static bool is_dictionary(const char *text)
{
	struct sf_text name;
	struct sf f;
	int n;

	sf_init(&f, text);
	while ((n = sf_member(&f, &name)) == 1)
		if (sf_skip(&f) < 0)
			return false;
	return n == 0 && f.begun;
}

int rfc9421_verify(struct signature *s, const struct signature_ask *a, const struct rfc9421_policy *policy,
    struct refusal *r)
{
	const char *text = signature_need(a, "Signature-Input", r);
	struct refusal first = { .problem = P_NONE };
	struct sf_text label;
	struct sf f, value;

	if (text == NULL || signature_need(a, "Signature", r) == NULL)
		return -1;
	if (!is_dictionary(text))
		return refuse(r, P_SIGNATURE_MALFORMED, "Signature-Input is no dictionary of RFC 8941, or is empty.");
	sf_init(&f, text);
	for (int i = 0; i < LABELS_MAX && sf_member(&f, &label) == 1; i++) {
		struct input in = { .label = label };
		int rc;

		buf_init(&in.params, BASE_MAX_BYTES);
		value = f;	/* a member that is refused is passed over as a whole */
		rc = judge(s, a, &in, &value, policy, &first);
		buf_clear(&in.params);
		if (rc == 0)
			return 0;
		sf_skip(&f);
	}
	*r = first;
	return -1;
}

static int read_rfc9421(struct signature *s, const struct signature_ask *a, struct refusal *r)
{
	static const struct rfc9421_policy strict = { .any_coverage = false };
	const char *digest;

	if (rfc9421_verify(s, a, &strict, r) != 0)
		return -1;
	s->verified = true;
	/* It is there: it is covered. */
	digest = signature_header(a, "Content-Digest");
	return digest_read(&s->digest, digest, r);
}

const struct signature_scheme sig_rfc9421 = { "Signature-Input", read_rfc9421 };
