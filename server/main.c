/*
 * main - geosluice-server: the front end.
 *
 * In:  settings. Out: a process that serves HTTP until SIGTERM or SIGINT. Depends on reactor.
 *
 * The first reactor runs on the main thread, which also takes the signals.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/log.h"
#include "server/listener.h"
#include "server/reactor.h"

static void on_signal(void *ctx)
{
	server_stop(ctx);
}

static void *run_thread(void *ctx)
{
	reactor_run(ctx);
	return NULL;
}

/* A connection is a descriptor: as many as the operator lets us have. */
static void raise_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

/* All listen before any serves, on the port that the first was given. */
static int open_all(struct server *s, char bound[LISTENER_TEXT], struct err *e)
{
	for (size_t i = 0; i < s->count; i++) {
		int fd = listener_open(i == 0 ? s->settings->server.listen : bound, bound, e);

		if (fd >= 0 && *s->settings->server.tokens == '\0' && !listener_is_loopback(bound)) {
			close(fd);
			s->count = i;
			return err_set(e, ERR_INPUT, 0, "listen = %s is to be reached from elsewhere: set [server] "
			    "tokens (geosluice token makes one), or listen on 127.0.0.1", s->settings->server.listen);
		}
		if (fd < 0 || reactor_init(&s->reactors[i], s, (int)i, fd, e) != 0) {
			s->count = i;
			return -1;
		}
	}
	return 0;
}

static int serve(struct server *s, struct err *e)
{
	struct loop *loop = s->reactors[0].loop;
	struct loop_signal *term = loop_signal_new(loop, SIGTERM, on_signal, s, e);
	struct loop_signal *interrupt = loop_signal_new(loop, SIGINT, on_signal, s, e);
	pthread_t *threads = calloc(s->count, sizeof(*threads));
	size_t started = 1;
	int rc;

	if (term == NULL || interrupt == NULL || threads == NULL)
		return err_errno(e, "start");
	for (; started < s->count; started++)
		if ((rc = pthread_create(&threads[started], NULL, run_thread, &s->reactors[started])) != 0) {
			err_set(e, ERR_SYSTEM, rc, "thread: %s", strerror(rc));
			server_stop(s);
			break;
		}
	reactor_run(&s->reactors[0]);
	for (size_t i = 1; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	for (size_t i = 0; i < s->count; i++)
		if (s->reactors[i].fatal.cls != ERR_NONE)
			*e = s->reactors[i].fatal;
	return e->cls == ERR_NONE ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct settings *set = settings_from_args(argc, argv, "geosluice-server",
	    "Takes signed GeoJSON by HTTP, puts it into Redis and answers 202.");
	struct server s = { .settings = set };
	char bound[LISTENER_TEXT] = "";
	struct err e = ERR_INIT;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int rc = 1;

	log_init("server", (enum log_level)set->server.log_level);
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors();
	s.count = set->server.threads > 0 ? (size_t)set->server.threads : cores > 0 ? (size_t)cores : 1;
	if ((s.reactors = calloc(s.count, sizeof(*s.reactors))) == NULL
	    || (s.rates = calloc(set->source_count + 1, sizeof(*s.rates))) == NULL) {
		err_errno(&e, "reactors");
	} else if (open_all(&s, bound, &e) == 0) {
		log_info("listening", LOG_STR("addr", bound), LOG_INT("reactors", s.count));
		rc = serve(&s, &e) == 0 ? 0 : 1;
	}
	if (rc != 0)
		log_error("failed", LOG_STR("reason", e.text));
	for (size_t i = 0; i < s.count && s.reactors != NULL; i++)
		reactor_clear(&s.reactors[i]);
	free(s.reactors);
	free(s.rates);
	settings_free(&set);
	log_info("stopped", LOG_INT("status", rc));
	return rc;
}
