/* sig_rfc9421: the RFC's own vectors, and what this server asks of a signature besides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "server/sig_rfc9421.h"
#include "tests/fakes/sender.h"

#define CREATED 1618884473
#define BODY "{\"hello\": \"world\"}"
#define DIGEST "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
/* Keys of appendix B.1: test-shared-secret, test-key-ed25519. */
#define SHARED "whsec_uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
#define PUBLIC "whpk_JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="

/* test-request of appendix B.2. */
#define REQUEST(input, signature) { "Host", "example.com", "Date", "Tue, 20 Apr 2021 02:07:55 GMT", \
	"Content-Type", "application/json", "Content-Digest", DIGEST, "Content-Length", "18", \
	"Signature-Input", input, "Signature", signature, NULL }

static enum problem verify(struct sender *s, const char *const *headers)
{
	static const struct rfc9421_policy lax = { .any_coverage = true };
	const struct signature_ask a = { s->source, &s->keys, &s->request };

	s->request.ctx = (void *)(uintptr_t)headers;
	s->request.query = "?param=Value&Pet=dog";
	s->request.now_ms = CREATED * UINT64_C(1000);
	memset(&s->refusal, 0, sizeof(s->refusal));
	memset(&s->signature, 0, sizeof(s->signature));
	rfc9421_verify(&s->signature, &a, &lax, &s->refusal);
	return s->refusal.problem;
}

#define B25 "(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\""
#define B25_SIG "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
#define B26 "(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")" \
	";created=1618884473;keyid=\"test-key-ed25519\""
#define B26_SIG "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="

static void vectors_of_the_appendix(void **state)
{
	static const struct { const char *headers[15]; enum problem want; } cases[] = {
		{ REQUEST("sig-b25=" B25, "sig-b25=:" B25_SIG ":"), P_NONE },
		{ REQUEST("sig-b26=" B26, "sig-b26=:" B26_SIG ":"), P_NONE },
		/* The same again, in other words: blanks that are not serialised. */
		{ REQUEST("x=( \"date\"  \"@authority\" \"content-type\" ); created=1618884473;keyid=\"test-shared-secret\"",
		    "x=:" B25_SIG ":"), P_NONE },
		/* Beside another that is of nobody. */
		{ REQUEST("a=(\"date\");created=1618884473;keyid=\"other\", b=" B26, "a=:AAAA:, b=:" B26_SIG ":"), P_NONE },
		{ REQUEST("a=1, c;d, b=" B26, "b=:" B26_SIG ":"), P_NONE },
		{ REQUEST("a=(\"date\");created=1618884473;keyid=\"other\"", "a=:AAAA:"), P_KEY_UNKNOWN },
		{ REQUEST("a=" B25, "a=:" B26_SIG ":"), P_SIGNATURE_WRONG },
		{ REQUEST("a=" B25 ";alg=\"ed25519\"", "a=:" B25_SIG ":"), P_KEY_UNKNOWN },
		{ REQUEST("a=" B25 ";alg=\"hmac-sha256\"", "a=:" B25_SIG ":"), P_SIGNATURE_WRONG },
		{ REQUEST("a=" B25, "b=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=" B25, "a=" B25_SIG), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=" B25 ",", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=(", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=(date);created=1618884473", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=(\"Date\");created=1618884473", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=(\"date\" \"date\");created=1618884473", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=(\"date\";sf);created=1618884473", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=(\"x-none\");created=1618884473", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=(\"@status\");created=1618884473", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=(\"date\")", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=(\"date\");created=\"1618884473\"", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=(\"date\");created=1618884473;created=1618884473", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=(\"date\");created=1618884772", "a=:" B25_SIG ":"), P_SIGNATURE_WRONG },
		{ REQUEST("a=(\"date\");created=1618884774", "a=:" B25_SIG ":"), P_TIMESTAMP_STALE },
		{ REQUEST("a=(\"date\");created=1618884172", "a=:" B25_SIG ":"), P_TIMESTAMP_STALE },
		{ REQUEST("a=(\"date\");created=-1618884473", "a=:" B25_SIG ":"), P_SIGNATURE_MALFORMED },
		{ REQUEST("a=(\"date\");created=1618884473;expires=1618884472", "a=:" B25_SIG ":"), P_TIMESTAMP_STALE },
	};
	struct sender s;

	(void)state;
	sender_init(&s, "scheme = rfc9421\nsecret = " SHARED "\nsecret_id = test-shared-secret\nsecret_2 = " PUBLIC
	    "\nsecret_2_id = test-key-ed25519");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (verify(&s, cases[i].headers) != cases[i].want)
			fail_msg("case %zu: %s: %s", i, problem_code(s.refusal.problem), s.refusal.detail);
	sender_clear(&s);
}

/* ---- what this server asks ---- */

#define LIST "\"@method\" \"@authority\" \"@path\" \"content-type\" \"content-length\" \"content-digest\""
#define PARAMS ";created=1618884473"

struct message {
	const char *list, *params;	/* what is signed */
	const char *extra[2];		/* a header that is sent besides */
	const char *host, *query;	/* of a host, "+" says that it was asked by https */
};

/* Signs as a sender would, with its own idea of the base. */
static void sign(const struct message *m, const char *const *headers, bool with_ed25519, char *input, char *signature)
{
	static const unsigned char key[] = "k";
	unsigned char tag[ED25519_BYTES], seed[32] = { 7 };
	char base[2000] = "", text[100];
	size_t n = with_ed25519 ? ED25519_BYTES : SHA256_BYTES;
	const char *p = m->list;

	while (*p != '\0') {
		size_t len = strcspn(p + 1, "\"");
		char name[65];
		const char *value;

		snprintf(name, sizeof(name), "%.*s", (int)len, p + 1);
		value = strcmp(name, "@method") == 0 ? "POST" : strcmp(name, "@path") == 0 ? "/foo"
		    : strcmp(name, "@authority") == 0 ? "example.com" : strcmp(name, "@query") == 0 ? m->query
		    : sender_header((void *)(uintptr_t)headers, name);
		snprintf(base + strlen(base), sizeof(base) - strlen(base), "\"%s\": %s\n", name, value);
		p += len + 2;
		p += *p == ' ';
	}
	snprintf(base + strlen(base), sizeof(base) - strlen(base), "\"@signature-params\": (%s)%s", m->list, m->params);
	if (with_ed25519) {
		ed25519_sign(seed, base, strlen(base), tag, NULL);
	} else {
		struct hmac *h = hmac_new(key, 1, NULL);

		hmac_add(h, base, strlen(base));
		hmac_end(h, tag);
		hmac_free(&h);
	}
	base64_encode(text, tag, n);
	sprintf(input, "s=(%s)%s", m->list, m->params);
	sprintf(signature, "s=:%s:", text);
}

static enum problem send_message(struct sender *s, const struct message *m, bool with_ed25519, const char *body)
{
	char input[1000], signature[200];
	const char *headers[] = {
		"Host", m->host != NULL ? m->host + (m->host[0] == '+') : "example.com", "Content-Type", "application/json",
		"Content-Digest", DIGEST, "Content-Length", "18", "Signature-Input", input, "Signature", signature,
		m->extra[0], m->extra[1], NULL
	};

	sign(m, headers, with_ed25519, input, signature);
	s->request.https = m->host != NULL && m->host[0] == '+';
	s->request.query = m->query != NULL ? m->query : "";
	return sender_send(s, headers, CREATED, body, strlen(body), 5);
}

static void all_that_counts_is_covered(void **state)
{
	static const struct { struct message m; enum problem want; const char *word, *delivery; } cases[] = {
		{ { LIST, PARAMS, { NULL }, NULL, NULL }, P_NONE, NULL, "" },
		{ { LIST, PARAMS, { NULL }, "EXAMPLE.com:80", NULL }, P_NONE, NULL, "" },
		{ { LIST, PARAMS, { NULL }, "+example.com:443", NULL }, P_NONE, NULL, "" },
		{ { LIST, PARAMS, { NULL }, "example.com:443", NULL }, P_SIGNATURE_WRONG, NULL, NULL },
		{ { LIST, PARAMS, { NULL }, "+example.com:80", NULL }, P_SIGNATURE_WRONG, NULL, NULL },
		{ { LIST, PARAMS ";nonce=\"n\\\"1\"", { NULL }, NULL, NULL }, P_NONE, NULL, "n\"1" },
		{ { LIST " \"idempotency-key\"", PARAMS, { "Idempotency-Key", "k" }, NULL, NULL }, P_NONE, NULL, "k" },
		{ { LIST " \"idempotency-key\"", PARAMS ";nonce=\"n\"", { "Idempotency-Key", "k" }, NULL, NULL }, P_NONE,
		  NULL, "k" },
		{ { LIST " \"x-any\"", PARAMS, { "X-Any", " \tpadded " }, NULL, NULL }, P_SIGNATURE_WRONG, NULL, NULL },
		{ { LIST " \"@query\"", PARAMS, { NULL }, NULL, "?crs=EPSG:3857" }, P_NONE, NULL, "" },
		{ { LIST, PARAMS, { NULL }, NULL, "?crs=EPSG:3857" }, P_SIGNATURE_COVERAGE, "@query", NULL },
		{ { LIST, PARAMS, { "Idempotency-Key", "k" }, NULL, NULL }, P_SIGNATURE_COVERAGE, "idempotency-key", NULL },
		{ { LIST, PARAMS, { "Content-Crs", "EPSG:1" }, NULL, NULL }, P_SIGNATURE_COVERAGE, "content-crs", NULL },
		{ { LIST, PARAMS, { "Content-Encoding", "gzip" }, NULL, NULL }, P_SIGNATURE_COVERAGE, "encoding", NULL },
		{ { LIST " \"content-crs\"", PARAMS, { "Content-Crs", "EPSG:1" }, NULL, NULL }, P_NONE, NULL, "" },
		{ { "\"@authority\" \"@path\" \"content-type\" \"content-length\" \"content-digest\"", PARAMS, { NULL }, NULL,
		    NULL }, P_SIGNATURE_COVERAGE, "@method", NULL },
		{ { "\"@method\" \"@authority\" \"@path\" \"content-type\" \"content-length\"", PARAMS, { NULL }, NULL,
		    NULL }, P_SIGNATURE_COVERAGE, "content-digest", NULL },
		{ { "\"@method\" \"@authority\" \"@path\" \"content-type\" \"content-digest\"", PARAMS, { NULL }, NULL,
		    NULL }, P_SIGNATURE_COVERAGE, "content-length", NULL },
		{ { LIST, PARAMS, { NULL }, "example.org", NULL }, P_SIGNATURE_WRONG, NULL, NULL },
		{ { LIST, PARAMS ";nonce=\"a b\"", { NULL }, NULL, NULL }, P_DELIVERY_ID, NULL, NULL },
	};
	struct sender s;
	char conf[200], key[50];
	unsigned char seed[32] = { 7 }, public[32];

	(void)state;
	ed25519_public(seed, public, NULL);
	base64_encode(key, public, sizeof(public));
	snprintf(conf, sizeof(conf), "scheme = rfc9421\nsecret = k\nsecret_2 = whpk_%s", key);
	sender_init(&s, conf);
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		bool with_ed25519 = i % 2;
		enum problem got = send_message(&s, &cases[i / 2].m, with_ed25519, BODY);

		if (got != cases[i / 2].want
		    || (cases[i / 2].word != NULL && strstr(s.refusal.detail, cases[i / 2].word) == NULL)
		    || (got == P_NONE && strcmp(s.signature.delivery, cases[i / 2].delivery) != 0))
			fail_msg("case %zu: %s, id %s: %s", i / 2, problem_code(got), s.signature.delivery, s.refusal.detail);
		assert_true(s.signature.verified == (got == P_NONE));
		if (got == P_NONE)	/* what has no id has something in its place */
			assert_int_equal(s.signature.message[0] == '\0', s.signature.delivery[0] != '\0');
	}
	assert_int_equal(send_message(&s, &cases[0].m, true, "{\"hello\": \"World\"}"), P_DIGEST_WRONG);
	assert_int_equal(send_message(&s, &cases[0].m, true, ""), P_DIGEST_WRONG);
	sender_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_appendix),
		cmocka_unit_test(all_that_counts_is_covered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
