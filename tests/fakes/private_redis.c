/* private_redis - see private_redis.h. */
#include "tests/fakes/private_redis.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/redis.h"

static const struct timespec between_looks = { 0, 5000000 };

static void exec_server(struct private_redis *r)
{
	char sock[96], pidfile[96];
	int null = open("/dev/null", O_RDWR);
	const char *argv[] = {
		"redis-server", "--port", "0", "--unixsocket", sock, "--dir", r->dir,
		"--appendonly", r->appendonly, "--appendfsync", "everysec", "--save", "",
		"--daemonize", "no", "--pidfile", pidfile, NULL,
	};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(sock, sizeof(sock), "%s/redis.sock", r->dir);
	snprintf(pidfile, sizeof(pidfile), "%s/redis.pid", r->dir);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execvp("redis-server", (char *const *)argv);
	argv[0] = "valkey-server";
	execvp("valkey-server", (char *const *)argv);
	_exit(127);
}

/* Does it answer INFO persistence, and with this? */
static int says(const struct private_redis *r, const char *what)
{
	struct redis *c = redis_open(r->url, 1000, NULL);
	struct err e = ERR_INIT;
	struct redis_cmd cmd;
	struct reply *reply = NULL;
	int yes;

	cmd_init(&cmd);
	cmd_line(&cmd, "INFO", "persistence", NULL);
	yes = redis_do(c, &cmd, &reply, &e) == 0 && strstr(reply_str(reply, NULL), what) != NULL;
	reply_free(&reply);
	cmd_clear(&cmd);
	redis_close(&c);
	return yes;
}

int private_redis_restart(struct private_redis *r)
{
	uint64_t deadline = clock_mono_ms() + 10000;

	if ((r->pid = fork()) == 0)
		exec_server(r);
	while (r->pid > 0 && clock_mono_ms() < deadline) {
		if (says(r, "\nloading:0"))
			return 0;
		if (waitpid(r->pid, NULL, WNOHANG) == r->pid)
			break;
		nanosleep(&between_looks, NULL);
	}
	return -1;
}

int private_redis_start(struct private_redis *r, const char *appendonly)
{
	memset(r, 0, sizeof(*r));
	snprintf(r->dir, sizeof(r->dir), "/tmp/geosluice-test-XXXXXX");
	if (mkdtemp(r->dir) == NULL)
		return -1;
	snprintf(r->url, sizeof(r->url), "unix://%s/redis.sock", r->dir);
	snprintf(r->appendonly, sizeof(r->appendonly), "%s", appendonly);
	return private_redis_restart(r);
}

static void end(struct private_redis *r)
{
	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
	}
	r->pid = 0;
}

/* While a sync goes on, Redis keeps what it has answered for up to two seconds before it writes it to its file. */
void private_redis_kill(struct private_redis *r)
{
	uint64_t deadline = clock_mono_ms() + 10000;

	while (strcmp(r->appendonly, "yes") == 0 && !says(r, "\naof_buffer_length:0\r") && clock_mono_ms() < deadline)
		nanosleep(&between_looks, NULL);
	end(r);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void private_redis_stop(struct private_redis *r)
{
	end(r);
	if (r->dir[0] != '\0')
		nftw(r->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
