/*
 * geosluice-courier - tells receivers that their jobs have ended.
 *
 * In:  the outbox in Redis. Out: signed POSTs. One loop, one thread. SIGHUP: what is in flight ends, then it begins
 * anew with the settings as they are now.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/loop.h"
#include "schema/settings.h"
#include "workers/courier/courier.h"

struct round {
	const struct settings *settings;
	struct courier *courier;
	struct settings *next;	/* to go on with; NULL: to end */
	int signals;		/* a signalfd: what comes between two rounds waits for the next */
	bool over;		/* it was told to end, and goes on for nobody */
};

static void on_end(struct round *r)
{
	log_info("ending");
	r->over = true;
	settings_free(&r->next);
	courier_end(r->courier);
}

/* Does it find what they name? What goes away later is looked for with each attempt. */
static int check(const struct settings *s, struct err *e)
{
	const char *ca_file = s->courier.ca_file;

	return *ca_file == '\0' || access(ca_file, R_OK) == 0 ? 0 : err_errno(e, ca_file);
}

/* A file that is wrong changes nothing. */
static void on_reload(struct round *r)
{
	struct err e = ERR_INIT;
	struct settings *new = settings_load(r->settings->file, &e);

	if (new == NULL || check(new, &e) != 0) {
		log_error("reload_refused", LOG_STR("reason", e.text));
		settings_free(&new);
		return;
	}
	settings_free(&r->next);
	r->next = new;
	log_info("reloaded", LOG_INT("sources", new->source_count));
	courier_end(r->courier);
}

static void on_signals(void *ctx, bool readable, bool writable)
{
	struct round *r = ctx;
	struct signalfd_siginfo s;

	(void)readable;
	(void)writable;
	while (read(r->signals, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
		if (s.ssi_signo != SIGHUP)
			on_end(r);
		else if (!r->over)
			on_reload(r);
	}
}

/* From here on they are read, not taken. -1: e. */
static int signals_open(struct err *e)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if ((fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
		err_errno(e, "signals");
	return fd;
}

/* Until it is to end, or has others to begin with. */
static int run(struct round *r, struct err *e)
{
	struct loop *l = loop_new(e);
	struct courier *c = r->courier = l ? courier_new(l, r->settings, e) : NULL;
	struct loop_io *io = c ? loop_io_new(l, r->signals, on_signals, r, e) : NULL;
	int rc = -1;

	if (io != NULL) {
		log_info("started");
		loop_io_set(io, true, false);
		loop_run(l);
		log_info("ended");
		rc = 0;
	}
	loop_io_free(&io);
	courier_free(&c);
	loop_free(&l);
	return rc;
}

int main(int argc, char **argv)
{
	struct settings *s = settings_from_args(argc, argv, "geosluice-courier",
	    "tells receivers that their jobs have ended");
	struct err e = ERR_INIT;
	int signals, rc = -1;

	signal(SIGPIPE, SIG_IGN);
	log_init("courier", (enum log_level)s->courier.log_level);
	signals = signals_open(&e);
	if (signals < 0 || check(s, &e) != 0)
		settings_free(&s);
	while (s != NULL) {
		struct round r = { .settings = s, .signals = signals };

		log_init("courier", (enum log_level)s->courier.log_level);
		rc = run(&r, &e);
		settings_free(&s);
		s = r.next;
	}
	if (rc != 0)
		log_error("start", LOG_STR("error", e.text));
	if (signals >= 0)
		close(signals);
	return rc == 0 ? 0 : 1;
}
