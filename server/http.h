/*
 * http - HTTP/1.1 requests in, answers out, on a loop.
 *
 * In:  a listening socket, handlers. Out: calls to them, in the order below; answers of any size.
 * Depends on lib/loop and the system's sockets.
 *
 *   begin ──▶ body* ──▶ end ──▶ (answer goes out) ──▶ gone ──▶ over
 *     │         │
 *     └─────────┴──▶ answered early: the rest of the body is not read
 *
 * Every callback runs on the loop's thread. A request that has no answer when `end` returns, or takes
 * less than it was given in `body`, waits without being watched until http_answer or http_wake is called.
 */
#ifndef GS_SERVER_HTTP_H
#define GS_SERVER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/loop.h"
#include "server/problem.h"

struct http;
struct http_request;
struct tls_setup;

/* What a route does. Without `body`, a small body is skipped and a large one refused. */
struct http_handler {
	void (*begin)(struct http_request *q);	/* the headers are there; may answer. NULL: nothing to do */
	size_t (*body)(struct http_request *q, const void *bytes, size_t n);	/* how many of n were taken */
	void (*end)(struct http_request *q);	/* the request is whole: answer, now or later */
	void (*gone)(struct http_request *q);	/* it is over, answered or not: release user. NULL: nothing */
	/* Where the body's next bytes are best read to, to be given to `body` at once, and how many. 0, or NULL:
	 * anywhere. -1: `body` would take none. */
	long (*place)(struct http_request *q, void **at);
};

#define HTTP_ARG_MAX 128

struct http_request {
	void *app;		/* of struct http_app */
	const char *method;	/* "GET" also for HEAD */
	const char *path;
	const char *query;	/* as it came, with its "?"; "" where there is none */
	const struct http_handler *handler;	/* set by http_app.begin */
	char arg[HTTP_ARG_MAX];	/* the {} of the route's path */
	void *user;		/* the handler's own */
	void *owed;		/* the application's: what it waits for */
	void *terms;		/* the application's: what it is served on */
	int64_t declared;	/* Content-Length, or -1 */

	/* For logs and metrics. Text that handlers put here outlives the request. */
	int route;
	unsigned status;	/* 0 while there is none */
	const char *source;
	const char *code;	/* of a refusal */
	char job[32];
	const char *token;	/* the name of the one that was shown */
	char client[48];	/* its address, behind proxies that are believed */
	char trace[33];		/* id of the trace that it is part of */
	bool https;		/* so it came, or so a proxy says */
	uint64_t started_us;
	uint64_t bytes_in, bytes_out;	/* of the bodies */
};

struct http_app {
	void (*begin)(void *ctx, struct http_request *q);	/* sets route and handler, or answers */
	void (*over)(void *ctx, struct http_request *q);
	void (*tls_failed)(void *ctx, const char *why);		/* there was no request, and is no answer */
	/* Writes the answer to what http itself refuses, perhaps before there was a path or a method. */
	void (*refuse)(struct http_request *q, const struct refusal *why);
	void *ctx;
};

struct http_limits {
	unsigned max_connections, max_per_address;	/* of one /64 where it is IPv6; 0: any number */
	const struct address_ranges *trusted;	/* proxies: of these, any number; borrowed, may be NULL */
	size_t header_bytes, target_bytes;
	unsigned header_fields;
	unsigned header_timeout_ms, idle_timeout_ms, linger_ms;
	unsigned rate_window_ms, rate_bytes;	/* of a body or an answer, at least so many bytes per window */
	unsigned requests;			/* per connection */
};

/* fd is to listen; http closes it. tls is borrowed; NULL: plain HTTP. */
struct http *http_new(struct loop *l, int fd, const struct http_limits *limits, struct tls_setup *tls,
    const struct http_app *app, struct err *e);
/* Connections are taken from now on. */
int http_begin(struct http *h, struct err *e);
/* Other limits, and another certificate for new connections. */
void http_set(struct http *h, const struct http_limits *limits, struct tls_setup *tls);
/* Takes no new connection, and closes each after its answer, or when it has been idle for a second. */
void http_quiesce(struct http *h);
size_t http_open(const struct http *h);		/* connections */
size_t http_active(const struct http *h);	/* requests in flight */
/* Cuts off what is left. */
void http_free(struct http **h);

/* NULL if absent; several lines are joined by ", ". A header_fn. */
const char *http_header(void *request, const char *name);
const char *http_query(struct http_request *q, const char *name);	/* decoded; NULL if absent, "" without value */

struct sockaddr;
bool http_tls(const struct http_request *q);	/* does that speak TLS? */
const struct sockaddr *http_peer(const struct http_request *q);	/* who is at the other end of the connection */

/* Its address's uploads that have proven nothing yet, for the application to count; NULL of a proxy that is believed,
 * behind which there are many. It lasts as long as the request. */
unsigned *http_address_uploads(const struct http_request *q);

/*
 * Refuses one request whose body is coming, that another may take its place: of those that may go the one whose bytes
 * come slowest, if they have come more slowly than rate (bytes a second) for a quarter of the rate window at the least.
 * What waits for us is not slow. false: there is none.
 */
bool http_make_way(struct http *h, uint64_t rate, bool (*may_go)(const struct http_request *q),
    const struct refusal *why);

/* Notes a job id for the log. */
void http_note_job(struct http_request *q, const char *job);

/* Answers with the bytes of body, whose memory http takes over. The answer leaves when the callback that is
 * running returns; until then headers may be added. Where too many large answers wait to be read it is ANSWERS_FULL. */
void http_answer(struct http_request *q, unsigned status, const char *type, struct buf *body);
/* The same with bytes that stay for ever; type NULL: there is no body. */
void http_answer_static(struct http_request *q, unsigned status, const char *type, const char *text, size_t n);
void http_answer_header(struct http_request *q, const char *name, const char *value);

/* Answers piece by piece: pull writes up to room bytes and returns how many, or one of these. */
enum { HTTP_WAIT = 0, HTTP_END = -1, HTTP_BROKEN = -2 };
typedef long (*http_pull_fn)(struct http_request *q, char *out, size_t room);
void http_answer_stream(struct http_request *q, unsigned status, const char *type, http_pull_fn pull);

/*
 * From begin alone, of a request that has a body: neither "100 Continue" goes out nor is a byte of the body taken until
 * it is released or answered. An answer then ends the connection.
 */
void http_hold(struct http_request *q);
void http_release(struct http_request *q);

/* There is room, or more to send: body or pull is called again. */
void http_wake(struct http_request *q);

#endif
