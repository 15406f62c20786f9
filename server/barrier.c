/* barrier - see barrier.h. */
#include "server/barrier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/wire.h"

struct waiter {
	barrier_fn fn;
	void *ctx;
	struct waiter *next;
};

struct barrier {
	const struct settings *settings;
	enum ack level;
	struct redis_async *redis;
	struct redis_cmd cmd;
	struct waiter *now, *then;	/* those of the wait under way, those of the next */
	bool waiting;
	bool written;	/* the number of this wait: else it would be about nothing */
};

struct barrier *barrier_new(struct loop *l, const struct settings *s, enum ack level, struct err *e)
{
	struct barrier *b = calloc(1, sizeof(*b));

	if (b == NULL) {
		err_errno(e, "barrier");
		return NULL;
	}
	b->level = level;
	cmd_init(&b->cmd);
	if ((b->redis = redis_async_new(l, s->redis.url, NULL, NULL, NULL, e)) == NULL) {
		barrier_free(&b);
		return NULL;
	}
	barrier_set(b, s);
	return b;
}

void barrier_set(struct barrier *b, const struct settings *s)
{
	b->settings = s;
	/* It is Redis that ends a wait: the clock here only tells that it has gone. */
	redis_async_timeout(b->redis, (unsigned)(s->redis.ack_timeout_ms + s->redis.timeout_ms));
}

static void call_all(struct waiter *w, bool reached)
{
	for (struct waiter *next; w != NULL; w = next) {
		next = w->next;
		w->fn(w->ctx, reached);
		free(w);
	}
}

void barrier_free(struct barrier **b)
{
	if (*b == NULL)
		return;
	redis_async_free(&(*b)->redis);
	call_all((*b)->now, false);
	call_all((*b)->then, false);
	cmd_clear(&(*b)->cmd);
	free(*b);
	*b = NULL;
}

bool barrier_reached(enum ack level, const struct reply *reply, long replicas)
{
	if (level == ACK_AOF)
		return reply_type(reply) == REPLY_ARRAY && reply_int(reply_at(reply, 0)) >= 1;
	return reply_type(reply) == REPLY_INT && reply_int(reply) >= replicas;
}

static void on_written(void *ctx, const struct reply *reply, const struct err *e)
{
	struct barrier *b = ctx;

	(void)e;
	b->written = reply != NULL;
}

static int begin(struct barrier *b);

static void on_waited(void *ctx, const struct reply *reply, const struct err *e)
{
	struct barrier *b = ctx;
	struct waiter *done = b->now;

	(void)e;
	b->now = NULL;
	b->waiting = false;
	call_all(done, b->written && barrier_reached(b->level, reply, (long)b->settings->redis.ack_replicas));
	if (b->then != NULL && !b->waiting && begin(b) != 0) {
		done = b->then;
		b->then = NULL;
		call_all(done, false);
	}
}

static int send_wait(struct barrier *b)
{
	struct key key = wire_key("barrier", NULL);
	struct err e = ERR_INIT;
	char ms[24], replicas[24];

	snprintf(ms, sizeof(ms), "%lld", (long long)b->settings->redis.ack_timeout_ms);
	snprintf(replicas, sizeof(replicas), "%lld", (long long)b->settings->redis.ack_replicas);
	b->written = false;
	cmd_line(&b->cmd, "INCR", key.text, NULL);
	if (redis_async_do(b->redis, &b->cmd, on_written, b, &e) != 0)
		return -1;
	if (b->level == ACK_AOF)
		cmd_line(&b->cmd, "WAITAOF", "1", "0", ms, NULL);
	else
		cmd_line(&b->cmd, "WAIT", replicas, ms, NULL);
	return redis_async_do(b->redis, &b->cmd, on_waited, b, &e);
}

static int begin(struct barrier *b)
{
	if (send_wait(b) != 0)
		return -1;
	b->now = b->then;
	b->then = NULL;
	b->waiting = true;
	return 0;
}

const char *barrier_run_id(const struct barrier *b)
{
	return redis_async_up(b->redis) ? redis_async_run_id(b->redis) : "";
}

/* One connection leads to one Redis as long as it lasts, and all who wait fail with it: later nothing is compared. */
int barrier_wait(struct barrier *b, const char *run_id, barrier_fn fn, void *ctx)
{
	bool same = *run_id != '\0' && strcmp(run_id, barrier_run_id(b)) == 0;
	struct waiter *w = same ? malloc(sizeof(*w)) : NULL;

	if (w == NULL)
		return -1;
	*w = (struct waiter){ fn, ctx, b->then };
	b->then = w;
	if (b->waiting || begin(b) == 0)
		return 0;
	b->then = w->next;
	free(w);
	return -1;
}
