/*
 * fuzz_decode - any bytes, in pieces: the decoder neither crashes nor depends on the pieces, nor on what
 * of them went past the parser, and what is written of a feature reads back as the same feature.
 *
 * The first byte says how the rest is cut, the second how severe faults are. Limits are low, so that
 * they are met.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "tests/fuzz/options.h"
#include "workers/pipeline/decode.h"
#include "workers/pipeline/encode.h"

#define OPTION_BYTES 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned char severity[R_COUNT];

static int decode_all(const struct decode_options *o, bool alone, feature_fn fn, const char *data, size_t size,
    unsigned cut, struct buf *out)
{
	struct err e = ERR_INIT;
	struct decode *d = decode_new(o, fn, out, &e);
	int rc = 1;

	if (d == NULL)
		abort();
	if (alone)
		decode_by_parser_alone(d);
	for (int pass = 0; rc == 1; pass++) {
		struct pieces pieces = { data, size, cut, cut };
		size_t n;

		if (pass == 2)
			abort();	/* the second reading is the last */
		buf_reset(out);
		rc = 0;
		while (rc == 0 && (n = piece_next(&pieces)) > 0)
			rc = decode_feed(d, pieces.at - n, n, &e);
		if (rc == 0)
			rc = decode_finish(d, &e);
	}
	buf_printf(out, " %d %d@%d", rc, e.code, (int)decode_offset(d));
	decode_free(&d);
	return rc;
}

/* What one feature's text came to. */
static int on_second(void *ctx, struct feature *f, struct err *e)
{
	(void)e;
	if (f->fatal != R_NONE || encode_feature(ctx, f) != 0)
		abort();
	return 0;
}

static void read_back(const char *text, size_t len)
{
	struct decode_options o = { severity, 64, 1 << 20, 1 << 20, false };
	struct buf again;

	buf_init(&again, 1 << 24);
	if (decode_all(&o, false, on_second, text, len, 0, &again) != 0 || again.len < len ||
	    memcmp(again.data, text, len) != 0)
		abort();
	buf_clear(&again);
}

static int on_feature(void *ctx, struct feature *f, struct err *e)
{
	struct buf *b = ctx;
	size_t begin;

	(void)e;
	buf_printf(b, "%d@%d %d %d:", (int)f->index, (int)f->offset, (int)f->fatal, (int)f->raw_len);
	for (size_t i = 0; i < f->finding_count; i++) {
		char path[128];

		place_format(f, &f->findings[i].place, path, sizeof(path));
		buf_puts(b, path);
	}
	begin = b->len;
	if (f->fatal != R_NONE)
		buf_append(b, f->raw, f->raw_len);
	else if (encode_feature(b, f) == 0)
		read_back(b->data + begin, b->len - begin);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decode_options o = { severity, 16, 40, 400, false };
	struct {
		bool alone;
		unsigned cut;
	} ways[] = { { true, 0 }, { false, 0 }, { false, 1 } };
	struct buf first, other;

	if (size < OPTION_BYTES)
		return 0;
	options_severity(severity, data[1]);
	ways[2].cut += data[0];
	buf_init(&first, 1 << 24);
	buf_init(&other, 1 << 24);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		decode_all(&o, ways[i].alone, on_feature, (const char *)data + OPTION_BYTES, size - OPTION_BYTES,
		    ways[i].cut, i == 0 ? &first : &other);
		if (i > 0 && (first.len != other.len || memcmp(first.data, other.data, first.len) != 0))
			abort();
	}
	buf_clear(&first);
	buf_clear(&other);
	return 0;
}
