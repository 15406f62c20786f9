/*
 * trace - W3C Trace Context: a delivery's place in its sender's trace, carried through to the callback.
 *
 * In:  a traceparent header. Out: the same in version 00, if it is one. Depends on nothing.
 *
 * It is passed on as it came: nothing here records spans, so the sender's own span stays the parent of what its
 * callback receiver does.
 */
#ifndef GS_SCHEMA_TRACE_H
#define GS_SCHEMA_TRACE_H

#include <stdbool.h>

#define TRACE_PARENT 55	/* "00-<32 hex>-<16 hex>-<2 hex>" */
#define TRACE_ID 32

/* false: it is none, and to be left out, as the recommendation asks (section 3.2.2). out is "" then. */
bool trace_read(const char *header, char out[TRACE_PARENT + 1]);

/* The trace's id, for logs; "-" where there is none. */
void trace_id(const char *parent, char out[TRACE_ID + 1]);

#endif
