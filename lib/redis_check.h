/*
 * redis_check - does this Redis keep what it is given?
 *
 * In:  a connection. Out: a verdict from its INFO. Depends on lib/redis.
 */
#ifndef GS_LIB_REDIS_CHECK_H
#define GS_LIB_REDIS_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/redis.h"

/*
 * 0: it has loaded and takes commands, never evicts, and either writes an append-only file or has a
 * replica (the latter two are not asked for with allow_volatile). -1: ERR_RETRY: away or still loading;
 * ERR_INPUT: it may lose what it is given, e says which of its settings to change.
 */
int redis_check(struct redis *r, bool allow_volatile, struct err *e);

/* The same for the text of an INFO reply. */
int redis_check_info(const char *info, bool allow_volatile, struct err *e);

/* What stands behind "name:" in its line of such a text, and all behind that; "" if there is no such line. */
const char *redis_info_value(const char *info, const char *name);
/* The number there; 0 if there is none. */
uint64_t redis_info_number(const char *info, const char *name);

#endif
