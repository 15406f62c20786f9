/*
 * http_internal - what the parts of http share: http.c speaks with handlers, http_listen.c takes connections and
 * keeps the time, http_receive.c reads requests, http_send.c writes answers, http_socket.c moves bytes.
 *
 *                               ┌────────────────── kept alive ──────────────────┐
 *                               ▼                                                │
 *   accept ─▶ (HANDSHAKE) ─▶ HEAD ─▶ BODY ─▶ WAIT ─▶ SEND ───────────────────────┤
 *                   │           │       │                ▲                       ▼
 *                   └───────────┴───────┴── refused ─────┘          LINGER ─▶ CLOSED
 *
 * A connection is on one list, by what it is waited for. What is due to go on (it was woken, or left bytes for
 * later) goes on before the loop waits again. Memory of closed ones goes there too, when none of this is running.
 */
#ifndef GS_SERVER_HTTP_INTERNAL_H
#define GS_SERVER_HTTP_INTERNAL_H

#include <netinet/in.h>

#include "server/chunked.h"
#include "server/http.h"
#include "server/http_head.h"
#include "server/peers.h"
#include "server/tls.h"

#define SKIP_BYTES 65536	/* of a body that nobody wants: read rather than cut off */
#define READ_BLOCK 65536
#define STREAM_BLOCK 32768
#define OUT_MAX (1u << 20)
#define BLOCK_FRAME 16		/* room for a chunk's size line and end */
#define TURNS 16		/* reads or blocks of one connection before others have their turn */

enum stage { STAGE_HANDSHAKE, STAGE_HEAD, STAGE_BODY, STAGE_WAIT, STAGE_SEND, STAGE_LINGER, STAGE_CLOSED };

/* What a connection is waited for. */
enum timing {
	TIMING_NONE,	/* nothing: it is our turn, or Redis's */
	TIMING_HEAD, TIMING_IDLE, TIMING_BODY, TIMING_SEND, TIMING_LINGER,
	TIMING_COUNT
};

/* A header of several lines, or a decoded query parameter. */
struct looked_up;

/* A request and its answer. */
struct exchange {
	struct http_request pub;	/* first: a pointer to one is a pointer to the other */
	struct conn *conn;
	struct http_head head;
	struct chunked chunked;
	struct looked_up *looked_up;
	uint64_t left;			/* of a body whose length is declared */
	uint64_t skipped;
	bool has_body, is_head, ended;
	bool held;			/* nothing of the body before it is released or answered */
	bool begins;			/* so it was, and its body has not begun */
	bool woken;			/* http_wake was called since the callback began */
	bool broken;			/* no memory: all that is left is to hang up */

	bool answered;
	struct buf fields;		/* of the answer, as lines */
	struct buf body;
	const char *text;		/* of a body that stays for ever, or NULL */
	size_t length, sent;
	http_pull_fn pull;
	bool complete;			/* all of the answer was put into `out` */
};

struct conn {
	struct http *http;
	struct loop_io *io;
	int fd;
	struct tls *tls;		/* NULL: in the clear */
	enum stage stage;
	enum timing timing;
	struct conn *prev, *next;	/* of those that are waited for alike */
	struct conn *next_due;
	uint64_t since_ms, moved;	/* when that waiting began, and bytes that have passed since */
	uint64_t body_ms, body_moved;	/* the same of its body in this window, before it had to pause */
	struct exchange *x;
	struct head_scan scan;
	struct buf in, out;		/* came and not used yet; to be sent */
	size_t out_at;
	struct peer *peer;
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} address;
	unsigned served;
	bool running;			/* its code is on the stack */
	bool due;
	bool reads, writes;		/* what the loop watches it for */
	bool paused;			/* the handler takes no more for now */
	bool closing;			/* the answer is the last one */
	bool polite;			/* closing, and the peer may still be sending: linger */
	bool read_closed;		/* the peer sends no more */
};

struct conn_list {
	struct conn *first, *last;
};

struct http {
	struct loop *loop;
	struct loop_io *listener;
	struct loop_timer *tick, *soon, *accept_again;
	struct loop_task after;
	int fd;
	struct http_app app;
	struct http_limits limits;
	struct tls_setup *tls;		/* of new connections; NULL: none is spoken */
	struct peers *peers;
	struct conn_list waiting[TIMING_COUNT];
	struct conn *due_first, *due_last, *graveyard;
	size_t open, active;
	size_t answers;		/* bytes of large ones that their clients have not read */
	bool stopping;
	long date_s;
	char date[32];
	char read_block[READ_BLOCK];
	char send_block[STREAM_BLOCK + BLOCK_FRAME];
	struct buf compose;
};

/* http.c */
struct exchange *exchange_new(struct conn *c);	/* it becomes c->x; NULL without memory */
void exchange_over(struct conn *c);		/* the handler hears of it; c->x is NULL then */
void exchange_refuse(struct exchange *x, const struct refusal *why);	/* unless it is answered */

/* http_listen.c */
void conn_wait_for(struct conn *c, enum timing t);
void conn_pause_body(struct conn *c);		/* nothing is waited for, but what came of the body so far counts */
bool conn_wait_for_body(struct conn *c);	/* it goes on. false: it has been too slow */
void conn_due(struct conn *c);
void conn_watch(struct conn *c, bool reads, bool writes);
void conn_close(struct conn *c);

/* http_socket.c: as tls_read and tls_write have it, also in the clear */
long conn_read(struct conn *c, void *out, size_t room);
long conn_write(struct conn *c, const void *bytes, size_t n);
bool conn_shake_hands(struct conn *c);		/* is it done? If not, the connection may be closed now */

/* http_receive.c */
void receive(struct conn *c);			/* the socket may have bytes */
void resume(struct conn *c);			/* it was due */
/* There will be no (whole) request: answers, and the connection ends with it. */
void receive_refuse(struct conn *c, const struct refusal *why);

/* http_send.c */
void send_answer(struct conn *c);		/* c->x is answered */
void send_more(struct conn *c);
void send_continue(struct conn *c);
void send_rest(struct conn *c);			/* of "100 Continue"; the socket takes bytes again */

#endif
