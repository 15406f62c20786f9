/*
 * main - geosluice-server: the front end.
 *
 * In:  settings. Out: a process that serves HTTP until SIGTERM or SIGINT. Depends on reactor.
 *
 * The first reactor runs on the main thread, which also takes the signals. SIGHUP reads the settings again.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/heap.h"
#include "lib/log.h"
#include "server/listener.h"
#include "server/reactor.h"

#define DESCRIPTORS_BESIDE 300	/* of a reactor, for Redis, the loop, and connections that are refused */

/* Beyond this machine nobody reads or operates without a token. */
static bool may_listen(const struct settings *set, const char *bound, struct err *e)
{
	if (*set->server.tokens != '\0' || listener_is_loopback(bound))
		return true;
	err_set(e, ERR_INPUT, 0, "listen = %s is to be reached from elsewhere: set [server] "
	    "tokens (geosluice token makes one), or listen on 127.0.0.1", set->server.listen);
	return false;
}

static void on_signal(void *ctx)
{
	server_stop(ctx);
}

static void add_name(char names[96], const char *name, bool changed)
{
	size_t n = strlen(names);

	if (changed)
		snprintf(names + n, 96 - n, "%s%s", n > 0 ? ", " : "", name);
}

/* The old text for the new one. */
static int keep_text(const char *old, char **new, struct err *e)
{
	char *text = strdup(old);

	if (text == NULL)
		return err_errno(e, "settings");
	free(*new);
	*new = text;
	return 0;
}

/* What was made for the process's whole life stays, and so does what the settings say of it. */
static int keep_unchanged(const struct settings *old, struct settings *new, struct err *e)
{
	char names[96] = "";

	add_name(names, "server.listen", strcmp(old->server.listen, new->server.listen) != 0);
	add_name(names, "server.threads", old->server.threads != new->server.threads);
	add_name(names, "server.log_level", old->server.log_level != new->server.log_level);
	add_name(names, "redis.url", strcmp(old->redis.url, new->redis.url) != 0);
	new->server.threads = old->server.threads;
	new->server.log_level = old->server.log_level;
	if (keep_text(old->server.listen, &new->server.listen, e) != 0
	    || keep_text(old->redis.url, &new->redis.url, e) != 0)
		return -1;
	/* There is nothing that could be kept instead: whoever set it would speak in the clear, or to nobody. */
	if ((*old->server.tls_key == '\0') != (*new->server.tls_key == '\0'))
		return err_set(e, ERR_INPUT, 0, "[server] tls_key: TLS begins and ends with a restart");
	if (*names != '\0')
		log_warn("reload_needs_restart", LOG_STR("setting", names));
	return 0;
}

/* All reactors get the new settings, or none does. */
static void on_reload(void *ctx)
{
	struct server *s = ctx;
	const struct settings *old = s->reactors[0].settings;
	struct terms **all = calloc(s->count, sizeof(*all));
	struct err e = ERR_INIT;
	struct settings *new = NULL;

	if (all == NULL)
		err_errno(&e, "settings");
	else if ((new = settings_load(old->file, &e)) != NULL) {
		if (keep_unchanged(old, new, &e) != 0 || !may_listen(new, s->address, &e))
			settings_free(&new);
		else if (terms_make(all, s->count, new, s->reactors[0].terms, &e) == 0)
			server_renew(s, all);
	}
	free(all);
	if (e.cls != ERR_NONE)
		log_error("reload_refused", LOG_STR("reason", e.text));
}

static void *run_thread(void *ctx)
{
	reactor_run(ctx);
	return NULL;
}

/* A connection is a descriptor: as many as the operator lets us have. */
static void raise_descriptors(const struct server *s, const struct settings *set)
{
	const rlim_t wanted = s->count * ((rlim_t)set->server.max_connections + DESCRIPTORS_BESIDE);
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return;
	if (rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	if (rl.rlim_max < wanted)
		log_warn("few_descriptors", LOG_INT("allowed", rl.rlim_max), LOG_INT("wanted", wanted),
		    LOG_STR("then", "connections wait to be accepted; raise the limit (ulimit -n, LimitNOFILE=) or "
		    "lower server.max_connections"));
}

/* All listen before any serves, on the port that the first was given. */
static int open_all(struct server *s, struct terms **terms, char bound[LISTENER_TEXT], struct err *e)
{
	for (size_t i = 0; i < s->count; i++) {
		int fd = listener_open(i == 0 ? terms[0]->settings->server.listen : bound, bound, e);
		struct terms *own = terms[i];

		if (fd >= 0 && !may_listen(terms[i]->settings, bound, e)) {
			close(fd);
			s->count = i;
			return -1;
		}
		if (fd >= 0)
			terms[i] = NULL;	/* they are the reactor's */
		if (fd < 0 || reactor_init(&s->reactors[i], s, (int)i, fd, own, e) != 0) {
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
	struct loop_signal *reload = loop_signal_new(loop, SIGHUP, on_reload, s, e);
	pthread_t *threads = calloc(s->count, sizeof(*threads));
	size_t started = 1;
	int rc;

	if (term == NULL || interrupt == NULL || reload == NULL || threads == NULL)
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

/* 0, or the negative exit code. */
static int run(struct server *s, struct terms **terms, struct settings *set, struct err *e)
{
	char bound[LISTENER_TEXT] = "";
	size_t n = s->count;
	int rc = -1;

	if (s->reactors == NULL || terms == NULL) {
		settings_free(&set);
		return err_errno(e, "reactors");
	}
	if (terms_make(terms, n, set, NULL, e) != 0)
		return -2;
	s->address = bound;
	if (open_all(s, terms, bound, e) == 0)
		rc = serve(s, e);
	for (size_t i = 0; i < s->count; i++)
		reactor_clear(&s->reactors[i]);
	for (size_t i = 0; i < n; i++)
		terms_release(&terms[i]);
	return rc;
}

int main(int argc, char **argv)
{
	struct settings *set = settings_from_args(argc, argv, "geosluice-server",
	    "takes signed GeoJSON by HTTP, puts it into Redis and answers 202");
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct server s = { .count = set->server.threads > 0 ? (size_t)set->server.threads
	    : cores > 0 ? (size_t)cores : 1 };
	struct terms **terms = calloc(s.count, sizeof(struct terms *));
	struct err e = ERR_INIT;
	int rc;

	log_init("server", (enum log_level)set->server.log_level);
	heap_merge();
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors(&s, set);
	s.reactors = calloc(s.count, sizeof(*s.reactors));
	rc = run(&s, terms, set, &e);
	if (rc != 0)
		log_error("failed", LOG_STR("reason", e.text));
	free(terms);
	free(s.reactors);
	rc = -rc;
	log_info("stopped", LOG_INT("status", rc));
	return rc;
}
