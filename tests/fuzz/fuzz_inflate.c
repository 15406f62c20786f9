/*
 * Encoded bodies: whatever the bytes, what comes of them does not depend on the pieces that they come in.
 *
 * The input is: a byte that chooses the coding, a byte for the size of pieces, then the stream.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX ((uint64_t)16 << 20)

/* The bytes that came, their hash over all pieces, and how it ended. */
struct outcome {
	uint64_t bytes, sum;
	int rc;
};

static struct outcome decode(enum coding c, const uint8_t *data, size_t size, size_t step)
{
	struct outcome o = { 0, 0, 0 };
	struct err e = ERR_INIT;
	struct inflate *z = inflate_new(c, &e);
	const char *out;
	size_t n;

	if (z == NULL)
		abort();
	for (size_t at = 0; at < size && o.rc >= 0 && o.bytes < OUT_MAX; at += step) {
		inflate_give(z, data + at, size - at < step ? size - at : step);
		while ((o.rc = inflate_take(z, &out, &n, &e)) == 0 && o.bytes < OUT_MAX) {
			if (n == 0)
				abort();
			for (size_t i = 0; i < n; i++)
				o.sum = o.sum * 31 + (unsigned char)out[i];
			o.bytes += n;
		}
	}
	if (o.rc >= 0 && o.bytes < OUT_MAX)
		o.rc = inflate_end(z, &e);
	if (o.rc < 0 && (e.cls != ERR_INPUT || e.text[0] == '\0'))
		abort();
	inflate_free(&z);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum coding codings[] = { CODING_GZIP, CODING_DEFLATE, CODING_ZSTD };
	struct outcome whole, pieces;

	if (size < 2)
		return 0;
	whole = decode(codings[data[0] % 3], data + 2, size - 2, size);
	pieces = decode(codings[data[0] % 3], data + 2, size - 2, data[1] + 1u);
	if (whole.bytes >= OUT_MAX || pieces.bytes >= OUT_MAX)
		return 0;
	if ((whole.rc < 0) != (pieces.rc < 0))
		abort();
	if (whole.rc >= 0 && (whole.bytes != pieces.bytes || whole.sum != pieces.sum))
		abort();
	return 0;
}
