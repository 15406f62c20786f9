/*
 * decode_id - the names and ids of a feature as the decoder reads them, from their text.
 *
 * In:  the text of a JSON string (without its quotes) or number. Out: is it this name; its hash, equal to
 * that of the decoder for the same id. Depends on yajl, for strings with escapes.
 */
#ifndef GS_PIPELINE_DECODE_ID_H
#define GS_PIPELINE_DECODE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

bool decode_id_is(const struct buf *text, const char *name);
/* false: not a string that can be read, or without memory. */
bool decode_id_string(const struct buf *text, uint64_t *hash);
/* false: no number. */
bool decode_id_number(const struct buf *text, uint64_t *hash);

/* Ids 1, 1.0 and 1e0 are the same; "1" is another. Beyond 2^53 the text has to be. */
uint64_t id_hash_number(const char *text, size_t len);
uint64_t id_hash_string(const char *text, size_t len);

#endif
