/*
 * seed - jobs as the server would commit them, and short questions to Redis, for tests.
 *
 * In:  a document. Out: its job in Redis. Depends on lib/redis. Whatever fails here fails the test.
 */
#ifndef GS_TESTS_SEED_H
#define GS_TESTS_SEED_H

#include <stddef.h>

#include "lib/redis.h"
#include "schema/wire.h"

/* Stores body in segments of segment_bytes and commits it; id gets the new job's. crs may be NULL. */
void seed_job(struct redis *r, const char *source, const char *crs, const char *body, size_t n,
    size_t segment_bytes, char id[JOB_ID_LEN + 1]);

/* The same, with a Content-Encoding. */
void seed_encoded(struct redis *r, const char *source, const char *encoding, const char *body, size_t n,
    size_t segment_bytes, char id[JOB_ID_LEN + 1]);

/* One command, its arguments up to a NULL; it must not fail. */
struct reply *seed_do(struct redis *r, ...) __attribute__((sentinel));
void seed_drop(struct redis *r, ...) __attribute__((sentinel));		/* the reply is not looked at */
long long seed_int(struct redis *r, ...) __attribute__((sentinel));	/* an integer, or how many elements */
/* A string of at most 255 bytes; "" for nil. Good until the call after the next. */
const char *seed_text(struct redis *r, ...) __attribute__((sentinel));

/* Field `name` of the job's hash, as seed_text. */
const char *seed_field(struct redis *r, const char *job, const char *name);

#endif
