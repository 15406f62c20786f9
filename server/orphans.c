/* orphans - see orphans.h. */
#include "server/orphans.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "schema/scripts.h"
#include "server/reactor.h"

#define ORPHANS_MAX 65536	/* beyond, the janitor's */
/*
 * Redis may still be reading what a lost connection left in its socket when the next one is up: segments
 * that are taken away too early would be written again behind our back.
 */
#define SETTLE_MS 1000

struct asked {
	struct orphans *o;
	char job[JOB_ID_LEN + 1];
};

void orphans_init(struct orphans *o, struct reactor *r)
{
	memset(o, 0, sizeof(*o));
	o->reactor = r;
}

void orphans_clear(struct orphans *o)
{
	free(o->jobs);
	o->jobs = NULL;
	o->count = o->room = 0;
}

static void keep(struct orphans *o, const char *job)
{
	if (o->count == o->room) {
		size_t room = o->room == 0 ? 16 : o->room * 2;
		void *jobs = room > ORPHANS_MAX ? NULL : realloc(o->jobs, room * sizeof(*o->jobs));

		if (jobs == NULL) {
			log_warn("orphan_left", LOG_STR("job", job));
			return;
		}
		o->jobs = jobs;
		o->room = room;
	}
	memcpy(o->jobs[o->count++], job, JOB_ID_LEN + 1);
}

static void on_abandoned(void *ctx, const struct reply *reply, const struct err *e)
{
	struct asked *a = ctx;

	(void)e;
	a->o->in_flight--;
	if (reply == NULL)
		keep(a->o, a->job);
	free(a);
}

static bool ask(struct orphans *o, const char *job)
{
	struct asked *a = malloc(sizeof(*a));
	struct redis_cmd *c = &o->reactor->cmd;
	struct key staging = wire_key("staging", NULL), raw = wire_key("raw", job), hash = wire_key("job", job);

	if (a == NULL)
		return false;
	a->o = o;
	memcpy(a->job, job, sizeof(a->job));
	cmd_script(c, &script_abandon, 3);
	cmd_str(c, staging.text);
	cmd_str(c, raw.text);
	cmd_str(c, hash.text);
	cmd_str(c, job);
	cmd_str(c, "+inf");
	if (reactor_do_bulk(o->reactor, on_abandoned, a) != 0) {
		free(a);
		return false;
	}
	o->in_flight++;
	return true;
}

static bool settled(const struct reactor *r)
{
	return redis_async_up(r->bulk) && clock_mono_ms() - r->bulk_since_ms >= SETTLE_MS;
}

void orphans_add(struct orphans *o, const char *job)
{
	metrics_add(&o->reactor->metrics.orphans, 1);
	if (!settled(o->reactor) || !ask(o, job))
		keep(o, job);
}

void orphans_tick(struct orphans *o)
{
	size_t n = o->count;

	if (n == 0 || !settled(o->reactor))
		return;
	while (n > 0 && ask(o, o->jobs[n - 1]))
		n--;
	o->count = n;
}

bool orphans_done(const struct orphans *o)
{
	return o->count == 0 && o->in_flight == 0;
}
