/* supervisor - see supervisor.h. */
#include "workers/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "workers/patience.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 10000
#define LONG_LIFE_MS 5000	/* a child that lived so long is started again at once */
#define AGAIN_LIFE_MS 1000	/* one that lived shorter and asks for a successor has it after BACKOFF_FIRST_MS */
#define LATE_MS 1000	/* waking up so late, this process was frozen, and so may its children have been */
#define EXTRA_GRACE_S 1		/* children end themselves after grace_s; this is for those that cannot */

struct child {
	const struct child_role *role;
	pid_t pid;		/* 0: not running */
	uint64_t started_ms;
	uint64_t start_at_ms;	/* when it is due */
	unsigned backoff_ms;
	bool overdue;		/* killed for a feature that took too long */
	bool renewed;		/* told to end, so that a fresh one takes up new settings */
};

struct supervisor {
	struct child *children;
	unsigned n;
	unsigned grace_s;
	uint64_t kill_at_ms;	/* 0: not stopping */
	unsigned killed;
	uint64_t wake_ms;	/* when attend is to look again */
	uint64_t frozen_ms;	/* when this process last woke up late */
	uint64_t kernel_kills;	/* as last seen */
};

/* How often the kernel has killed for want of memory, on this machine. 0 where it does not say. */
static uint64_t kernel_kills(void)
{
	FILE *f = fopen("/proc/vmstat", "re");
	uint64_t n = 0;
	char line[128];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "oom_kill %" SCNu64, &n) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return n;
}

static const sigset_t *awaited(void)
{
	static sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	return &set;
}

_Noreturn static void become(const struct supervisor *s, unsigned slot, pid_t parent)
{
	const struct child_role *role = s->children[slot].role;
	struct rlimit none = { 0, 0 };

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);	/* a core would hold payload */
	patience_begin(s->grace_s > 0 ? s->grace_s : 1);
	signal(SIGHUP, SIG_IGN);	/* sent to a group of processes, it is the supervisor's */
	sigprocmask(SIG_UNBLOCK, awaited(), NULL);
	if (getppid() != parent)	/* it died before the prctl */
		_exit(0);
	_exit(role->run(role->ctx, slot));
}

static void start(struct supervisor *s, unsigned slot)
{
	struct child *c = &s->children[slot];
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		become(s, slot, parent);
	c->started_ms = clock_mono_ms();
	c->overdue = c->renewed = false;
	if (pid < 0) {
		log_error("fork_failed", LOG_STR("reason", strerror(errno)));
		c->start_at_ms = c->started_ms + BACKOFF_LAST_MS;
		return;
	}
	c->pid = pid;
	log_info("child_started", LOG_STR("role", c->role->name), LOG_INT("slot", slot), LOG_INT("pid", pid));
}

static void log_exit(const struct child *c, unsigned slot, int status)
{
	const char *how = WIFSIGNALED(status) ? "signal" : "status";
	int value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);

	LOG_EVENT(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "child_ended", LOG_STR("role", c->role->name),
	    LOG_INT("slot", slot), LOG_INT("pid", c->pid), LOG_INT(how, value),
	    LOG_STR("reason", WIFSIGNALED(status) ? strsignal(value) : value == 0 ? "done" : "failed"),
	    LOG_INT("lived_ms", clock_mono_ms() - c->started_ms),
	    LOG_INT("restart_in_ms", c->backoff_ms));
}

/* known: what it died of. again: it asked for a successor. */
static void plan_restart(struct child *c, bool known, bool again)
{
	uint64_t now = clock_mono_ms(), life_ms = now - c->started_ms;

	if (known || life_ms >= LONG_LIFE_MS)
		c->backoff_ms = 0;
	else if (again)
		c->backoff_ms = life_ms < AGAIN_LIFE_MS ? BACKOFF_FIRST_MS : 0;
	else if (c->backoff_ms == 0)
		c->backoff_ms = BACKOFF_FIRST_MS;
	else
		c->backoff_ms = c->backoff_ms * 2 > BACKOFF_LAST_MS ? BACKOFF_LAST_MS : c->backoff_ms * 2;
	c->start_at_ms = now + c->backoff_ms;
}

/* Did a feature end it? Then the recorder holds which. */
static bool was_feature(struct supervisor *s, const struct child *c, int status, const struct rusage *used)
{
	uint64_t kills = kernel_kills();
	struct death d = {
		.status = status, .pid = c->pid, .overdue = c->overdue, .memory_short = kills > s->kernel_kills,
		.peak_bytes = (uint64_t)used->ru_maxrss * 1024,
	};
	const struct obituary *o;

	s->kernel_kills = kills;
	if (c->role->flight == NULL || s->kill_at_ms != 0 || !flight_conclude(c->role->flight, &d))
		return false;
	o = flight_obituary(c->role->flight);
	log_warn("feature_suspected", LOG_STR("job", o->job), LOG_INT("feature", o->feature),
	    LOG_STR("code", reject_name(o->code)), LOG_STR("reason", o->reason));
	return true;
}

static void reap(struct supervisor *s)
{
	struct rusage used;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG, &used)) > 0)
		for (unsigned i = 0; i < s->n; i++)
			if (s->children[i].pid == pid) {
				plan_restart(&s->children[i], was_feature(s, &s->children[i], status, &used) ||
				    s->children[i].renewed, WIFEXITED(status) && WEXITSTATUS(status) == EXIT_AGAIN);
				log_exit(&s->children[i], i, status);
				s->children[i].pid = 0;
			}
}

static unsigned tell_all(struct supervisor *s, int signum)
{
	unsigned told = 0;

	for (unsigned i = 0; i < s->n; i++)
		if (s->children[i].pid != 0 && kill(s->children[i].pid, signum) == 0)
			told++;
	return told;
}

static bool running(const struct supervisor *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->children[i].pid != 0)
			return true;
	return false;
}

/* Ends a child whose feature takes too long; *next: when that may be. */
static void watch(struct supervisor *s, struct child *c, uint64_t now, uint64_t *next)
{
	struct flight *f = c->role->flight;

	if (f == NULL || c->pid == 0 || c->overdue)
		return;
	if (now < s->frozen_ms + f->limit_ms) {
		if (s->frozen_ms + f->limit_ms < *next)
			*next = s->frozen_ms + f->limit_ms;
		return;
	}
	if (!flight_overdue(f, now, next))
		return;
	c->overdue = true;
	log_warn("feature_overdue", LOG_STR("job", f->job), LOG_INT("feature", f->place.feature),
	    LOG_INT("pid", c->pid));
	kill(c->pid, SIGKILL);
}

/* Starts or kills what is due. Returns when to look again. */
static uint64_t attend(struct supervisor *s)
{
	uint64_t now = clock_mono_ms(), next = now + BACKOFF_LAST_MS;

	if (s->wake_ms != 0 && now > s->wake_ms + LATE_MS)
		s->frozen_ms = now;
	if (s->kill_at_ms != 0) {
		if (now < s->kill_at_ms)
			return s->kill_at_ms;
		s->killed += tell_all(s, SIGKILL);
		return next;
	}
	for (unsigned i = 0; i < s->n; i++) {
		struct child *c = &s->children[i];

		if (c->pid == 0 && c->start_at_ms <= now)
			start(s, i);
		if (c->pid == 0 && c->start_at_ms < next)
			next = c->start_at_ms;
		watch(s, c, now, &next);
	}
	s->wake_ms = next;
	return next;
}

static void stop(struct supervisor *s)
{
	if (s->kill_at_ms != 0)
		return;
	s->kill_at_ms = clock_mono_ms() + (uint64_t)(s->grace_s + EXTRA_GRACE_S) * 1000;
	log_info("stopping", LOG_INT("grace_s", s->grace_s));
	tell_all(s, SIGTERM);
}

static void renew(struct supervisor *s, const struct reloading *r)
{
	if (s->kill_at_ms != 0 || r == NULL || !r->reload(r->ctx, &s->grace_s))
		return;
	for (unsigned i = 0; i < s->n; i++)
		s->children[i].renewed = s->children[i].pid != 0;
	tell_all(s, SIGTERM);
}

/* Until a signal comes or the clock says at_ms. Returns the signal, or -1. */
static int wait_signal(uint64_t at_ms)
{
	uint64_t now = clock_mono_ms(), ms = at_ms > now ? at_ms - now : 0;
	struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	return sigtimedwait(awaited(), NULL, &t);
}

int supervisor_run(const struct child_role *roles, unsigned n, unsigned grace_s, const struct reloading *reloading)
{
	struct supervisor s = { .n = n, .grace_s = grace_s, .kernel_kills = kernel_kills() };
	int signum;

	if ((s.children = calloc(n, sizeof(*s.children))) == NULL)
		return -1;
	for (unsigned i = 0; i < n; i++)
		s.children[i].role = &roles[i];
	sigprocmask(SIG_BLOCK, awaited(), NULL);
	signal(SIGHUP, SIG_DFL);	/* one that is ignored cannot be waited for */
	if (patience_over())
		stop(&s);
	do {
		signum = wait_signal(attend(&s));
		if (signum == SIGTERM || signum == SIGINT)
			stop(&s);
		else if (signum == SIGHUP)
			renew(&s, reloading);
		reap(&s);
	} while (s.kill_at_ms == 0 || running(&s));
	signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, awaited(), NULL);
	free(s.children);
	return (int)s.killed;
}
