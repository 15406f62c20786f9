/* redis_internal - what redis.c, redis_async.c, redis_cmd.c and redis_replies.c share. Not for others. */
#ifndef GS_LIB_REDIS_INTERNAL_H
#define GS_LIB_REDIS_INTERNAL_H

#include <hiredis/hiredis.h>

#include "lib/redis.h"

struct redis_url {
	char *path;	/* unix socket, or NULL */
	char *host;
	char *user, *password;	/* or NULL */
	int port;
	int db;
};

#define REDIS_FULL "ERR max number of clients"	/* the word of one that takes no more connections (maxclients) */

int redis_url_parse(struct redis_url *u, const char *url, struct err *e);
void redis_url_clear(struct redis_url *u);

/* Fills in s->sha; safe from several threads. */
void redis_script_name(struct redis_script *s);
/* The class of an error reply, by its first word; always returns -1. */
int redis_error(struct err *e, const redisReply *r);
bool redis_is_noscript(const redisReply *r);

/* redis_replies.c: from now on replies of c are on the arena. They live until it is reset, and nobody frees them. */
struct arena;
void redis_replies_on(redisContext *c, struct arena *a);

#endif
