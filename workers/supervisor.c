/* supervisor - see supervisor.h. */
#include "workers/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
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
#define EXTRA_GRACE_S 1		/* children end themselves after grace_s; this is for those that cannot */

struct child {
	const struct child_role *role;
	pid_t pid;		/* 0: not running */
	uint64_t started_ms;
	uint64_t start_at_ms;	/* when it is due */
	unsigned backoff_ms;
};

struct supervisor {
	struct child *children;
	unsigned n;
	unsigned grace_s;
	uint64_t kill_at_ms;	/* 0: not stopping */
	unsigned killed;
};

/* SIGTERM, SIGINT and SIGCHLD wait until they are asked for. */
static void signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(how, &set, NULL);
}

_Noreturn static void become(const struct supervisor *s, unsigned slot, pid_t parent)
{
	const struct child_role *role = s->children[slot].role;
	struct rlimit none = { 0, 0 };

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);	/* a core would hold payload */
	patience_begin(s->grace_s > 0 ? s->grace_s : 1);
	signals(SIG_UNBLOCK);
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

static void plan_restart(struct child *c)
{
	uint64_t now = clock_mono_ms();

	if (now - c->started_ms >= LONG_LIFE_MS)
		c->backoff_ms = 0;
	else if (c->backoff_ms == 0)
		c->backoff_ms = BACKOFF_FIRST_MS;
	else
		c->backoff_ms = c->backoff_ms * 2 > BACKOFF_LAST_MS ? BACKOFF_LAST_MS : c->backoff_ms * 2;
	c->start_at_ms = now + c->backoff_ms;
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < s->n; i++)
			if (s->children[i].pid == pid) {
				plan_restart(&s->children[i]);
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

/* Starts or kills what is due. Returns when to look again. */
static uint64_t attend(struct supervisor *s)
{
	uint64_t now = clock_mono_ms(), next = now + BACKOFF_LAST_MS;

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
	}
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

/* Until a signal comes or the clock says at_ms. Returns the signal, or -1. */
static int wait_signal(uint64_t at_ms)
{
	uint64_t now = clock_mono_ms(), ms = at_ms > now ? at_ms - now : 0;
	struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	return sigtimedwait(&set, NULL, &t);
}

int supervisor_run(const struct child_role *roles, unsigned n, unsigned grace_s)
{
	struct supervisor s = { .n = n, .grace_s = grace_s };
	int signum;

	if ((s.children = calloc(n, sizeof(*s.children))) == NULL)
		return -1;
	for (unsigned i = 0; i < n; i++)
		s.children[i].role = &roles[i];
	signals(SIG_BLOCK);
	if (patience_over())
		stop(&s);
	do {
		signum = wait_signal(attend(&s));
		if (signum == SIGTERM || signum == SIGINT)
			stop(&s);
		reap(&s);
	} while (s.kill_at_ms == 0 || running(&s));
	signals(SIG_UNBLOCK);
	free(s.children);
	return (int)s.killed;
}
