/*
 * redis_async - see redis.h: the half on a loop. hiredis connects and reads; what is sent goes by redis_out, once per
 * turn of the loop, so that the commands of all that happened in a turn are one write.
 *
 *              ┌────────── lost, refused, too slow ──────────┐
 *              ▼                                             │
 *   waiting ──timer──▶ looking up, connecting ──AUTH, SELECT, SCRIPT LOAD──▶ up
 */
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/arena.h"
#include "lib/crypto.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/redis_internal.h"
#include "lib/redis_out.h"

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000
#define WATCH_MS 100
#define ROLE_MS 1000
#define WHY_MAX 160
#define RUN_ID_LEN 40
#define REPLIES_KEPT 65536	/* of memory for them */
#define SEND_BUFFER (1 << 20)	/* of a Unix socket: by default it holds less than a segment */

/* One command, or one transaction, whose reply is owed. */
struct pending {
	redis_fn fn;
	void *ctx;
	uint64_t sent_ms;
	int before;		/* replies that come before the one that counts */
	bool transaction;
};

struct redis_async {
	struct loop *loop;
	struct redis_url url;
	struct redis_script *const *scripts;
	redis_state_fn state_fn;
	void *state_ctx;

	redisContext *c;	/* NULL while there is no connection */
	struct arena *replies;	/* the one that is read or answered to */
	struct loop_io *io;
	struct loop_lookup *lookup;	/* of its host's address, under way; or NULL */
	struct redis_out out;
	struct loop_task flush;
	struct loop_timer *retry, *watch;
	uint64_t backoff_ms;
	uint64_t since_ms;	/* when this connection was begun */
	unsigned timeout_ms;
	uint64_t heard_ms;	/* when a reply was read last */
	uint64_t role_ms;	/* when it was last asked whether it is a primary */

	/* A ring: replies come in the order of the commands. */
	struct pending *owed;
	size_t first, count, room;	/* room is a power of two */
	struct err queued;	/* why Redis refuses to queue a command of the oldest transaction */

	int open;		/* replies to the transaction that is being written */
	unsigned greetings;	/* replies of the handshake still owed */
	bool connected, writable_wanted;
	bool leaving;		/* takes no more commands, and is lost when all is answered */
	bool broken;		/* is lost in a moment */
	bool up;
	bool closing;
	char run_id[RUN_ID_LEN + 1];
	char why[WHY_MAX];	/* why it was not reached last, as the log has it */
};

/* ---- what is owed ---- */

/* Room for one more: 0, or -1. */
static int make_room(struct redis_async *r)
{
	size_t room = r->room == 0 ? 64 : r->room * 2;
	struct pending *owed;

	if (r->count < r->room)
		return 0;
	if ((owed = malloc(room * sizeof(*owed))) == NULL)
		return -1;
	for (size_t i = 0; i < r->count; i++)
		owed[i] = r->owed[(r->first + i) & (r->room - 1)];
	free(r->owed);
	r->owed = owed;
	r->first = 0;
	r->room = room;
	return 0;
}

/* There is room for it. */
static void owe(struct redis_async *r, redis_fn fn, void *ctx, int replies)
{
	r->owed[(r->first + r->count++) & (r->room - 1)] =
	    (struct pending){ fn, ctx, loop_now_ms(r->loop), replies - 1, replies > 1 };
}

static struct pending shift(struct redis_async *r)
{
	struct pending p = r->owed[r->first];

	r->first = (r->first + 1) & (r->room - 1);
	r->count--;
	return p;
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
	bool was_up = r->up;
	struct err e = ERR_INIT;

	if (r->c == NULL)
		return;
	loop_io_free(&r->io);	/* nothing may watch the descriptor when it is closed */
	redisFree(r->c);
	r->c = NULL;
	arena_reset(r->replies, REPLIES_KEPT);
	r->connected = r->leaving = r->broken = r->up = false;
	r->greetings = 0;
	r->run_id[0] = '\0';
	r->open = 0;
	r->queued.cls = ERR_NONE;
	redis_out_clear(&r->out);
	err_set(&e, ERR_RETRY, 0, "Redis: the connection was lost");
	for (size_t n = r->count; n > 0; n--) {
		struct pending p = shift(r);

		p.fn(p.ctx, NULL, &e);
	}
	if (was_up && r->state_fn != NULL)
		r->state_fn(r->state_ctx, false);
	retry_later(r);
}

/* Not from inside a call of the user's. */
static void drop_soon(struct redis_async *r)
{
	r->broken = true;
	loop_timer_start(r->watch, 0, WATCH_MS);
}

static void watch_writable(struct redis_async *r, bool wanted)
{
	if (wanted != r->writable_wanted)
		loop_io_set(r->io, true, wanted);
	r->writable_wanted = wanted;
}

static void flush(void *ctx)
{
	struct redis_async *r = ctx;
	int rc;

	if (!r->connected || r->broken)
		return;
	rc = redis_out_write(&r->out, r->c->fd);
	if (rc < 0)
		drop_soon(r);
	watch_writable(r, rc > 0);
}

static int send_to(struct redis_async *r, const struct redis_cmd *c, redis_fn fn, void *ctx)
{
	int replies;

	if (make_room(r) != 0 || (replies = redis_out_add(&r->out, c)) < 0)
		return -1;
	owe(r, fn, ctx, replies);
	loop_defer(r->loop, &r->flush);
	return 0;
}

static void on_greeting(void *ctx, const struct reply *reply, const struct err *e)
{
	struct redis_async *r = ctx;

	if (r->c == NULL)
		return;		/* the connection is gone */
	if (reply == NULL) {
		explain(r, e->text);
		drop_soon(r);
		return;
	}
	if (r->greetings > 0 && --r->greetings == 0 && !r->up && !r->broken && !r->leaving) {
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
static void on_role(void *ctx, const struct reply *reply, const struct err *e)
{
	struct redis_async *r = ctx;

	(void)e;
	if (strcmp(reply_str(reply_at(reply, 0), NULL), "slave") == 0)
		r->leaving = true;
}

static void ask_role(struct redis_async *r)
{
	struct redis_cmd c;

	r->role_ms = loop_now_ms(r->loop);
	cmd_init(&c);
	cmd_line(&c, "ROLE", NULL);
	(void)send_to(r, &c, on_role, r);
	cmd_clear(&c);
}

/* An error (the user may not ask) leaves it unknown. */
static void on_server(void *ctx, const struct reply *reply, const struct err *e)
{
	struct redis_async *r = ctx;
	const char *at = strstr(reply_str(reply, NULL), "run_id:");

	(void)e;
	if (at != NULL && strspn(at + 7, "0123456789abcdef") >= RUN_ID_LEN)
		snprintf(r->run_id, sizeof(r->run_id), "%s", at + 7);
}

static void ask_run_id(struct redis_async *r)
{
	struct redis_cmd c;

	cmd_init(&c);
	cmd_line(&c, "INFO", "server", NULL);
	(void)send_to(r, &c, on_server, r);
	cmd_clear(&c);
}

static void greet(struct redis_async *r, const char *word, const char *second, const char *third)
{
	struct redis_cmd c;

	cmd_init(&c);
	cmd_line(&c, word, second, third, NULL);
	if (send_to(r, &c, on_greeting, r) == 0)
		r->greetings++;
	else
		drop_soon(r);
	cmd_clear(&c);
}

static void load_scripts(struct redis_async *r)
{
	for (size_t i = 0; r->scripts != NULL && r->scripts[i] != NULL; i++)
		greet(r, "SCRIPT", "LOAD", r->scripts[i]->text);
}

static void handshake(struct redis_async *r)
{
	char db[16];

	if (r->url.user != NULL)
		greet(r, "AUTH", r->url.user, r->url.password);
	else if (r->url.password != NULL)
		greet(r, "AUTH", r->url.password, NULL);
	if (r->url.db != 0) {
		snprintf(db, sizeof(db), "%d", r->url.db);
		greet(r, "SELECT", db, NULL);
	}
	load_scripts(r);
	ask_role(r);
	ask_run_id(r);
	greet(r, "PING", NULL, NULL);
}

/* ---- replies ---- */

/* The reply that says what came of it: of a transaction that of its last command, for the others' say nothing more. */
static const redisReply *verdict(const struct pending *p, const redisReply *answer)
{
	if (p->transaction && answer->type == REDIS_REPLY_ARRAY && answer->elements > 0)
		return answer->element[answer->elements - 1];
	return answer;
}

static void on_reply(struct redis_async *r, const redisReply *answer)
{
	struct pending *oldest = &r->owed[r->first], p;
	const redisReply *last = verdict(oldest, answer);
	struct err e = ERR_INIT;

	if (last->type == REDIS_REPLY_ERROR)
		redis_error(&e, last);
	if (oldest->before > 0) {
		oldest->before--;
		if (e.cls != ERR_NONE && r->queued.cls == ERR_NONE)
			r->queued = e;
		return;
	}
	p = shift(r);
	if (redis_is_noscript(last))
		load_scripts(r);
	if (e.cls != ERR_NONE && r->queued.cls != ERR_NONE)
		e = r->queued;	/* EXEC itself only says that there was one */
	if (e.cls != ERR_NONE && strncmp(e.text, "READONLY ", 9) == 0)
		r->leaving = true;
	r->queued.cls = ERR_NONE;
	p.fn(p.ctx, e.cls == ERR_NONE ? (const struct reply *)answer : NULL, &e);
}

static void take_replies(struct redis_async *r)
{
	void *answer;

	if (redisBufferRead(r->c) != REDIS_OK) {
		drop(r);
		return;
	}
	while (!r->broken) {
		if (redisGetReplyFromReader(r->c, &answer) != REDIS_OK) {
			drop(r);
			return;
		}
		if (answer == NULL)
			break;
		r->heard_ms = loop_now_ms(r->loop);
		if (r->count > 0)
			on_reply(r, answer);
		else
			drop_soon(r);	/* "max number of clients reached", which nobody asked for */
		arena_reset(r->replies, REPLIES_KEPT);
	}
	if (r->leaving && r->count == 0)
		drop(r);
}

/* Else a segment takes two turns of both sides. What the system does not grant is no fault. */
static void widen(const struct redis_async *r)
{
	const int bytes = SEND_BUFFER;

	if (r->url.path != NULL)
		(void)setsockopt(r->c->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static void on_connected(struct redis_async *r)
{
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(r->c->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0) {
		explain(r, strerror(error));
		drop(r);
		return;
	}
	r->connected = true;
	widen(r);
	flush(r);
}

static void on_io(void *ctx, bool readable, bool writable)
{
	struct redis_async *r = ctx;

	if (!r->connected) {
		on_connected(r);
		return;
	}
	if (writable)
		flush(r);
	if (readable && !r->broken)
		take_replies(r);
}

/* ---- life ---- */

/* host is a number: with a name hiredis would ask the resolver, and the loop stand still meanwhile. */
static void connect_to(struct redis_async *r, const char *host)
{
	struct err e = ERR_INIT;

	r->c = r->url.path ? redisConnectUnixNonBlock(r->url.path) : redisConnectNonBlock(host, r->url.port);
	if (r->c == NULL || r->c->err != 0 || (r->io = loop_io_new(r->loop, r->c->fd, on_io, r, &e)) == NULL) {
		explain(r, r->c == NULL ? "no memory" : r->c->err != 0 ? r->c->errstr : e.text);
		if (r->c != NULL)
			redisFree(r->c);
		r->c = NULL;
		retry_later(r);
		return;
	}
	redis_replies_on(r->c, r->replies);
	r->since_ms = loop_now_ms(r->loop);
	r->writable_wanted = false;
	watch_writable(r, true);
	handshake(r);
}

static void on_address(void *ctx, const char *address, const char *why)
{
	struct redis_async *r = ctx;

	r->lookup = NULL;
	if (address != NULL) {
		connect_to(r, address);
		return;
	}
	explain(r, why);
	retry_later(r);
}

static bool is_number(const char *host)
{
	struct in6_addr a;

	return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

static void try_connect(void *ctx)
{
	struct redis_async *r = ctx;
	struct err e = ERR_INIT;

	if (r->c != NULL || r->lookup != NULL || r->closing)
		return;
	if (r->url.path != NULL || is_number(r->url.host)) {
		connect_to(r, r->url.host);
		return;
	}
	if ((r->lookup = loop_lookup_new(r->loop, r->url.host, on_address, r, &e)) == NULL) {
		explain(r, e.text);
		retry_later(r);
	}
}

/*
 * A Redis that stops answering (or is stopped) closes nothing: the clock has to tell. Replies come in order, so what a
 * slow one has not got to yet is not late while it answers what was sent before.
 */
static void watch(void *ctx)
{
	struct redis_async *r = ctx;
	uint64_t since = r->count > 0 ? r->owed[r->first].sent_ms : r->since_ms;

	if (r->count > 0 && r->heard_ms > since)
		since = r->heard_ms;
	if (r->broken || (r->timeout_ms > 0 && r->c != NULL && (r->count > 0 || !r->up)
	    && loop_now_ms(r->loop) - since > r->timeout_ms))
		drop(r);
	else if (r->up && !r->leaving && loop_now_ms(r->loop) - r->role_ms >= ROLE_MS)
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
	redis_out_init(&r->out);
	loop_task_init(&r->flush, flush, r);
	if ((r->replies = arena_new(SIZE_MAX)) == NULL) {
		err_errno(e, "redis");
		redis_async_free(&r);
		return NULL;
	}
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
	loop_lookup_cancel(&(*r)->lookup);
	drop(*r);
	assert((*r)->count == 0);
	loop_task_cancel((*r)->loop, &(*r)->flush);
	redis_out_clear(&(*r)->out);
	loop_timer_free(&(*r)->retry);
	loop_timer_free(&(*r)->watch);
	redis_url_clear(&(*r)->url);
	arena_free(&(*r)->replies);
	free((*r)->owed);
	free(*r);
	*r = NULL;
}

bool redis_async_up(const struct redis_async *r)
{
	return r->up;
}

const char *redis_async_why(const struct redis_async *r)
{
	return r->why;
}

const char *redis_async_run_id(const struct redis_async *r)
{
	return r->run_id;
}

void redis_async_timeout(struct redis_async *r, unsigned timeout_ms)
{
	r->timeout_ms = timeout_ms;
}

int redis_async_do(struct redis_async *r, const struct redis_cmd *c, redis_fn fn, void *ctx, struct err *e)
{
	if (!r->up || r->broken || r->leaving)
		return err_set(e, ERR_RETRY, 0, "Redis: not connected");
	if (send_to(r, c, fn, ctx) != 0)
		return err_set(e, ERR_SYSTEM, 0, "Redis: no memory for a command");
	return 0;
}

/* What cannot be written whole must not be written: the connection goes. */
static int break_off(struct redis_async *r, struct err *e)
{
	drop_soon(r);
	return err_set(e, ERR_SYSTEM, 0, "Redis: no memory for a command");
}

int redis_async_part(struct redis_async *r, const struct redis_cmd *c, struct err *e)
{
	int replies;

	if (!r->up || r->broken || r->leaving)
		return err_set(e, ERR_RETRY, 0, "Redis: not connected");
	if ((r->open == 0 && (r->open = redis_out_begin(&r->out)) < 0) || (replies = redis_out_part(&r->out, c)) < 0)
		return break_off(r, e);
	r->open += replies;
	return 0;
}

int redis_async_exec(struct redis_async *r, redis_fn fn, void *ctx, struct err *e)
{
	if (!r->up || r->broken || r->leaving)
		return err_set(e, ERR_RETRY, 0, "Redis: not connected");
	if (make_room(r) != 0 || redis_out_end(&r->out) < 0)
		return break_off(r, e);
	owe(r, fn, ctx, r->open + 1);
	r->open = 0;
	loop_defer(r->loop, &r->flush);
	return 0;
}
