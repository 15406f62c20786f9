/* signature: which headers are taken, refused, and what they sign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <strings.h>

#include "schema/settings.h"
#include "server/signature.h"

/* Names and values in turn, up to a NULL. */
static const char *header(void *ctx, const char *name)
{
	for (const char *const *h = ctx; *h != NULL; h += 2)
		if (strcasecmp(*h, name) == 0)
			return h[1];
	return NULL;
}

#define NOW_S 1700000000
#define DIGEST "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSu"
#define SIG "v1," DIGEST "FU="
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define SW(id, at, list) { "Webhook-Id", id, "webhook-timestamp", at, "WEBHOOK-SIGNATURE", list, NULL }

static void headers_are_judged(void **state)
{
	static const struct {
		int scheme;
		const char *headers[9];
		enum problem want;
		size_t count;
	} cases[] = {
		{ 0, SW("msg_1", "1700000000", SIG), P_NONE, 1 },
		{ 0, SW("msg_1", "1700000000", SIG " " SIG), P_NONE, 2 },
		{ 0, SW("msg_1", "1700000000", "v1a,xyz " SIG " v2,abc"), P_NONE, 1 },
		{ 0, SW("msg_1", "1700000000", "  " SIG "  "), P_NONE, 1 },
		{ 0, SW("msg_1", "1700000300", SIG), P_NONE, 1 },
		{ 0, SW("msg_1", "1699999700", SIG), P_NONE, 1 },
		{ 0, SW("msg_1", "1700000301", SIG), P_TIMESTAMP_STALE, 1 },
		{ 0, SW("msg_1", "1699999699", SIG), P_TIMESTAMP_STALE, 1 },
		{ 0, SW("msg_1", "0", SIG), P_TIMESTAMP_STALE, 1 },
		{ 0, SW("msg_1", "", SIG), P_SIGNATURE_MALFORMED, 1 },
		{ 0, SW("msg_1", "-1700000000", SIG), P_SIGNATURE_MALFORMED, 1 },
		{ 0, SW("msg_1", "1700000000 ", SIG), P_SIGNATURE_MALFORMED, 1 },
		{ 0, SW("msg_1", "17000000001700000000", SIG), P_SIGNATURE_MALFORMED, 1 },
		{ 0, SW("msg_1", "1700000000", ""), P_SIGNATURE_MALFORMED, 0 },
		{ 0, SW("msg_1", "1700000000", "v1,"), P_SIGNATURE_MALFORMED, 0 },
		{ 0, SW("msg_1", "1700000000", "v1,AAAA"), P_SIGNATURE_MALFORMED, 0 },
		{ 0, SW("msg_1", "1700000000", "v1," DIGEST "FU"), P_SIGNATURE_MALFORMED, 0 },
		{ 0, SW("msg_1", "1700000000", "v1," DIGEST "FV="), P_SIGNATURE_MALFORMED, 0 },
		{ 0, SW("msg_1", "1700000000", "v2," DIGEST "FU="), P_SIGNATURE_MALFORMED, 0 },
		{ 0, SW("msg_1", "1700000000", SIG " " SIG " " SIG " " SIG " " SIG " " SIG " " SIG " " SIG " " SIG),
		    P_SIGNATURE_MALFORMED, 8 },
		{ 0, SW("", "1700000000", SIG), P_DELIVERY_ID, 0 },
		{ 0, SW("a b", "1700000000", SIG), P_DELIVERY_ID, 0 },
		{ 0, SW("\xc3\xa4", "1700000000", SIG), P_DELIVERY_ID, 0 },
		{ 0, { "webhook-id", "x", "webhook-timestamp", "1700000000", NULL }, P_SIGNATURE_MISSING, 0 },
		{ 0, { "webhook-id", "x", "webhook-signature", SIG, NULL }, P_SIGNATURE_MISSING, 0 },
		{ 0, { NULL }, P_SIGNATURE_MISSING, 0 },
		{ 1, { "X-Hub-Signature-256", "sha256=" HEX, NULL }, P_NONE, 1 },
		{ 1, { "X-Hub-Signature-256", "sha256=" HEX, "X-GitHub-Delivery", "d1", NULL }, P_NONE, 1 },
		{ 1, { "X-Hub-Signature-256", "sha1=" HEX, NULL }, P_SIGNATURE_MALFORMED, 0 },
		{ 1, { "X-Hub-Signature-256", "sha256=" HEX "0", NULL }, P_SIGNATURE_MALFORMED, 0 },
		{ 1, { "X-Hub-Signature-256", "sha256=g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		    NULL }, P_SIGNATURE_MALFORMED, 0 },
		{ 1, { "X-Hub-Signature", "sha1=" HEX, NULL }, P_SIGNATURE_MISSING, 0 },
		{ 1, { "X-Hub-Signature-256", "sha256=" HEX, "X-GitHub-Delivery", "", NULL }, P_DELIVERY_ID, 1 },
		{ 1, { "X-Hub-Signature-256", "sha256=" HEX, "Idempotency-Key", "a\tb", NULL }, P_DELIVERY_ID, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct refusal why = { .problem = P_NONE };
		struct signature s;
		int rc = signature_read(&s, cases[i].scheme == 0 ? SCHEME_STANDARD_WEBHOOKS : SCHEME_GITHUB, header,
		    (void *)(uintptr_t)cases[i].headers, NOW_S * UINT64_C(1000), 300, &why);

		if (why.problem != cases[i].want || rc != (cases[i].want == P_NONE ? 0 : -1)
		    || s.count != cases[i].count)
			fail_msg("case %zu: %s, %zu signatures: %s", i, problem_code(why.problem), s.count, why.detail);
	}
}

static void a_delivery_id_has_its_limit(void **state)
{
	char id[300];

	(void)state;
	for (size_t n = 255; n <= 258; n++) {
		const char *headers[] = SW(id, "1700000000", SIG);
		struct refusal why = { .problem = P_NONE };
		struct signature s;

		memset(id, 'x', n);
		id[n] = '\0';
		signature_read(&s, SCHEME_STANDARD_WEBHOOKS, header, headers, NOW_S * UINT64_C(1000), 300, &why);
		assert_int_equal(why.problem, n <= 256 ? P_NONE : P_DELIVERY_ID);
	}
}

static void the_id_of_a_github_delivery(void **state)
{
	const char *both[] = { "X-Hub-Signature-256", "sha256=" HEX, "Idempotency-Key", "key",
	    "X-GitHub-Delivery", "guid", NULL };
	const char *key[] = { "X-Hub-Signature-256", "sha256=" HEX, "idempotency-key", "key", NULL };
	struct refusal why = { .problem = P_NONE };
	struct signature s;

	(void)state;
	assert_int_equal(signature_read(&s, SCHEME_GITHUB, header, both, 0, 0, &why), 0);
	assert_string_equal(s.delivery, "guid");
	assert_int_equal(signature_read(&s, SCHEME_GITHUB, header, key, 0, 0, &why), 0);
	assert_string_equal(s.delivery, "key");
}

/* The example that the Standard Webhooks libraries share. */
static void a_published_vector_matches(void **state)
{
	static const char body[] = "{\"test\": 2432232314}";
	const char *headers[] = SW("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
	    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	unsigned char key[64], mac[SHA256_BYTES];
	struct refusal why = { .problem = P_NONE };
	struct err e = ERR_INIT;
	struct signature s;
	struct hmac *h;
	long n = settings_secret_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", key);

	(void)state;
	assert_int_equal(n, 24);
	assert_int_equal(signature_read(&s, SCHEME_STANDARD_WEBHOOKS, header, headers, UINT64_C(1614265330000),
	    300, &why), 0);
	h = hmac_new(key, (size_t)n, &e);
	signature_begin(&s, h);
	hmac_add(h, body, sizeof(body) - 1);
	hmac_end(h, mac);
	hmac_free(&h);
	assert_true(signature_matches(&s, mac));
	mac[31] ^= 1;
	assert_false(signature_matches(&s, mac));
}

/* The example of GitHub's documentation. */
static void a_published_github_vector_matches(void **state)
{
	const char *headers[] = { "X-Hub-Signature-256",
	    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", NULL };
	unsigned char mac[SHA256_BYTES];
	struct refusal why = { .problem = P_NONE };
	struct err e = ERR_INIT;
	struct signature s;
	struct hmac *h = hmac_new("It's a Secret to Everybody", 26, &e);

	(void)state;
	assert_int_equal(signature_read(&s, SCHEME_GITHUB, header, headers, 0, 0, &why), 0);
	signature_begin(&s, h);
	hmac_add(h, "Hello, World!", 13);
	hmac_end(h, mac);
	hmac_free(&h);
	assert_true(signature_matches(&s, mac));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_judged),
		cmocka_unit_test(a_delivery_id_has_its_limit),
		cmocka_unit_test(the_id_of_a_github_delivery),
		cmocka_unit_test(a_published_vector_matches),
		cmocka_unit_test(a_published_github_vector_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
