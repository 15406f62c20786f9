/* listener - see listener.h. */
#include "server/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096

/* "host:port" or "[host]:port" into its two parts. */
static int split(const char *text, char host[64], char port[8], struct err *e)
{
	const char *colon = strrchr(text, ':');
	const char *from = text;
	size_t n = colon != NULL ? (size_t)(colon - text) : 0;

	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		from++;
		n -= 2;
	}
	/* getaddrinfo takes any number for a port, and cuts it to 16 bits. */
	if (n == 0 || n >= 64 || strlen(colon + 1) == 0 || strlen(colon + 1) >= 8
	    || strspn(colon + 1, "0123456789") != strlen(colon + 1) || atol(colon + 1) > 65535)
		return err_set(e, ERR_INPUT, 0, "listen = %s: address:port is expected", text);
	snprintf(host, 64, "%.*s", (int)n, from);
	snprintf(port, 8, "%s", colon + 1);
	return 0;
}

static int bind_one(const struct addrinfo *a, const char *text, struct err *e)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0)
		return err_errno(e, "socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0
	    && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0
	    && bind(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd;
	err_set(e, ERR_SYSTEM, errno, "listen = %s: %s", text, strerror(errno));
	close(fd);
	return -1;
}

static void name(int fd, char bound[LISTENER_TEXT])
{
	struct sockaddr_storage at;
	socklen_t n = sizeof(at);
	char host[64] = "", port[8] = "";

	if (getsockname(fd, (struct sockaddr *)&at, &n) == 0)
		getnameinfo((struct sockaddr *)&at, n, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(bound, LISTENER_TEXT, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

bool listener_is_loopback(const char *bound)
{
	return strncmp(bound, "127.", 4) == 0 || strncmp(bound, "[::1]:", 6) == 0;
}

int listener_open(const char *text, char bound[LISTENER_TEXT], struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *list;
	char host[64], port[8];
	int rc, fd;

	if (split(text, host, port, e) != 0)
		return -1;
	if ((rc = getaddrinfo(host, port, &hints, &list)) != 0)
		return err_set(e, ERR_INPUT, 0, "listen = %s: %s", text, gai_strerror(rc));
	if ((fd = bind_one(list, text, e)) >= 0)
		name(fd, bound);
	freeaddrinfo(list);
	return fd;
}

int listener_begin(int fd, struct err *e)
{
	int on = 1;

	/* What is accepted inherits it: answers go out whole. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return listen(fd, BACKLOG) == 0 ? 0 : err_errno(e, "listen");
}
