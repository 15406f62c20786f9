/*
 * segment_reader - a job's body out of Redis, segment by segment, with the next ones on their way.
 *
 * In:  raw:<job>. Out: its bytes in order, each segment's number and checksum verified, and decompressed where it was
 * compressed. Depends on lib/redis, on a connection of its own, lib/checksum and lib/frame. Holds one segment; the
 * window waits in the socket's buffers.
 */
#ifndef GS_WORKERS_SEGMENT_READER_H
#define GS_WORKERS_SEGMENT_READER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/redis.h"

struct segment_reader;

/* r is borrowed, and used by nobody else until segment_reader_free. */
struct segment_reader *segment_reader_new(struct redis *r, const char *job, uint64_t segments,
    unsigned prefetch, struct err *e);
/* Takes back from the connection what was asked for in vain. */
void segment_reader_free(struct segment_reader **s);

/*
 * 0: *bytes and *n are the next segment, until the next call. 1: that was the last. -1: ERR_RETRY: Redis
 * is away, the call may be repeated; ERR_INPUT: the segment is missing or damaged (R_BODY_LOST).
 */
int segment_reader_next(struct segment_reader *s, const char **bytes, size_t *n, struct err *e);

/* Goes on with this segment, from 1. Behind segment `last` none is asked for before it is wanted; 0: nothing is
 * known. */
void segment_reader_seek(struct segment_reader *s, uint64_t segment, uint64_t last);
/* Begins again with the first segment. */
void segment_reader_rewind(struct segment_reader *s);

#endif
