/*
 * arena - memory that is given out piece by piece and taken back at once.
 *
 * In:  sizes. Out: aligned memory that lives until the next reset.
 * Depends on malloc. A feature and all it points to live on one arena.
 */
#ifndef GS_LIB_ARENA_H
#define GS_LIB_ARENA_H

#include <stddef.h>

struct arena;

/* An arena that gives out max_bytes at the most between resets; NULL without memory. */
struct arena *arena_new(size_t max_bytes);
void arena_free(struct arena **a);

/* n bytes, 16-byte aligned, not zeroed; NULL past the ceiling or without memory. */
void *arena_alloc(struct arena *a, size_t n);
/* Memory for count things of `size` bytes, the product checked; not zeroed, or zeroed. */
void *arena_array(struct arena *a, size_t count, size_t size);
void *arena_calloc(struct arena *a, size_t count, size_t size);
/* A NUL-terminated copy of n bytes. */
char *arena_strndup(struct arena *a, const char *s, size_t n);

/* Takes everything back; keeps at most keep_bytes of memory for the next round. */
void arena_reset(struct arena *a, size_t keep_bytes);
/* Bytes given out since the last reset. */
size_t arena_used(const struct arena *a);

#endif
