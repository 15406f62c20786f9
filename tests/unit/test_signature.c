/* signature and body_check: which headers are taken and refused, what they sign, which keys count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/fakes/sender.h"

#define NOW_S 1700000000
#define DIGEST "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSu"
#define SIG "v1," DIGEST "FU="
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ED "hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
#define SIGA "v1a," ED
#define PUBLIC "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="

#define SW(id, at, list) { "Webhook-Id", id, "webhook-timestamp", at, "WEBHOOK-SIGNATURE", list, NULL }
#define HUB "X-Hub-Signature-256", "sha256=" HEX

enum { STANDARD, MIXED, GITHUB, STRIPE, SHOPIFY, GENERIC, BASE64, BOTH, PUBLIC_ALONE, CONFS };

static const char *const confs[CONFS] = {
	[STANDARD] = "secret = s",
	[MIXED] = "secret = s\nsecret_2 = " PUBLIC,
	[GITHUB] = "secret = s\nscheme = github",
	[STRIPE] = "secret = s\nscheme = stripe",
	[SHOPIFY] = "secret = s\nscheme = shopify",
	[GENERIC] = "secret = s\nscheme = generic\nsignature_header = X-Acme\nsignature_prefix = hmac:",
	[BASE64] = "secret = s\nscheme = generic\nsignature_encoding = base64\ndelivery_header = X-Event",
	[BOTH] = "secret = s\nscheme = github, standard-webhooks",
	[PUBLIC_ALONE] = "secret = " PUBLIC,
};

static void headers_are_judged(void **state)
{
	static const struct {
		int conf;
		const char *headers[9];
		enum problem want;
		size_t macs;
		const char *delivery;
	} cases[] = {
		{ STANDARD, SW("msg_1", "1700000000", SIG), P_NONE, 1, "msg_1" },
		{ STANDARD, SW("msg_1", "1700000000", SIG " " SIG), P_NONE, 2, "msg_1" },
		{ STANDARD, SW("msg_1", "1700000000", "v1a,xyz " SIG " v2,abc"), P_NONE, 1, "msg_1" },
		{ STANDARD, SW("msg_1", "1700000000", "  " SIG "  "), P_NONE, 1, "msg_1" },
		{ STANDARD, SW("msg_1", "1700000300", SIG), P_NONE, 1, "msg_1" },
		{ STANDARD, SW("msg_1", "1699999700", SIG), P_NONE, 1, "msg_1" },
		{ STANDARD, SW("msg_1", "1700000301", SIG), P_TIMESTAMP_STALE, 1, NULL },
		{ STANDARD, SW("msg_1", "1699999699", SIG), P_TIMESTAMP_STALE, 1, NULL },
		{ STANDARD, SW("msg_1", "0", SIG), P_TIMESTAMP_STALE, 1, NULL },
		{ STANDARD, SW("msg_1", "", SIG), P_SIGNATURE_MALFORMED, 1, NULL },
		{ STANDARD, SW("msg_1", "-1700000000", SIG), P_SIGNATURE_MALFORMED, 1, NULL },
		{ STANDARD, SW("msg_1", "1700000000 ", SIG), P_SIGNATURE_MALFORMED, 1, NULL },
		{ STANDARD, SW("msg_1", "17000000001700000000", SIG), P_SIGNATURE_MALFORMED, 1, NULL },
		{ STANDARD, SW("msg_1", "1700000000", ""), P_SIGNATURE_MALFORMED, 0, NULL },
		{ STANDARD, SW("msg_1", "1700000000", "v1,"), P_SIGNATURE_MALFORMED, 0, NULL },
		{ STANDARD, SW("msg_1", "1700000000", "v1,AAAA"), P_SIGNATURE_MALFORMED, 0, NULL },
		{ STANDARD, SW("msg_1", "1700000000", "v1," DIGEST "FU"), P_SIGNATURE_MALFORMED, 0, NULL },
		{ STANDARD, SW("msg_1", "1700000000", "v1," DIGEST "FV="), P_SIGNATURE_MALFORMED, 0, NULL },
		{ STANDARD, SW("msg_1", "1700000000", "v2," DIGEST "FU="), P_SIGNATURE_MALFORMED, 0, NULL },
		{ STANDARD, SW("msg_1", "1700000000", SIG " " SIG " " SIG " " SIG " " SIG " " SIG " " SIG " " SIG " " SIG),
		    P_SIGNATURE_MALFORMED, 8, NULL },
		{ STANDARD, SW("", "1700000000", SIG), P_DELIVERY_ID, 0, NULL },
		{ STANDARD, SW("a b", "1700000000", SIG), P_DELIVERY_ID, 0, NULL },
		{ STANDARD, SW("\xc3\xa4", "1700000000", SIG), P_DELIVERY_ID, 0, NULL },
		{ STANDARD, { "webhook-id", "x", "webhook-timestamp", "1700000000", NULL }, P_SIGNATURE_MISSING, 0, NULL },
		{ STANDARD, { "webhook-id", "x", "webhook-signature", SIG, NULL }, P_SIGNATURE_MISSING, 0, NULL },
		{ STANDARD, { NULL }, P_SIGNATURE_MISSING, 0, NULL },
		{ STANDARD, { HUB, NULL }, P_SIGNATURE_MISSING, 0, NULL },

		{ MIXED, SW("msg_1", "1700000000", SIGA), P_NONE, 0, "msg_1" },
		{ MIXED, SW("msg_1", "1700000000", SIGA " " SIG " " SIGA), P_NONE, 1, "msg_1" },
		{ MIXED, SW("msg_1", "1700000000", SIGA " " SIGA " " SIGA), P_SIGNATURE_MALFORMED, 0, NULL },
		{ MIXED, SW("msg_1", "1700000000", "v1a,AAAA"), P_SIGNATURE_MALFORMED, 0, NULL },
		{ PUBLIC_ALONE, SW("msg_1", "1700000000", SIG), P_KEY_UNKNOWN, 1, NULL },
		{ PUBLIC_ALONE, SW("msg_1", "1700000000", SIG " " SIGA), P_NONE, 1, "msg_1" },

		{ GITHUB, { HUB, NULL }, P_NONE, 1, "" },
		{ GITHUB, { HUB, "X-GitHub-Delivery", "d1", NULL }, P_NONE, 1, "d1" },
		{ GITHUB, { HUB, "idempotency-key", "k", NULL }, P_NONE, 1, "k" },
		{ GITHUB, { HUB, "Idempotency-Key", "k", "X-GitHub-Delivery", "d1", NULL }, P_NONE, 1, "d1" },
		{ GITHUB, { "X-Hub-Signature-256", "sha1=" HEX, NULL }, P_SIGNATURE_MALFORMED, 0, NULL },
		{ GITHUB, { "X-Hub-Signature-256", "sha256=" HEX "0", NULL }, P_SIGNATURE_MALFORMED, 0, NULL },
		{ GITHUB, { "X-Hub-Signature-256",
		    "sha256=g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", NULL },
		    P_SIGNATURE_MALFORMED, 0, NULL },
		{ GITHUB, { "X-Hub-Signature", "sha1=" HEX, NULL }, P_SIGNATURE_MISSING, 0, NULL },
		{ GITHUB, { HUB, "X-GitHub-Delivery", "", NULL }, P_DELIVERY_ID, 1, NULL },
		{ GITHUB, { HUB, "Idempotency-Key", "a\tb", NULL }, P_DELIVERY_ID, 1, NULL },

		{ STRIPE, { "Stripe-Signature", "t=1700000000,v1=" HEX, NULL }, P_NONE, 1, "" },
		{ STRIPE, { "Stripe-Signature", "t=1700000000, v1=" HEX ",v1=" HEX ",v0=abc", NULL }, P_NONE, 2, "" },
		{ STRIPE, { "Stripe-Signature", "t=1700000301,v1=" HEX, NULL }, P_TIMESTAMP_STALE, 1, NULL },
		{ STRIPE, { "Stripe-Signature", "v1=" HEX, NULL }, P_SIGNATURE_MALFORMED, 1, NULL },
		{ STRIPE, { "Stripe-Signature", "t=1700000000", NULL }, P_SIGNATURE_MALFORMED, 0, NULL },
		{ STRIPE, { "Stripe-Signature", "t=1700000000,t=1,v1=" HEX, NULL }, P_SIGNATURE_MALFORMED, 0, NULL },
		{ STRIPE, { "Stripe-Signature", "t=1700000000x,v1=" HEX, NULL }, P_SIGNATURE_MALFORMED, 1, NULL },
		{ STRIPE, { "Stripe-Signature", "t=,v1=" HEX, NULL }, P_SIGNATURE_MALFORMED, 1, NULL },
		{ STRIPE, { "Stripe-Signature", "t=1700000000,v1=xyz", NULL }, P_SIGNATURE_MALFORMED, 0, NULL },
		{ STRIPE, { "Stripe-Signature", "", NULL }, P_SIGNATURE_MALFORMED, 0, NULL },

		{ SHOPIFY, { "X-Shopify-Hmac-Sha256", DIGEST "FU=", NULL }, P_NONE, 1, "" },
		{ SHOPIFY, { "X-Shopify-Hmac-Sha256", DIGEST "FU=", "x-shopify-webhook-id", "w", NULL }, P_NONE, 1, "w" },
		{ SHOPIFY, { "X-Shopify-Hmac-Sha256", HEX, NULL }, P_SIGNATURE_MALFORMED, 0, NULL },

		{ GENERIC, { "x-acme", "hmac:" HEX, NULL }, P_NONE, 1, "" },
		{ GENERIC, { "x-acme", "hmac:" HEX, "Idempotency-Key", "k", NULL }, P_NONE, 1, "k" },
		{ GENERIC, { "x-acme", HEX, NULL }, P_SIGNATURE_MALFORMED, 0, NULL },
		{ GENERIC, { "x-acme", "hmac", NULL }, P_SIGNATURE_MALFORMED, 0, NULL },
		{ GENERIC, { "X-Signature", "hmac:" HEX, NULL }, P_SIGNATURE_MISSING, 0, NULL },
		{ BASE64, { "X-Signature", DIGEST "FU=", "x-event", "e", "Idempotency-Key", "k", NULL }, P_NONE, 1, "e" },
		{ BASE64, { "X-Signature", DIGEST "FU=", "Idempotency-Key", "k", NULL }, P_NONE, 1, "" },

		{ BOTH, { HUB, NULL }, P_NONE, 1, "" },
		{ BOTH, SW("msg_1", "1700000000", SIG), P_NONE, 1, "msg_1" },
		{ BOTH, { HUB, "webhook-signature", "v1,AAAA", NULL }, P_SIGNATURE_MISSING, 0, NULL },
		{ BOTH, { NULL }, P_SIGNATURE_MISSING, 0, NULL },
	};
	struct sender s[CONFS];

	(void)state;
	for (int i = 0; i < CONFS; i++)
		sender_init(&s[i], confs[i]);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sender *at = &s[cases[i].conf];
		enum problem got = sender_read(at, cases[i].headers, NOW_S);

		if (got != cases[i].want || at->signature.macs != cases[i].macs
		    || (got == P_NONE && strcmp(at->signature.delivery, cases[i].delivery) != 0)
		    || (got != P_NONE && at->refusal.detail[0] == '\0'))
			fail_msg("case %zu: %s, %zu macs, id %s: %s", i, problem_code(got), at->signature.macs,
			    at->signature.delivery, at->refusal.detail);
	}
	for (int i = 0; i < CONFS; i++)
		sender_clear(&s[i]);
}

static void a_delivery_id_has_its_limit(void **state)
{
	struct sender s;
	char id[300];

	(void)state;
	sender_init(&s, confs[STANDARD]);
	for (size_t n = 255; n <= 258; n++) {
		const char *headers[] = SW(id, "1700000000", SIG);

		memset(id, 'x', n);
		id[n] = '\0';
		assert_int_equal(sender_read(&s, headers, NOW_S), n <= 256 ? P_NONE : P_DELIVERY_ID);
	}
	sender_clear(&s);
}

/*
 * Published: the example that the Standard Webhooks libraries share, and the one of Svix's server for "v1a"; that
 * of GitHub's documentation. Stripe and Shopify publish the construction; the values are of openssl dgst.
 */
static void published_vectors_match(void **state)
{
	static const struct {
		const char *conf;
		const char *headers[9];
		uint64_t at;
		const char *body;
	} cases[] = {
		{ "secret = whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		  SW("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
		  1614265330, "{\"test\": 2432232314}" },
		{ "secret = " PUBLIC, SW("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", SIGA), 1614265330,
		  "{\"test\": 2432232314}" },
		{ "scheme = github\nsecret = It's a Secret to Everybody",
		  { "X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" },
		  NOW_S, "Hello, World!" },
		{ "scheme = stripe\nsecret = test_secret",
		  { "Stripe-Signature", "t=1492774577,v1=ad5b76d51adf645ae1d78fd6a156001c852624950e440ee44f2d57678beb7ed2" }, 1492774577, "{\"id\":\"evt_1\"}" },
		{ "scheme = shopify\nsecret = hush", { "X-Shopify-Hmac-Sha256", "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY=" }, NOW_S, "{\"id\":1}" },
		{ "scheme = generic\nsecret = key\nsignature_prefix = h=",
		  { "X-Signature", "h=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8" },
		  NOW_S, "The quick brown fox jumps over the lazy dog" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].body);
		struct sender s;
		char other[64];

		sender_init(&s, cases[i].conf);
		for (size_t step = 0; step <= n; step++)
			if (sender_send(&s, cases[i].headers, cases[i].at, cases[i].body, n, step) != P_NONE)
				fail_msg("case %zu, step %zu: %s", i, step, s.refusal.detail);
		snprintf(other, sizeof(other), "%s", cases[i].body);
		for (size_t k = 0; k < n; k++) {
			other[k] ^= 1;
			assert_int_equal(sender_send(&s, cases[i].headers, cases[i].at, other, n, 0), P_SIGNATURE_WRONG);
			other[k] ^= 1;
		}
		assert_int_equal(sender_send(&s, cases[i].headers, cases[i].at, cases[i].body, n - 1, 0),
		    P_SIGNATURE_WRONG);
		sender_clear(&s);
	}
}

/* The old secret until the end of 2023-11-15, the new one from the 14th on: 1700000000 is the 14th, 22:13. */
static void secrets_overlap(void **state)
{
	static const char conf[] = "scheme = github\nsecret = old\nsecret_not_after = 2023-11-16\n"
	    "secret_2 = new\nsecret_2_not_before = 2023-11-14T00:00:00Z";
	/* HMACs of "x". */
	static const char *const old[] = { "X-Hub-Signature-256", "sha256=9569674de87a2f40045527082b562963161829cc58934b60fb59f16d1df41a4d", NULL };
	static const char *const new[] = { "X-Hub-Signature-256", "sha256=f9941130fde5fe159551aad1712a03c30ddecc4203618b26f6e3759895f0c790", NULL };
	static const struct { uint64_t at; enum problem old, new; } cases[] = {
		{ 1699919999, P_NONE, P_SIGNATURE_WRONG }, { 1699920000, P_NONE, P_NONE },
		{ 1700092799, P_NONE, P_NONE }, { 1700092800, P_SIGNATURE_WRONG, P_NONE },
	};
	struct sender s;

	(void)state;
	sender_init(&s, conf);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(sender_send(&s, old, cases[i].at, "x", 1, 0), cases[i].old);
		assert_int_equal(sender_send(&s, new, cases[i].at, "x", 1, 0), cases[i].new);
	}
	sender_clear(&s);
	/* Without a key that counts, the body need not come. */
	sender_init(&s, "scheme = github\nsecret = old\nsecret_not_after = 2023-11-16");
	assert_int_equal(sender_read(&s, old, 1700092800), P_KEY_UNKNOWN);
	sender_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_judged),
		cmocka_unit_test(a_delivery_id_has_its_limit),
		cmocka_unit_test(published_vectors_match),
		cmocka_unit_test(secrets_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
