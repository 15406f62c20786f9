/*
 * redis_out - commands on their way to Redis.
 *
 * In:  commands. Out: their bytes to a socket, as many at a time as it takes. Depends on redis.h's struct redis_cmd.
 *
 * hiredis formats a command, copies it behind those before it, and after each partial write moves all that is left
 * to the front: segments of megabytes are moved again and again. Here every byte is copied once, and what is given
 * (cmd_give) never.
 */
#ifndef GS_LIB_REDIS_OUT_H
#define GS_LIB_REDIS_OUT_H

#include <stdbool.h>

#include "lib/redis.h"

struct redis_out_block;

struct redis_out {
	struct redis_out_block *first, *last;
	struct redis_out_block *spare;	/* one is kept: most turns need just one */
};

void redis_out_init(struct redis_out *o);
void redis_out_clear(struct redis_out *o);	/* forgets what was not written */

/* Adds c, and takes what it gives; a transaction with MULTI and EXEC around it. How many replies will come, or -1
 * without memory: then nothing was added. */
int redis_out_add(struct redis_out *o, const struct redis_cmd *c);

/* A transaction in pieces, with nothing between them: MULTI, then c's commands, each time; EXEC. Replies as above. */
int redis_out_begin(struct redis_out *o);
int redis_out_part(struct redis_out *o, const struct redis_cmd *c);
int redis_out_end(struct redis_out *o);

/* 0: all is written. 1: the socket takes no more now. -1: the connection is lost. */
int redis_out_write(struct redis_out *o, int fd);

#endif
