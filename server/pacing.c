/* pacing - see pacing.h. */
#include "server/pacing.h"

#include <string.h>

#include "lib/loop.h"
#include "server/reactor.h"

#define ASK_MS 10
#define SMALL_MS 1000	/* for so long after the last small document another one is expected */
#define HOLD_MS 1500	/* of a sync that takes longer Redis itself waits no more, after two seconds */

/* A document of some reactor's was the last one: all have the same clock. */
static bool small_come(const struct reactor *r)
{
	return r->server->small_ms + SMALL_MS > loop_now_ms(r->loop);
}

void pacing_small(struct reactor *r)
{
	r->server->small_ms = loop_now_ms(r->loop);
}

static void hold(struct reactor *r, bool held)
{
	if (held && !r->segments.held)
		r->pacing.since_ms = loop_now_ms(r->loop);
	segments_hold(&r->segments, held);
}

void pacing_take(struct reactor *r, const char *info)
{
	struct pacing *p = &r->pacing;
	bool syncs = strstr(info, "aof_pending_bio_fsync:1") != NULL;

	p->tired = syncs && (p->tired || (r->segments.held && loop_now_ms(r->loop) - p->since_ms >= HOLD_MS));
	hold(r, syncs && !p->tired && small_come(r));
}

static void on_info(void *ctx, const struct reply *reply, const struct err *e)
{
	struct reactor *r = ctx;

	(void)e;
	r->pacing.asked = false;
	pacing_take(r, reply_str(reply, NULL));
}

static void ask(void *ctx)
{
	struct reactor *r = ctx;

	if (r->pacing.asked)
		return;
	cmd_line(&r->cmd, "INFO", "persistence", NULL);
	if (reactor_do(r, on_info, r) == 0)
		r->pacing.asked = true;
	else
		hold(r, false);
}

void pacing_tick(struct reactor *r)
{
	struct pacing *p = &r->pacing;
	bool large = r->segments.written != p->seen || r->segments.held;

	p->seen = r->segments.written;
	if (large && small_come(r)) {
		loop_timer_start(p->timer, ASK_MS, ASK_MS);
	} else {
		loop_timer_stop(p->timer);
		hold(r, false);
	}
}

int pacing_init(struct reactor *r, struct err *e)
{
	return (r->pacing.timer = loop_timer_new(r->loop, ask, r, e)) == NULL ? -1 : 0;
}

void pacing_clear(struct reactor *r)
{
	loop_timer_free(&r->pacing.timer);
}
