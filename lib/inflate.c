/* inflate - see inflate.h. */
#include "lib/inflate.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define OUT_BYTES ((size_t)64 << 10)
#define WINDOW_LOG_MAX 23	/* 8 MiB: what RFC 9659 asks receivers to take */
#define GZIP_BITS (15 + 16)
#define ZLIB_BITS 15
#define RAW_BITS (-15)

struct inflate {
	enum coding coding;
	z_stream zlib;
	ZSTD_DCtx *zstd;
	const unsigned char *in;
	size_t left;
	unsigned char head[2];	/* deflate: its first two bytes tell which of the two it is */
	size_t heads, used_heads;
	bool begun;		/* a byte has come */
	bool whole;		/* a member or frame has ended, and no other has begun */
	bool more;		/* it may have output without more input */
	uint64_t in_bytes, out_bytes;
	char out[OUT_BYTES];
};

static const struct {
	const char *name;
	enum coding coding;
} names[] = {
	{ "identity", CODING_NONE }, { "gzip", CODING_GZIP }, { "deflate", CODING_DEFLATE },
	{ "zstd", CODING_ZSTD }, { "x-gzip", CODING_GZIP },
};

enum coding coding_of(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == n && strncasecmp(names[i].name, name, n) == 0)
			return names[i].coding;
	return CODING_UNKNOWN;
}

const char *coding_name(enum coding c)
{
	return c < CODING_UNKNOWN ? names[c].name : "unknown";
}

/* ---- life ---- */

static bool start(struct inflate *z)
{
	switch (z->coding) {
	case CODING_GZIP:
		return inflateInit2(&z->zlib, GZIP_BITS) == Z_OK;
	case CODING_DEFLATE:
		return inflateInit2(&z->zlib, ZLIB_BITS) == Z_OK;
	case CODING_ZSTD:
		return (z->zstd = ZSTD_createDCtx()) != NULL
		    && !ZSTD_isError(ZSTD_DCtx_setParameter(z->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX));
	case CODING_NONE:
	case CODING_UNKNOWN:
		break;
	}
	return false;
}

struct inflate *inflate_new(enum coding c, struct err *e)
{
	struct inflate *z = calloc(1, sizeof(*z));

	if (z != NULL)
		z->coding = c;
	if (z == NULL || !start(z)) {
		inflate_free(&z);
		err_set(e, ERR_SYSTEM, ENOMEM, "no memory for a decoder");
	}
	return z;
}

void inflate_free(struct inflate **z)
{
	if (*z == NULL)
		return;
	inflateEnd(&(*z)->zlib);
	ZSTD_freeDCtx((*z)->zstd);
	free(*z);
	*z = NULL;
}

void inflate_restart(struct inflate *z)
{
	if (z->coding == CODING_ZSTD)
		ZSTD_DCtx_reset(z->zstd, ZSTD_reset_session_only);
	else
		inflateReset2(&z->zlib, z->coding == CODING_GZIP ? GZIP_BITS : ZLIB_BITS);
	z->left = z->heads = z->used_heads = 0;
	z->begun = z->whole = z->more = false;
	z->in_bytes = z->out_bytes = 0;
}

void inflate_give(struct inflate *z, const void *bytes, size_t n)
{
	z->in = bytes;
	z->left = n;
	z->begun |= n > 0;
}

/* ---- zlib ---- */

static int damaged(const struct inflate *z, const char *why, struct err *e)
{
	return err_set(e, ERR_INPUT, 0, "the %s stream is damaged at byte %llu: %s", coding_name(z->coding),
	    (unsigned long long)z->in_bytes, why);
}

/* RFC 1950, section 2.2: what begins otherwise is bare RFC 1951. 1: the second byte is still to come. */
static int find_form(struct inflate *z)
{
	while (z->heads < 2) {
		if (z->left == 0)
			return 1;
		z->head[z->heads++] = *z->in++;
		z->left--;
		z->in_bytes++;
		if (z->heads == 2 && ((z->head[0] & 0x0f) != Z_DEFLATED
		    || (z->head[0] << 8 | z->head[1]) % 31 != 0))
			inflateReset2(&z->zlib, RAW_BITS);
	}
	return 0;
}

/* One step, from its head where deflate still holds that, else from what was given. */
static int step_zlib(struct inflate *z, size_t *n, struct err *e)
{
	bool head = z->coding == CODING_DEFLATE && z->used_heads < 2;
	size_t offered = head ? 2 - z->used_heads : z->left < UINT32_MAX ? z->left : UINT32_MAX, used;
	int rc;

	z->zlib.next_in = head ? z->head + z->used_heads : (Bytef *)(uintptr_t)z->in;
	z->zlib.avail_in = (uInt)offered;
	z->zlib.next_out = (Bytef *)z->out;
	z->zlib.avail_out = OUT_BYTES;
	rc = inflate(&z->zlib, Z_NO_FLUSH);
	used = offered - z->zlib.avail_in;
	if (head) {
		z->used_heads += used;
	} else {
		z->in += used;
		z->left -= used;
		z->in_bytes += used;
	}
	*n = OUT_BYTES - z->zlib.avail_out;
	z->more = z->zlib.avail_out == 0;
	if (rc == Z_MEM_ERROR)
		return err_set(e, ERR_SYSTEM, ENOMEM, "no memory for a decoder");
	if (rc != Z_OK && rc != Z_BUF_ERROR && rc != Z_STREAM_END)
		return damaged(z, z->zlib.msg != NULL ? z->zlib.msg : "it needs a dictionary", e);
	z->whole = rc == Z_STREAM_END;
	return 0;
}

/* A gzip file may have several members; behind a deflate stream there is nothing. */
static int next_member(struct inflate *z, struct err *e)
{
	if (z->coding == CODING_DEFLATE)
		return damaged(z, "more follows its end", e);
	z->whole = false;
	return inflateReset(&z->zlib) == Z_OK ? 0 : err_set(e, ERR_SYSTEM, 0, "zlib does not start again");
}

static bool has_input(const struct inflate *z)
{
	return z->left > 0 || (z->coding == CODING_DEFLATE && z->heads == 2 && z->used_heads < 2);
}

static int take_zlib(struct inflate *z, size_t *n, struct err *e)
{
	*n = 0;
	if (z->coding == CODING_DEFLATE && find_form(z) != 0)
		return 1;
	while (*n == 0) {
		if (!z->more && !has_input(z))
			return 1;
		if (z->whole && has_input(z) && next_member(z, e) != 0)
			return -1;
		if (z->whole)
			return 1;
		if (step_zlib(z, n, e) != 0)
			return -1;
	}
	return 0;
}

/* ---- zstd ---- */

static int take_zstd(struct inflate *z, size_t *n, struct err *e)
{
	*n = 0;
	while (*n == 0 && (z->left > 0 || z->more)) {
		ZSTD_inBuffer from = { z->in, z->left, 0 };
		ZSTD_outBuffer to = { z->out, OUT_BYTES, 0 };
		size_t rc = ZSTD_decompressStream(z->zstd, &to, &from);

		z->in += from.pos;
		z->left -= from.pos;
		z->in_bytes += from.pos;
		if (ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation)
			return err_set(e, ERR_SYSTEM, ENOMEM, "no memory for a decoder");
		if (ZSTD_isError(rc))
			return damaged(z, ZSTD_getErrorName(rc), e);
		z->whole = rc == 0;
		z->more = to.pos == OUT_BYTES && rc != 0;
		*n = to.pos;
	}
	return *n > 0 ? 0 : 1;
}

/* ---- either ---- */

int inflate_take(struct inflate *z, const char **bytes, size_t *n, struct err *e)
{
	int rc = z->coding == CODING_ZSTD ? take_zstd(z, n, e) : take_zlib(z, n, e);

	*bytes = z->out;
	if (rc == 0)
		z->out_bytes += *n;
	return rc;
}

int inflate_end(const struct inflate *z, struct err *e)
{
	if (z->whole && z->left == 0)
		return 0;
	return err_set(e, ERR_INPUT, 0, "the %s stream ends too early, after %llu bytes", coding_name(z->coding),
	    (unsigned long long)z->in_bytes);
}

uint64_t inflate_in(const struct inflate *z)
{
	return z->in_bytes;
}

uint64_t inflate_out(const struct inflate *z)
{
	return z->out_bytes;
}
