/*
 * drain - closes a connection whose peer is still sending, so that it can read the answer.
 *
 * In:  a descriptor whose answer was written. Out: nothing; it is read from until the peer closes or
 * time is up. Depends on lib/loop.
 *
 * A socket that is closed with unread bytes resets the connection, and a reset may overtake the answer
 * on its way (RFC 9112 section 9.6).
 */
#ifndef GS_SERVER_DRAIN_H
#define GS_SERVER_DRAIN_H

#include "lib/loop.h"

struct drain;

struct drain *drain_new(struct loop *l, struct err *e);
void drain_free(struct drain **l);	/* closes all */

/* Takes fd over; closes it at once where too many linger already. */
void drain_add(struct drain *l, int fd);

#endif
