/* http_listen - see http_internal.h: connections come, are waited for, and go. */
#define _GNU_SOURCE	/* accept4 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http_internal.h"
#include "server/listener.h"

#define TICK_MS 100
#define ACCEPTS_PER_TURN 64
#define ACCEPTS_AT_LAST 8192	/* more than wait at any time; those who come meanwhile must not keep it from ending */
#define ACCEPT_AGAIN_MS 100	/* after there was no descriptor for one */
#define STOPPING_IDLE_MS 1000
#define REFUSED_MAX 256		/* connections above the limit that are told so */
#define RETRY_S 2

/* ---- lists ---- */

static void unlink_conn(struct conn *c)
{
	struct conn_list *l = &c->http->waiting[c->timing];

	*(c->prev ? &c->prev->next : &l->first) = c->next;
	*(c->next ? &c->next->prev : &l->last) = c->prev;
}

static void link_conn(struct conn *c, enum timing t)
{
	struct conn_list *l = &c->http->waiting[t];

	c->timing = t;
	c->since_ms = loop_now_ms(c->http->loop);
	c->moved = 0;
	c->next = NULL;
	c->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = c;
	l->last = c;
}

void conn_wait_for(struct conn *c, enum timing t)
{
	unlink_conn(c);
	link_conn(c, t);
}

/*
 * How fast a body comes is looked at once in a window of time that it was waited for. Pauses are no part of that; nor
 * do they begin another one, or who sends a byte now and then would never be too slow while others keep us busy.
 */
void conn_pause_body(struct conn *c)
{
	if (c->timing == TIMING_BODY) {
		c->body_ms += loop_now_ms(c->http->loop) - c->since_ms;
		c->body_moved += c->moved;
	}
	conn_wait_for(c, TIMING_NONE);
}

/* A window is over: was it fast enough in it? */
static bool end_window(struct conn *c)
{
	bool fast = c->body_moved >= c->http->limits.rate_bytes;

	c->body_ms = c->body_moved = 0;
	return fast;
}

bool conn_wait_for_body(struct conn *c)
{
	if (c->body_ms >= c->http->limits.rate_window_ms && !end_window(c))
		return false;
	conn_wait_for(c, TIMING_BODY);
	return true;
}

void conn_due(struct conn *c)
{
	struct http *h = c->http;

	if (c->due || c->stage == STAGE_CLOSED)
		return;
	if (h->due_first == NULL)	/* it may be that the loop is about to wait */
		loop_timer_start(h->soon, 0, 0);
	c->due = true;
	c->next_due = NULL;
	*(h->due_last ? &h->due_last->next_due : &h->due_first) = c;
	h->due_last = c;
}

void conn_watch(struct conn *c, bool reads, bool writes)
{
	if (c->stage == STAGE_CLOSED || (c->reads == reads && c->writes == writes))
		return;
	c->reads = reads;
	c->writes = writes;
	loop_io_set(c->io, reads, writes);
}

void conn_close(struct conn *c)
{
	struct http *h = c->http;

	if (c->stage == STAGE_CLOSED)
		return;
	c->stage = STAGE_CLOSED;
	if (c->tls != NULL)
		tls_end(c->tls);
	tls_free(&c->tls);
	exchange_over(c);
	unlink_conn(c);
	loop_io_free(&c->io);
	close(c->fd);
	peers_leave(h->peers, &c->peer);
	h->open--;
	c->next = h->graveyard;
	h->graveyard = c;
}

/* Closed ones go when nothing of theirs is on the stack. */
static void bury(struct http *h, bool all)
{
	struct conn *c = h->graveyard, *next;

	for (h->graveyard = NULL; c != NULL; c = next) {
		next = c->next;
		if (c->due && !all) {
			c->next = h->graveyard;
			h->graveyard = c;
			continue;
		}
		buf_clear(&c->in);
		buf_clear(&c->out);
		free(c);
	}
}

static void run_due(struct http *h)
{
	struct conn *c = h->due_first, *next;

	h->due_first = h->due_last = NULL;
	for (; c != NULL; c = next) {
		next = c->next_due;
		c->due = false;
		c->running = true;
		resume(c);
		c->running = false;
	}
}

static void before_wait(void *ctx)
{
	struct http *h = ctx;

	run_due(h);
	bury(h, false);
	loop_defer(h->loop, &h->after);
}

/*
 * Who is due again has its turn when others had theirs: the loop only looks for them and does not wait. It is asked at
 * the end, for the turn's other tasks wake connections, too.
 */
static void after_tasks(void *ctx)
{
	struct http *h = ctx;

	if (h->due_first != NULL)
		loop_timer_start(h->soon, 0, 0);
}

static void on_soon(void *ctx)
{
	(void)ctx;
}

/* ---- events ---- */

static void on_event(void *ctx, bool readable, bool writable)
{
	struct conn *c = ctx;

	c->running = true;
	if (writable && c->writes && c->stage == STAGE_SEND)
		send_more(c);
	else if (writable && c->writes && c->out.len > 0)
		send_rest(c);
	else if (writable && c->writes)
		readable = true;	/* TLS has to send something before it receives */
	if (readable && c->stage != STAGE_CLOSED)
		receive(c);
	c->running = false;
}

static void refuse_for(struct conn *c, enum problem p, const char *words)
{
	struct refusal why = { .problem = P_NONE };

	refuse(&why, p, "%s", words);
	receive_refuse(c, &why);
}

/* Its time is up. */
static void expire(struct conn *c)
{
	const struct http_limits *l = &c->http->limits;

	switch (c->timing) {
	case TIMING_HEAD:
		if (c->in.len > 0)
			refuse_for(c, P_HEADERS_SLOW, "The headers did not come in time.");
		else
			conn_close(c);
		break;
	case TIMING_BODY:
		c->body_moved += c->moved;
		if (end_window(c))
			conn_wait_for(c, TIMING_BODY);
		else
			refuse_for(c, P_BODY_SLOW, "The body comes too slowly.");
		break;
	case TIMING_SEND:
		if (c->moved >= l->rate_bytes)
			conn_wait_for(c, TIMING_SEND);
		else
			conn_close(c);
		break;
	default:
		conn_close(c);
	}
}

bool http_make_way(struct http *h, uint64_t rate, bool (*may_go)(const struct http_request *q),
    const struct refusal *why)
{
	uint64_t now = loop_now_ms(h->loop), slowest = rate;
	struct conn *found = NULL;

	for (struct conn *c = h->waiting[TIMING_BODY].first; c != NULL; c = c->next) {
		uint64_t ms = c->body_ms + now - c->since_ms;
		uint64_t speed = ms > 0 ? (c->body_moved + c->moved) * 1000 / ms : 0;

		if (ms < h->limits.rate_window_ms / 4)
			continue;
		if (speed < slowest && c->x != NULL && !c->x->answered && may_go(&c->x->pub)) {
			found = c;
			slowest = speed;
		}
	}
	if (found == NULL)
		return false;
	found->running = true;
	receive_refuse(found, why);
	found->running = false;
	return true;
}

static unsigned time_for(const struct http *h, enum timing t)
{
	switch (t) {
	case TIMING_HEAD:
		return h->limits.header_timeout_ms;
	case TIMING_IDLE:
		return h->stopping && h->limits.idle_timeout_ms > STOPPING_IDLE_MS ? STOPPING_IDLE_MS
		    : h->limits.idle_timeout_ms;
	case TIMING_LINGER:
		return h->limits.linger_ms;
	default:
		return h->limits.rate_window_ms;
	}
}

/* All of a list wait equally long, so it is in the order of their ends. */
static void on_tick(void *ctx)
{
	struct http *h = ctx;
	uint64_t now = loop_now_ms(h->loop);

	for (enum timing t = TIMING_NONE + 1; t < TIMING_COUNT; t++) {
		struct conn *c;

		while ((c = h->waiting[t].first) != NULL && c->since_ms + time_for(h, t) <= now) {
			c->running = true;
			expire(c);
			c->running = false;
		}
	}
}

/* ---- accepting ---- */

static struct conn *conn_new(struct http *h, int fd, const struct sockaddr_storage *from)
{
	struct conn *c = calloc(1, sizeof(*c));
	struct err e = ERR_INIT;

	if (c == NULL || (c->io = loop_io_new(h->loop, fd, on_event, c, &e)) == NULL) {
		free(c);
		close(fd);
		return NULL;
	}
	c->http = h;
	c->fd = fd;
	c->stage = h->tls != NULL ? STAGE_HANDSHAKE : STAGE_HEAD;
	memcpy(&c->address, from, sizeof(c->address));
	buf_init(&c->in, h->limits.header_bytes + 2 * READ_BLOCK);
	buf_init(&c->out, OUT_MAX);
	link_conn(c, TIMING_HEAD);
	h->open++;
	return c;
}

/* Behind a proxy there are many: it has to limit them. */
static bool is_proxy(const struct http *h, const struct sockaddr *a)
{
	return h->limits.trusted != NULL && address_is_in(h->limits.trusted, a);
}

static unsigned most_of(const struct http *h, const struct sockaddr *a)
{
	return is_proxy(h, a) ? 0 : h->limits.max_per_address;
}

unsigned *http_address_uploads(const struct http_request *q)
{
	const struct conn *c = ((const struct exchange *)q)->conn;

	return c->peer == NULL || is_proxy(c->http, &c->address.any) ? NULL : peer_uploads(c->peer);
}

/* A connection that is kept alive for nothing makes room for one that wants something. */
static bool make_room(struct http *h)
{
	if (h->open >= h->limits.max_connections && h->waiting[TIMING_IDLE].first != NULL)
		conn_close(h->waiting[TIMING_IDLE].first);
	return h->open < h->limits.max_connections;
}

static void take(struct http *h, int fd, const struct sockaddr_storage *from)
{
	struct refusal why = { .problem = P_NONE };
	struct conn *c;

	if (!make_room(h))
		refuse_for_now(&why, P_CONNECTIONS_FULL, RETRY_S, "Too many connections are open.");
	if (h->open >= (size_t)h->limits.max_connections + REFUSED_MAX) {
		close(fd);
		return;
	}
	if ((c = conn_new(h, fd, from)) == NULL)
		return;
	if (why.problem == P_NONE
	    && (c->peer = peers_enter(h->peers, &c->address.any, most_of(h, &c->address.any))) == NULL)
		refuse_for_now(&why, P_ADDRESS_FULL, RETRY_S, "This address may have %u connections.",
		    h->limits.max_per_address);
	c->running = true;
	if (why.problem != P_NONE && (h->tls != NULL || (why.problem == P_ADDRESS_FULL
	    && h->open > h->limits.max_connections / 2)))
		conn_close(c);		/* it is not worth a handshake, nor others' places while it reads its answer */
	else if (why.problem != P_NONE)
		receive_refuse(c, &why);
	else
		conn_watch(c, true, false);
	c->running = false;
}

/* false: there is none left, or it has to wait. */
static bool accept_one(struct http *h)
{
	struct sockaddr_storage from = { 0 };
	socklen_t n = sizeof(from);
	int fd = accept4(h->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		take(h, fd, &from);
		return true;
	}
	if (errno == EINTR || errno == ECONNABORTED)
		return true;
	if (errno != EAGAIN && errno != EWOULDBLOCK) {
		loop_io_set(h->listener, false, false);
		loop_timer_start(h->accept_again, ACCEPT_AGAIN_MS, 0);
	}
	return false;
}

static void on_listener(void *ctx, bool readable, bool writable)
{
	struct http *h = ctx;

	(void)readable;
	(void)writable;
	for (int i = 0; i < ACCEPTS_PER_TURN && accept_one(h); i++)
		;
}

static void on_accept_again(void *ctx)
{
	struct http *h = ctx;

	if (h->listener != NULL)
		loop_io_set(h->listener, true, false);
}

/* ---- life ---- */

void http_set(struct http *h, const struct http_limits *limits, struct tls_setup *tls)
{
	h->limits = *limits;
	h->tls = tls;
}

struct http *http_new(struct loop *l, int fd, const struct http_limits *limits, struct tls_setup *tls,
    const struct http_app *app, struct err *e)
{
	struct http *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		err_errno(e, "http");
		close(fd);
		return NULL;
	}
	h->loop = l;
	h->fd = fd;
	h->app = *app;
	http_set(h, limits, tls);
	buf_init(&h->compose, OUT_MAX);
	if ((h->peers = peers_new()) == NULL)
		err_errno(e, "http");
	if (h->peers == NULL || (h->listener = loop_io_new(l, fd, on_listener, h, e)) == NULL
	    || (h->tick = loop_timer_new(l, on_tick, h, e)) == NULL
	    || (h->soon = loop_timer_new(l, on_soon, h, e)) == NULL
	    || (h->accept_again = loop_timer_new(l, on_accept_again, h, e)) == NULL) {
		http_free(&h);
		return NULL;
	}
	loop_task_init(&h->after, after_tasks, h);
	loop_timer_start(h->tick, TICK_MS, TICK_MS);
	loop_before_wait(l, before_wait, h);
	return h;
}

int http_begin(struct http *h, struct err *e)
{
	if (listener_begin(h->fd, e) != 0)
		return -1;
	loop_io_set(h->listener, true, false);
	return 0;
}

/*
 * Connections that wait to be accepted would be reset with the listening socket: they are taken first.
 */
void http_quiesce(struct http *h)
{
	if (h->stopping)
		return;
	h->stopping = true;
	for (int i = 0; i < ACCEPTS_AT_LAST && accept_one(h); i++)
		;
	loop_io_free(&h->listener);
	close(h->fd);
	h->fd = -1;
}

size_t http_open(const struct http *h)
{
	return h->open;
}

size_t http_active(const struct http *h)
{
	return h->active;
}

void http_free(struct http **h)
{
	if (*h == NULL)
		return;
	loop_before_wait((*h)->loop, NULL, NULL);
	loop_task_cancel((*h)->loop, &(*h)->after);
	loop_io_free(&(*h)->listener);
	if ((*h)->fd >= 0)
		close((*h)->fd);
	loop_timer_free(&(*h)->tick);
	loop_timer_free(&(*h)->soon);
	loop_timer_free(&(*h)->accept_again);
	for (enum timing t = TIMING_NONE; t < TIMING_COUNT; t++)
		while ((*h)->waiting[t].first != NULL)
			conn_close((*h)->waiting[t].first);
	bury(*h, true);
	peers_free(&(*h)->peers);
	buf_clear(&(*h)->compose);
	free(*h);
	*h = NULL;
}
