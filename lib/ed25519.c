/*
 * ed25519 - see ed25519.h.
 *
 * The curve is -x² + y² = 1 + d x² y² over the integers modulo p = 2^255 - 19. Points are kept as
 * (X : Y : Z : T) with x = X/Z, y = Y/Z, T = XY/Z (RFC 8032 section 5.1.4), coordinates in Montgomery
 * form. Time depends on the values: none of them is secret here.
 */
#include "lib/ed25519.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/evp.h>

#include "lib/crypto.h"

/* ---- in one piece: libcrypto's ---- */

bool ed25519_verify(const unsigned char key[ED25519_KEY_BYTES], const unsigned char signature[ED25519_BYTES],
    const void *message, size_t n)
{
	EVP_PKEY *k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, ED25519_KEY_BYTES);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = k != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k) == 1
	    && EVP_DigestVerify(ctx, signature, ED25519_BYTES, message, n) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(k);
	return good;
}

static EVP_PKEY *private_key(const unsigned char seed[ED25519_KEY_BYTES])
{
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_KEY_BYTES);
}

int ed25519_sign(const unsigned char seed[ED25519_KEY_BYTES], const void *message, size_t n,
    unsigned char signature[ED25519_BYTES], struct err *e)
{
	EVP_PKEY *k = private_key(seed);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = ED25519_BYTES;
	bool done = k != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k) == 1
	    && EVP_DigestSign(ctx, signature, &len, message, n) == 1 && len == ED25519_BYTES;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(k);
	return done ? 0 : err_set(e, ERR_SYSTEM, 0, "Ed25519 is not to be had from libcrypto");
}

int ed25519_public(const unsigned char seed[ED25519_KEY_BYTES], unsigned char key[ED25519_KEY_BYTES],
    struct err *e)
{
	EVP_PKEY *k = private_key(seed);
	size_t len = ED25519_KEY_BYTES;
	bool done = k != NULL && EVP_PKEY_get_raw_public_key(k, key, &len) == 1 && len == ED25519_KEY_BYTES;

	EVP_PKEY_free(k);
	return done ? 0 : err_set(e, ERR_SYSTEM, 0, "Ed25519 is not to be had from libcrypto");
}

/* ---- arithmetic; ok stays true while all went well ---- */

enum { X, Y, Z, T, COORDINATES };

struct point {
	BIGNUM *at[COORDINATES];
};

struct curve {
	BN_CTX *ctx;
	BN_MONT_CTX *mont;
	BIGNUM *p, *order, *d, *d2;	/* d and 2d in Montgomery form */
	bool ok;
};

static void need(struct curve *c, int done)
{
	c->ok = c->ok && done == 1;
}

static BIGNUM *fresh(struct curve *c)
{
	BIGNUM *n = BN_CTX_get(c->ctx);

	need(c, n != NULL);
	return n;
}

static void mul(struct curve *c, BIGNUM *r, const BIGNUM *a, const BIGNUM *b)
{
	need(c, c->ok && BN_mod_mul_montgomery(r, a, b, c->mont, c->ctx));
}

static void add(struct curve *c, BIGNUM *r, const BIGNUM *a, const BIGNUM *b)
{
	need(c, c->ok && BN_mod_add_quick(r, a, b, c->p));
}

static void sub(struct curve *c, BIGNUM *r, const BIGNUM *a, const BIGNUM *b)
{
	need(c, c->ok && BN_mod_sub_quick(r, a, b, c->p));
}

static void to_mont(struct curve *c, BIGNUM *n)
{
	need(c, c->ok && BN_to_montgomery(n, n, c->mont, c->ctx));
}

static void curve_init(struct curve *c)
{
	BIGNUM *n;

	c->ok = true;
	c->mont = BN_MONT_CTX_new();
	c->p = fresh(c);
	c->order = fresh(c);
	c->d = fresh(c);
	c->d2 = fresh(c);
	n = fresh(c);
	need(c, c->mont != NULL);
	if (!c->ok)
		return;
	need(c, BN_set_bit(c->p, 255) && BN_sub_word(c->p, 19));
	need(c, BN_dec2bn(&c->order, "27742317777372353535851937790883648493") > 0 && BN_set_bit(c->order, 252));
	need(c, BN_MONT_CTX_set(c->mont, c->p, c->ctx));
	/* d = -121665 / 121666 */
	need(c, BN_set_word(n, 121666) && BN_mod_inverse(c->d, n, c->p, c->ctx) != NULL
	    && BN_mul_word(c->d, 121665) && BN_nnmod(c->d, c->d, c->p, c->ctx) && BN_sub(c->d, c->p, c->d));
	to_mont(c, c->d);
	add(c, c->d2, c->d, c->d);
}

static void point_init(struct curve *c, struct point *p)
{
	for (int i = 0; i < COORDINATES; i++)
		p->at[i] = fresh(c);
}

/* The neutral element: (0, 1). */
static void point_zero(struct curve *c, struct point *p)
{
	if (!c->ok)
		return;
	BN_zero(p->at[X]);
	BN_zero(p->at[T]);
	need(c, BN_one(p->at[Y]) && BN_one(p->at[Z]));
	to_mont(c, p->at[Y]);
	to_mont(c, p->at[Z]);
}

/* r = a + b, also where they are the same, and r may be either (RFC 8032 section 5.1.4). */
static void point_add(struct curve *c, struct point *r, const struct point *a, const struct point *b)
{
	BIGNUM *m[8];

	BN_CTX_start(c->ctx);
	for (int i = 0; i < 8; i++)
		m[i] = fresh(c);
	sub(c, m[0], a->at[Y], a->at[X]);
	sub(c, m[1], b->at[Y], b->at[X]);
	mul(c, m[0], m[0], m[1]);		/* A */
	add(c, m[1], a->at[Y], a->at[X]);
	add(c, m[2], b->at[Y], b->at[X]);
	mul(c, m[1], m[1], m[2]);		/* B */
	mul(c, m[2], a->at[T], b->at[T]);
	mul(c, m[2], m[2], c->d2);		/* C */
	mul(c, m[3], a->at[Z], b->at[Z]);
	add(c, m[3], m[3], m[3]);		/* D */
	sub(c, m[4], m[1], m[0]);		/* E */
	sub(c, m[5], m[3], m[2]);		/* F */
	add(c, m[6], m[3], m[2]);		/* G */
	add(c, m[7], m[1], m[0]);		/* H */
	mul(c, r->at[X], m[4], m[5]);
	mul(c, r->at[Y], m[6], m[7]);
	mul(c, r->at[T], m[4], m[7]);
	mul(c, r->at[Z], m[5], m[6]);
	BN_CTX_end(c->ctx);
}

/* x from y: x² = (y² - 1) / (d y² + 1). y in Montgomery form, x as a plain number. */
static void recover_x(struct curve *c, BIGNUM *x, const BIGNUM *y)
{
	BIGNUM *u = fresh(c), *v = fresh(c), *one = fresh(c);

	need(c, c->ok && BN_one(one));
	to_mont(c, one);
	mul(c, u, y, y);
	mul(c, v, u, c->d);
	sub(c, u, u, one);
	add(c, v, v, one);
	need(c, c->ok && BN_from_montgomery(u, u, c->mont, c->ctx) && BN_from_montgomery(v, v, c->mont, c->ctx)
	    && BN_mod_inverse(v, v, c->p, c->ctx) != NULL && BN_mod_mul(u, u, v, c->p, c->ctx)
	    && BN_mod_sqrt(x, u, c->p, c->ctx) != NULL);
}

/* RFC 8032 section 5.1.3. What is no point ends ok. */
static void point_read(struct curve *c, struct point *p, const unsigned char bytes[32])
{
	unsigned char plain[32];
	int sign = bytes[31] >> 7;

	memcpy(plain, bytes, 32);
	plain[31] &= 0x7f;
	need(c, c->ok && BN_lebin2bn(plain, 32, p->at[Y]) != NULL);
	need(c, c->ok && BN_cmp(p->at[Y], c->p) < 0);
	to_mont(c, p->at[Y]);
	recover_x(c, p->at[X], p->at[Y]);
	need(c, c->ok && !(BN_is_zero(p->at[X]) && sign));
	if (c->ok && BN_is_odd(p->at[X]) != sign)
		need(c, BN_sub(p->at[X], c->p, p->at[X]));
	to_mont(c, p->at[X]);
	need(c, c->ok && BN_one(p->at[Z]));
	to_mont(c, p->at[Z]);
	mul(c, p->at[T], p->at[X], p->at[Y]);
}

static void point_negate(struct curve *c, struct point *p)
{
	BIGNUM *zero = fresh(c);

	if (c->ok)
		BN_zero(zero);
	sub(c, p->at[X], zero, p->at[X]);
	sub(c, p->at[T], zero, p->at[T]);
}

static void point_write(struct curve *c, const struct point *p, unsigned char out[32])
{
	BIGNUM *x = fresh(c), *y = fresh(c), *z = fresh(c);

	need(c, c->ok && BN_from_montgomery(x, p->at[X], c->mont, c->ctx)
	    && BN_from_montgomery(y, p->at[Y], c->mont, c->ctx)
	    && BN_from_montgomery(z, p->at[Z], c->mont, c->ctx) && BN_mod_inverse(z, z, c->p, c->ctx) != NULL
	    && BN_mod_mul(x, x, z, c->p, c->ctx) && BN_mod_mul(y, y, z, c->p, c->ctx)
	    && BN_bn2lebinpad(y, out, 32) == 32);
	if (c->ok && BN_is_odd(x))
		out[31] |= 0x80;
}

/* r = s a + k b, both bits at a time. */
static void multiply(struct curve *c, struct point *r, const BIGNUM *s, const struct point *a, const BIGNUM *k,
    const struct point *b)
{
	struct point both;
	const struct point *const choice[4] = { NULL, a, b, &both };

	point_init(c, &both);
	point_add(c, &both, a, b);
	point_zero(c, r);
	for (int bit = 255; bit >= 0 && c->ok; bit--) {
		int which = BN_is_bit_set(s, bit) | BN_is_bit_set(k, bit) << 1;

		point_add(c, r, r, r);
		if (which != 0)
			point_add(c, r, r, choice[which]);
	}
}

/* Is s B - k A what the signature begins with? B's y is 4/5, its x even. */
static bool equation_holds(struct curve *c, const unsigned char key[32], const unsigned char signature[64],
    const unsigned char hash[64])
{
	unsigned char base_bytes[32], got[32];
	struct point base, a, r;
	BIGNUM *s, *k;

	curve_init(c);
	memset(base_bytes, 0x66, sizeof(base_bytes));
	base_bytes[0] = 0x58;
	point_init(c, &base);
	point_init(c, &a);
	point_init(c, &r);
	s = fresh(c);
	k = fresh(c);
	need(c, c->ok && BN_lebin2bn(signature + 32, 32, s) != NULL && BN_lebin2bn(hash, 64, k) != NULL);
	need(c, c->ok && BN_cmp(s, c->order) < 0);	/* else a signature would have several forms */
	need(c, c->ok && BN_nnmod(k, k, c->order, c->ctx));
	point_read(c, &base, base_bytes);
	point_read(c, &a, key);
	point_negate(c, &a);
	multiply(c, &r, s, &base, k, &a);
	point_write(c, &r, got);
	return c->ok && bytes_equal_ct(got, signature, 32);
}

/* ---- the stream ---- */

struct ed25519 {
	unsigned char key[ED25519_KEY_BYTES], signature[ED25519_BYTES];
	struct sha512 *hash;
};

struct ed25519 *ed25519_new(const unsigned char key[ED25519_KEY_BYTES],
    const unsigned char signature[ED25519_BYTES], struct err *e)
{
	struct ed25519 *v = calloc(1, sizeof(*v));

	if (v == NULL || (v->hash = sha512_new(e)) == NULL) {
		ed25519_free(&v);
		err_set(e, ERR_SYSTEM, 0, "out of memory");
		return NULL;
	}
	memcpy(v->key, key, sizeof(v->key));
	memcpy(v->signature, signature, sizeof(v->signature));
	sha512_add(v->hash, signature, 32);
	sha512_add(v->hash, key, ED25519_KEY_BYTES);
	return v;
}

void ed25519_add(struct ed25519 *v, const void *bytes, size_t n)
{
	sha512_add(v->hash, bytes, n);
}

bool ed25519_end(struct ed25519 *v)
{
	struct curve c = { .ctx = BN_CTX_new() };
	unsigned char hash[SHA512_BYTES];
	bool good;

	sha512_end(v->hash, hash);
	if (c.ctx == NULL)
		return false;
	BN_CTX_start(c.ctx);
	good = equation_holds(&c, v->key, v->signature, hash);
	BN_CTX_end(c.ctx);
	BN_MONT_CTX_free(c.mont);
	BN_CTX_free(c.ctx);
	return good;
}

void ed25519_free(struct ed25519 **v)
{
	if (*v == NULL)
		return;
	sha512_free(&(*v)->hash);
	free(*v);
	*v = NULL;
}
