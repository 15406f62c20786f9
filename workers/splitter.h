/*
 * splitter - cuts a large collection into chunks, and gives them out.
 *
 * In:  the job of a message in `splits`: its body, and where an earlier splitter got to. Out: chunks, by split.lua,
 * no more than may be outstanding. Depends on the scanner of the pipeline, body_reader and schema/chunk_message.
 *
 *   raw:<job> ──▶ (decode) ──▶ scan ──▶ chunk: where its bytes are, or (decoded) its text ──▶ chunks, parts:<job>
 *                                └ ids of its features ──▶ ids:<job>
 *
 * A chunk ends where its features, their bytes or the work that they are thought to be reach a limit; what the work
 * of a chunk is, is learnt from those that are done. It reads no JSON: it scans more than a gigabyte a second.
 */
#ifndef GS_WORKERS_SPLITTER_H
#define GS_WORKERS_SPLITTER_H

#include "schema/settings.h"
#include "workers/job.h"
#include "workers/pipeline/pipeline.h"

struct splitter;

/* May this job be one for it, by its length alone? */
bool splitter_may(const struct job *j, const struct settings *s);
/* Is it, and where do its features begin? Reads the head of the body. 0: *head_end, and where that
 * lies. 1: no. -1: e (ERR_RETRY while Redis is away). place: as of a pipeline. */
int splitter_probe(struct redis *body, const struct job *j, const struct settings *s, struct job_split *at,
    struct pipeline_place *place, struct err *e);

/* Both connections are borrowed, body used by nobody else meanwhile; so is j, which has split.state. */
struct splitter *splitter_new(const struct settings *s, struct redis *commands, struct redis *body,
    const struct job *j, struct err *e);
/* Called at each segment, of which one feature may have many: the job is to be held on to. */
void splitter_on_segment(struct splitter *s, void (*fn)(void *ctx), void *ctx);
void splitter_free(struct splitter **s);

enum split_step {
	SPLIT_MORE,	/* a chunk was given out */
	SPLIT_FULL,	/* as many as may be are outstanding */
	SPLIT_DONE,	/* the last was given out, or the document has failed */
	SPLIT_STALE	/* the job is not ours any more */
};

/* -1: e; ERR_RETRY while Redis is away: again later. ERR_INPUT: the body is not whole. */
int splitter_step(struct splitter *s, struct err *e);

#endif
