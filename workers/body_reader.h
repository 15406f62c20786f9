/*
 * body_reader - a job's document: its body out of Redis, decoded where the sender encoded it.
 *
 * In:  a job. Out: the document's bytes in order; or those that a chunk's message holds. Depends on segment_reader and
 * lib/inflate.
 *
 * Offsets in a document are those of the decoded one; progress is told in bytes of the body as it was received.
 */
#ifndef GS_WORKERS_BODY_READER_H
#define GS_WORKERS_BODY_READER_H

#include "schema/settings.h"
#include "workers/job.h"

struct body_reader;

/* r is borrowed, and used by nobody else until body_reader_free; so are j and s. */
struct body_reader *body_reader_new(struct redis *r, const struct job *j, const struct settings *s, struct err *e);
void body_reader_free(struct body_reader **b);

/* As segment_reader_next; also ERR_INPUT with R_BODY_ENCODING: it is no such stream; ERR_LIMIT with R_BODY_INFLATES:
 * more comes of it than the settings allow. *n is 0 where all there was is passed over. */
int body_reader_next(struct body_reader *b, const char **bytes, size_t *n, struct err *e);
void body_reader_rewind(struct body_reader *b);	/* begins again with the first byte */

/* Goes on with this segment, from 1; of a body that has a coding the first alone. `last` as in segment_reader_seek. */
void body_reader_seek(struct body_reader *b, uint64_t segment, uint64_t last);
/* So many bytes that come next are passed over. */
void body_reader_pass(struct body_reader *b, uint64_t bytes);
/* Goes on with what these zstd frames hold, until the next seek or rewind; they are borrowed. Where they are damaged,
 * there is an end. -1: e. */
int body_reader_text(struct body_reader *b, const void *frames, size_t n, struct err *e);

/* How far a reader that has parsed so many bytes of the document is in the body as it was received. */
uint64_t body_reader_received(const struct body_reader *b, uint64_t parsed);

#endif
