/*
 * letters - what the APIs over dead letters share: asking Redis for them.
 *
 * In:  requests that name a letter, or a page of them. Out: Redis's replies. Depends on reactor.
 */
#ifndef GS_SERVER_LETTERS_H
#define GS_SERVER_LETTERS_H

#include "server/reactor.h"

#define LETTER_NAME_MAX 64

/* Clients know a letter by its partition and stream id. */
void letter_name(char out[LETTER_NAME_MAX], const char *stream_id);

/* fn gets what XRANGE says of the letter of the request's path; letter_fields gives its fields, or NULL, having
 * refused the request, where there is none. */
void letter_ask(struct http_request *q, ask_fn fn);
const struct reply *letter_fields(struct http_request *q, const struct reply *range);

/* fn gets the page of list_letters.lua that the request's query asks for. */
void letters_ask(struct http_request *q, ask_fn fn);
/* "next" and "links", and the end of the object. */
void letters_write_next(struct http_request *q, struct buf *b, const char *next);

#endif
