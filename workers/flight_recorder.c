/* flight_recorder - see flight_recorder.h. */
#include "workers/flight_recorder.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/clock.h"

static const char *const stages[] = {
	[AT_NOTHING] = "nothing", [AT_DECODE] = "decode", [AT_VALIDATE] = "validate", [AT_TOPOLOGY] = "topology",
	[AT_REPROJECT] = "reproject", [AT_ROUND] = "round", [AT_ENCODE] = "encode",
};

struct flight *flights_new(unsigned n, struct err *e)
{
	struct flight *f = mmap(NULL, n * sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (f == MAP_FAILED) {
		err_errno(e, "flight recorder");
		return NULL;
	}
	return f;
}

void flight_limits(struct flight *f, unsigned limit_ms, uint64_t memory_bytes)
{
	f->limit_ms = limit_ms;
	f->memory_bytes = memory_bytes;
}

void flight_begin(struct flight *f, const char *job)
{
	f->place.since_ms = 0;
	f->no_memory = false;
	snprintf(f->job, sizeof(f->job), "%s", job);
}

void flight_end(struct flight *f)
{
	f->place.since_ms = 0;
	f->job[0] = '\0';
}

const struct obituary *flight_obituary(const struct flight *f)
{
	return f->last.known ? &f->last : NULL;
}

void flight_forget(struct flight *f)
{
	f->last.known = false;
}

bool flight_overdue(const struct flight *f, uint64_t now_ms, uint64_t *look_at_ms)
{
	uint64_t since = f->place.since_ms;

	if (f->limit_ms == 0)
		return false;
	if (since != 0 && now_ms >= since + f->limit_ms)
		return true;
	since = (since != 0 ? since : now_ms) + f->limit_ms;
	if (since < *look_at_ms)
		*look_at_ms = since;
	return false;
}

/* Most of what it may have: the allocation that failed did not become resident. */
static bool memory_full(const struct flight *f, const struct death *d)
{
	if (f->no_memory)
		return true;
	if (f->memory_bytes != 0 && d->peak_bytes >= f->memory_bytes / 10 * 8)
		return true;
	return d->memory_short && WIFSIGNALED(d->status) && WTERMSIG(d->status) == SIGKILL;
}

/* By somebody, not for want of memory: that is no fault of what was being read. */
static bool was_killed(const struct death *d)
{
	return WIFSIGNALED(d->status) && WTERMSIG(d->status) == SIGKILL && !d->memory_short;
}

/* An end that somebody asked for says nothing about the feature. */
static bool was_asked_to(int status)
{
	int signum = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	return signum == SIGTERM || signum == SIGINT || signum == SIGALRM;
}

bool flight_conclude(struct flight *f, const struct death *d)
{
	struct obituary *o = &f->last;
	uint32_t stage = f->place.stage;
	const char *at = stage < sizeof(stages) / sizeof(stages[0]) ? stages[stage] : "?";

	if (f->job[0] == '\0' || f->place.since_ms == 0 || was_asked_to(d->status) ||
	    (stage == AT_DECODE && !d->overdue && was_killed(d)) ||
	    (WIFEXITED(d->status) && !f->no_memory)) {
		flight_end(f);
		return false;
	}
	memcpy(o->job, f->job, sizeof(o->job));
	snprintf(o->token, sizeof(o->token), "%lx-%llx", d->pid, (unsigned long long)clock_unix_ms());
	o->feature = f->place.feature;
	o->undecoded = stage == AT_DECODE;
	if (d->overdue) {
		o->code = R_FEATURE_TIMEOUT;
		snprintf(o->reason, sizeof(o->reason), "no end after %u ms in stage %s", f->limit_ms, at);
	} else if (memory_full(f, d)) {
		o->code = R_FEATURE_MEMORY;
		snprintf(o->reason, sizeof(o->reason), "no memory left in stage %s", at);
	} else {
		o->code = R_FEATURE_CRASH;
		snprintf(o->reason, sizeof(o->reason), "signal %d (%s) in stage %s", WTERMSIG(d->status),
		    strsignal(WTERMSIG(d->status)), at);
	}
	o->known = true;
	flight_end(f);
	return true;
}
