/*
 * courier - carries completions from the outbox to their receivers.
 *
 * In:  the outbox, settings. Out: signed POSTs, and called.lua after each. Depends on outbox.c,
 * poster.c and callback.c.
 *
 *   message ─▶ waiting ──due──▶ fetching ──▶ posting ──▶ settling ──delivered, failed──▶ gone
 *                 ▲               (HGETALL)   (HTTP)    (called.lua)
 *                 └──────────────────── retry ──────────────┘
 *
 * While a delivery is held its lease is renewed. One that another courier settled is let go. A
 * receiver can get a completion twice (this process died between its answer and called.lua), but
 * then with the same webhook-id.
 */
#ifndef GS_WORKERS_COURIER_COURIER_H
#define GS_WORKERS_COURIER_COURIER_H

#include "lib/err.h"
#include "lib/loop.h"
#include "schema/settings.h"

struct courier;

/* s is borrowed. */
struct courier *courier_new(struct loop *l, const struct settings *s, struct err *e);
void courier_free(struct courier **c);

/* Begins nothing new; once what is under way has ended, or after the grace time, gives back the rest and
 * stops the loop. */
void courier_end(struct courier *c);

#endif
