/*
 * fuzz_decode - any bytes, in pieces: the decoder neither crashes nor depends on the pieces.
 *
 * The first byte says how the rest is cut. Limits are low, so that they are met.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "workers/pipeline/decode.h"
#include "workers/pipeline/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_feature(void *ctx, struct feature *f, struct err *e)
{
	struct buf *b = ctx;

	(void)e;
	buf_printf(b, "%d@%d %d %d:", (int)f->index, (int)f->offset, (int)f->fatal, (int)f->raw_len);
	for (size_t i = 0; i < f->finding_count; i++) {
		char path[128];

		place_format(f, &f->findings[i].place, path, sizeof(path));
		buf_puts(b, path);
	}
	if (f->fatal == R_NONE)
		encode_feature(b, f);
	else
		buf_append(b, f->raw, f->raw_len);
	return 0;
}

static void decode_all(const uint8_t *data, size_t size, size_t step, struct buf *out)
{
	unsigned char severity[R_COUNT];
	struct decode_options o = { severity, 16, 40, 400 };
	struct err e = ERR_INIT;
	struct decode *d;
	int rc = 1;

	for (int code = 0; code < R_COUNT; code++)
		severity[code] = (unsigned char)reject_info((enum reject_code)code)->severity;
	if ((d = decode_new(&o, on_feature, out, &e)) == NULL)
		abort();
	for (int pass = 0; rc == 1; pass++) {
		if (pass == 2)
			abort();	/* the second reading is the last */
		buf_reset(out);
		rc = 0;
		for (size_t at = 0; at < size && rc == 0; at += step)
			rc = decode_feed(d, (const char *)data + at, size - at < step ? size - at : step, &e);
		if (rc == 0)
			rc = decode_finish(d, &e);
	}
	buf_printf(out, " %d %d@%d", rc, e.code, (int)decode_offset(d));
	decode_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, pieces;

	if (size == 0)
		return 0;
	buf_init(&whole, 1 << 24);
	buf_init(&pieces, 1 << 24);
	decode_all(data + 1, size - 1, SIZE_MAX / 2, &whole);
	decode_all(data + 1, size - 1, 1 + data[0] % 32, &pieces);
	if (whole.len != pieces.len || memcmp(whole.data, pieces.data, whole.len) != 0)
		abort();
	buf_clear(&whole);
	buf_clear(&pieces);
	return 0;
}
