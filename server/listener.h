/*
 * listener - a socket that takes connections.
 *
 * In:  "address:port". Out: a descriptor, and the port where 0 was asked for. Several may
 * share an address (SO_REUSEPORT). Depends on the system's sockets.
 */
#ifndef GS_SERVER_LISTENER_H
#define GS_SERVER_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

#define LISTENER_TEXT 80

/* Is what listener_open has bound to be reached from this machine alone? */
bool listener_is_loopback(const char *bound);

/* Returns the descriptor, which has the address but takes no connections yet, or -1. bound becomes the
 * address with the port in use, as "address:port". */
int listener_open(const char *listen, char bound[LISTENER_TEXT], struct err *e);
/* From now on connections come. */
int listener_begin(int fd, struct err *e);

#endif
