/*
 * http - one HTTP request, and waiting for its answer.
 *
 * In:  method, URL, headers, a body from a stream. Out: status and body. Depends on libcurl, which
 * nothing else of the command line includes.
 */
#ifndef GS_CLI_HTTP_H
#define GS_CLI_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/buf.h"
#include "lib/err.h"

#define HTTP_ANSWER_MAX (64u << 20)

struct http_request {
	const char *method;
	const char *url;
	const char *const *headers;	/* "name: value", …, NULL; or NULL */
	FILE *body;			/* NULL: none. Read from where it stands */
	uint64_t body_bytes;
	bool open;			/* it needs no token, and gets none */
	bool own;			/* to this machine's own server: any certificate will do */
	unsigned timeout_ms;		/* for all of it; 0: only a standstill ends it */
	/* Called now and then while the body goes out; may be NULL. */
	void (*progress)(void *ctx, uint64_t sent, uint64_t total);
	void *ctx;
};

/* Appends the answer's body. Returns the status, or -1 where no answer came. */
int http_do(const struct http_request *q, struct buf *answer, struct err *e);

/* "http://host:port" and "/path" into one URL; a "/" at the base's end does not count. */
void http_join(char *out, size_t room, const char *base, const char *path);

/* Says in words on standard error why a request did not succeed. */
void http_complain(int status, const struct buf *answer, const struct err *e);

/* What follows shows this token; without it, GEOSLUICE_TOKEN. It is wiped from the command line. */
#define HTTP_TOKEN_USAGE \
"  --token T   where the server asks for one (default: GEOSLUICE_TOKEN, which other users do not see)\n"
void http_token(char *option);

/* --url, else GEOSLUICE_URL, else http://127.0.0.1:8080. */
const char *http_base(const char *option);

#endif
