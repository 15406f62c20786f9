/*
 * frame - text into a zstd frame, piece by piece, and back.
 *
 * In:  bytes. Out: one frame (RFC 8878), or the bytes again. Depends on libzstd. Neither way holds more than a
 * window of the plain text.
 */
#ifndef GS_LIB_FRAME_H
#define GS_LIB_FRAME_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

/* Compresses at level 1. One writer makes many frames, one after the other. */
struct frame_writer;
struct frame_writer *frame_writer_new(struct err *e);
/*
 * Between two frames. GeoJSON becomes, at so much CPU time per MB: usual (level 1) 2.7 to 5 times smaller at 2.7 to
 * 5 ms; quick 2 times at 1.2 ms; text 3.4 to 5 times at 2.1 to 3 ms.
 */
enum frame_effort { FRAME_USUAL, FRAME_QUICK, FRAME_TEXT };
void frame_writer_set(struct frame_writer *w, enum frame_effort effort);
void frame_writer_free(struct frame_writer **w);
/* What is ready is appended to out; -1: out is at its ceiling, or there is no memory. */
int frame_add(struct frame_writer *w, const void *bytes, size_t n, struct buf *out, struct err *e);
int frame_end(struct frame_writer *w, struct buf *out, struct err *e);
/* Forgets a frame that was begun. */
void frame_abandon(struct frame_writer *w);

/* Makes one frame of n bytes at once. Where it would take more than `room` bytes, out stays empty and 0 is returned;
 * else 1. -1: no memory. */
int frame_pack(struct frame_writer *w, const void *bytes, size_t n, size_t room, struct buf *out, struct err *e);
/*
 * The same for text that is mostly numbers, such as coordinates: half as long, at 0.3 ms of CPU time per MB (see
 * number_frame.h). 0: it is other text, or there is no memory.
 */
int frame_pack_numbers(const void *bytes, size_t n, size_t room, struct buf *out);
/* Takes one frame apart, whose text must have exactly n bytes. -1: it has not, or the frame is damaged. */
int frame_unpack(const void *frame, size_t size, void *out, size_t n, struct err *e);

/* Appends the plain text of one whole frame to out. -1: it is damaged, or too long for out. */
int frame_read(const void *frame, size_t n, struct buf *out, struct err *e);

/* The same in pieces of any size, so that only a window of the plain text is held. */
struct frame_reader;
struct frame_reader *frame_reader_new(const void *frame, size_t n, struct err *e);	/* copies the frame */
void frame_reader_free(struct frame_reader **r);
/* Bytes written to out, at most room; 0 at the end; -1: it is damaged. */
long frame_take(struct frame_reader *r, void *out, size_t room, struct err *e);

#endif
