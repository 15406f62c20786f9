/* frame - see frame.h. */
#include "lib/frame.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ZSTD_STATIC_LINKING_ONLY	/* ZSTD_c_literalCompressionMode */
#include <zstd.h>
#include <zstd_errors.h>

#include "lib/number_frame.h"

#define LEVEL 1
#define STEP_BYTES ((size_t)64 << 10)	/* room that each step offers */

struct frame_writer {
	ZSTD_CCtx *ctx;
};

struct frame_writer *frame_writer_new(struct err *e)
{
	struct frame_writer *w = calloc(1, sizeof(*w));

	if (w == NULL || (w->ctx = ZSTD_createCCtx()) == NULL) {
		free(w);
		err_errno(e, "zstd");
		return NULL;
	}
	ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_compressionLevel, LEVEL);
	return w;
}

/*
 * Negative levels look for repetitions in great steps, and leave what is between them as it is. Coordinates are digits
 * with few repetitions: Huffman codes alone halve them, and cost most of the time that is spent here.
 */
void frame_writer_set(struct frame_writer *w, enum frame_effort effort)
{
	static const int levels[] = { [FRAME_USUAL] = LEVEL, [FRAME_QUICK] = -131072, [FRAME_TEXT] = -5 };

	ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_compressionLevel, levels[effort]);
	/* 1: always. A libzstd that knows no such parameter makes larger frames. */
	ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_literalCompressionMode, effort == FRAME_USUAL ? 0 : 1);
}

void frame_writer_free(struct frame_writer **w)
{
	if (*w == NULL)
		return;
	ZSTD_freeCCtx((*w)->ctx);
	free(*w);
	*w = NULL;
}

static int code_of(size_t said)
{
	return ZSTD_getErrorCode(said) == ZSTD_error_memory_allocation ? ENOMEM : 0;
}

static int compress(struct frame_writer *w, const void *bytes, size_t n, ZSTD_EndDirective how,
    struct buf *out, struct err *e)
{
	ZSTD_inBuffer in = { bytes, n, 0 };
	size_t left;

	do {
		if (buf_reserve(out, STEP_BYTES) != 0)
			return err_set(e, ERR_SYSTEM, ENOMEM, "no memory for a zstd frame");
		ZSTD_outBuffer to = { out->data, out->room, out->len };

		left = ZSTD_compressStream2(w->ctx, &to, &in, how);
		out->len = to.pos;
		if (ZSTD_isError(left))
			return err_set(e, ERR_SYSTEM, code_of(left), "zstd: %s", ZSTD_getErrorName(left));
	} while (in.pos < in.size || (how == ZSTD_e_end && left > 0));
	return 0;
}

int frame_add(struct frame_writer *w, const void *bytes, size_t n, struct buf *out, struct err *e)
{
	return compress(w, bytes, n, ZSTD_e_continue, out, e);
}

int frame_end(struct frame_writer *w, struct buf *out, struct err *e)
{
	return compress(w, NULL, 0, ZSTD_e_end, out, e);
}

void frame_abandon(struct frame_writer *w)
{
	ZSTD_CCtx_reset(w->ctx, ZSTD_reset_session_only);
}

int frame_pack(struct frame_writer *w, const void *bytes, size_t n, size_t room, struct buf *out, struct err *e)
{
	size_t got;

	buf_reset(out);
	if (buf_reserve(out, room) != 0)
		return err_errno(e, "zstd");
	got = ZSTD_compress2(w->ctx, out->data, room, bytes, n);
	if (!ZSTD_isError(got)) {
		out->len = got;
		return 1;
	}
	return ZSTD_getErrorCode(got) == ZSTD_error_dstSize_tooSmall ? 0
	    : err_set(e, ERR_SYSTEM, code_of(got), "zstd: %s", ZSTD_getErrorName(got));
}

int frame_pack_numbers(const void *bytes, size_t n, size_t room, struct buf *out)
{
	buf_reset(out);
	if (buf_reserve(out, room) != 0)
		return 0;
	out->len = number_frame(bytes, n, out->data, room);
	return out->len > 0;
}

/* What zstd says of a frame; without memory it can say nothing. */
static int fault_of(size_t said, struct err *e)
{
	if (ZSTD_getErrorCode(said) == ZSTD_error_memory_allocation)
		return err_set(e, ERR_SYSTEM, ENOMEM, "no memory to read a zstd frame");
	return err_set(e, ERR_INPUT, 0, "zstd: %s", ZSTD_getErrorName(said));
}

int frame_unpack(const void *frame, size_t size, void *out, size_t n, struct err *e)
{
	size_t got = ZSTD_decompress(out, n, frame, size);

	if (ZSTD_isError(got))
		return fault_of(got, e);
	return got == n ? 0 : err_set(e, ERR_INPUT, 0, "a zstd frame holds %zu bytes, not %zu", got, n);
}

int frame_read(const void *frame, size_t n, struct buf *out, struct err *e)
{
	ZSTD_DCtx *ctx = ZSTD_createDCtx();
	ZSTD_inBuffer in = { frame, n, 0 };
	size_t left = 1;
	int rc = -1;

	if (ctx == NULL)
		return err_errno(e, "zstd");
	while (left > 0) {
		if (buf_reserve(out, STEP_BYTES) != 0) {
			err_set(e, ERR_LIMIT, 0, "the text of a zstd frame is too long");
			goto out;
		}
		ZSTD_outBuffer to = { out->data, out->room, out->len };
		size_t before = in.pos + out->len;

		left = ZSTD_decompressStream(ctx, &to, &in);
		out->len = to.pos;
		if (ZSTD_isError(left)) {
			fault_of(left, e);
			goto out;
		}
		if (left > 0 && in.pos + out->len == before) {
			err_set(e, ERR_INPUT, 0, "a zstd frame ends early");
			goto out;
		}
	}
	rc = 0;
 out:
	ZSTD_freeDCtx(ctx);
	return rc;
}

struct frame_reader {
	ZSTD_DCtx *ctx;
	ZSTD_inBuffer in;
	bool ended;
	char frame[];
};

struct frame_reader *frame_reader_new(const void *frame, size_t n, struct err *e)
{
	struct frame_reader *r = malloc(sizeof(*r) + n);

	if (r == NULL || (r->ctx = ZSTD_createDCtx()) == NULL) {
		free(r);
		err_errno(e, "zstd");
		return NULL;
	}
	memcpy(r->frame, frame, n);
	r->in = (ZSTD_inBuffer){ r->frame, n, 0 };
	r->ended = false;
	return r;
}

void frame_reader_free(struct frame_reader **r)
{
	if (*r == NULL)
		return;
	ZSTD_freeDCtx((*r)->ctx);
	free(*r);
	*r = NULL;
}

long frame_take(struct frame_reader *r, void *out, size_t room, struct err *e)
{
	ZSTD_outBuffer to = { out, room, 0 };

	while (to.pos < room && !r->ended) {
		size_t before = r->in.pos + to.pos, left = ZSTD_decompressStream(r->ctx, &to, &r->in);

		if (ZSTD_isError(left))
			return fault_of(left, e);
		r->ended = left == 0;
		if (left > 0 && r->in.pos + to.pos == before)
			return err_set(e, ERR_INPUT, 0, "a zstd frame ends early");
	}
	return (long)to.pos;
}
