/*
 * args - arguments of a script, kept until it is called.
 *
 * In:  values. Out: the same, behind a command's own arguments. Depends on lib/redis.
 */
#ifndef GS_WORKERS_ARGS_H
#define GS_WORKERS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/redis.h"

struct args {
	struct buf text;	/* all values, one behind the other */
	size_t *ends;
	size_t count, room;
	bool failed;		/* no memory; stays until args_reset */
};

void args_init(struct args *a, size_t max_bytes);
void args_clear(struct args *a);
void args_reset(struct args *a, size_t keep_bytes);	/* empties; frees memory above keep_bytes */

void args_bytes(struct args *a, const void *p, size_t n);
void args_str(struct args *a, const char *s);
void args_uint(struct args *a, uint64_t v);

/* Adds them to c, which borrows them. */
void args_to_cmd(const struct args *a, struct redis_cmd *c);

#endif
