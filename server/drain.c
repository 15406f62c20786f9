/* drain - see drain.h. */
#include "server/drain.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DRAIN_MS 2000
#define DRAIN_MAX 256
#define READS_PER_TURN 16

struct straggler {
	struct drain *owner;
	int fd;
	struct loop_io *io;
	uint64_t until_ms;
	struct straggler *prev, *next;
};

/* All linger equally long, so the list is in order of their ends. */
struct drain {
	struct loop *loop;
	struct loop_timer *timer;
	struct straggler *first, *last;
	unsigned count;
};

static void finish(struct straggler *s)
{
	struct drain *l = s->owner;

	*(s->prev ? &s->prev->next : &l->first) = s->next;
	*(s->next ? &s->next->prev : &l->last) = s->prev;
	l->count--;
	loop_io_free(&s->io);
	close(s->fd);
	free(s);
}

static void on_readable(void *ctx, bool readable, bool writable)
{
	struct straggler *s = ctx;
	char waste[16384];

	(void)readable;
	(void)writable;
	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = recv(s->fd, waste, sizeof(waste), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			finish(s);
			return;
		}
	}
}

static void on_timer(void *ctx)
{
	struct drain *l = ctx;

	while (l->first != NULL && l->first->until_ms <= loop_now_ms(l->loop))
		finish(l->first);
	if (l->first != NULL)
		loop_timer_start(l->timer, l->first->until_ms - loop_now_ms(l->loop), 0);
}

struct drain *drain_new(struct loop *loop, struct err *e)
{
	struct drain *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		err_errno(e, "drain");
		return NULL;
	}
	l->loop = loop;
	if ((l->timer = loop_timer_new(loop, on_timer, l, e)) == NULL)
		drain_free(&l);
	return l;
}

void drain_free(struct drain **l)
{
	if (*l == NULL)
		return;
	while ((*l)->first != NULL)
		finish((*l)->first);
	loop_timer_free(&(*l)->timer);
	free(*l);
	*l = NULL;
}

void drain_add(struct drain *l, int fd)
{
	struct straggler *s = l->count < DRAIN_MAX ? calloc(1, sizeof(*s)) : NULL;
	struct err e = ERR_INIT;

	shutdown(fd, SHUT_WR);
	if (s == NULL || (s->io = loop_io_new(l->loop, fd, on_readable, s, &e)) == NULL) {
		free(s);
		close(fd);
		return;
	}
	s->owner = l;
	s->fd = fd;
	s->until_ms = loop_now_ms(l->loop) + DRAIN_MS;
	s->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = s;
	l->last = s;
	l->count++;
	loop_io_set(s->io, true, false);
	if (!loop_timer_active(l->timer))
		loop_timer_start(l->timer, DRAIN_MS, 0);
}
