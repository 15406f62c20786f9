/*
 * private_redis - a real redis-server for one test program, on a unix socket of its own.
 *
 * In:  nothing. Out: its URL and pid. Depends on redis-server (or valkey-server) in PATH.
 */
#ifndef GS_TESTS_PRIVATE_REDIS_H
#define GS_TESTS_PRIVATE_REDIS_H

#include <sys/types.h>

struct private_redis {
	char dir[64];
	char url[128];		/* unix://DIR/redis.sock */
	char appendonly[8];
	pid_t pid;
};

/* appendonly: "yes" or "no". 0 once it answers, -1 if it does not within ten seconds. */
int private_redis_start(struct private_redis *r, const char *appendonly);
void private_redis_kill(struct private_redis *r);	/* SIGKILL; what it has answered is in its file */
int private_redis_restart(struct private_redis *r);	/* again, on the same files */
void private_redis_stop(struct private_redis *r);	/* ends it and removes its folder */

#endif
