/*
 * geosluice-courier - tells receivers that their jobs have ended.
 *
 * In:  the outbox in Redis. Out: signed POSTs. One loop, one thread. SIGHUP: what is in flight ends, then it begins
 * anew with the settings as they are now.
 */
#include <signal.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/loop.h"
#include "schema/settings.h"
#include "workers/courier/courier.h"

struct round {
	const struct settings *settings;
	struct courier *courier;
	struct settings *next;	/* to go on with; NULL: to end */
};

static void on_signal(void *ctx)
{
	struct round *r = ctx;

	log_info("ending");
	settings_free(&r->next);
	courier_end(r->courier);
}

/* A file that is wrong changes nothing. */
static void on_reload(void *ctx)
{
	struct round *r = ctx;
	struct err e = ERR_INIT;
	struct settings *new = settings_load(r->settings->file, &e);

	if (new == NULL) {
		log_error("reload_refused", LOG_STR("reason", e.text));
		return;
	}
	settings_free(&r->next);
	r->next = new;
	log_info("reloaded", LOG_INT("sources", new->source_count));
	courier_end(r->courier);
}

/* Between two rounds nobody would take them. */
static void hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(how, &set, NULL);
}

/* Until it is to end, or has others to begin with. */
static int run(struct round *r, struct err *e)
{
	struct loop *l = loop_new(e);
	struct courier *c = r->courier = l ? courier_new(l, r->settings, e) : NULL;
	struct loop_signal *term = c ? loop_signal_new(l, SIGTERM, on_signal, r, e) : NULL;
	struct loop_signal *intr = term ? loop_signal_new(l, SIGINT, on_signal, r, e) : NULL;
	struct loop_signal *hup = intr ? loop_signal_new(l, SIGHUP, on_reload, r, e) : NULL;
	int rc = -1;

	if (hup != NULL) {
		hold_signals(SIG_UNBLOCK);
		log_info("started");
		loop_run(l);
		log_info("ended");
		hold_signals(SIG_BLOCK);
		rc = 0;
	}
	loop_signal_free(&hup);
	loop_signal_free(&intr);
	loop_signal_free(&term);
	courier_free(&c);
	loop_free(&l);
	return rc;
}

int main(int argc, char **argv)
{
	struct settings *s = settings_from_args(argc, argv, "geosluice-courier",
	    "tells receivers that their jobs have ended");
	struct err e = ERR_INIT;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	hold_signals(SIG_BLOCK);
	do {
		struct round r = { .settings = s };

		log_init("courier", (enum log_level)s->courier.log_level);
		if ((rc = run(&r, &e)) != 0)
			log_error("start", LOG_STR("error", e.text));
		settings_free(&s);
		s = r.next;
	} while (rc == 0 && s != NULL);
	settings_free(&s);
	return rc == 0 ? 0 : 1;
}
