/*
 * handlers - the handlers that routes.def names, each in the file that its name begins with.
 *
 * In: requests. Out: answers. Depends on http.
 */
#ifndef GS_SERVER_HANDLERS_H
#define GS_SERVER_HANDLERS_H

#include "server/http.h"

#define ROUTE(id, method, path, handler, scope) extern const struct http_handler handler;
#include "server/routes.def"
#undef ROUTE

struct reactor;

/* ingest_small.c: commits what ended in this turn of a reactor's loop. */
void ingest_turn_over(void *reactor);
void ingest_commit_all(struct reactor *r);	/* also those that wait; before the connection goes */

#endif
