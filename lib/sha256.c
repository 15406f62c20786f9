/*
 * sha256 - SHA-256 (FIPS 180-4) and HMAC-SHA256 (RFC 2104) over streams; see crypto.h.
 *
 * In:  bytes, in pieces. Out: digests and tags. Depends on libcrypto's block function, and beside it on x86's SHA
 * instructions for two streams at a time.
 *
 * A body is hashed twice: under the sender's key, and by itself for its name. One round of SHA-256 waits for the one
 * before it, so a second stream between them costs little, and less where both have the same blocks. libcrypto has
 * one stream at a time; and its EVP interface spends more on a context than on the hash of a small document, so this
 * is built on the plain structures below it.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "lib/crypto.h"

#define BLOCK ((size_t)SHA256_CBLOCK)

struct sha256 {
	SHA256_CTX now;
};

struct hmac {
	SHA256_CTX inner, outer;	/* behind the key */
	struct sha256 now;
};

static void add(SHA256_CTX *c, const void *bytes, size_t n)
{
	int ok = SHA256_Update(c, bytes, n);

	assert(ok == 1);
}

/* ---- two at a time ---- */

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#define NI __attribute__((target("sha,sse4.1"), always_inline)) static inline

/* The eight words as the instructions want them: a b e f and c d g h, the first word highest. */
struct lane {
	__m128i abef, cdgh;
};

NI struct lane lane_load(const SHA256_CTX *c)
{
	__m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)&c->h[0]);
	__m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)&c->h[4]);
	__m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);

	return (struct lane){ _mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0) };
}

NI void lane_store(SHA256_CTX *c, struct lane l)
{
	__m128i feba = _mm_shuffle_epi32(l.abef, 0x1b), dchg = _mm_shuffle_epi32(l.cdgh, 0xb1);

	_mm_storeu_si128((__m128i *)(void *)&c->h[0], _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)&c->h[4], _mm_alignr_epi8(dchg, feba, 8));
}

/* Rounds 4i to 4i + 3; w[i & 3] has their words, and gets those of 16 rounds later. */
NI void rounds(struct lane *l, const __m128i w[4], int i)
{
	__m128i wk = _mm_add_epi32(w[i & 3], _mm_loadu_si128((const __m128i *)(const void *)&k[4 * i]));

	l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, wk);
	l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh, _mm_shuffle_epi32(wk, 0x0e));
}

NI void schedule(__m128i w[4], int i)
{
	__m128i last = w[(i + 3) & 3], sum = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);

	sum = _mm_add_epi32(sum, _mm_alignr_epi8(last, w[(i + 2) & 3], 4));
	w[i & 3] = _mm_sha256msg2_epu32(sum, last);
}

NI void load_block(__m128i w[4], const unsigned char *p)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);

	for (int i = 0; i < 4; i++)
		w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)), swap);
}

NI void lane_sum(struct lane *l, struct lane before)
{
	l->abef = _mm_add_epi32(l->abef, before.abef);
	l->cdgh = _mm_add_epi32(l->cdgh, before.cdgh);
}

/* The same blocks into both. */
__attribute__((target("sha,sse4.1")))
static void blocks_shared(SHA256_CTX *a, SHA256_CTX *b, const unsigned char *p, size_t count)
{
	struct lane x = lane_load(a), y = lane_load(b);

	for (; count > 0; count--, p += BLOCK) {
		const struct lane x0 = x, y0 = y;
		__m128i w[4];

		load_block(w, p);
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++) {
			rounds(&x, w, i);
			rounds(&y, w, i);
			if (i < 12)
				schedule(w, i);
		}
		lane_sum(&x, x0);
		lane_sum(&y, y0);
	}
	lane_store(a, x);
	lane_store(b, y);
}

/* Blocks of each its own: of the same bytes, but begun elsewhere. */
__attribute__((target("sha,sse4.1")))
static void blocks_apart(SHA256_CTX *a, const unsigned char *p, SHA256_CTX *b, const unsigned char *q, size_t count)
{
	struct lane x = lane_load(a), y = lane_load(b);

	for (; count > 0; count--, p += BLOCK, q += BLOCK) {
		const struct lane x0 = x, y0 = y;
		__m128i v[4], w[4];

		load_block(v, p);
		load_block(w, q);
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++) {
			rounds(&x, v, i);
			rounds(&y, w, i);
			if (i < 12) {
				schedule(v, i);
				schedule(w, i);
			}
		}
		lane_sum(&x, x0);
		lane_sum(&y, y0);
	}
	lane_store(a, x);
	lane_store(b, y);
}

static bool can_pair(void)
{
	static int known;	/* 1 no, 2 yes: whoever asks at the same time finds the same */
	unsigned a, b, c, d;
	int can = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (can == 0) {
		can = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3) && (c & bit_SSE4_1)
		    && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) ? 2 : 1;
		__atomic_store_n(&known, can, __ATOMIC_RELAXED);
	}
	return can == 2;
}

static void count_bytes(SHA256_CTX *c, size_t n)
{
	uint64_t bits = (((uint64_t)c->Nh << 32) | c->Nl) + ((uint64_t)n << 3);

	c->Nl = (SHA_LONG)bits;
	c->Nh = (SHA_LONG)(bits >> 32);
}

/* What is missing of a block that was begun: how many of n bytes it took. */
static size_t complete(SHA256_CTX *c, const unsigned char *bytes, size_t n)
{
	size_t missing = c->num > 0 ? BLOCK - c->num : 0;

	if (missing > n)
		missing = n;
	add(c, bytes, missing);
	return missing;
}

static void add_pair(SHA256_CTX *a, SHA256_CTX *b, const unsigned char *bytes, size_t n)
{
	size_t at = complete(a, bytes, n), bt = complete(b, bytes, n);
	size_t count = (n - (at > bt ? at : bt)) / BLOCK;

	if (count > 0 && at == bt)
		blocks_shared(a, b, bytes + at, count);
	else if (count > 0)
		blocks_apart(a, bytes + at, b, bytes + bt, count);
	count_bytes(a, count * BLOCK);
	count_bytes(b, count * BLOCK);
	at += count * BLOCK;
	bt += count * BLOCK;
	add(a, bytes + at, n - at);
	add(b, bytes + bt, n - bt);
}
#else
static bool can_pair(void)
{
	return false;
}

static void add_pair(SHA256_CTX *a, SHA256_CTX *b, const unsigned char *bytes, size_t n)
{
	add(a, bytes, n);
	add(b, bytes, n);
}
#endif

/* ---- SHA-256 ---- */

struct sha256 *sha256_new(struct err *e)
{
	struct sha256 *s = calloc(1, sizeof(*s));

	if (s == NULL)
		err_set(e, ERR_SYSTEM, 0, "out of memory");
	else
		SHA256_Init(&s->now);
	return s;
}

void sha256_add(struct sha256 *s, const void *bytes, size_t n)
{
	add(&s->now, bytes, n);
}

void sha256_end(struct sha256 *s, unsigned char out[SHA256_BYTES])
{
	SHA256_Final(out, &s->now);
}

void sha256_of(const void *bytes, size_t n, unsigned char out[SHA256_BYTES])
{
	struct sha256 s;

	SHA256_Init(&s.now);
	sha256_add(&s, bytes, n);
	sha256_end(&s, out);
}

void sha256_free(struct sha256 **s)
{
	free(*s);
	*s = NULL;
}

/* ---- HMAC ---- */

static void begin(SHA256_CTX *c, const unsigned char key[BLOCK], unsigned char pad)
{
	unsigned char block[BLOCK];

	for (size_t i = 0; i < BLOCK; i++)
		block[i] = key[i] ^ pad;
	SHA256_Init(c);
	add(c, block, sizeof(block));
	secret_wipe(block, sizeof(block));
}

struct hmac *hmac_new(const void *key, size_t key_len, struct err *e)
{
	struct hmac *h = calloc(1, sizeof(*h));
	unsigned char whole[BLOCK] = { 0 };

	if (h == NULL) {
		err_set(e, ERR_SYSTEM, 0, "out of memory");
		return NULL;
	}
	if (key_len > BLOCK)
		sha256_of(key, key_len, whole);
	else if (key_len > 0)
		memcpy(whole, key, key_len);
	begin(&h->inner, whole, 0x36);
	begin(&h->outer, whole, 0x5c);
	h->now.now = h->inner;
	secret_wipe(whole, sizeof(whole));
	return h;
}

struct hmac *hmac_copy(const struct hmac *h)
{
	struct hmac *copy = malloc(sizeof(*copy));

	if (copy != NULL) {
		*copy = *h;
		copy->now.now = h->inner;
	}
	return copy;
}

void hmac_add(struct hmac *h, const void *bytes, size_t n)
{
	sha256_add(&h->now, bytes, n);
}

void sha256_hmac_add(struct sha256 *s, struct hmac *h, const void *bytes, size_t n)
{
	if (can_pair()) {
		add_pair(&s->now, &h->now.now, bytes, n);
		return;
	}
	sha256_add(s, bytes, n);
	hmac_add(h, bytes, n);
}

void hmac_end(struct hmac *h, unsigned char out[SHA256_BYTES])
{
	unsigned char inner[SHA256_BYTES];

	sha256_end(&h->now, inner);
	h->now.now = h->outer;
	sha256_add(&h->now, inner, sizeof(inner));
	sha256_end(&h->now, out);
}

void hmac_free(struct hmac **h)
{
	if (*h == NULL)
		return;
	secret_wipe(*h, sizeof(**h));
	free(*h);
	*h = NULL;
}
