/*
 * decode - bytes of a GeoJSON document in, features out, one at a time.
 *
 * In:  the document in pieces of any size: a FeatureCollection, a Feature, a bare geometry, or a
 *      text sequence of them (RFC 8142; or one per line). Members may come in any order.
 * Out: a struct feature for each, with findings; what cannot be read has `fatal` set and its raw
 *      text, and the next one follows. A document that is no JSON fails as a whole.
 * Depends on yajl, which sees nothing that bytes.c has not passed, and of coordinates only those that are
 * not plain (decode_plain.h).
 *
 * Memory: one feature's text (max_feature_bytes), its coordinates (max_feature_bytes * 4 at the
 * most), 64 KiB of a piece, and max_token_bytes in the tokeniser.
 *
 * Text sequences. With U+001E before each record, a broken record is rejected with SEQ_RECORD and
 * the next one is read. Without, a Feature or geometry that is followed by a line break and
 * another object makes the document a sequence by lines; a broken record ends at its line.
 */
#ifndef GS_PIPELINE_DECODE_H
#define GS_PIPELINE_DECODE_H

#include "lib/err.h"
#include "workers/pipeline/collection.h"
#include "workers/pipeline/feature.h"

struct decode_options {
	const unsigned char *severity;	/* [R_COUNT]; outlives the decoder */
	size_t max_depth, max_token_bytes, max_feature_bytes;
	bool sequence;	/* the sender says that it is one: then a broken first record is that record's fault */
};

/* Called for each feature; it lives until the call returns. -1 (e filled) stops the decoder. */
typedef int (*feature_fn)(void *ctx, struct feature *f, struct err *e);

struct decode;

struct decode *decode_new(const struct decode_options *o, feature_fn fn, void *ctx, struct err *e);
void decode_free(struct decode **d);

/* 0; or -1: the document cannot be read (ERR_INPUT, ERR_LIMIT), or fn failed. */
int decode_feed(struct decode *d, const char *bytes, size_t n, struct err *e);

/*
 * Ends the document. 0: read whole. -1: as decode_feed. 1: a member behind the features says how
 * they were to be read ("crs", or a "type" that is not FeatureCollection): forget them and feed the
 * document again; the decoder has reset itself and knows.
 */
int decode_finish(struct decode *d, struct err *e);

uint64_t decode_offset(const struct decode *d);	/* of the fault; else behind what was fed */
uint64_t decode_parsed(const struct decode *d);	/* behind the last feature */

/* Before the first byte: the decoder stops behind the bracket that opens a collection's features, and *at, 0 until
 * then, gets that offset. decode_feed is -1 then. */
void decode_stop_at_features(struct decode *d, uint64_t *at);

/* Before the first byte: an earlier pass found "crs" behind the features, and needs no other because of it. */
void decode_crs_is_known(struct decode *d);

/* Before the first byte: coordinates go through the parser, too, as plain ones need not. For tests that compare. */
void decode_by_parser_alone(struct decode *d);

/*
 * Behind exactly that bracket: goes on at offset `at`, which lies behind so many elements, as if it had read them.
 * twice: the features from there on, counted from the first of them, in order, whose id an earlier one has; borrowed.
 */
int decode_jump(struct decode *d, uint64_t at, uint64_t elements, const uint64_t *twice, size_t n, struct err *e);

/* No more bytes are fed, though they are not the last: a fault that waited for more is named now. As decode_feed. */
int decode_settle(struct decode *d, struct err *e);

/* The CRS that the document names for the feature at hand, or NULL. */
const char *decode_crs(const struct decode *d);
uint64_t decode_crs_offset(const struct decode *d);	/* of the member that does */
/* Foreign members of the collection as JSON, "\"name\":\"x\",…"; complete behind decode_finish. */
const char *decode_head(const struct decode *d, size_t *len);
/* Its bbox; complete behind decode_finish. */
const struct collection_box *decode_box(const struct decode *d);

#endif
