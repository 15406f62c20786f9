/*
 * split_source - the document as a splitter reads it: piece by piece; and if its body is encoded, its text from where
 * the next chunk begins.
 *
 * In:  a job, and the boundary to begin at. Out: pieces; text up to a boundary, packed for a chunk's message (`text` in
 * schema/feature.proto). Depends on body_reader and lib/frame.
 *
 * Nobody finds a place in an encoded body: what lies in front of the boundary is decoded again, and passed over.
 */
#ifndef GS_WORKERS_SPLIT_SOURCE_H
#define GS_WORKERS_SPLIT_SOURCE_H

#include "lib/frame.h"
#include "workers/body_reader.h"

struct split_source {
	struct body_reader *reader;
	const char *bytes;	/* the piece at hand: a segment, or what became of some of it */
	size_t len, pos;	/* pos: the caller's */
	uint64_t segment;	/* its number */
	uint64_t read;		/* offset behind it */
	uint64_t begun;		/* bytes of the body that it took to get to where it begins, about; 0: not read yet */
	bool ended;		/* that was all of the document */
	bool encoded;
	struct buf text;	/* of an encoded one */
	struct buf packed;	/* what split_source_pack made */
	struct frame_writer *writer;
	void (*on_segment)(void *ctx);	/* or NULL */
	void *ctx;
};

/* Begins at j->split. r, j and s are borrowed. -1: e; split_source_clear is due all the same. */
int split_source_open(struct split_source *d, struct redis *r, const struct job *j, const struct settings *s,
    struct err *e);
void split_source_clear(struct split_source *d);

/* The next piece, with pos at offset `at` or, if it begins behind that, at its begin. As body_reader_next; also
 * ERR_LIMIT without a code: no more text may be held; and ERR_RETRY on the way to `at`, if the process is to stop. */
int split_source_next(struct split_source *d, uint64_t at, struct err *e);
/* How far in the body is offset `at`, which lies in the piece at hand? */
uint64_t split_source_received(const struct split_source *d, uint64_t at);

/* The first n bytes of the text into `packed`. */
int split_source_pack(struct split_source *d, size_t n, struct err *e);
void split_source_drop(struct split_source *d, size_t n);	/* they are not wanted any more */

#endif
