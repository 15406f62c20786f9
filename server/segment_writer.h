/*
 * segment_writer - a body, piece by piece, into Redis.
 *
 * In:  bytes of one upload. Out: entries of raw:<job>, as schema/wire.md has them, written while the
 * upload runs; all but the last, which the commit takes along. Depends on lib/redis.
 *
 * Bytes that wait for Redis are bounded per upload and per pool; a writer whose bound is reached takes
 * no more until `room` is called.
 */
#ifndef GS_SERVER_SEGMENT_WRITER_H
#define GS_SERVER_SEGMENT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "schema/wire.h"

struct reactor;
struct segment_writer;

typedef void (*segment_room_fn)(void *ctx);

/* What the uploads of one reactor share. */
struct segment_pool {
	size_t segment_bytes, window_segments, window_bytes;
	size_t waiting;		/* bytes that Redis owes a reply for */
	unsigned count;		/* open writers */
	struct segment_writer *first;
	struct segment_writer *stalled, *stalled_last;
};

/* Bytes per segment for one more writer: less than segment_bytes where many upload, so that their
 * buffers fit window_bytes together. */
size_t segment_size(const struct segment_pool *p);

/* room is called when a writer that took less than it was given can take more, or has failed.
 * NULL without memory. */
struct segment_writer *segment_writer_new(struct reactor *r, const char *job, segment_room_fn room, void *ctx);
/* No reply is awaited any more: room will not be called. */
void segment_writer_free(struct segment_writer **w);

/* How many of n bytes were taken. */
size_t segment_add(struct segment_writer *w, const void *bytes, size_t n);
/* Makes room for a body of which n bytes are known to come. */
void segment_expect(struct segment_writer *w, uint64_t n);
bool segment_failed(const struct segment_writer *w);	/* Redis refused a segment, or went away */

unsigned segment_number(const struct segment_writer *w);	/* of the one not yet written, from 1 */
const struct buf *segment_last(const struct segment_writer *w);	/* its bytes */

/* Refreshes the staging marks of all writers that have written something. */
void segments_touch(struct reactor *r);

#endif
