/* http_socket - see http_internal.h: bytes in and out of a connection, in the clear or by TLS. */
#include <errno.h>
#include <sys/socket.h>

#include "server/http_internal.h"

#define TLS_HANDSHAKE_RECORD 0x16

static long plain(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK ? TLS_AGAIN : TLS_FAILED;
}

long conn_read(struct conn *c, void *out, size_t room)
{
	ssize_t n;

	/* Nobody reads what is thrown away. */
	if (c->tls != NULL && c->stage != STAGE_LINGER)
		return tls_read(c->tls, out, room);
	do
		n = recv(c->fd, out, room, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return plain(n);
}

long conn_write(struct conn *c, const void *bytes, size_t n)
{
	ssize_t sent;

	if (c->tls != NULL)
		return tls_write(c->tls, bytes, n);
	do
		sent = send(c->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return plain(sent);
}

/* false: it is not TLS that comes, or there is nothing yet. */
static bool begin_tls(struct conn *c)
{
	struct refusal why = { .problem = P_NONE };
	char first;
	long n = plain(recv(c->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT));

	if (n == TLS_AGAIN)
		return false;
	if (n <= 0) {
		conn_close(c);
		return false;
	}
	if (first != TLS_HANDSHAKE_RECORD) {	/* what speaks no TLS is told so in the clear */
		refuse(&why, P_TLS_REQUIRED, "TLS is spoken on this port.");
		receive_refuse(c, &why);
		return false;
	}
	if ((c->tls = tls_new(c->http->tls, c->fd)) == NULL)
		conn_close(c);
	return c->tls != NULL;
}

bool conn_shake_hands(struct conn *c)
{
	if (c->tls == NULL && !begin_tls(c))
		return false;
	switch (tls_handshake(c->tls)) {
	case TLS_AGAIN:
		conn_watch(c, !tls_wants_write(c->tls), tls_wants_write(c->tls));
		return false;
	case TLS_FAILED:
		c->http->app.tls_failed(c->http->app.ctx, tls_error(c->tls));
		conn_close(c);
		return false;
	}
	c->stage = STAGE_HEAD;
	conn_watch(c, true, false);
	return true;
}
