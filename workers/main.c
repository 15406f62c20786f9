/*
 * geosluice-worker - a supervisor, its transform processes and a janitor.
 *
 * In:  settings. Out: jobs done. Waits until Redis is there, and refuses one that may lose things.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/heap.h"
#include "lib/log.h"
#include "lib/redis_check.h"
#include "schema/settings.h"
#include "workers/flight_recorder.h"
#include "workers/janitor.h"
#include "workers/memory_limit.h"
#include "workers/patience.h"
#include "workers/process.h"
#include "workers/supervisor.h"

#define HOST_MAX 64

struct worker {
	struct settings *settings;
	unsigned processes;
	char host[HOST_MAX];
	pid_t pid;		/* of the supervisor */
	struct flight *flights;	/* one per transform process */
};

/* The name stays with the slot, so that a new process finds what its predecessor left. */
static void consumer_name(char out[128], const struct worker *w, unsigned slot)
{
	snprintf(out, 128, "%s-%ld-%u", w->host, (long)w->pid, slot);
}

static int run_transform(void *ctx, unsigned slot)
{
	const struct worker *w = ctx;
	char name[128];

	consumer_name(name, w, slot);
	return process_run(w->settings, name, &w->flights[slot]);
}

static int run_janitor(void *ctx, unsigned slot)
{
	const struct worker *w = ctx;
	char name[128];

	consumer_name(name, w, slot);
	return janitor_run(w->settings, name);
}

/*
 * The pipeline keeps feature_timeout_ms itself, in CPU time, where it comes back from what it calls. This one is by the
 * clock: a process that the machine had no time for ends by it, too, but its feature gets a second chance.
 */
static unsigned feature_limit_ms(const struct settings *s)
{
	unsigned ms = (unsigned)s->worker.feature_timeout_ms;

	return ms + ms / 4 + 500;
}

/* 0: Redis is there and may be used. -1: it may not, or the process is to stop. */
static int wait_for_redis(const struct settings *s)
{
	struct err e = ERR_INIT;
	struct redis *r = redis_open(s->redis.url, (unsigned)s->redis.timeout_ms, &e);
	int rc = -1;

	for (unsigned n = 0; r != NULL && !patience_over(); n++) {
		err_clear(&e);
		if ((rc = redis_check(r, s->redis.allow_volatile, &e)) == 0 || e.cls != ERR_RETRY)
			break;
		if (n == 0)
			log_warn("waiting_for_redis", LOG_STR("reason", e.text));
		patience_sleep(patience_backoff_ms(n));
	}
	if (rc != 0 && !patience_over())
		log_error("refused", LOG_STR("reason", e.text));
	redis_close(&r);
	return patience_over() ? -1 : rc;
}

static unsigned cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

static void limits(struct worker *w)
{
	struct settings *s = w->settings;

	s->worker.memory_bytes = memory_limit(s, w->processes, cgroup_memory_bytes(""));
	s->worker.max_feature_bytes = memory_feature_limit(s);
	for (unsigned i = 0; i < w->processes; i++)
		flight_limits(&w->flights[i], feature_limit_ms(s), (uint64_t)s->worker.memory_bytes);
}

/* As reloading.reload. A file that is wrong changes nothing. */
static bool reload(void *ctx, unsigned *grace_s)
{
	struct worker *w = ctx;
	struct err e = ERR_INIT;
	struct settings *new = settings_load(w->settings->file, &e);

	if (new == NULL) {
		log_error("reload_refused", LOG_STR("reason", e.text));
		return false;
	}
	if (new->worker.processes != w->settings->worker.processes)
		log_warn("reload_needs_restart", LOG_STR("setting", "worker.processes"));
	new->worker.processes = w->settings->worker.processes;
	settings_free(&w->settings);
	w->settings = new;
	log_init("worker", (enum log_level)new->worker.log_level);
	limits(w);
	*grace_s = (unsigned)new->worker.grace_s;
	log_info("reloaded", LOG_INT("sources", new->source_count));
	return true;
}

int main(int argc, char **argv)
{
	struct settings *s = settings_from_args(argc, argv, "geosluice-worker",
	    "turns accepted documents into valid, reprojected features");
	struct worker w = { .settings = s, .pid = getpid() };
	const struct reloading reloading = { reload, &w };
	struct err e = ERR_INIT;
	struct child_role *roles;
	unsigned n;
	int killed;

	heap_keep();
	log_init("worker", (enum log_level)s->worker.log_level);
	signal(SIGHUP, SIG_IGN);	/* until there is somebody to tell */
	patience_begin(0);
	if (wait_for_redis(s) != 0) {
		settings_free(&s);
		return patience_over() ? 0 : 1;
	}
	gethostname(w.host, sizeof(w.host) - 1);
	n = w.processes = s->worker.processes > 0 ? (unsigned)s->worker.processes : cores();
	w.flights = flights_new(n, &e);
	if (w.flights == NULL || (roles = calloc(n + 1, sizeof(*roles))) == NULL) {
		log_error("refused", LOG_STR("reason", e.text));
		return 1;
	}
	limits(&w);
	for (unsigned i = 0; i < n; i++)
		roles[i] = (struct child_role){ "transform", run_transform, &w, &w.flights[i] };
	roles[n] = (struct child_role){ "janitor", run_janitor, &w, NULL };
	log_info("started", LOG_INT("processes", n), LOG_INT("sources", s->source_count));
	killed = supervisor_run(roles, n + 1, (unsigned)s->worker.grace_s, &reloading);
	log_info("stopped", LOG_INT("killed", killed));
	free(roles);
	settings_free(&w.settings);
	return killed == 0 ? 0 : 1;
}
