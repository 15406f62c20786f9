/*
 * stage - what every test program that needs Redis begins with and ends.
 *
 * In:  settings as text. Out: a Redis of its own, connections to it as a worker has them, the settings. Depends on
 * private_redis.
 */
#ifndef GS_TESTS_STAGE_H
#define GS_TESTS_STAGE_H

#include "lib/redis.h"
#include "schema/settings.h"
#include "tests/fakes/private_redis.h"

struct stage {
	struct private_redis server;
	struct redis *redis, *body;	/* body: for bodies alone */
	struct settings *settings;	/* NULL where it was begun without */
};

/* conf: the text of an INI file, or NULL; appendonly as for private_redis_start. 0, or -1 having said why. */
int stage_begin(struct stage *s, const char *conf, const char *appendonly);
int stage_connect(struct stage *s);	/* anew; 0, or -1 having said why */
int stage_end(struct stage *s);		/* 0 */
int stage_fresh(struct stage *s);	/* empties Redis; 0 */

#endif
