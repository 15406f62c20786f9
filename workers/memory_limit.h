/*
 * memory_limit - how much memory may a transform process have?
 *
 * In:  the settings worker.memory_bytes and worker.max_feature_bytes, and what the control group allows. Out: the
 * limit of each of n processes, that of a feature, and lines in the log that say where they are from. Depends on
 * cgroup.h and the table of settings.
 */
#ifndef GS_WORKERS_MEMORY_LIMIT_H
#define GS_WORKERS_MEMORY_LIMIT_H

#include "schema/settings.h"
#include "workers/cgroup.h"

/* Bytes; 0: no limit. A value that somebody chose stands; the default is lowered to the share of group_bytes
 * (0: none). */
int64_t memory_limit(const struct settings *s, unsigned n, uint64_t group_bytes);

/* Bytes of text that one feature may have: s->worker.max_feature_bytes, or less where a process of
 * s->worker.memory_bytes could not even pass over a feature of that length, which would take its document along. */
int64_t memory_feature_limit(const struct settings *s);

#endif
