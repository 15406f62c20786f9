/*
 * encode - a feature as GeoJSON text on one line.
 *
 * In:  a feature that went through the stages. Out: its text, appended to a buffer.
 * Depends on number.h and lib/buf. RFC 7946 3.2; a bare geometry becomes a Feature.
 *
 * Id, properties and foreign members are the document's bytes; only where they hold line breaks
 * is the white space between their tokens left out. Coordinates are the shortest text that reads
 * back to the same double. A bbox is the document's unless a stage made another (box_stale).
 */
#ifndef GS_PIPELINE_ENCODE_H
#define GS_PIPELINE_ENCODE_H

#include "lib/buf.h"
#include "workers/pipeline/feature.h"

/* 0, or -1 without room in out. */
int encode_feature(struct buf *out, const struct feature *f);

/* n bytes of valid JSON text on one line. */
int encode_text(struct buf *out, const char *json, size_t n);

#endif
