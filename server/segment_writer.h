/*
 * segment_writer - a body, piece by piece, into Redis.
 *
 * In:  bytes of one upload. Out: entries of raw:<job>, as schema/wire.md has them, written while the
 * upload runs; all but the last, which the commit takes along. Depends on lib/redis and segment_form.
 *
 * Bytes that wait for Redis are bounded per upload and per pool; a writer whose bound is reached takes
 * no more until `room` is called. So are the bytes of large bodies in one turn of the loop: a small one that came in
 * meanwhile is not to wait for the hashing of megabytes.
 *
 */
#ifndef GS_SERVER_SEGMENT_WRITER_H
#define GS_SERVER_SEGMENT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/loop.h"
#include "lib/redis.h"
#include "schema/settings.h"
#include "schema/wire.h"
#include "server/segment_form.h"

struct reactor;
struct segment_writer;

typedef void (*segment_room_fn)(void *ctx);

/* What the uploads of one reactor share. */
#define SEGMENT_SPARES 32

struct segment_pool {
	size_t segment_bytes, window_segments, window_bytes;
	struct segment_form form;
	size_t waiting;		/* bytes that Redis owes a reply for */
	uint64_t written;	/* segments so far */
	bool held;		/* none is written for now */
	size_t turn_left;	/* bytes that large bodies may still bring in this turn of the loop */
	struct loop_task turn;
	unsigned count;		/* open writers */
	struct segment_writer *first;
	struct buf spare[SEGMENT_SPARES];	/* of small bodies that went, for those that come */
	size_t spares;
	struct segment_writer *stalled, *stalled_last;
};

/* New settings count for what begins after them. */
void segment_pool_set(struct segment_pool *p, const struct settings *s);
int segment_pool_init(struct segment_pool *p, const struct settings *s, struct err *e);
void segment_pool_clear(struct segment_pool *p, struct loop *l);

/* While they are held, those of all writers wait as if Redis had no room for them; but for the last ones of bodies. */
void segments_hold(struct segment_pool *p, bool held);

/* Bytes per segment for one more writer: less than segment_bytes where many upload, so that their
 * buffers fit window_bytes together. */
size_t segment_size(const struct segment_pool *p);

/* room is called when a writer that took less than it was given can take more, or has failed.
 * NULL without memory. */
struct segment_writer *segment_writer_new(struct reactor *r, const char *job, segment_room_fn room, void *ctx);
/* Redis keeps room for it: from now on it gives signs of life, though nothing may be written yet. */
void segment_is_held(struct segment_writer *w);
/* Its bytes are compressed already. */
void segment_writer_is_packed(struct segment_writer *w);
/* No reply is awaited any more: room will not be called. */
void segment_writer_free(struct segment_writer **w);

/*
 * Where the next bytes are best read to, and how many: given to segment_add at once, they are not copied. 0: they may
 * be read to anywhere. -1: none will be taken now; room will be called.
 */
long segment_place(struct segment_writer *w, void **at);
/* How many of n bytes were taken. */
size_t segment_add(struct segment_writer *w, const void *bytes, size_t n);
/* Makes room for a body of which n bytes are known to come. */
void segment_expect(struct segment_writer *w, uint64_t n);
bool segment_failed(const struct segment_writer *w);	/* Redis refused a segment, or went away */

unsigned segment_number(const struct segment_writer *w);	/* of the one not yet written, from 1 */
/* Adds the XADD of that one to c: its bytes are borrowed until the next call for any writer of the pool. */
void segment_last(struct segment_writer *w, struct redis_cmd *c);
/* Bytes of all segments, that one among them, as they are in Redis; known after segment_last. */
uint64_t segment_stored(const struct segment_writer *w);
bool segment_any_packed(const struct segment_writer *w);

/* Refreshes the staging marks of all writers that have one. */
void segments_touch(struct reactor *r);

#endif
