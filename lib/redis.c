/* redis - see redis.h: the blocking half. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "lib/redis_internal.h"

struct redis {
	struct redis_url url;
	struct timeval timeout;
	redisContext *c;
	size_t outstanding;
};

struct redis *redis_open(const char *url, unsigned timeout_ms, struct err *e)
{
	struct redis *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_errno(e, "redis");
		return NULL;
	}
	if (redis_url_parse(&r->url, url, e) != 0) {
		free(r);
		return NULL;
	}
	r->timeout.tv_sec = timeout_ms / 1000;
	r->timeout.tv_usec = timeout_ms % 1000 * 1000;
	return r;
}

static void drop(struct redis *r)
{
	if (r->c != NULL)
		redisFree(r->c);
	r->c = NULL;
	r->outstanding = 0;
}

void redis_close(struct redis **r)
{
	if (*r == NULL)
		return;
	drop(*r);
	redis_url_clear(&(*r)->url);
	free(*r);
	*r = NULL;
}

static int no_memory(struct err *e)
{
	return err_set(e, ERR_SYSTEM, ENOMEM, "Redis: no memory for a command or its reply");
}

/*
 * The connection is lost: whatever was on its way is of unknown outcome. Where we have no memory there is none the next
 * time either: to wait for Redis would be to wait for ever.
 */
static int lost(struct redis *r, struct err *e)
{
	if (r->c == NULL || r->c->err == REDIS_ERR_OOM)
		no_memory(e);
	else
		err_set(e, ERR_RETRY, 0, "Redis: %.160s", r->c->errstr);
	drop(r);
	return -1;
}

/* One command of the handshake: any error reply ends it. */
static int greet(struct redis *r, const char **argv, int argc, struct err *e)
{
	redisReply *reply = redisCommandArgv(r->c, argc, argv, NULL);
	int rc = 0;

	if (reply == NULL)
		return lost(r, e);
	if (reply->type == REDIS_REPLY_ERROR) {
		rc = redis_error(e, reply);
		drop(r);
	}
	freeReplyObject(reply);
	return rc;
}

static int connect_now(struct redis *r, struct err *e)
{
	const struct redis_url *u = &r->url;
	char db[16];

	if (r->c != NULL)
		return 0;
	r->c = u->path ? redisConnectUnixWithTimeout(u->path, r->timeout)
	    : redisConnectWithTimeout(u->host, u->port, r->timeout);
	if (r->c == NULL || r->c->err != 0 || redisSetTimeout(r->c, r->timeout) != REDIS_OK)
		return lost(r, e);
	if (u->password != NULL) {
		const char *argv[] = { "AUTH", u->user ? u->user : u->password, u->password };

		if (greet(r, argv, u->user ? 3 : 2, e) != 0)
			return -1;
	}
	if (u->db != 0) {
		const char *argv[] = { "SELECT", db };

		snprintf(db, sizeof(db), "%d", u->db);
		if (greet(r, argv, 2, e) != 0)
			return -1;
	}
	return 0;
}

/*
 * An error reply. One that was demoted is left: behind the same name there may be the new primary by now, and what
 * the old one has is no longer the truth. One that has no place for us has closed the connection behind its word.
 */
static int refused(struct redis *r, redisReply *reply, struct err *e)
{
	int rc = redis_error(e, reply);

	if (strncmp(reply->str, "READONLY ", 9) == 0 || strncmp(reply->str, REDIS_FULL, strlen(REDIS_FULL)) == 0)
		drop(r);
	freeReplyObject(reply);
	return rc;
}

static redisReply *call(struct redis *r, const struct redis_cmd *c)
{
	return redisCommandArgv(r->c, (int)c->argc, c->argv, c->lens);
}

static int load(struct redis *r, const struct redis_script *s, struct err *e)
{
	const char *argv[] = { "SCRIPT", "LOAD", s->text };

	return greet(r, argv, 3, e);
}

int redis_do(struct redis *r, const struct redis_cmd *c, struct reply **out, struct err *e)
{
	redisReply *reply;

	assert(r->outstanding == 0);
	*out = NULL;
	if (c->failed)
		return no_memory(e);
	if (connect_now(r, e) != 0)
		return -1;
	reply = call(r, c);
	if (c->script != NULL && redis_is_noscript(reply)) {
		freeReplyObject(reply);
		if (load(r, c->script, e) != 0)
			return -1;
		reply = call(r, c);
	}
	if (reply == NULL)
		return lost(r, e);
	if (reply->type == REDIS_REPLY_ERROR)
		return refused(r, reply, e);
	*out = (struct reply *)reply;
	return 0;
}

int redis_send(struct redis *r, const struct redis_cmd *c, struct err *e)
{
	int done = 0;

	if (c->failed)
		return no_memory(e);
	if (connect_now(r, e) != 0)
		return -1;
	if (redisAppendCommandArgv(r->c, (int)c->argc, c->argv, c->lens) != REDIS_OK)
		return lost(r, e);
	while (!done)
		if (redisBufferWrite(r->c, &done) != REDIS_OK)
			return lost(r, e);
	r->outstanding++;
	return 0;
}

int redis_receive(struct redis *r, struct reply **out, struct err *e)
{
	void *reply = NULL;

	*out = NULL;
	if (r->outstanding == 0)
		return err_set(e, ERR_RETRY, 0, "Redis: the connection was lost");
	if (redisGetReply(r->c, &reply) != REDIS_OK)
		return lost(r, e);
	r->outstanding--;
	if (((redisReply *)reply)->type == REDIS_REPLY_ERROR)
		return refused(r, reply, e);
	*out = reply;
	return 0;
}

size_t redis_outstanding(const struct redis *r)
{
	return r->outstanding;
}

int redis_primary(struct redis *r, struct err *e)
{
	struct redis_cmd c;
	struct reply *reply;
	struct err mine = ERR_INIT;
	int rc = 0;

	cmd_init(&c);
	cmd_line(&c, "ROLE", NULL);
	if (redis_do(r, &c, &reply, &mine) == 0) {
		rc = strcmp(reply_str(reply_at(reply, 0), NULL), "slave") != 0 ? 0
		    : err_set(e, ERR_RETRY, 0, "Redis is a replica");
		if (rc != 0)
			drop(r);
	} else if (mine.cls == ERR_RETRY) {
		rc = err_set(e, mine.cls, mine.code, "%s", mine.text);
	}
	reply_free(&reply);
	cmd_clear(&c);
	return rc;
}
