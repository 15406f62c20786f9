/*
 * verdict - where in the document a finding lies; see also verdict_write in pipeline.h.
 *
 * In:  a feature's text and a JSON Pointer. Out: a byte offset. Depends on nothing.
 */
#ifndef GS_PIPELINE_VERDICT_H
#define GS_PIPELINE_VERDICT_H

#include <stddef.h>

/*
 * Offset in n bytes of JSON text of what the pointer (RFC 6901) names; where the text does not go
 * so far, of the last value on the way. Names with escapes are not followed.
 */
size_t verdict_locate(const char *json, size_t n, const char *pointer);

#endif
