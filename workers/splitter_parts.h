/*
 * splitter_parts - what the files of splitter share: splitter.c reads and cuts, splitter_give.c gives out.
 */
#ifndef GS_WORKERS_SPLITTER_PARTS_H
#define GS_WORKERS_SPLITTER_PARTS_H

#include "schema/chunk_message.h"
#include "workers/pipeline/decode_names.h"
#include "workers/pipeline/scan.h"
#include "workers/split_source.h"
#include "workers/splitter.h"

/* A boundary, and where its bytes are. */
struct mark {
	uint64_t at, elements, segment, skip;
	uint64_t received;	/* bytes of the body that it took to get there, about */
	bool bare;	/* the element in front of it ends with the byte behind it */
};

struct splitter {
	const struct settings *settings;
	const struct job *job;
	struct redis *commands;
	struct split_source source;
	struct scan scan;
	struct ids ids;
	uint64_t chunk;			/* number of the next */
	uint64_t units;			/* that a chunk may come to */
	struct mark start, begin, last;	/* of the scan, of this chunk, of its last boundary */
	uint64_t vertices_before;
	struct chunk_message message;
	size_t twice_room;
	struct buf hashes, packed;	/* of ids, in this chunk; the message as bytes */
	enum scan_event closing;	/* END or LOST: only the tail is to come */
	bool faulty;			/* no more is to be read: the encoding is at fault */
	bool ready;			/* message waits to be given out, up to `upto` */
	struct mark upto;
};


/* Sends the message that is ready. 0: *reply is what split.lua said. -1: e. */
int splitter_give(struct splitter *s, struct reply **reply, struct err *e);
/* 0: *may, is it worth while to send it? -1: e. */
int splitter_may_give(struct splitter *s, bool *may, struct err *e);
/* How much work a chunk may be, from what the done ones took. */
void splitter_learn(struct splitter *s, const struct reply *reply);

#endif
