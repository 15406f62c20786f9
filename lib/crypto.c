/* crypto - see crypto.h. Built on the EVP interface, which OpenSSL 3 keeps. */
#include "lib/crypto.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define SHA256_BLOCK 64

/* Both have taken in a block made of the key. libcrypto's own HMAC keeps three digests: a copy of it costs thrice. */
struct hmac {
	EVP_MD_CTX *inner, *outer;
};

struct gmac {
	EVP_MAC_CTX *ctx;
	unsigned char key[GMAC_KEY_BYTES];	/* for copies */
};

struct sha256 {
	EVP_MD_CTX *ctx;
};

struct sha512 {
	EVP_MD_CTX *ctx;
};

/* ---- GMAC ---- */

static EVP_MAC_CTX *mac_new(const char *name, const void *key, size_t key_len, const OSSL_PARAM params[])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, name, NULL);
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac);
	if (ctx != NULL && EVP_MAC_init(ctx, key, key_len, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static void mac_add(EVP_MAC_CTX *ctx, const void *bytes, size_t n)
{
	int ok = EVP_MAC_update(ctx, bytes, n);

	assert(ok == 1);
}

static void mac_end(EVP_MAC_CTX *ctx, unsigned char *out, size_t bytes)
{
	size_t n = 0;
	int ok = EVP_MAC_final(ctx, out, &n, bytes);

	assert(ok == 1 && n == bytes);
}

struct gmac *gmac_new(const unsigned char key[GMAC_KEY_BYTES], struct err *e)
{
	char cipher[] = "AES-256-GCM";
	unsigned char nonce[12] = { 0 };
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, nonce, sizeof(nonce)),
		OSSL_PARAM_construct_end(),
	};
	struct gmac *g = calloc(1, sizeof(*g));

	if (g != NULL && (g->ctx = mac_new("GMAC", key, GMAC_KEY_BYTES, params)) == NULL)
		gmac_free(&g);
	if (g != NULL)
		memcpy(g->key, key, sizeof(g->key));
	else
		err_set(e, ERR_SYSTEM, 0, "GMAC is not to be had from libcrypto");
	return g;
}

/* An early OpenSSL 3.0 cannot copy the state of GCM, and leaves word of it where TLS would take it for its own. */
struct gmac *gmac_copy(const struct gmac *g)
{
	struct gmac *copy = calloc(1, sizeof(*copy));
	struct err e = ERR_INIT;

	if (copy == NULL)
		return NULL;
	ERR_set_mark();
	copy->ctx = EVP_MAC_CTX_dup(g->ctx);
	ERR_pop_to_mark();
	if (copy->ctx != NULL) {
		memcpy(copy->key, g->key, sizeof(copy->key));
		return copy;
	}
	gmac_free(&copy);
	return gmac_new(g->key, &e);
}

void gmac_add(struct gmac *g, const void *bytes, size_t n)
{
	mac_add(g->ctx, bytes, n);
}

void gmac_end(struct gmac *g, unsigned char out[GMAC_BYTES])
{
	mac_end(g->ctx, out, GMAC_BYTES);
}

void gmac_free(struct gmac **g)
{
	if (*g == NULL)
		return;
	EVP_MAC_CTX_free((*g)->ctx);
	secret_wipe((*g)->key, sizeof((*g)->key));
	free(*g);
	*g = NULL;
}

/* ---- digests ---- */

static EVP_MD *sha256_fetched;

static void fetch_sha256(void)
{
	sha256_fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* Looked up once: libcrypto would do it anew with each digest. NULL: there is none. */
static const EVP_MD *sha256_md(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fetch_sha256);
	return sha256_fetched;
}

static EVP_MD_CTX *md_new(const EVP_MD *md, struct err *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx != NULL && md != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1)
		return ctx;
	EVP_MD_CTX_free(ctx);
	err_set(e, ERR_SYSTEM, 0, "SHA-2 is not to be had from libcrypto");
	return NULL;
}

static void md_add(EVP_MD_CTX *ctx, const void *bytes, size_t n)
{
	int ok = EVP_DigestUpdate(ctx, bytes, n);

	assert(ok == 1);
}

static void md_end(EVP_MD_CTX *ctx, unsigned char *out, unsigned bytes)
{
	unsigned n = 0;
	int ok = EVP_DigestFinal_ex(ctx, out, &n);

	assert(ok == 1 && n == bytes);
}

struct sha256 *sha256_new(struct err *e)
{
	struct sha256 *s = calloc(1, sizeof(*s));

	if (s == NULL)
		err_set(e, ERR_SYSTEM, 0, "out of memory");
	else if ((s->ctx = md_new(sha256_md(), e)) == NULL)
		sha256_free(&s);
	return s;
}

void sha256_of(const void *bytes, size_t n, unsigned char out[SHA256_BYTES])
{
	int ok = EVP_Digest(bytes, n, out, NULL, sha256_md(), NULL);

	assert(ok == 1);
}

void sha256_add(struct sha256 *s, const void *bytes, size_t n)
{
	md_add(s->ctx, bytes, n);
}

void sha256_end(struct sha256 *s, unsigned char out[SHA256_BYTES])
{
	md_end(s->ctx, out, SHA256_BYTES);
}

void sha256_free(struct sha256 **s)
{
	if (*s == NULL)
		return;
	EVP_MD_CTX_free((*s)->ctx);
	free(*s);
	*s = NULL;
}

struct sha512 *sha512_new(struct err *e)
{
	struct sha512 *s = calloc(1, sizeof(*s));

	if (s == NULL)
		err_set(e, ERR_SYSTEM, 0, "out of memory");
	else if ((s->ctx = md_new(EVP_sha512(), e)) == NULL)
		sha512_free(&s);
	return s;
}

void sha512_add(struct sha512 *s, const void *bytes, size_t n)
{
	md_add(s->ctx, bytes, n);
}

void sha512_end(struct sha512 *s, unsigned char out[SHA512_BYTES])
{
	md_end(s->ctx, out, SHA512_BYTES);
}

void sha512_free(struct sha512 **s)
{
	if (*s == NULL)
		return;
	EVP_MD_CTX_free((*s)->ctx);
	free(*s);
	*s = NULL;
}

/* ---- HMAC ---- */

/* RFC 2104, section 2: the digest of the key, each byte of it crossed with `pad`, and of zeros up to a block. */
static EVP_MD_CTX *hmac_half(const unsigned char key[SHA256_BLOCK], unsigned char pad, struct err *e)
{
	EVP_MD_CTX *ctx = md_new(sha256_md(), e);
	unsigned char block[SHA256_BLOCK];

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = key[i] ^ pad;
	if (ctx != NULL)
		md_add(ctx, block, sizeof(block));
	secret_wipe(block, sizeof(block));
	return ctx;
}

struct hmac *hmac_new(const void *key, size_t key_len, struct err *e)
{
	struct hmac *h = calloc(1, sizeof(*h));
	unsigned char block[SHA256_BLOCK] = { 0 };

	if (key_len > sizeof(block) && sha256_md() != NULL)
		sha256_of(key, key_len, block);
	else if (key_len > 0 && key_len <= sizeof(block))
		memcpy(block, key, key_len);
	if (h != NULL && ((h->inner = hmac_half(block, 0x36, e)) == NULL
	    || (h->outer = hmac_half(block, 0x5c, e)) == NULL))
		hmac_free(&h);
	secret_wipe(block, sizeof(block));
	if (h == NULL)
		err_set(e, ERR_SYSTEM, 0, "HMAC-SHA256 is not to be had from libcrypto");
	return h;
}

static EVP_MD_CTX *md_copy(const EVP_MD_CTX *ctx)
{
	EVP_MD_CTX *copy = EVP_MD_CTX_new();

	if (copy != NULL && EVP_MD_CTX_copy_ex(copy, ctx) == 1)
		return copy;
	EVP_MD_CTX_free(copy);
	return NULL;
}

struct hmac *hmac_copy(const struct hmac *h)
{
	struct hmac *copy = calloc(1, sizeof(*copy));

	if (copy != NULL && ((copy->inner = md_copy(h->inner)) == NULL || (copy->outer = md_copy(h->outer)) == NULL))
		hmac_free(&copy);
	return copy;
}

void hmac_add(struct hmac *h, const void *bytes, size_t n)
{
	md_add(h->inner, bytes, n);
}

void hmac_end(struct hmac *h, unsigned char out[SHA256_BYTES])
{
	md_end(h->inner, out, SHA256_BYTES);
	md_add(h->outer, out, SHA256_BYTES);
	md_end(h->outer, out, SHA256_BYTES);
}

void hmac_free(struct hmac **h)
{
	if (*h == NULL)
		return;
	EVP_MD_CTX_free((*h)->inner);	/* wipes it */
	EVP_MD_CTX_free((*h)->outer);
	free(*h);
	*h = NULL;
}

void sha1_hex(char out[41], const void *bytes, size_t n)
{
	unsigned char digest[20];
	int ok = EVP_Digest(bytes, n, digest, NULL, EVP_sha1(), NULL);

	assert(ok == 1);
	hex_encode(out, digest, sizeof(digest));
}

bool bytes_equal_ct(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void hex_encode(char *out, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(void *out, const char *hex, size_t n)
{
	unsigned char *p = out;

	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(hex[2 * i]);
		int lo = hi < 0 ? -1 : hex_digit(hex[2 * i + 1]);

		if (lo < 0)
			return false;
		p[i] = (unsigned char)(hi << 4 | lo);
	}
	return true;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(char *out, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (; n > 0; p += 3) {
		unsigned long v = (unsigned long)p[0] << 16 | (n > 1 ? p[1] << 8 : 0) | (n > 2 ? p[2] : 0);

		*out++ = base64_digits[v >> 18];
		*out++ = base64_digits[v >> 12 & 63];
		*out++ = n > 1 ? base64_digits[v >> 6 & 63] : '=';
		*out++ = n > 2 ? base64_digits[v & 63] : '=';
		n -= n > 3 ? 3 : n;
	}
	*out = '\0';
}

long base64_decode(void *out, const char *text, size_t len)
{
	unsigned char *p = out;
	size_t pad = 0;

	if (len % 4 != 0)
		return -1;
	if (len > 0)
		pad = text[len - 1] != '=' ? 0 : text[len - 2] != '=' ? 1 : 2;
	for (size_t i = 0; i < len; i += 4) {
		size_t skip = i + 4 == len ? pad : 0;
		unsigned long v = 0;

		for (size_t k = 0; k < 4; k++) {
			const char *d = k + skip < 4 ? strchr(base64_digits, text[i + k]) : base64_digits;

			if (d == NULL || *d == '\0')
				return -1;
			v = v << 6 | (unsigned long)(d - base64_digits);
		}
		if ((skip == 1 && (v & 0xff)) || (skip == 2 && (v & 0xffff)))
			return -1;	/* bits that no encoder sets */
		*p++ = (unsigned char)(v >> 16);
		if (skip < 2)
			*p++ = (unsigned char)(v >> 8);
		if (skip < 1)
			*p++ = (unsigned char)v;
	}
	return (long)(p - (unsigned char *)out);
}

void random_bytes(void *out, size_t n)
{
	unsigned char *p = out;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno != EINTR)
			abort();	/* a kernel without it */
		p += got > 0 ? got : 0;
		n -= got > 0 ? (size_t)got : 0;
	}
}

void secret_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}
