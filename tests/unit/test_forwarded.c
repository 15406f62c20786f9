/* forwarded: who is believed about whom; what nobody may claim. access, tokens: who may do what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "server/access.h"
#include "server/forwarded.h"

static const char *header(void *ctx, const char *name)
{
	for (const char *const *h = ctx; h != NULL && *h != NULL; h += 2)
		if (strcasecmp(*h, name) == 0)
			return h[1];
	return NULL;
}

static const struct sockaddr *peer(const char *text)
{
	static struct sockaddr_in in;
	static struct sockaddr_in6 in6;

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		in.sin_family = AF_INET;
		return (const struct sockaddr *)&in;
	}
	in6.sin6_family = AF_INET6;
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return (const struct sockaddr *)&in6;
}

#define XFF "X-Forwarded-For"
#define XFP "X-Forwarded-Proto"

static void proxies_are_believed_as_far_as_they_are_known(void **state)
{
	static const struct {
		const char *peer;
		int kind;
		const char *headers[5];
		const char *want;
		bool https;
	} cases[] = {
		{ "198.51.100.1", 0, { NULL }, "198.51.100.1", false },
		/* From elsewhere: not looked at. */
		{ "198.51.100.1", 0, { XFF, "1.2.3.4", XFP, "https", NULL }, "198.51.100.1", false },
		{ "198.51.100.1", 1, { "Forwarded", "for=1.2.3.4;proto=https", NULL }, "198.51.100.1", false },
		/* An address that only holds a proxy's inside is none. */
		{ "2002:0a00:0001::1", 0, { XFF, "1.2.3.4", NULL }, "2002:a00:1::1", false },
		{ "64:ff9b::0a00:1", 0, { XFF, "1.2.3.4", NULL }, "64:ff9b::a00:1", false },
		{ "::ffff:10.0.0.1", 0, { XFF, "1.2.3.4", NULL }, "1.2.3.4", false },
		{ "10.0.0.1", 0, { XFF, "1.2.3.4", XFP, "https", NULL }, "1.2.3.4", true },
		{ "10.0.0.1", 0, { XFF, "6.6.6.6, 1.2.3.4", NULL }, "1.2.3.4", false },	/* the left one is hearsay */
		{ "10.0.0.1", 0, { XFF, "6.6.6.6, 1.2.3.4, 10.9.9.9", NULL }, "1.2.3.4", false },
		{ "10.0.0.1", 0, { XFF, "10.0.0.3,10.0.0.2", NULL }, "10.0.0.3", false },
		{ "10.0.0.1", 0, { XFF, "2001:db8::7", NULL }, "2001:db8::7", false },
		{ "10.0.0.1", 0, { XFF, "[2001:db8::7]:443", NULL }, "2001:db8::7", false },
		{ "10.0.0.1", 0, { XFF, " 1.2.3.4:5678\t", NULL }, "1.2.3.4", false },
		{ "10.0.0.1", 0, { XFF, "nonsense", NULL }, "10.0.0.1", false },
		{ "10.0.0.1", 0, { XFF, "1.2.3.4, nonsense", NULL }, "10.0.0.1", false },
		{ "10.0.0.1", 0, { XFF, "1.2.3.4,", NULL }, "10.0.0.1", false },
		{ "10.0.0.1", 0, { XFF, "", NULL }, "10.0.0.1", false },
		{ "10.0.0.1", 0, { XFP, "http, https", NULL }, "10.0.0.1", true },
		{ "10.0.0.1", 0, { XFP, "https, http", NULL }, "10.0.0.1", false },
		/* The header that is not the proxies' may be anybody's. */
		{ "10.0.0.1", 0, { "Forwarded", "for=1.2.3.4;proto=https", NULL }, "10.0.0.1", false },
		{ "10.0.0.1", 1, { XFF, "1.2.3.4", XFP, "https", NULL }, "10.0.0.1", false },
		{ "10.0.0.1", 1, { "Forwarded", "for=1.2.3.4;proto=https", NULL }, "1.2.3.4", true },
		{ "10.0.0.1", 1, { "Forwarded", "For=\"[2001:db8::7]:4711\"; Proto=HTTPS;by=10.0.0.1", NULL }, "2001:db8::7",
		    true },
		{ "10.0.0.1", 1, { "Forwarded", "for=6.6.6.6, for=1.2.3.4;proto=http", NULL }, "1.2.3.4", false },
		{ "10.0.0.1", 1, { "Forwarded", "for=\"_a,b\\\",\", for=\"1.2.3.4\"", NULL }, "1.2.3.4", false },
		{ "10.0.0.1", 1, { "Forwarded", "for=unknown", NULL }, "10.0.0.1", false },
		{ "10.0.0.1", 1, { "Forwarded", "for=_hidden;proto=https", NULL }, "10.0.0.1", true },
		{ "10.0.0.1", 1, { "Forwarded", "by=1.2.3.4", NULL }, "10.0.0.1", false },
		{ "10.0.0.1", 1, { "Forwarded", "for=\"1.2.3.4", NULL }, "10.0.0.1", false },
		{ "fd00::1", 1, { "Forwarded", "for=1.2.3.4, for=10.0.0.7;proto=http", NULL }, "1.2.3.4", false },
		/* A quote that the client leaves open does not take in what the proxy added. */
		{ "10.0.0.1", 1, { "Forwarded", "for=6.6.6.6;by=\", for=1.2.3.4", NULL }, "1.2.3.4", false },
		{ "10.0.0.1", 1, { "Forwarded", "for=6.6.6.6;by=\", for=\"[2001:db8::7]:4711\"", NULL }, "2001:db8::7", false },
		{ "10.0.0.1", 1, { "Forwarded", "for=6.6.6.6;by=\"\\, for=\"[2001:db8::7]\";proto=https", NULL },
		    "2001:db8::7", true },
		{ "10.0.0.1", 1, { "Forwarded", "for=1.2.3.4;by=\"a,\\\\\"", NULL }, "1.2.3.4", false },
		{ "10.0.0.1", 1, { "Forwarded", "host=\"a\\\";for=6.6.6.6;\";for=1.2.3.4", NULL }, "1.2.3.4", false },
		{ "10.0.0.1", 0, { XFF, "\"6.6.6.6, 1.2.3.4", NULL }, "1.2.3.4", false },
	};
	struct address_ranges trusted;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(address_ranges_parse(&trusted, "10.0.0.0/8, fd00::/8", &e), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client c;

		forwarded_client(&c, peer(cases[i].peer), false, &trusted, cases[i].kind, header,
		    (void *)(uintptr_t)cases[i].headers);
		if (strcmp(c.address, cases[i].want) != 0 && strcmp(cases[i].peer, "::ffff:10.0.0.1") != 0)
			fail_msg("case %zu: %s, expected %s", i, c.address, cases[i].want);
		if (c.https != cases[i].https)
			fail_msg("case %zu: https %d", i, c.https);
	}
	address_ranges_clear(&trusted);
}

static void nobody_is_believed_by_default(void **state)
{
	static const char *headers[] = { XFF, "1.2.3.4", XFP, "https", NULL };
	struct address_ranges none;
	struct err e = ERR_INIT;
	struct client c;

	(void)state;
	assert_int_equal(address_ranges_parse(&none, "", &e), 0);
	forwarded_client(&c, peer("127.0.0.1"), false, &none, 0, header, headers);
	assert_string_equal(c.address, "127.0.0.1");
	assert_false(c.https);
	assert_false(c.proxied);
	forwarded_client(&c, peer("127.0.0.1"), true, &none, 0, header, NULL);
	assert_true(c.https);
	address_ranges_clear(&none);
}

/* ---- tokens ---- */

static void tokens_are_read(void **state)
{
#define HASH "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	static const struct { const char *text; int want; } cases[] = {
		{ "", 0 }, { ",", -1 }, { " , ", -1 }, { "a:read:" HASH, 1 }, { " a:read:" HASH " , b:operate:" HASH ",", 2 }, { "a:read", -1 },
		{ "a:write:" HASH, -1 }, { ":read:" HASH, -1 }, { "a:read:" HASH "0", -1 }, { "a:read:", -1 },
		{ "a:read:zz86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", -1 },
		{ "a=b:read:" HASH, -1 }, { "a:read:operate:" HASH, -1 }, { "a", -1 },
		{ "a0123456789012345678901234567890123456789x:read:" HASH, -1 },
	};
	struct token t[TOKENS_MAX];
	char many[TOKENS_MAX * 100 + 200] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;
		int n = tokens_parse(cases[i].text, t, &e);

		if (n != cases[i].want)
			fail_msg("case %zu: %d %s", i, n, e.text);
	}
	for (int i = 0; i <= TOKENS_MAX; i++) {
		struct err e = ERR_INIT;

		assert_int_equal(tokens_parse(many, t, &e), i);
		strcat(many, "n:read:" HASH ",");
	}
	struct err e = ERR_INIT;
	assert_int_equal(tokens_parse(many, t, &e), -1);
}

static void who_may_do_what(void **state)
{
	char reader[TOKEN_TEXT], operator[TOKEN_TEXT], hash[2][SHA256_HEX + 1], conf[512], bearer[8][300];
	struct settings *s;
	struct access a, open;
	struct err e = ERR_INIT;
	const char *name;
	enum { NONE, READER, OPERATOR, LOWER, OTHER, BASIC, TWO, EMPTY };
	static const struct { int token; enum scope need; enum problem want; } cases[] = {
		{ NONE, SCOPE_OPEN, P_NONE }, { OTHER, SCOPE_OPEN, P_NONE }, { NONE, SCOPE_READ, P_TOKEN_MISSING },
		{ NONE, SCOPE_OPERATE, P_TOKEN_MISSING }, { READER, SCOPE_READ, P_NONE },
		{ READER, SCOPE_OPERATE, P_TOKEN_SCOPE }, { OPERATOR, SCOPE_READ, P_NONE },
		{ OPERATOR, SCOPE_OPERATE, P_NONE }, { LOWER, SCOPE_READ, P_NONE }, { OTHER, SCOPE_READ, P_TOKEN_UNKNOWN },
		{ BASIC, SCOPE_READ, P_TOKEN_UNKNOWN }, { TWO, SCOPE_READ, P_TOKEN_UNKNOWN },
		{ EMPTY, SCOPE_READ, P_TOKEN_UNKNOWN },
	};

	(void)state;
	token_make(reader, hash[0]);
	token_make(operator, hash[1]);
	assert_string_not_equal(reader, operator);
	snprintf(conf, sizeof(conf), "[server]\ntokens = graf:read:%s, ops:operate:%s\n", hash[0], hash[1]);
	s = settings_parse(conf, strlen(conf), &e);
	assert_non_null(s);
	assert_int_equal(access_init(&a, s, &e), 0);
	snprintf(bearer[READER], 300, "Bearer %s", reader);
	snprintf(bearer[OPERATOR], 300, "Bearer %s", operator);
	snprintf(bearer[LOWER], 300, "bearer   %s", reader);
	snprintf(bearer[OTHER], 300, "Bearer %.*sx", (int)strlen(reader) - 1, reader);
	snprintf(bearer[BASIC], 300, "Basic %s", reader);
	snprintf(bearer[TWO], 300, "Bearer %s, Bearer %s", reader, operator);
	snprintf(bearer[EMPTY], 300, "Bearer ");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct refusal why = { .problem = P_NONE };

		access_check(&a, cases[i].token == NONE ? NULL : bearer[cases[i].token], cases[i].need, &name, &why);
		if (why.problem != cases[i].want)
			fail_msg("case %zu: %s", i, problem_code(why.problem));
		assert_int_equal(access_challenge(&why) != NULL, why.problem != P_NONE);
		assert_int_equal(strstr(why.detail, reader + 4) != NULL, 0);	/* never said back */
		if (cases[i].token == READER && why.problem == P_NONE)
			assert_string_equal(name, "graf");
	}
	settings_free(&s);
	s = settings_parse("", 0, &e);
	assert_int_equal(access_init(&open, s, &e), 0);
	assert_int_equal(access_check(&open, NULL, SCOPE_OPERATE, &name, &(struct refusal){ .problem = P_NONE }), 0);
	settings_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proxies_are_believed_as_far_as_they_are_known),
		cmocka_unit_test(nobody_is_believed_by_default),
		cmocka_unit_test(tokens_are_read),
		cmocka_unit_test(who_may_do_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
