/*
 * routes - which handler serves a path and a method.
 *
 * In:  a request. Out: its handler and the {} of its path, or a refusal. Depends on http.
 */
#ifndef GS_SERVER_ROUTES_H
#define GS_SERVER_ROUTES_H

#include "schema/tokens.h"
#include "server/http.h"
#include "server/problem.h"

enum {
#define ROUTE(id, method, path, handler, scope) ROUTE_##id,
#include "server/routes.def"
#undef ROUTE
	ROUTE_NONE,	/* no such path or method */
	ROUTE_COUNT
};

enum scope route_scope(int route);	/* what a token must allow */
const char *route_name(int route);	/* "GET /v1/jobs/{id}"; "none" */

/* Sets handler, route and arg. -1: there is none; allow is then the methods of the path, for 405. */
int routes_find(struct http_request *q, struct refusal *r, char allow[64]);

#endif
