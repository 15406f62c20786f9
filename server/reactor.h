/*
 * reactor - one thread of the front end: a loop, an HTTP daemon and a Redis connection of its own.
 *
 * In:  settings, a listening socket. Out: requests served until it is told to stop.
 * Depends on lib/loop, lib/redis and http.
 *
 * Reactors share nothing but the settings and the port.
 */
#ifndef GS_SERVER_REACTOR_H
#define GS_SERVER_REACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/redis.h"
#include "schema/settings.h"
#include "server/http.h"
#include "server/access.h"
#include "server/barrier.h"
#include "server/body_key.h"
#include "server/durability.h"
#include "server/metrics.h"
#include "server/orphans.h"
#include "server/pacing.h"
#include "server/rate.h"
#include "server/room.h"
#include "server/segment_writer.h"
#include "server/terms.h"

struct server;

struct reactor {
	struct server *server;
	struct terms *terms;		/* of requests that begin now */
	const struct settings *settings;	/* theirs */
	_Atomic(struct terms *) next_terms;	/* to be taken over; NULL: none */
	int index;
	struct loop *loop;
	struct http *http;
	struct redis_async *redis;	/* for what a client waits for */
	struct redis_async *bulk;	/* for bodies of more than one segment: nobody else queues behind them */
	struct loop_timer *timer, *touch;
	struct loop_task log;		/* writes the lines of the turn's requests */
	struct redis_cmd cmd;		/* for whoever builds a command */
	struct segment_pool segments;
	unsigned char dice[64][JOB_ID_DICE];	/* for job ids: the generator is asked once for many */
	size_t dice_left;
	struct ingest *commits, *commits_last;	/* that wait to be sent */
	size_t commits_waiting;
	unsigned commits_asked;		/* transactions of such that Redis has not answered */
	struct loop_task commit;	/* sends them */
	struct body_key *body_key;	/* Redis's, once `keyed`; until then one to offer */
	bool keyed;
	struct orphans orphans;
	struct room room;
	struct pacing pacing;
	struct metrics metrics;

	bool store_up;			/* connected, trusted, and it takes writes */
	_Atomic bool ready;		/* reactor_ready, for other threads to read */
	struct barrier *barriers[ACK_LEVELS];	/* of those that a source asks for and that must be waited for */
	struct durability durability;	/* what it can promise */
	char store_why[192];		/* why it is not up */
	struct judgement *judging;	/* it is being asked what it is */
	bool no_waits[ACK_LEVELS];	/* Redis's user may not wait for these */
	bool no_config;			/* nor ask it for its settings */
	uint64_t rights_at_ms;		/* when that is asked again; 0: at once */
	bool judged;			/* it was found good at least once: a later fault is waited out */
	bool open;			/* it takes connections */
	uint64_t open_at_ms;		/* from when on it does so without Redis, too */
	uint64_t bulk_since_ms;		/* when bulk came up */
	unsigned uploads;		/* in flight */

	enum { REACTOR_RUNNING, REACTOR_DRAINING, REACTOR_LEAVING } phase;
	uint64_t phase_until_ms;
	struct err fatal;		/* why it gave up, if it did */
};

/* All reactors of the process. */
struct server {
	struct reactor *reactors;
	size_t count;
	const char *address;		/* for the log */
	_Atomic size_t open;		/* reactors that take connections */
	_Atomic uint64_t small_ms;	/* when one of them committed a small document last */
	_Atomic bool stopping;
};

/* fd and terms become the reactor's. */
int reactor_init(struct reactor *r, struct server *s, int index, int fd, struct terms *terms, struct err *e);
void reactor_clear(struct reactor *r);
/* Serves until all is done after server_stop. */
void reactor_run(struct reactor *r);

/* Begins to stop: from any thread. */
void server_stop(struct server *s);
/* Each reactor goes over to its terms, which become its own: from any thread. */
void server_renew(struct server *s, struct terms **all);

/* What http tells r of; for reactor_init alone. */
struct http_app reactor_app(struct reactor *r);

/* ---- for handlers: reactor_requests.c, but for what Redis is ---- */

struct reactor *reactor_of(struct http_request *q);
const struct terms *terms_of(const struct http_request *q);	/* as they were when it began */
/* Answers with problem+json. */
void reactor_refuse(struct http_request *q, const struct refusal *why);
void reactor_refuse_as(struct http_request *q, enum problem p, const char *detail);
/* Sends the reactor's cmd; fn gets its reply if the request is not over by then. Where Redis fails, 503 is
 * answered. One reply at a time is waited for. */
typedef void (*ask_fn)(struct http_request *q, const struct reply *reply);
void reactor_ask(struct http_request *q, ask_fn fn);
/* The same, but where Redis fails fn is called with NULL: for a request whose answer has begun. */
void reactor_ask_any(struct http_request *q, ask_fn fn);
/* Sends r->cmd and forgets it. */
void reactor_tell(struct reactor *r);
/* Sends r->cmd; where that fails, fn is not called and -1 is returned. */
int reactor_do(struct reactor *r, redis_fn fn, void *ctx);
/* r->cmd as a part of a transaction, and its end; see redis_async_part. */
int reactor_part(struct reactor *r);
int reactor_exec(struct reactor *r, redis_fn fn, void *ctx);
/* The same on the connection for bodies, where commands stay in order. */
int reactor_do_bulk(struct reactor *r, redis_fn fn, void *ctx);
/* What Redis is became known: is the reactor ready? */
void reactor_store_judged(struct reactor *r);
/* Redis refused a write: asks at once what has become of it. */
void reactor_doubt(struct reactor *r);
/* Can uploads be taken? */
bool reactor_ready(const struct reactor *r);
/* Why Redis takes nothing now, in words; NULL where it does. */
const char *reactor_store_why(const struct reactor *r);
/* By every reactor? Who asks /readyz cannot choose the one that serves the next request. */
bool server_ready(const struct server *s);

#endif
