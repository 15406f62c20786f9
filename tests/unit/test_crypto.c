/* lib/crypto: published vectors, and what decoders must refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/crypto.h"

static void hmac_vectors_of_rfc_4231(void **state)
{
	static const struct { const char *key; size_t key_len; const char *data, *mac; } cases[] = {
		{ "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", 20,
			"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "Jefe", 4, "what do ya want for nothing?",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
		    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
		    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
		    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa", 131,
			"Test Using Larger Than Block-Size Key - Hash Key First",
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].data);
		struct hmac *base = hmac_new(cases[i].key, cases[i].key_len, NULL);

		for (size_t split = 0; split <= n; split++) {
			struct hmac *h = hmac_copy(base);
			unsigned char mac[SHA256_BYTES];
			char hex[SHA256_HEX + 1];

			hmac_add(h, cases[i].data, split);
			hmac_add(h, cases[i].data + split, n - split);
			hmac_end(h, mac);
			hex_encode(hex, mac, sizeof(mac));
			assert_string_equal(hex, cases[i].mac);
			hmac_free(&h);
		}
		hmac_free(&base);
	}
}

/* Keys of each length about a block, and longer ones, give what libcrypto's HMAC gives. */
static void hmac_of_any_key_is_libcryptos(void **state)
{
	static const char data[] = "{\"type\": \"FeatureCollection\", \"features\": []}";
	unsigned char key[200], want[SHA256_BYTES], mac[SHA256_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)(i * 7 + 1);
	for (size_t n = 0; n <= sizeof(key); n++) {
		struct hmac *h = hmac_new(key, n, NULL), *copy = hmac_copy(h);

		assert_non_null(HMAC(EVP_sha256(), key, (int)n, (const unsigned char *)data, sizeof(data), want, NULL));
		hmac_add(h, data, sizeof(data));
		hmac_end(h, mac);
		assert_memory_equal(mac, want, sizeof(mac));
		hmac_free(&h);		/* a copy does not need it */
		hmac_add(copy, data, sizeof(data));
		hmac_end(copy, mac);
		assert_memory_equal(mac, want, sizeof(mac));
		hmac_free(&copy);
	}
}

/* As an early OpenSSL 3.0 does it with GMAC. */
EVP_MAC_CTX *__real_EVP_MAC_CTX_dup(const EVP_MAC_CTX *ctx);
EVP_MAC_CTX *__wrap_EVP_MAC_CTX_dup(const EVP_MAC_CTX *ctx);

static bool no_copies;

EVP_MAC_CTX *__wrap_EVP_MAC_CTX_dup(const EVP_MAC_CTX *ctx)
{
	if (!no_copies)
		return __real_EVP_MAC_CTX_dup(ctx);
	ERR_raise(ERR_LIB_EVP, EVP_R_NOT_ABLE_TO_COPY_CTX);
	return NULL;
}

/*
 * The tag of nothing encrypted, and of additional data alone, under a nonce of zeros: test case 13 of the GCM
 * specification (McGrew, Viega), and one made by schoolbook arithmetic.
 */
static void gmac_vectors(void **state)
{
	const bool *copies = *state;
	static const struct { const char *data, *tag; } cases[] = {
		{ "", "530f8afbc74536b9a963b4f1c4cb738b" }, { "{\"type\": \"FeatureCollection\", \"features\": []}", "762ac2305c62686235fad3d743e7c8ba" },
	};
	static const unsigned char key[GMAC_KEY_BYTES];
	struct gmac *base = gmac_new(key, NULL);

	no_copies = !*copies;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].data);

		for (size_t split = 0; split <= n; split++) {
			struct gmac *first = gmac_copy(base), *g = gmac_copy(first);
			unsigned char tag[GMAC_BYTES];
			char hex[2 * GMAC_BYTES + 1];

			gmac_free(&first);
			assert_int_equal(ERR_peek_error(), 0);
			gmac_add(g, cases[i].data, split);
			gmac_add(g, cases[i].data + split, n - split);
			gmac_end(g, tag);
			hex_encode(hex, tag, sizeof(tag));
			assert_string_equal(hex, cases[i].tag);
			gmac_free(&g);
		}
	}
	gmac_free(&base);
	no_copies = false;
}

static void digests(void **state)
{
	struct sha256 *s = sha256_new(NULL);
	unsigned char d[SHA256_BYTES];
	char hex[SHA256_HEX + 1], hex512[2 * SHA512_BYTES + 1];
	unsigned char d512[SHA512_BYTES];
	struct sha512 *long_one;

	(void)state;
	sha256_add(s, "ab", 2);
	sha256_add(s, "c", 1);
	sha256_end(s, d);
	hex_encode(hex, d, sizeof(d));
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_free(&s);
	long_one = sha512_new(NULL);
	sha512_add(long_one, "ab", 2);
	sha512_add(long_one, "c", 1);
	sha512_end(long_one, d512);
	hex_encode(hex512, d512, sizeof(d512));
	assert_string_equal(hex512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	sha512_free(&long_one);
	sha1_hex(hex, "abc", 3);
	assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void base64_of_rfc_4648(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	};
	static const char *const broken[] = {
		"Z", "Zg", "Zg=", "Zg=a", "=g==", "Zh==", "Zm9=", "Zm9v\n", "Zm-v", "====", "Z===", "Zg==Zg==",
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		base64_encode(text, pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(text, pairs[i][1]);
		assert_int_equal(base64_decode(text, pairs[i][1], strlen(pairs[i][1])), strlen(pairs[i][0]));
		assert_memory_equal(text, pairs[i][0], strlen(pairs[i][0]));
	}
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if (base64_decode(text, broken[i], strlen(broken[i])) != -1)
			fail_msg("%s", broken[i]);
}

static void hex_is_strict(void **state)
{
	unsigned char out[2];

	(void)state;
	assert_true(hex_decode(out, "00fF", 2));
	assert_int_equal(out[1], 255);
	assert_false(hex_decode(out, "0g", 1));
	assert_false(hex_decode(out, " 0", 1));
}

/* A pause has some dice in it, and one that is made because there is no memory as well. */
static void random_bytes_take_no_memory(void **state)
{
#ifndef __SANITIZE_ADDRESS__
	const struct rlimit none = { 0, 0 };
	unsigned char out[16] = { 0 };
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &none);
		setrlimit(RLIMIT_DATA, &none);
		for (size_t n = 1 << 16; n >= 16; n /= 2) {
			while (malloc(n) != NULL)
				;
		}
		random_bytes(out, sizeof(out));
		_exit(memcmp(out, (unsigned char[16]){ 0 }, sizeof(out)) == 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
#else
	(void)state;
	skip();
#endif
}

int main(void)
{
	static bool copies = true, none = false;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hmac_vectors_of_rfc_4231),
		cmocka_unit_test(hmac_of_any_key_is_libcryptos),
		cmocka_unit_test_prestate(gmac_vectors, &copies),
		{ "gmac_vectors_where_it_cannot_be_copied", gmac_vectors, NULL, NULL, &none },
		cmocka_unit_test(digests),
		cmocka_unit_test(base64_of_rfc_4648),
		cmocka_unit_test(hex_is_strict), cmocka_unit_test(random_bytes_take_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
