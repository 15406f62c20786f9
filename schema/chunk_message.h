/*
 * chunk_message - a chunk of a large collection, as splitter and worker tell each other.
 *
 * In:  struct chunk_message. Out: the bytes of schema/feature.proto, and back. Depends on protobuf-c.
 */
#ifndef GS_SCHEMA_CHUNK_MESSAGE_H
#define GS_SCHEMA_CHUNK_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

struct chunk_message {		/* see feature.proto */
	uint64_t first, features;
	uint64_t from, to;
	uint64_t segment, skip;
	uint64_t head_end;
	uint64_t *twice;
	size_t twice_count;
	uint64_t vertices;
	bool tail;
	uint64_t until;
	char *text;		/* zstd frames; NULL where there are none */
	size_t text_len;
	uint64_t received;
	bool whole;
};

/* Replaces what is in out. */
int chunk_message_write(const struct chunk_message *m, struct buf *out, struct err *e);
/* Fills m, whose `twice` and `text` are the caller's to clear. -1: e; ERR_INPUT where it is no such message. */
int chunk_message_read(struct chunk_message *m, const void *bytes, size_t n, struct err *e);
void chunk_message_clear(struct chunk_message *m);

#endif
