/*
 * geosluice-courier - tells receivers that their jobs have ended.
 *
 * In:  the outbox in Redis. Out: signed POSTs. One loop, one thread.
 */
#include <signal.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/loop.h"
#include "schema/settings.h"
#include "workers/courier/courier.h"

static void on_signal(void *ctx)
{
	log_info("ending");
	courier_end(ctx);
}

static int run(const struct settings *s, struct err *e)
{
	struct loop *l = loop_new(e);
	struct courier *c = l ? courier_new(l, s, e) : NULL;
	struct loop_signal *term = c ? loop_signal_new(l, SIGTERM, on_signal, c, e) : NULL;
	struct loop_signal *intr = term ? loop_signal_new(l, SIGINT, on_signal, c, e) : NULL;
	int rc = -1;

	if (intr != NULL) {
		log_info("started");
		loop_run(l);
		log_info("ended");
		rc = 0;
	}
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

	log_init("courier", (enum log_level)s->courier.log_level);
	signal(SIGPIPE, SIG_IGN);
	if ((rc = run(s, &e)) != 0)
		log_error("start", LOG_STR("error", e.text));
	settings_free(&s);
	return rc == 0 ? 0 : 1;
}
