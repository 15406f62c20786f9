/*
 * forwarded - who is the client, where proxies stand between?
 *
 * In:  the connection's other end, the headers that proxies add, the addresses of those that are believed. Out: the
 * client's address as text, and whether it came by https. Depends on lib/address.
 *
 * Each proxy adds who it heard from at the right end of the list (RFC 7239; X-Forwarded-For likewise). So the list is
 * read from the right, as long as the one who says so is believed; what stands further left anyone may have written.
 */
#ifndef GS_SERVER_FORWARDED_H
#define GS_SERVER_FORWARDED_H

#include <stdbool.h>

#include "lib/address.h"
#include "server/signature.h"

#define FORWARDED_TEXT 48	/* an IPv6 address and a NUL */

enum { PROXY_X_FORWARDED_FOR, PROXY_FORWARDED };	/* of [server] proxy_header */

struct client {
	char address[FORWARDED_TEXT];	/* "-" where there is none */
	bool https;
	bool proxied;			/* a proxy was believed */
};

struct sockaddr;

/* tls: this connection itself is encrypted. */
void forwarded_client(struct client *c, const struct sockaddr *peer, bool tls, const struct address_ranges *trusted,
    int proxy_header, header_fn header, void *ctx);

#endif
