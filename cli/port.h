/*
 * port - is an address still free?
 *
 * In:  "address:port". Out: 0, or why a server should not be started there. Depends on the system's sockets.
 *
 * Servers of one Redis may share an address; two that have a Redis each would take turns with the requests, and
 * neither would know the other's jobs.
 */
#ifndef GS_CLI_PORT_H
#define GS_CLI_PORT_H

#include "lib/err.h"

/* An address that cannot be read counts as free: the server says what is wrong with it. */
int port_check(const char *listen, struct err *e);

#endif
