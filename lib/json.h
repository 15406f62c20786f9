/*
 * json - writes JSON text into a buffer.
 *
 * In:  names and values. Out: one compact JSON text, UTF-8. Depends on lib/buf.
 * Commas are set by looking at what stands before; nesting is the caller's to close.
 */
#ifndef GS_LIB_JSON_H
#define GS_LIB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

void json_object(struct buf *b, const char *name);	/* name NULL: in an array or at the root */
void json_array(struct buf *b, const char *name);
void json_end_object(struct buf *b);
void json_end_array(struct buf *b);
void json_str(struct buf *b, const char *name, const char *value);
/* Any bytes: what is not UTF-8 becomes U+FFFD. */
void json_strn(struct buf *b, const char *name, const char *value, size_t n);
void json_int(struct buf *b, const char *name, long long value);
void json_uint(struct buf *b, const char *name, uint64_t value);
void json_bool(struct buf *b, const char *name, bool value);
void json_raw(struct buf *b, const char *name, const char *text, size_t n);	/* JSON text as it is */
/* Unix milliseconds as RFC 3339 UTC: "2026-01-31T12:00:00.000Z". */
void json_time(struct buf *b, const char *name, uint64_t unix_ms);

#endif
