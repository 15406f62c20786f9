/*
 * loop - see loop.h. Every handle starts with its uv handle, so that a pointer to one is a
 * pointer to the other; memory goes in libuv's close callback.
 */
#include "lib/loop.h"

#include <stdlib.h>

#include <uv.h>

struct loop {
	uv_loop_t uv;
	uv_prepare_t prepare;
	uv_async_t async;
	loop_fn before_wait, on_wake;
	void *before_ctx, *wake_ctx;
	struct loop_task *deferred;
};

struct loop_io {
	uv_poll_t uv;
	int events;
	loop_io_fn fn;
	void *ctx;
};

struct loop_timer {
	uv_timer_t uv;
	loop_fn fn;
	void *ctx;
};

struct loop_signal {
	uv_signal_t uv;
	loop_fn fn;
	void *ctx;
};

/* It outlives the interest in it: the thread that asks the resolver cannot be called back. */
struct loop_lookup {
	uv_getaddrinfo_t uv;
	loop_lookup_fn fn;	/* NULL: nobody wants to know any more */
	void *ctx;
};

static int uv_fail(struct err *e, const char *what, int rc)
{
	return err_set(e, ERR_SYSTEM, rc, "%s: %s", what, uv_strerror(rc));
}

static void on_prepare(uv_prepare_t *h)
{
	struct loop *l = h->data;

	if (l->before_wait != NULL)
		l->before_wait(l->before_ctx);
	for (struct loop_task *t; (t = l->deferred) != NULL;) {
		l->deferred = t->next;
		t->queued = false;
		t->fn(t->ctx);
	}
}

static void on_async(uv_async_t *h)
{
	struct loop *l = h->data;

	if (l->on_wake != NULL)
		l->on_wake(l->wake_ctx);
}

struct loop *loop_new(struct err *e)
{
	struct loop *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL) {
		err_errno(e, "loop");
		return NULL;
	}
	if ((rc = uv_loop_init(&l->uv)) != 0) {
		uv_fail(e, "loop", rc);
		free(l);
		return NULL;
	}
	uv_prepare_init(&l->uv, &l->prepare);
	l->prepare.data = l;
	uv_prepare_start(&l->prepare, on_prepare);
	l->async.data = l;
	if ((rc = uv_async_init(&l->uv, &l->async, on_async)) != 0) {
		uv_fail(e, "loop", rc);
		uv_close((uv_handle_t *)&l->prepare, NULL);
		uv_run(&l->uv, UV_RUN_DEFAULT);
		uv_loop_close(&l->uv);
		free(l);
		return NULL;
	}
	return l;
}

static void free_handle(uv_handle_t *h)
{
	free(h);
}

static void close_left(uv_handle_t *h, void *ctx)
{
	struct loop *l = ctx;

	if (uv_is_closing(h))
		return;
	if (h == (uv_handle_t *)&l->prepare || h == (uv_handle_t *)&l->async)
		uv_close(h, NULL);
	else
		uv_close(h, free_handle);
}

void loop_free(struct loop **l)
{
	if (*l == NULL)
		return;
	(*l)->before_wait = NULL;
	uv_walk(&(*l)->uv, close_left, *l);
	while (uv_loop_close(&(*l)->uv) == UV_EBUSY)
		uv_run(&(*l)->uv, UV_RUN_DEFAULT);	/* returns early if a stop is still pending */
	free(*l);
	*l = NULL;
}

void loop_run(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

uint64_t loop_now_ms(const struct loop *l)
{
	return uv_now(&l->uv);
}

/* A peer's error counts as both, so that whoever reads or writes next meets it. libuv stops watching then, though
 * bytes that came before the error may have to be read first. */
static void on_poll(uv_poll_t *h, int status, int events)
{
	struct loop_io *io = (struct loop_io *)h;

	if (status != 0)
		uv_poll_start(h, io->events, on_poll);
	io->fn(io->ctx, status != 0 || (events & UV_READABLE), status != 0 || (events & UV_WRITABLE));
}

struct loop_io *loop_io_new(struct loop *l, int fd, loop_io_fn fn, void *ctx, struct err *e)
{
	struct loop_io *io = calloc(1, sizeof(*io));
	int rc;

	if (io == NULL) {
		err_errno(e, "poll");
		return NULL;
	}
	if ((rc = uv_poll_init(&l->uv, &io->uv, fd)) != 0) {
		uv_fail(e, "poll", rc);
		free(io);
		return NULL;
	}
	io->fn = fn;
	io->ctx = ctx;
	return io;
}

void loop_io_set(struct loop_io *io, bool readable, bool writable)
{
	io->events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
	if (io->events == 0)
		uv_poll_stop(&io->uv);
	else
		uv_poll_start(&io->uv, io->events, on_poll);
}

void loop_io_free(struct loop_io **io)
{
	if (*io == NULL)
		return;
	uv_close((uv_handle_t *)&(*io)->uv, free_handle);
	*io = NULL;
}

static void on_timer(uv_timer_t *h)
{
	struct loop_timer *t = (struct loop_timer *)h;

	t->fn(t->ctx);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *ctx, struct err *e)
{
	struct loop_timer *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		err_errno(e, "timer");
		return NULL;
	}
	uv_timer_init(&l->uv, &t->uv);
	t->fn = fn;
	t->ctx = ctx;
	return t;
}

void loop_timer_start(struct loop_timer *t, uint64_t in_ms, uint64_t repeat_ms)
{
	uv_timer_start(&t->uv, on_timer, in_ms, repeat_ms);
}

void loop_timer_stop(struct loop_timer *t)
{
	uv_timer_stop(&t->uv);
}

bool loop_timer_active(const struct loop_timer *t)
{
	return uv_is_active((const uv_handle_t *)&t->uv) != 0;
}

void loop_timer_free(struct loop_timer **t)
{
	if (*t == NULL)
		return;
	uv_close((uv_handle_t *)&(*t)->uv, free_handle);
	*t = NULL;
}

static void on_signal(uv_signal_t *h, int signum)
{
	struct loop_signal *s = (struct loop_signal *)h;

	(void)signum;
	s->fn(s->ctx);
}

struct loop_signal *loop_signal_new(struct loop *l, int signum, loop_fn fn, void *ctx, struct err *e)
{
	struct loop_signal *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL) {
		err_errno(e, "signal");
		return NULL;
	}
	if ((rc = uv_signal_init(&l->uv, &s->uv)) != 0) {
		uv_fail(e, "signal", rc);
		free(s);
		return NULL;
	}
	s->fn = fn;
	s->ctx = ctx;
	if ((rc = uv_signal_start(&s->uv, on_signal, signum)) != 0) {
		uv_fail(e, "signal", rc);
		loop_signal_free(&s);
	}
	return s;
}

void loop_signal_free(struct loop_signal **s)
{
	if (*s == NULL)
		return;
	uv_close((uv_handle_t *)&(*s)->uv, free_handle);
	*s = NULL;
}

void loop_before_wait(struct loop *l, loop_fn fn, void *ctx)
{
	l->before_wait = fn;
	l->before_ctx = ctx;
}

void loop_task_init(struct loop_task *t, loop_fn fn, void *ctx)
{
	t->fn = fn;
	t->ctx = ctx;
	t->next = NULL;
	t->queued = false;
}

void loop_defer(struct loop *l, struct loop_task *t)
{
	struct loop_task **at = &l->deferred;

	if (t->queued)
		return;
	t->queued = true;
	t->next = NULL;
	while (*at != NULL)
		at = &(*at)->next;
	*at = t;
}

void loop_task_cancel(struct loop *l, struct loop_task *t)
{
	struct loop_task **at = &l->deferred;

	while (*at != NULL && *at != t)
		at = &(*at)->next;
	if (*at == t)
		*at = t->next;
	t->queued = false;
}

void loop_on_wake(struct loop *l, loop_fn fn, void *ctx)
{
	l->on_wake = fn;
	l->wake_ctx = ctx;
}

void loop_wake(struct loop *l)
{
	uv_async_send(&l->async);
}

/* ---- names ---- */

static const struct addrinfo *first_of(const struct addrinfo *all, int family)
{
	while (all != NULL && all->ai_family != family)
		all = all->ai_next;
	return all;
}

static void on_looked_up(uv_getaddrinfo_t *uv, int status, struct addrinfo *all)
{
	struct loop_lookup *k = (struct loop_lookup *)uv;
	const struct addrinfo *four = first_of(all, AF_INET), *six = first_of(all, AF_INET6);
	char text[INET6_ADDRSTRLEN] = "";

	if (four != NULL)
		uv_ip4_name((const struct sockaddr_in *)four->ai_addr, text, sizeof(text));
	else if (six != NULL)
		uv_ip6_name((const struct sockaddr_in6 *)six->ai_addr, text, sizeof(text));
	uv_freeaddrinfo(all);
	if (k->fn != NULL)
		k->fn(k->ctx, text[0] != '\0' ? text : NULL, status != 0 ? uv_strerror(status) : "no address");
	free(k);
}

struct loop_lookup *loop_lookup_new(struct loop *l, const char *name, loop_lookup_fn fn, void *ctx, struct err *e)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct loop_lookup *k = calloc(1, sizeof(*k));
	int rc;

	if (k == NULL) {
		err_errno(e, "lookup");
		return NULL;
	}
	k->fn = fn;
	k->ctx = ctx;
	if ((rc = uv_getaddrinfo(&l->uv, &k->uv, on_looked_up, name, NULL, &hints)) != 0) {
		uv_fail(e, name, rc);
		free(k);
		return NULL;
	}
	return k;
}

void loop_lookup_cancel(struct loop_lookup **lookup)
{
	struct loop_lookup *k = *lookup;

	*lookup = NULL;
	if (k == NULL)
		return;
	k->fn = NULL;
	uv_cancel((uv_req_t *)&k->uv);	/* if it has not begun */
}
