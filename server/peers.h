/*
 * peers - how many connections each address has open, and what else is counted of it.
 *
 * In:  socket addresses. Out: a count per IPv4 address, per /64 of IPv6: what one host commands.
 * Depends on nothing.
 */
#ifndef GS_SERVER_PEERS_H
#define GS_SERVER_PEERS_H

#include <stdbool.h>
#include <stddef.h>

struct sockaddr;
struct peers;
struct peer;

struct peers *peers_new(void);	/* NULL without memory */
void peers_free(struct peers **p);	/* when all were left */

/* One more connection of a. NULL: it has max already (0: no limit), or there is no memory. */
struct peer *peers_enter(struct peers *p, const struct sockaddr *a, unsigned max);
void peers_leave(struct peers *p, struct peer **peer);
/* Of its uploads that have proven nothing yet: for others to count. It goes with the last connection. */
unsigned *peer_uploads(struct peer *peer);
size_t peers_count(const struct peers *p);	/* addresses that have one */

#endif
