/*
 * memory_limit - how much memory may a transform process have?
 *
 * In:  the setting worker.memory_bytes, and what the control group allows. Out: the limit of each of n processes, and a
 * line in the log that says where it is from. Depends on cgroup.h and the table of settings.
 */
#ifndef GS_WORKERS_MEMORY_LIMIT_H
#define GS_WORKERS_MEMORY_LIMIT_H

#include "schema/settings.h"
#include "workers/cgroup.h"

/* Bytes; 0: no limit. A value that somebody chose stands; the default is lowered to the share of group_bytes
 * (0: none). */
int64_t memory_limit(const struct settings *s, unsigned n, uint64_t group_bytes);

#endif
