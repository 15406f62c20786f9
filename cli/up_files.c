/* up_files - see up_files.h. */
#include "cli/up_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/crypto.h"

#define SECRET_BYTES 32

static const char config_text[] =
"; Made by `geosluice up`; change it as you like. `geosluice settings` lists all settings.\n"
"\n"
"[server]\n"
"listen = 127.0.0.1:8080\n"
"\n"
"[courier]\n"
"; allow = 127.0.0.0/8          ; lets callbacks go to this machine\n"
"\n"
"[source demo]\n"
"secret_file = %s\n"
"; target_crs = EPSG:3857\n"
"; callback_url = http://127.0.0.1:9000/hook\n";

int up_write(const char *path, const char *text, struct err *e)
{
	char temporary[PATH_MAX + 64];
	size_t n = strlen(text);
	int fd, rc = -1;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	if ((fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
		return err_errno(e, temporary);
	if (write(fd, text, n) == (ssize_t)n && fsync(fd) == 0)
		rc = 0;
	if (close(fd) != 0 || rc != 0 || rename(temporary, path) != 0)
		return err_errno(e, path);
	return 0;
}

static int make_secret(const char *path, struct err *e)
{
	unsigned char random[SECRET_BYTES];
	char text[96] = "whsec_";
	int rc;

	random_bytes(random, sizeof(random));
	base64_encode(text + 6, random, sizeof(random));
	strcat(text, "\n");
	rc = up_write(path, text, e);
	secret_wipe(random, sizeof(random));
	secret_wipe(text, sizeof(text));
	return rc;
}

static int make_config(struct up_files *f, struct err *e)
{
	char text[sizeof(config_text) + sizeof(f->secret)];

	snprintf(f->config, sizeof(f->config), "%s/geosluice.ini", f->dir);
	snprintf(f->secret, sizeof(f->secret), "%s/demo.secret", f->dir);
	if (access(f->secret, F_OK) != 0 && make_secret(f->secret, e) != 0)
		return -1;
	if (access(f->config, F_OK) == 0)
		return 0;
	snprintf(text, sizeof(text), config_text, f->secret);
	return up_write(f->config, text, e);
}

int up_files_open(struct up_files *f, const char *dir, const char *config, struct err *e)
{
	char lock[PATH_MAX + 32];

	memset(f, 0, sizeof(*f));
	f->lock = -1;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_errno(e, dir);
	if (realpath(dir, f->dir) == NULL)
		return err_errno(e, dir);
	snprintf(f->socket, sizeof(f->socket), "%s/redis.sock", f->dir);
	if (strlen(f->socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return err_set(e, ERR_INPUT, 0, "%.100s…: too long a path for a unix socket; take a shorter --dir",
		    f->dir);
	snprintf(f->redis_url, sizeof(f->redis_url), "unix://%s", f->socket);
	snprintf(f->redis_log, sizeof(f->redis_log), "%s/redis.log", f->dir);
	snprintf(lock, sizeof(lock), "%s/up.lock", f->dir);
	if ((f->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
		return err_errno(e, lock);
	if (flock(f->lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(e, ERR_INPUT, 0, "%s: another `geosluice up` uses this folder", f->dir);
	if (config == NULL)
		return make_config(f, e);
	if (realpath(config, f->config) == NULL)
		return err_errno(e, config);
	return 0;
}

void up_files_close(struct up_files *f)
{
	if (f->lock >= 0)
		close(f->lock);
	f->lock = -1;
}

int up_program(char out[PATH_MAX], const char *name, struct err *e)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0)
		return err_errno(e, "/proc/self/exe");
	self[n] = '\0';
	if ((slash = strrchr(self, '/')) != NULL)
		*slash = '\0';
	if ((size_t)snprintf(out, PATH_MAX, "%s/geosluice-%s", self, name) >= PATH_MAX)
		return err_set(e, ERR_INPUT, 0, "too long a path: %s", self);
	return 0;
}
