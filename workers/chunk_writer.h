/*
 * chunk_writer - collects verdicts until they make a chunk, then hands it to the sink.
 *
 * In:  verdicts in document order. Out: chunks. Depends on lib/frame and sinks/.
 *
 * Results and report are compressed as they come; what is held is one chunk, compressed, and the
 * texts of its dead letters. Calls return 0, 1 (stale: let go of the job) or -1.
 */
#ifndef GS_WORKERS_CHUNK_WRITER_H
#define GS_WORKERS_CHUNK_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "workers/pipeline/pipeline.h"
#include "workers/sinks/sink.h"

struct chunk_limits {
	uint64_t features;
	uint64_t bytes;		/* of results, report and dead letters, before compression */
	size_t letter_bytes;	/* of one rejected feature's text */
};

struct chunk_writer;

struct chunk_writer *chunk_writer_new(const struct sink *s, struct redis *r, const struct chunk_limits *l,
    struct err *e);
void chunk_writer_free(struct chunk_writer **w);

/* Forgets what was not written, and goes on with feature `next` of j, which is borrowed. hold: nothing is written
 * until chunk_writer_take, and how far features reach is said of these alone; else also of those before. */
void chunk_writer_begin(struct chunk_writer *w, const struct job *j, uint64_t next, bool hold);
/* Index of the feature that is to come next. Those before it are written. */
uint64_t chunk_writer_next(const struct chunk_writer *w);
/* Of what waits: the feature that takes the most room. */
uint64_t chunk_writer_largest(const struct chunk_writer *w);

/* v is the verdict on feature chunk_writer_next; crs the source CRS in effect; letter_bytes what a dead letter may keep
 * of its text, if that is less than usual; parsed as in the chunk. */
int chunk_writer_add(struct chunk_writer *w, const struct verdict *v, const char *crs, size_t letter_bytes,
    uint64_t parsed, struct err *e);
/* What is held, for the caller to write; it is there until the next call. NULL: e. */
const struct chunk *chunk_writer_take(struct chunk_writer *w, struct err *e);
int chunk_writer_flush(struct chunk_writer *w, uint64_t parsed, struct err *e);
/* The collection has no bbox. */
void chunk_writer_boxless(struct chunk_writer *w);
/* How far all features reach. */
const struct collection_reach *chunk_writer_reach(const struct chunk_writer *w);

#endif
