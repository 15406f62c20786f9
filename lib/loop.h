/*
 * loop - an event loop with timers, file descriptors, signals and a wake-up from other threads.
 *
 * In:  callbacks. Out: calls to them, on the thread that runs the loop. Depends on libuv,
 * which nothing else includes. Handles belong to the loop's thread; only loop_wake may be
 * called from another. Freeing a handle inside its own callback is allowed.
 */
#ifndef GS_LIB_LOOP_H
#define GS_LIB_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct loop;
struct loop_io;
struct loop_timer;
struct loop_signal;

typedef void (*loop_fn)(void *ctx);
typedef void (*loop_io_fn)(void *ctx, bool readable, bool writable);

struct loop *loop_new(struct err *e);
void loop_free(struct loop **l);	/* closes and frees every handle that is left */
void loop_run(struct loop *l);		/* until loop_stop */
void loop_stop(struct loop *l);
uint64_t loop_now_ms(const struct loop *l);	/* monotonic, read once per turn */

/* Watches fd; events are reported level-triggered. fd stays the caller's. */
struct loop_io *loop_io_new(struct loop *l, int fd, loop_io_fn fn, void *ctx, struct err *e);
void loop_io_set(struct loop_io *io, bool readable, bool writable);	/* neither: stops watching */
void loop_io_free(struct loop_io **io);

struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *ctx, struct err *e);
void loop_timer_start(struct loop_timer *t, uint64_t in_ms, uint64_t repeat_ms);	/* repeat 0: once */
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_active(const struct loop_timer *t);
void loop_timer_free(struct loop_timer **t);

/* fn(ctx) when the process receives signum. */
struct loop_signal *loop_signal_new(struct loop *l, int signum, loop_fn fn, void *ctx, struct err *e);
void loop_signal_free(struct loop_signal **s);

/* Looks up an address of this name, an IPv4 one before an IPv6 one, while the loop goes on; names that are numbers too.
 * fn gets it as text, or NULL and why. */
struct loop_lookup;
typedef void (*loop_lookup_fn)(void *ctx, const char *address, const char *why);
struct loop_lookup *loop_lookup_new(struct loop *l, const char *name, loop_lookup_fn fn, void *ctx, struct err *e);
/* Not before fn was called: forgets it, and fn will not be. Afterwards *lookup is gone by itself. */
void loop_lookup_cancel(struct loop_lookup **lookup);

/* fn is called before the loop waits for events, every turn; one per loop. NULL removes it. */
void loop_before_wait(struct loop *l, loop_fn fn, void *ctx);
/* Work that what happens in a turn adds up to, done once at its end: before the loop waits, after the above. */
struct loop_task {
	loop_fn fn;
	void *ctx;
	struct loop_task *next;
	bool queued;
};
void loop_task_init(struct loop_task *t, loop_fn fn, void *ctx);
void loop_defer(struct loop *l, struct loop_task *t);
void loop_task_cancel(struct loop *l, struct loop_task *t);
/* fn is called on the loop's thread after loop_wake; one per loop. */
void loop_on_wake(struct loop *l, loop_fn fn, void *ctx);
void loop_wake(struct loop *l);		/* from any thread */

#endif
