/*
 * query - parameters of a request's query.
 *
 * In:  a request. Out: their values, checked. Depends on http.
 */
#ifndef GS_SERVER_QUERY_H
#define GS_SERVER_QUERY_H

#include "server/http.h"
#include "server/problem.h"

/* "" where it is absent. */
const char *query_text(struct http_request *q, const char *name);
/* 1 to most; fallback where it is absent. */
int query_count(struct http_request *q, const char *name, unsigned fallback, unsigned most, unsigned *out,
    struct refusal *r);

/* Writes the "links" of a page: itself, and the next one unless next is "". */
void query_links(struct http_request *q, struct buf *b, const char *next);

/* Which of types (media types, the preferred first) an Accept header asks for most; -1: none of them.
 * RFC 9110 section 12.5.1. accept NULL: the first. */
int accept_choose(const char *accept, const char *const *types, int n);

#endif
