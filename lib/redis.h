/*
 * redis - commands to Redis and their replies, blocking or on a loop.
 *
 * In:  commands. Out: replies, or an err of class ERR_RETRY while Redis is away, full or loading.
 * Depends on hiredis, which nothing else includes.
 *
 * Works with hiredis 0.14 and 1.x, Redis 7 and 8, Valkey 8; over TCP or a unix socket.
 */
#ifndef GS_LIB_REDIS_H
#define GS_LIB_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* A script: text with a NUL behind it; sha is filled in by redis.c. */
struct redis_script {
	const char *name;
	const char *text;
	char sha[41];
};

#define CMD_PARTS_MAX 8

/* A command under construction. Arguments are borrowed until it is sent; integers are kept inside. */
struct redis_cmd {
	const char **argv;
	size_t *lens;
	size_t argc;
	size_t room;
	char (*ints)[24];
	size_t int_count;
	size_t begins[CMD_PARTS_MAX - 1], parts;	/* where the commands behind the first begin; how many */
	bool failed;		/* no memory: sending it fails */
	size_t given;		/* the argument whose memory goes with the command; 0: none */
	struct redis_script *script;
};

void cmd_init(struct redis_cmd *c);
void cmd_clear(struct redis_cmd *c);
void cmd_reset(struct redis_cmd *c);	/* empties, keeps memory */
void cmd_str(struct redis_cmd *c, const char *s);
void cmd_bytes(struct redis_cmd *c, const void *p, size_t n);
/* The same, of memory that is redis_async_do's to free once that has taken the command: so it is not copied. One
 * argument of a command that is no transaction. */
void cmd_give(struct redis_cmd *c, char *p, size_t n);
void cmd_int(struct redis_cmd *c, long long v);	/* decimal */
/* A copy with arguments of its own, of a command that is no transaction; free frees it. NULL without memory. */
struct redis_cmd *cmd_copy(const struct redis_cmd *c);
/* Resets c and adds each string up to the NULL: cmd_line(&c, "XADD", key, "*", NULL). */
void cmd_line(struct redis_cmd *c, ...) __attribute__((sentinel));
/* Resets c and begins EVALSHA sha nkeys; keys and arguments follow. */
void cmd_script(struct redis_cmd *c, struct redis_script *s, int nkeys);
/* What follows is another command of the same transaction: all are done or none. For redis_async_do alone. */
void cmd_next(struct redis_cmd *c);
/* The same, and adds EVALSHA sha nkeys. */
void cmd_next_script(struct redis_cmd *c, struct redis_script *s, int nkeys);

enum reply_type { REPLY_NIL, REPLY_STRING, REPLY_INT, REPLY_ARRAY, REPLY_STATUS, REPLY_ERROR };

struct reply;	/* hiredis's, read through these; all are NULL-safe and bounds-safe */
enum reply_type reply_type(const struct reply *r);
const char *reply_str(const struct reply *r, size_t *len);	/* "" where it is no string; len may be NULL */
long long reply_int(const struct reply *r);	/* of an integer or of decimal text; 0 otherwise */
size_t reply_count(const struct reply *r);
const struct reply *reply_at(const struct reply *r, size_t i);	/* NULL past the end */
/* Value behind `name` in a flat array of name, value, … from element `first`; NULL if absent. */
const struct reply *reply_field(const struct reply *r, size_t first, const char *name);
void reply_free(struct reply **r);	/* replies that redis_receive gave; not those of callbacks */

/* Is url one that redis_open takes? redis://[user:password@]host[:port][/db], unix:///path[?db=n]; user and
 * password percent-encoded. */
bool redis_url_ok(const char *url);

/* ---- blocking ---- */

struct redis;

/* Opens no connection yet: the first command does, and later ones open it again after a loss. */
struct redis *redis_open(const char *url, unsigned timeout_ms, struct err *e);
void redis_close(struct redis **r);

/* Sends c and waits for its reply. A script that Redis does not have is loaded and tried again.
 * -1: ERR_RETRY (away, no place (maxclients), LOADING, READONLY, OOM, MISCONF, BUSY, CLUSTERDOWN…) or ERR_SYSTEM (any
 * other error reply; e->text begins with Redis's own word for it, such as NOGROUP). *out is NULL then. */
int redis_do(struct redis *r, const struct redis_cmd *c, struct reply **out, struct err *e);

/* 0: what was read last came from a primary (or this user may not ask). -1: ERR_RETRY: from a replica, which may lack
 * what the primary has, or it cannot be told any more. The connection is lost then; the next may lead elsewhere. */
int redis_primary(struct redis *r, struct err *e);

/* Pipelining: redis_send queues and flushes c; redis_receive waits for the oldest outstanding reply.
 * A lost connection fails all outstanding ones. redis_do may not be called while any is outstanding. */
int redis_send(struct redis *r, const struct redis_cmd *c, struct err *e);
int redis_receive(struct redis *r, struct reply **out, struct err *e);
size_t redis_outstanding(const struct redis *r);

/* ---- on a loop ---- */

struct loop;
struct redis_async;

/* Called with each reply, in order; r is NULL and e filled where there is none. r lives during the call. */
typedef void (*redis_fn)(void *ctx, const struct reply *r, const struct err *e);
/* Called when the connection is up (scripts loaded) or lost. */
typedef void (*redis_state_fn)(void *ctx, bool up);

/* Connects, and reconnects with jittered exponential backoff (50 ms to 2 s) as long as it lives. Stays with a primary:
 * a replica, or a primary that becomes one (noticed within a second), counts as lost. The scripts
 * (a NULL-terminated list) are loaded on every connection before it counts as up. */
struct redis_async *redis_async_new(struct loop *l, const char *url, struct redis_script *const *scripts,
    redis_state_fn fn, void *ctx, struct err *e);
/* Fails what is outstanding (ERR_RETRY), then frees. */
void redis_async_free(struct redis_async **r);
bool redis_async_up(const struct redis_async *r);
/* Why there is no connection, as Redis or the system said it last; "" while it is up, or before. */
const char *redis_async_why(const struct redis_async *r);
/* Whom this connection leads to: the run_id of its Redis, another after each restart. "" while it is not known. */
const char *redis_async_run_id(const struct redis_async *r);
/* A reply that takes longer than this, counted from the one before it, loses the connection. 0, the default: never. */
void redis_async_timeout(struct redis_async *r, unsigned timeout_ms);

/* 0: fn will be called once, later, never from inside this call. -1: not connected or no memory; e says so.
 * The bytes of c are copied, and sent at the end of the loop's turn. NOSCRIPT: fn gets ERR_RETRY, and the scripts are
 * being loaded again. A transaction's reply is the array of its commands' replies; where Redis refused to queue one of
 * them, or the last one failed, there is none, and e says why. */
int redis_async_do(struct redis_async *r, const struct redis_cmd *c, redis_fn fn, void *ctx, struct err *e);
/*
 * A transaction too large for one redis_cmd: its commands, then the end, with nothing else in between. Where a part
 * fails, so does the end, and nothing of it is done. fn is called as for redis_async_do.
 */
int redis_async_part(struct redis_async *r, const struct redis_cmd *c, struct err *e);
int redis_async_exec(struct redis_async *r, redis_fn fn, void *ctx, struct err *e);

#endif
