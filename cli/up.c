/*
 * up - everything on one machine, for one user.
 *
 * In:  a folder, a configuration. Out: a private Redis, server, worker and courier that run until
 * Ctrl-C or SIGTERM. Depends on redis-server (or valkey-server) in PATH.
 *
 *   Redis answers ─▶ server, worker, courier ─▶ /readyz is 200: ready
 *   a signal ─▶ server ends ─▶ worker ─▶ courier ─▶ Redis
 *
 * Before it is ready, a program that ends by itself ends all. Later it is started again, unless it
 * keeps ending.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/cli.h"
#include "cli/own.h"
#include "cli/port.h"
#include "cli/up_files.h"
#include "cli/up_say.h"
#include "lib/loop.h"
#include "lib/redis.h"
#include "schema/settings.h"

#define TICK_MS 50
#define ASK_TIMEOUT_MS 1000
#define REDIS_END_MS 60000	/* it may have much to write */
#define SPARE_MS 10000		/* beyond a program's own grace time */
#define STEADY_MS 10000		/* who lived so long has not failed to start */
#define TRIES 5

enum role { REDIS, SERVER, WORKER, COURIER, ROLES };

static const char *const names[ROLES] = { "redis", "server", "worker", "courier" };
static const enum role end_order[ROLES] = { SERVER, WORKER, COURIER, REDIS };

struct program {
	pid_t pid;		/* 0: does not run */
	uint64_t since_ms, again_at_ms;
	unsigned failures;	/* one after the other */
	uint64_t end_within_ms;
};

struct up {
	struct loop *loop;
	struct up_files files;
	const char *ready_file;
	struct program programs[ROLES];
	struct redis *redis;	/* for PING while it starts */
	bool redis_answers, ready;
	bool was_ready;		/* ever */

	int server_out[2];	/* what the server logs passes here, so that its port is known */
	char said[UP_SAY_MAX + 1];
	size_t said_len;
	bool tls;	/* the settings have a certificate */
	char url[128];

	bool ending, killing;
	uint64_t end_by_ms;	/* of the program that is ending now */
	int rc;
};

static const char usage[] =
"usage: geosluice up [--dir DIR] [--config FILE] [--ready-file FILE]\n"
"\n"
"Runs a private Redis (on a unix socket, with an append-only file), the server, the worker and the\n"
"courier until Ctrl-C or SIGTERM.\n"
"\n"
"  --dir DIR           where all is kept (default: var)\n"
"  --config FILE       settings (default: GEOSLUICE_CONFIG, else DIR/geosluice.ini, which is made\n"
"                      with a source \"demo\" where it is missing); its Redis is not used\n"
"  --ready-file FILE   gets the server's URL as soon as it takes documents\n";

/* ---- starting ---- */

static pid_t start_redis(const struct up *u, struct err *e)
{
	const char *argv[] = { "redis-server", "--port", "0", "--unixsocket", u->files.socket,
		"--unixsocketperm", "700", "--dir", u->files.dir, "--appendonly", "yes", "--appendfsync",
		"everysec", "--auto-aof-rewrite-min-size", "1gb", "--save", "", "--maxmemory-policy",
		"noeviction", "--daemonize", "no", NULL };
	int log = open(u->files.redis_log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	pid_t pid;

	if (log < 0)
		return err_errno(e, u->files.redis_log);
	if ((pid = child_start(argv, log, e)) < 0 && e->code == ENOENT) {
		err_clear(e);
		argv[0] = "valkey-server";
		if ((pid = child_start(argv, log, e)) < 0 && e->code == ENOENT) {
			err_clear(e);
			err_set(e, ERR_SYSTEM, 0, "neither redis-server nor valkey-server is in PATH");
		}
	}
	close(log);
	return pid;
}

static pid_t start_program(const struct up *u, enum role r, struct err *e)
{
	char path[PATH_MAX];
	const char *argv[] = { path, "--config", u->files.config, NULL };

	if (up_program(path, names[r], e) != 0)
		return -1;
	return child_start(argv, r == SERVER ? u->server_out[1] : STDERR_FILENO, e);
}

static void end_all(struct up *u, int rc);

static void start(struct up *u, enum role r)
{
	struct program *p = &u->programs[r];
	struct err e = ERR_INIT;

	p->again_at_ms = 0;
	p->since_ms = loop_now_ms(u->loop);
	p->pid = r == REDIS ? start_redis(u, &e) : start_program(u, r, &e);
	if (p->pid < 0) {
		p->pid = 0;
		up_say("", e.text);
		end_all(u, EXIT_FAILED);
	}
}

static void ask_redis(struct up *u)
{
	struct err e = ERR_INIT;
	struct reply *reply = NULL;
	struct redis_cmd c;

	cmd_init(&c);
	cmd_line(&c, "PING", NULL);
	u->redis_answers = redis_do(u->redis, &c, &reply, &e) == 0;
	reply_free(&reply);
	cmd_clear(&c);
	if (u->redis_answers)
		redis_close(&u->redis);	/* its descriptor is not for those that are started now */
	for (enum role r = SERVER; u->redis_answers && r < ROLES && !u->ending; r++)
		start(u, r);
}

/* ---- what the server says ---- */

/* "… event=listening addr=127.0.0.1:8080 …" */
static void read_lines(struct up *u)
{
	const char *addr = strstr(u->said, " event=listening ");
	char listen[100];

	if (addr == NULL || (addr = strstr(addr, " addr=")) == NULL)
		return;
	addr += strlen(" addr=");
	addr += *addr == '"';
	snprintf(listen, sizeof(listen), "%.*s", (int)strcspn(addr, "\" \n"), addr);
	own_url(u->url, sizeof(u->url), listen, u->tls);
}

static void on_server_said(void *ctx, bool readable, bool writable)
{
	struct up *u = ctx;
	ssize_t n = readable ? read(u->server_out[0], u->said + u->said_len, UP_SAY_MAX - u->said_len) : 0;
	size_t whole;
	char next;

	(void)writable;
	if (n <= 0)
		return;
	whole = u->said_len += (size_t)n;
	while (whole > 0 && u->said[whole - 1] != '\n')
		whole--;
	if (whole == 0 && u->said_len == UP_SAY_MAX)
		whole = UP_SAY_MAX;
	next = u->said[whole];
	u->said[whole] = '\0';
	read_lines(u);
	u->said[whole] = next;
	if (whole > 0)
		up_pass(u->said, whole);
	u->said_len -= whole;
	memmove(u->said, u->said + whole, u->said_len);
}

static void print_ready(const struct up *u)
{
	printf("geosluice is ready.\n  server    %s\n  settings  %s\n  Redis     %s\n", u->url,
	    u->files.config, u->files.redis_url);
	if (*u->files.secret != '\0')
		printf("\n  geosluice send --url %s --source demo --secret-file %s --wait FILE\n", u->url,
		    u->files.secret);
	fflush(stdout);
}

static void ask_server(struct up *u)
{
	char url[sizeof(u->url) + 1];
	struct err e = ERR_INIT;

	u->ready = own_is_ready(u->url, ASK_TIMEOUT_MS, &e);
	if (!u->ready)
		return;
	u->was_ready = true;
	if (up_has_room(STDOUT_FILENO))
		print_ready(u);
	snprintf(url, sizeof(url), "%s\n", u->url);
	if (u->ready_file != NULL && up_write(u->ready_file, url, &e) != 0)
		up_say("", e.text);
}

/* ---- ending ---- */

static void end_next(struct up *u)
{
	for (int i = 0; i < ROLES; i++) {
		struct program *p = &u->programs[end_order[i]];

		if (p->pid == 0)
			continue;
		u->end_by_ms = loop_now_ms(u->loop) + p->end_within_ms;
		kill(p->pid, SIGTERM);
		return;
	}
	loop_stop(u->loop);
}

static void end_all(struct up *u, int rc)
{
	if (rc != EXIT_GOOD)
		u->rc = rc;
	if (u->ending)
		return;
	u->ending = true;
	end_next(u);
}

static void kill_all(struct up *u)
{
	u->killing = true;
	u->rc = EXIT_FAILED;
	for (enum role r = REDIS; r < ROLES; r++)
		if (u->programs[r].pid != 0)
			kill(u->programs[r].pid, SIGKILL);
}

static void on_signal(void *ctx)
{
	struct up *u = ctx;

	if (u->ending)
		kill_all(u);
	else
		end_all(u, EXIT_GOOD);
}

static void ended(struct up *u, enum role r, int exit_code, const char *how)
{
	struct program *p = &u->programs[r];
	uint64_t now = loop_now_ms(u->loop);
	char text[96];

	p->pid = 0;
	if (u->ending) {
		/* A program that has just been started may not have come to taking the signal in order. */
		if (exit_code != 0 && exit_code != 128 + SIGTERM && !u->killing) {
			snprintf(text, sizeof(text), "%s ended with %s", names[r], how);
			up_say(text, "");
			u->rc = EXIT_FAILED;
		}
		end_next(u);
		return;
	}
	p->failures = now - p->since_ms > STEADY_MS ? 1 : p->failures + 1;
	if (!u->was_ready || p->failures > TRIES) {
		snprintf(text, sizeof(text), "%s ended with %s; all end", names[r], how);
		up_say(text, r == REDIS ? " (see redis.log)" : "");
		end_all(u, EXIT_FAILED);
		return;
	}
	snprintf(text, sizeof(text), "%s ended with %s; it is started again", names[r], how);
	up_say(text, "");
	p->again_at_ms = now + p->failures * 500;
	if (r == SERVER) {
		u->ready = false;
		*u->url = '\0';
	}
}

static void on_child(void *ctx)
{
	struct up *u = ctx;
	char how[32];
	int exit_code;

	for (enum role r = REDIS; r < ROLES; r++)
		if (u->programs[r].pid != 0 && child_ended(u->programs[r].pid, &exit_code, how, sizeof(how)))
			ended(u, r, exit_code, how);
}

/* ---- all of it ---- */

static void tick(void *ctx)
{
	struct up *u = ctx;
	uint64_t now = loop_now_ms(u->loop);

	if (u->ending) {
		if (now > u->end_by_ms && !u->killing) {
			up_say("it does not end; all are killed", "");
			kill_all(u);
		}
		return;
	}
	for (enum role r = REDIS; r < ROLES; r++)
		if (u->programs[r].again_at_ms != 0 && now >= u->programs[r].again_at_ms)
			start(u, r);
	if (!u->redis_answers)
		ask_redis(u);
	else if (!u->ready && *u->url != '\0')
		ask_server(u);
}

/* The settings tell how long an end may take, and are checked here before anything runs. */
static int read_settings(struct up *u, struct err *e)
{
	struct settings *s;
	int rc;

	if (setenv("GEOSLUICE_REDIS", u->files.redis_url, 1) != 0)
		return err_errno(e, "environment");
	if ((s = settings_load(u->files.config, e)) == NULL)
		return -1;
	u->programs[REDIS].end_within_ms = REDIS_END_MS;
	u->programs[SERVER].end_within_ms = (uint64_t)s->server.grace_s * 1000 + SPARE_MS;
	u->programs[WORKER].end_within_ms = (uint64_t)s->worker.grace_s * 1000 + SPARE_MS;
	u->programs[COURIER].end_within_ms = (uint64_t)s->courier.grace_s * 1000 + SPARE_MS;
	u->tls = *s->server.tls_certificate != '\0';
	rc = port_check(s->server.listen, e);
	settings_free(&s);
	return rc;
}

static int run(struct up *u, struct err *e)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct loop_timer *timer;
	struct loop_io *io;

	signal(SIGPIPE, SIG_IGN);
	if (pipe(u->server_out) != 0)
		return err_errno(e, "pipe");
	fcntl(u->server_out[0], F_SETFD, FD_CLOEXEC);
	fcntl(u->server_out[1], F_SETFD, FD_CLOEXEC);
	if ((u->redis = redis_open(u->files.redis_url, ASK_TIMEOUT_MS, e)) == NULL ||
	    (timer = loop_timer_new(u->loop, tick, u, e)) == NULL ||
	    (io = loop_io_new(u->loop, u->server_out[0], on_server_said, u, e)) == NULL ||
	    loop_signal_new(u->loop, SIGCHLD, on_child, u, e) == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (loop_signal_new(u->loop, ends[i], on_signal, u, e) == NULL)
			return -1;
	loop_io_set(io, true, false);
	loop_timer_start(timer, TICK_MS, TICK_MS);
	start(u, REDIS);
	loop_run(u->loop);
	/* What the server said last. */
	fcntl(u->server_out[0], F_SETFL, O_NONBLOCK);
	on_server_said(u, true, false);
	up_pass(u->said, u->said_len);
	return 0;
}

static int up(struct up *u, const char *dir, const char *config)
{
	struct err e = ERR_INIT;

	if (up_files_open(&u->files, dir, config, &e) != 0 || read_settings(u, &e) != 0 ||
	    (u->loop = loop_new(&e)) == NULL || run(u, &e) != 0) {
		up_say("", e.text);
		u->rc = EXIT_FAILED;
	}
	if (u->ready_file != NULL)
		unlink(u->ready_file);
	redis_close(&u->redis);
	loop_free(&u->loop);	/* closes nothing of ours: the pipe goes with the process */
	up_files_close(&u->files);
	return u->rc;
}

int cli_up(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' }, { "config", required_argument, NULL, 'c' },
		{ "ready-file", required_argument, NULL, 'r' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	const char *dir = "var", *config = getenv("GEOSLUICE_CONFIG");
	struct up u = { .rc = EXIT_GOOD };
	int c;

	while ((c = getopt_long(argc, argv, "d:c:h", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			dir = optarg;
			break;
		case 'c':
			config = optarg;
			break;
		case 'r':
			u.ready_file = optarg;
			break;
		default:
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_GOOD : EXIT_FAILED;
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		return EXIT_FAILED;
	}
	return up(&u, dir, config && *config ? config : NULL);
}
