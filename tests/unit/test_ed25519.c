/* lib/ed25519: published vectors, and that the stream judges as libcrypto does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/crypto.h"
#include "lib/ed25519.h"

static bool stream(const unsigned char *key, const unsigned char *signature, const void *message, size_t n,
    size_t step)
{
	struct ed25519 *v = ed25519_new(key, signature, NULL);
	bool good;

	for (size_t i = 0; i < n; i += step)
		ed25519_add(v, (const char *)message + i, n - i < step ? n - i : step);
	good = ed25519_end(v);
	ed25519_free(&v);
	return good;
}

/* Section 7.1 of the RFC: seed, public key, message, signature. */
static void vectors_of_rfc_8032(void **state)
{
	static const struct { const char *seed, *key, *message, *signature; } cases[] = {
		{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
		  "d25bf5f0595bbe24655141438e7a100b" },
		{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
		  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
		  "387b2eaeb4302aeeb00d291612bb0c00" },
		{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
		  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
		  "4a7c15e9716ed28dc027beceea1ec40a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char seed[32], key[32], signature[64], message[2], got[64];
		size_t n = strlen(cases[i].message) / 2;

		hex_decode(seed, cases[i].seed, 32);
		hex_decode(key, cases[i].key, 32);
		hex_decode(signature, cases[i].signature, 64);
		hex_decode(message, cases[i].message, n);
		assert_int_equal(ed25519_public(seed, got, NULL), 0);
		assert_memory_equal(got, key, 32);
		assert_int_equal(ed25519_sign(seed, message, n, got, NULL), 0);
		assert_memory_equal(got, signature, 64);
		assert_true(ed25519_verify(key, signature, message, n));
		assert_true(stream(key, signature, message, n, 1));
	}
}

/* One bit anywhere in key, signature or message, and neither takes it. */
static void a_bit_that_is_wrong_is_seen(void **state)
{
	unsigned char seed[32] = { 1, 2, 3 }, key[32], signature[64], message[48] = "a message";

	(void)state;
	ed25519_public(seed, key, NULL);
	ed25519_sign(seed, message, sizeof(message), signature, NULL);
	for (size_t step = 1; step <= sizeof(message); step++)
		assert_true(stream(key, signature, message, sizeof(message), step));
	for (size_t bit = 0; bit < 8 * (32 + 64 + 48); bit += 7) {
		size_t i = bit / 8;
		unsigned char *p = i < 32 ? &key[i] : i < 96 ? &signature[i - 32] : &message[i - 96];

		*p ^= (unsigned char)(1u << bit % 8);
		assert_false(ed25519_verify(key, signature, message, sizeof(message)));
		if (stream(key, signature, message, sizeof(message), 48))
			fail_msg("bit %zu", bit);
		*p ^= (unsigned char)(1u << bit % 8);
	}
	assert_true(stream(key, signature, message, sizeof(message), 48));
}

static void the_stream_agrees_with_libcrypto(void **state)
{
	unsigned char seed[32], key[32], signature[64], message[200];

	(void)state;
	for (int i = 0; i < 60; i++) {
		size_t n = (size_t)i * 3;

		random_bytes(seed, sizeof(seed));
		random_bytes(message, sizeof(message));
		ed25519_public(seed, key, NULL);
		ed25519_sign(seed, message, n, signature, NULL);
		assert_true(stream(key, signature, message, n, 7));
		random_bytes(seed, sizeof(seed));
		assert_int_equal(stream(seed, signature, message, n, 7),
		    ed25519_verify(seed, signature, message, n));
	}
}

/* S and S + L satisfy the same equation: only the smaller one is a signature (section 5.1.7). */
static void a_signature_has_one_form(void **state)
{
	static const unsigned char order[32] = {
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
		[31] = 0x10,
	};
	unsigned char seed[32] = { 9 }, key[32], signature[64];
	unsigned carry = 0;

	(void)state;
	ed25519_public(seed, key, NULL);
	ed25519_sign(seed, "x", 1, signature, NULL);
	for (int i = 0; i < 32; i++) {
		carry += signature[32 + i] + (unsigned)order[i];
		signature[32 + i] = (unsigned char)carry;
		carry >>= 8;
	}
	assert_false(ed25519_verify(key, signature, "x", 1));
	assert_false(stream(key, signature, "x", 1, 1));
}

/* y = 2 is no point; y = p + 1 is none that is written so. */
static void keys_that_are_no_points(void **state)
{
	unsigned char key[32] = { 2 }, signature[64] = { 1 };

	(void)state;
	assert_false(stream(key, signature, "x", 1, 1));
	memset(key, 0xff, sizeof(key));
	key[0] = 0xee;
	key[31] = 0x7f;
	assert_false(stream(key, signature, "x", 1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_rfc_8032),
		cmocka_unit_test(a_bit_that_is_wrong_is_seen),
		cmocka_unit_test(the_stream_agrees_with_libcrypto),
		cmocka_unit_test(a_signature_has_one_form),
		cmocka_unit_test(keys_that_are_no_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
