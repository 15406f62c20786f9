/* port - see port.h. */
#include "cli/port.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Without SO_REUSEPORT a bind fails where somebody listens. */
static bool taken(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	bool busy = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0
	    && bind(fd, a->ai_addr, a->ai_addrlen) != 0 && errno == EADDRINUSE;

	if (fd >= 0)
		close(fd);
	return busy;
}

int port_check(const char *listen, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *list;
	const char *colon = strrchr(listen, ':');
	bool bracket = *listen == '[', busy;
	char host[256];

	if (colon == NULL || colon - listen < 2 * bracket)
		return 0;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - listen) - 2 * bracket, listen + bracket);
	if (getaddrinfo(host, colon + 1, &hints, &list) != 0)
		return 0;
	busy = taken(list);
	freeaddrinfo(list);
	return busy ? err_set(e, ERR_SYSTEM, EADDRINUSE, "listen = %s: another program listens there", listen) : 0;
}
