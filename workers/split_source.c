/* split_source - see split_source.h. */
#include "workers/split_source.h"

#include <string.h>

#include "workers/patience.h"

#define FRAME_BYTES ((size_t)1 << 20)	/* of text in a frame, see feature.proto */
#define SLACK_BYTES ((uint64_t)2 << 20)	/* a piece, and what may stand behind the features */
#define TEXT_MAX ((uint64_t)64 << 20)	/* Redis takes 512 MiB in one value */

static int text_open(struct split_source *d, const struct settings *s, struct err *e)
{
	uint64_t most = (uint64_t)s->worker.chunk_bytes + (uint64_t)s->worker.max_feature_bytes + SLACK_BYTES;

	buf_init(&d->text, (size_t)(most < TEXT_MAX ? most : TEXT_MAX));
	buf_init(&d->packed, 2 * TEXT_MAX);
	if ((d->writer = frame_writer_new(e)) == NULL)
		return -1;
	frame_writer_set(d->writer, FRAME_QUICK);
	return 0;
}

int split_source_open(struct split_source *d, struct redis *r, const struct job *j, const struct settings *s,
    struct err *e)
{
	memset(d, 0, sizeof(*d));
	d->encoded = j->coding != CODING_NONE;
	if ((d->reader = body_reader_new(r, j, s, e)) == NULL)
		return -1;
	if (d->encoded)
		return text_open(d, s, e);
	body_reader_seek(d->reader, j->split.segment, 0);
	d->segment = j->split.segment - 1;
	d->read = j->split.at - j->split.skip;
	return 0;
}

void split_source_clear(struct split_source *d)
{
	body_reader_free(&d->reader);
	buf_clear(&d->text);
	buf_clear(&d->packed);
	frame_writer_free(&d->writer);
}

uint64_t split_source_received(const struct split_source *d, uint64_t at)
{
	return body_reader_received(d->reader, at);
}

static int keep(struct split_source *d, struct err *e)
{
	size_t n = d->len - d->pos;

	if (n > d->text.max - d->text.len)
		return err_set(e, ERR_LIMIT, 0, "a chunk's text is too long");
	return buf_append(&d->text, d->bytes + d->pos, n) != 0 ? err_errno(e, "split source") : 0;
}

int split_source_next(struct split_source *d, uint64_t at, struct err *e)
{
	int rc;

	do {
		d->pos = d->len = 0;
		if ((rc = body_reader_next(d->reader, &d->bytes, &d->len, e)) != 0) {
			d->len = 0;
			d->ended = rc == 1;
			return rc;
		}
		d->segment++;
		d->read += d->len;
		if (d->on_segment != NULL)
			d->on_segment(d->ctx);
		if (d->read <= at && patience_over()) {
			d->len = 0;
			return err_set(e, ERR_RETRY, 0, "the process is to stop");
		}
	} while (d->read <= at);
	if (d->read - at < d->len)
		d->pos = d->len - (size_t)(d->read - at);
	if (d->begun == 0)
		d->begun = split_source_received(d, at);
	return d->encoded ? keep(d, e) : 0;
}

/* Numbers are nearly for nothing, all else is not. */
static int pack_frame(struct split_source *d, const char *bytes, size_t n, struct buf *frame, struct err *e)
{
	int rc = frame_pack_numbers(bytes, n, n - n / 4, frame);

	if (rc == 0)
		rc = frame_pack(d->writer, bytes, n, n + n / 64 + 1024, frame, e);
	if (rc != 1)
		return rc < 0 ? -1 : err_set(e, ERR_SYSTEM, 0, "a zstd frame is too long");
	return buf_append(&d->packed, frame->data, frame->len) != 0 ? err_errno(e, "split source") : 0;
}

int split_source_pack(struct split_source *d, size_t n, struct err *e)
{
	struct buf frame;
	int rc = 0;

	buf_init(&frame, 2 * FRAME_BYTES);
	buf_reset(&d->packed);
	for (size_t at = 0; rc == 0 && at < n; at += FRAME_BYTES)
		rc = pack_frame(d, d->text.data + at, n - at < FRAME_BYTES ? n - at : FRAME_BYTES, &frame, e);
	buf_clear(&frame);
	return rc;
}

void split_source_drop(struct split_source *d, size_t n)
{
	d->text.len -= n;
	if (n > 0 && d->text.len > 0)
		memmove(d->text.data, d->text.data + n, d->text.len);
}
