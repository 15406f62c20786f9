/*
 * address - which network addresses may be called from here.
 *
 * In:  socket addresses, ranges as text. Out: verdicts. Depends on the system's socket headers.
 *
 * Everything is judged as IPv6; IPv4 stands mapped (::ffff:a.b.c.d), and so do the forms that
 * carry an IPv4 address inside (NAT64, 6to4).
 */
#ifndef GS_LIB_ADDRESS_H
#define GS_LIB_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

struct sockaddr;

struct address_range {
	unsigned char bytes[16];
	unsigned bits;		/* of the 128 that count */
};

struct address_ranges {
	struct address_range *list;
	size_t count;
};

/* Reads "127.0.0.0/8, ::1, fd00::/8"; an address without "/" is a range of one. Empty text is no range. */
int address_ranges_parse(struct address_ranges *r, const char *text, struct err *e);
void address_ranges_clear(struct address_ranges *r);

/* Is a in one of the ranges? */
bool address_in(const struct address_ranges *r, const struct sockaddr *a);

/* The same for an address that claims something: one that only carries an IPv4 address inside is not that one. */
bool address_is_in(const struct address_ranges *r, const struct sockaddr *a);

/* May a be called by everyone: neither private, loopback, link-local, shared, multicast, reserved nor a
 * documentation range (IANA special-purpose registries, RFC 6890)? false for what is neither IPv4 nor IPv6. */
bool address_is_public(const struct sockaddr *a);

#endif
