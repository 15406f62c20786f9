/*
 * scan - where the features of a collection begin and end, without reading them.
 *
 * In:  the bytes of a FeatureCollection behind the "[" of its features, in pieces of any size.
 * Out: after each element its end and its size; its id as decode.c would hash it. Depends on
 * decode_names.h and the decoder's reading of numbers and strings.
 *
 * It knows strings, brackets and, one level down, names; not grammar. As long as the text is JSON its
 * boundaries are those of the decoder. Where it is not, what it says up to the first fault still is,
 * and whoever decodes from the boundary before that meets the fault.
 */
#ifndef GS_PIPELINE_SCAN_H
#define GS_PIPELINE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

enum scan_event {
	SCAN_MORE,	/* all bytes were used */
	SCAN_FEATURE,	/* an object ended: `at` is a boundary */
	SCAN_ODD,	/* an array or a string ended: `at` is a boundary */
	SCAN_BARE,	/* a number or a word ended: also, but who reads it needs the byte behind it to know */
	SCAN_END,	/* the bracket that closes the features comes next */
	SCAN_LOST	/* what comes next is no JSON here */
};

struct scan {
	uint64_t at;		/* offset of the next byte */
	uint64_t elements;	/* ended so far */
	uint64_t vertices;	/* square brackets opened so far below an element's members: about one a position */
	size_t max_feature_bytes, max_token_bytes;

	/* the element */
	uint64_t begin, depth, string_at;
	uint8_t state, wanted;
	bool in_string, escape, odd;
	bool id_seen, type_seen, is_feature, too_long;
	bool has_id;		/* and it counts: the element is a Feature that the decoder will judge */
	uint64_t id_hash;
	struct buf text;	/* of a name or value that is wanted */
};

/* Begins at offset `at`, behind so many elements. */
void scan_init(struct scan *s, uint64_t at, uint64_t elements, size_t max_feature_bytes, size_t max_token_bytes);
void scan_clear(struct scan *s);

/* Uses up to n bytes and returns how many; stops behind (END, LOST: before) what *event says. */
size_t scan_run(struct scan *s, const char *p, size_t n, enum scan_event *event);

#endif
