/*
 * head - where the features of a collection begin.
 *
 * In:  a document from its first byte. Out: the offset behind the bracket that opens them, if it is a collection whose
 * head can be read. Depends on decode.
 */
#ifndef GS_PIPELINE_HEAD_H
#define GS_PIPELINE_HEAD_H

#include "lib/err.h"
#include "workers/pipeline/pipeline.h"

struct head;

struct head *head_new(const struct pipeline_options *o, struct err *e);
void head_free(struct head **h);

enum { HEAD_MORE, HEAD_FOUND, HEAD_NONE };

/* One of these; *end with HEAD_FOUND. Not to be called again after FOUND or NONE. */
int head_feed(struct head *h, const char *bytes, size_t n, uint64_t *end);

#endif
