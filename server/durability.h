/*
 * durability - how safe is what this Redis has taken?
 *
 * In:  its INFO text and its appendfsync setting. Out: the acknowledgement level it reaches, or why it
 * is not to be used. Depends on lib/redis_check.
 */
#ifndef GS_SERVER_DURABILITY_H
#define GS_SERVER_DURABILITY_H

#include <stdbool.h>

#include "lib/err.h"

/* 0: *level is "memory" or "aof". -1: ERR_INPUT where the operator has to change something, ERR_RETRY where
 * it may pass. */
int durability_check(const char *info, const char *appendfsync, bool allow_volatile, const char **level,
    struct err *e);

#endif
