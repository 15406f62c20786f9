/*
 * sandbox - takes from a process what it does not need, before it reads what strangers sent.
 *
 * In:  what it may have. Out: a process that can start no program, write no file, read none but
 * PROJ's data and the resolver's, open no socket but Redis's kind, and get so much memory. Depends on
 * libseccomp, Landlock and setrlimit; what the kernel does not have is left out and named in the log.
 */
#ifndef GS_WORKERS_SANDBOX_H
#define GS_WORKERS_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

struct sandbox {
	uint64_t memory_bytes;	/* private memory (RLIMIT_DATA); 0: no limit */
	bool filter;		/* seccomp and Landlock */
	const char *redis_url;	/* what kind of socket that means */
};

/* One line in the log says what it could apply. A forbidden call fails with EPERM; one that would
 * start a program or touch another process ends this one. */
void sandbox_apply(const struct sandbox *s);

#endif
