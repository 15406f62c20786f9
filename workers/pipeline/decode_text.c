/*
 * decode_text - the text of the feature that is being read. See decode_parts.h.
 *
 * While a feature lies within the piece at hand its text stays there; what of it came with pieces
 * before is held in a buffer.
 */
#include <string.h>

#include "workers/pipeline/decode_parts.h"

void decode_hold(struct decode *d, uint64_t from)
{
	d->hold = from;
	d->holding = from != UINT64_MAX;
	if (d->held.len > 0 && from >= d->held_at + d->held.len)
		buf_trim(&d->held, 4 * DECODE_PIECE_BYTES);
}

void decode_copy(const struct decode *d, uint64_t from, uint64_t to, char *out)
{
	if (from < d->piece_at) {
		uint64_t end = to < d->piece_at ? to : d->piece_at;

		memcpy(out, d->held.data + (from - d->held_at), end - from);
		out += end - from;
		from = end;
	}
	if (from < to)
		memcpy(out, d->piece + (from - d->piece_at), to - from);
}

int decode_keep(struct decode *d, uint64_t end)
{
	uint64_t from = d->hold > d->piece_at ? d->hold : d->piece_at;

	if (d->held.len == 0)
		d->held_at = from;
	if (d->too_large && end > d->hold + DECODE_KEEP_BYTES)
		end = d->hold + DECODE_KEEP_BYTES;
	if (from >= end)
		return 0;
	return buf_append(&d->held, d->piece + (from - d->piece_at), end - from);
}

const char *decode_text(struct decode *d, uint64_t end, size_t *len)
{
	if (d->hold >= d->piece_at) {
		*len = end - d->hold;
		return d->piece + (d->hold - d->piece_at);
	}
	if (decode_keep(d, end) != 0)
		return NULL;
	*len = d->held.len - (d->hold - d->held_at);
	return d->held.data + (d->hold - d->held_at);
}
