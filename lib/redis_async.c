/*
 * redis_async - see redis.h: the half on a loop.
 *
 *              ┌────────── lost, refused, too slow ──────────┐
 *              ▼                                             │
 *   waiting ──timer──▶ connecting ──AUTH, SELECT, SCRIPT LOAD──▶ up
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/async.h>

#include "lib/crypto.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/redis_internal.h"

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000
#define WATCH_MS 100
#define ROLE_MS 1000
#define WHY_MAX 160

/* One command whose reply is owed. */
struct pending {
	struct redis_async *r;
	redis_fn fn;
	void *ctx;
	uint64_t sent_ms;
	struct pending *next;
};

struct redis_async {
	struct loop *loop;
	struct redis_url url;
	struct redis_script *const *scripts;
	redis_state_fn state_fn;
	void *state_ctx;

	redisAsyncContext *ac;
	struct loop_io *io;
	bool want_read, want_write;
	struct loop_timer *retry, *watch;
	uint64_t backoff_ms;
	uint64_t since_ms;	/* when this connection was begun */
	unsigned timeout_ms;
	uint64_t role_ms;	/* when it was last asked whether it is a primary */

	struct pending *oldest, *newest;
	unsigned greetings;	/* replies of the handshake still owed */
	bool up;
	bool closing;
	char why[WHY_MAX];	/* why it was not reached last, as the log has it */
};

/* ---- hiredis's event hooks ---- */

static void on_io(void *ctx, bool readable, bool writable)
{
	struct redis_async *r = ctx;

	if (readable && r->ac != NULL && r->want_read)
		redisAsyncHandleRead(r->ac);
	if (writable && r->ac != NULL && r->want_write)
		redisAsyncHandleWrite(r->ac);
}

static void io_update(struct redis_async *r, bool want_read, bool want_write)
{
	if (want_read == r->want_read && want_write == r->want_write)
		return;
	r->want_read = want_read;
	r->want_write = want_write;
	if (r->io != NULL)
		loop_io_set(r->io, want_read, want_write);
}

static void add_read(void *p)
{
	struct redis_async *r = p;

	io_update(r, true, r->want_write);
}

static void del_read(void *p)
{
	struct redis_async *r = p;

	io_update(r, false, r->want_write);
}

static void add_write(void *p)
{
	struct redis_async *r = p;

	io_update(r, r->want_read, true);
}

static void del_write(void *p)
{
	struct redis_async *r = p;

	io_update(r, r->want_read, false);
}

/* hiredis closes the descriptor next: nothing may watch it then. */
static void io_cleanup(void *p)
{
	struct redis_async *r = p;

	r->want_read = r->want_write = false;
	loop_io_free(&r->io);
}

/* ---- connection ---- */

static void retry_later(struct redis_async *r)
{
	uint32_t dice;

	if (r->closing)
		return;
	random_bytes(&dice, sizeof(dice));
	loop_timer_start(r->retry, r->backoff_ms / 2 + dice % (r->backoff_ms / 2 + 1), 0);
	r->backoff_ms = r->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : r->backoff_ms * 2;
}

static void gone(struct redis_async *r)
{
	bool was_up = r->up;

	r->ac = NULL;
	r->up = false;
	r->greetings = 0;
	if (was_up && r->state_fn != NULL)
		r->state_fn(r->state_ctx, false);
	retry_later(r);
}

/* What keeps it from being up is logged once, not with every attempt. */
static void explain(struct redis_async *r, const char *why)
{
	if (r->up || r->closing || strncmp(r->why, why, sizeof(r->why) - 1) == 0)
		return;
	snprintf(r->why, sizeof(r->why), "%s", why);
	log_warn("redis", LOG_STR("state", "away"), LOG_STR("error", r->why));
}

static void drop(struct redis_async *r)
{
	redisAsyncContext *ac = r->ac;

	if (ac != NULL)
		redisAsyncFree(ac);	/* fails the pending, then calls on_disconnect if it was connected */
	if (r->ac != NULL)
		gone(r);
}

static void on_disconnect(const redisAsyncContext *ac, int status)
{
	struct redis_async *r = ac->data;

	(void)status;
	gone(r);
}

static void on_greeting(redisAsyncContext *ac, void *reply, void *ctx)
{
	struct redis_async *r = ac->data;
	const redisReply *answer = reply;

	(void)ctx;
	if (answer == NULL)
		return;		/* the connection is on its way down */
	if (answer->type == REDIS_REPLY_ERROR) {
		explain(r, answer->str);
		redisAsyncDisconnect(ac);
		return;
	}
	if (r->greetings > 0 && --r->greetings == 0 && !r->up) {
		r->up = true;
		r->backoff_ms = BACKOFF_MIN_MS;
		r->why[0] = '\0';
		if (r->state_fn != NULL)
			r->state_fn(r->state_ctx, true);
	}
}

/*
 * A replica is left: behind the same name there may be the new primary by now. An error (the user may not ask) says
 * nothing.
 */
static void on_role(redisAsyncContext *ac, void *reply, void *ctx)
{
	const redisReply *answer = reply;

	(void)ctx;
	if (answer != NULL && answer->type == REDIS_REPLY_ARRAY && answer->elements > 0
	    && answer->element[0]->type == REDIS_REPLY_STRING && strcmp(answer->element[0]->str, "slave") == 0)
		redisAsyncDisconnect(ac);
}

static void ask_role(struct redis_async *r)
{
	r->role_ms = loop_now_ms(r->loop);
	redisAsyncCommand(r->ac, on_role, NULL, "ROLE");
}

static void greet(struct redis_async *r, int argc, const char **argv)
{
	if (redisAsyncCommandArgv(r->ac, on_greeting, NULL, argc, argv, NULL) == REDIS_OK)
		r->greetings++;
}

static void load_scripts(struct redis_async *r)
{
	for (size_t i = 0; r->scripts != NULL && r->scripts[i] != NULL; i++)
		greet(r, 3, (const char *[]){ "SCRIPT", "LOAD", r->scripts[i]->text });
}

static void handshake(struct redis_async *r)
{
	char db[16];

	if (r->url.user != NULL)
		greet(r, 3, (const char *[]){ "AUTH", r->url.user, r->url.password });
	else if (r->url.password != NULL)
		greet(r, 2, (const char *[]){ "AUTH", r->url.password });
	if (r->url.db != 0) {
		snprintf(db, sizeof(db), "%d", r->url.db);
		greet(r, 2, (const char *[]){ "SELECT", db });
	}
	load_scripts(r);
	ask_role(r);
	greet(r, 1, (const char *[]){ "PING" });
}

static void on_connect(const redisAsyncContext *ac, int status)
{
	struct redis_async *r = ac->data;

	if (status != REDIS_OK) {
		explain(r, ac->errstr);
		gone(r);	/* hiredis frees ac itself */
	}
}

static void try_connect(void *ctx)
{
	struct redis_async *r = ctx;
	redisAsyncContext *ac;
	struct err e = ERR_INIT;

	if (r->ac != NULL || r->closing)
		return;
	ac = r->url.path ? redisAsyncConnectUnix(r->url.path)
	    : redisAsyncConnect(r->url.host, r->url.port);
	if (ac != NULL && ac->err == 0)
		r->io = loop_io_new(r->loop, ac->c.fd, on_io, r, &e);
	if (ac == NULL || r->io == NULL) {
		explain(r, ac == NULL ? "no memory" : ac->err != 0 ? ac->errstr : e.text);
		if (ac != NULL)
			redisAsyncFree(ac);
		retry_later(r);
		return;
	}
	r->ac = ac;
	r->since_ms = loop_now_ms(r->loop);
	ac->data = r;
	ac->ev.data = r;
	ac->ev.addRead = add_read;
	ac->ev.delRead = del_read;
	ac->ev.addWrite = add_write;
	ac->ev.delWrite = del_write;
	ac->ev.cleanup = io_cleanup;
	redisAsyncSetConnectCallback(ac, on_connect);
	redisAsyncSetDisconnectCallback(ac, on_disconnect);
	handshake(r);
}

/* A Redis that stops answering (or is stopped) closes nothing: the clock has to tell. */
static void watch(void *ctx)
{
	struct redis_async *r = ctx;
	uint64_t since = r->oldest != NULL ? r->oldest->sent_ms : r->since_ms;

	if (r->timeout_ms > 0 && r->ac != NULL && (r->oldest != NULL || !r->up)
	    && loop_now_ms(r->loop) - since > r->timeout_ms)
		drop(r);
	else if (r->up && loop_now_ms(r->loop) - r->role_ms >= ROLE_MS)
		ask_role(r);
}

struct redis_async *redis_async_new(struct loop *l, const char *url, struct redis_script *const *scripts,
    redis_state_fn fn, void *ctx, struct err *e)
{
	struct redis_async *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_errno(e, "redis");
		return NULL;
	}
	r->loop = l;
	r->scripts = scripts;
	r->state_fn = fn;
	r->state_ctx = ctx;
	r->backoff_ms = BACKOFF_MIN_MS;
	if (redis_url_parse(&r->url, url, e) != 0
	    || (r->retry = loop_timer_new(l, try_connect, r, e)) == NULL
	    || (r->watch = loop_timer_new(l, watch, r, e)) == NULL) {
		redis_async_free(&r);
		return NULL;
	}
	for (size_t i = 0; scripts != NULL && scripts[i] != NULL; i++)
		redis_script_name(scripts[i]);
	loop_timer_start(r->retry, 0, 0);
	loop_timer_start(r->watch, WATCH_MS, WATCH_MS);
	return r;
}

void redis_async_free(struct redis_async **r)
{
	if (*r == NULL)
		return;
	(*r)->closing = true;
	(*r)->state_fn = NULL;
	drop(*r);
	assert((*r)->oldest == NULL);
	loop_timer_free(&(*r)->retry);
	loop_timer_free(&(*r)->watch);
	redis_url_clear(&(*r)->url);
	free(*r);
	*r = NULL;
}

bool redis_async_up(const struct redis_async *r)
{
	return r->up;
}

void redis_async_timeout(struct redis_async *r, unsigned timeout_ms)
{
	r->timeout_ms = timeout_ms;
}

/* ---- commands ---- */

/* hiredis answers in the order of the commands, so the reply is always that of the oldest. */
static void on_reply(redisAsyncContext *ac, void *reply, void *ctx)
{
	struct pending *p = ctx;
	struct redis_async *r = p->r;
	const redisReply *answer = reply;
	struct err e = ERR_INIT;

	assert(r->oldest == p);
	r->oldest = p->next;
	if (r->oldest == NULL)
		r->newest = NULL;
	if (answer == NULL)
		err_set(&e, ERR_RETRY, 0, "Redis: the connection was lost");
	else if (answer->type == REDIS_REPLY_ERROR)
		redis_error(&e, answer);
	if (redis_is_noscript(answer))
		load_scripts(r);
	if (answer != NULL && answer->type == REDIS_REPLY_ERROR && strncmp(answer->str, "READONLY ", 9) == 0)
		redisAsyncDisconnect(ac);
	p->fn(p->ctx, e.cls == ERR_NONE ? (const struct reply *)answer : NULL, &e);
	free(p);
}

int redis_async_do(struct redis_async *r, const struct redis_cmd *c, redis_fn fn, void *ctx, struct err *e)
{
	struct pending *p;

	if (!r->up)
		return err_set(e, ERR_RETRY, 0, "Redis: not connected");
	if (c->failed || (p = calloc(1, sizeof(*p))) == NULL)
		return err_set(e, ERR_SYSTEM, 0, "Redis: no memory for a command");
	p->r = r;
	p->fn = fn;
	p->ctx = ctx;
	p->sent_ms = loop_now_ms(r->loop);
	if (redisAsyncCommandArgv(r->ac, on_reply, p, (int)c->argc, c->argv, c->lens) != REDIS_OK) {
		free(p);
		return err_set(e, ERR_RETRY, 0, "Redis: the connection is closing");
	}
	if (r->newest != NULL)
		r->newest->next = p;
	else
		r->oldest = p;
	r->newest = p;
	return 0;
}
