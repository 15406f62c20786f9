/*
 * cgroup - how much memory does the control group that this process is in allow?
 *
 * In:  /proc/self/cgroup and the files below /sys/fs/cgroup (version 2: memory.max, version 1: memory.limit_in_bytes),
 * of the group and of all above it. Out: the least of them. Depends on the kernel's files alone.
 */
#ifndef GS_WORKERS_CGROUP_H
#define GS_WORKERS_CGROUP_H

#include <stdint.h>

/* 0: no limit, or none that can be read. root: "" but in tests, whose files stand below it. */
uint64_t cgroup_memory_bytes(const char *root);

/* What each of n processes may have of `bytes`; the rest is the supervisor's and the kernel's. Not below what a process
 * needs to do anything at all. */
uint64_t cgroup_share_bytes(uint64_t bytes, unsigned n);

#endif
