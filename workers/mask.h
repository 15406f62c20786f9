/*
 * mask - features that killed who read them are put out of sight of the decoder.
 *
 * In:  the document's bytes, twice: to find where these features are, by strings and brackets alone; then to be
 * changed.
 * Out: the same bytes, with a harmless feature of the same length in the place of each. Depends on lib/buf.
 *
 *   mask_add … ─▶ mask_seek, mask_find … until it is true ─▶ mask_apply on all bytes, before they are decoded
 *                                                        ─▶ mask_feature on each feature that was decoded
 *
 * In text that is no JSON, or no GeoJSON, the finder may take another element for feature n than the decoder does. It
 * shows when that feature has been decoded: mask_feature says where it should begin.
 */
#ifndef GS_WORKERS_MASK_H
#define GS_WORKERS_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

#define MASKS_MOST 64

struct mask_range {
	uint64_t index;
	uint64_t from, to;	/* offsets in the document; 0, 0 until it is found */
	struct buf text;	/* how it came, as far as it is kept */
};

struct mask {
	struct mask_range range[MASKS_MOST];
	size_t count, found;
	size_t keep_bytes;
	struct buf changed;	/* a piece of the document, as it goes to the decoder */

	/* the finder */
	uint64_t at, index, begin;
	uint64_t depth;		/* of brackets: below the record's, or the element's own */
	enum { MASK_BETWEEN, MASK_RECORD, MASK_FEATURES } where;
	bool in_string, escape, open, collection, features;
	unsigned name_len;
	char name[16];
};

/* Keeps up to so many bytes of each text. */
void mask_init(struct mask *m, size_t keep_bytes);
void mask_clear(struct mask *m);
void mask_reset(struct mask *m);	/* forgets all features */

/* In ascending order, each once; beyond MASKS_MOST they are not masked. */
void mask_add(struct mask *m, uint64_t index);

/* The finder begins at this offset: of the document (0), or among a collection's features, behind `index` of them. */
void mask_seek(struct mask *m, uint64_t offset, bool among_features, uint64_t index);
/* true: all were found, it needs no more bytes. */
bool mask_find(struct mask *m, const char *bytes, size_t n);

/* The bytes from this offset on as they are to be decoded: *bytes stays or is replaced, until the next call. -1: e. */
int mask_apply(struct mask *m, uint64_t offset, const char **bytes, size_t n, struct err *e);

enum mask_verdict { MASK_NONE, MASK_IS, MASK_WRONG };

/* Is the feature that was decoded one of them? MASK_IS: *which is it. MASK_WRONG: another was masked than was meant. */
enum mask_verdict mask_feature(const struct mask *m, uint64_t index, uint64_t offset, const struct mask_range **which);

#endif
