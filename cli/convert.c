/*
 * convert - `geosluice convert`: the whole pipeline on a file, one Feature per line.
 *
 * The output appears under its name when it is complete, or not at all; a file that stands there is replaced, and its
 * rights stay. What stands there and is no plain file (a device, a pipe, a link) is written into, also when all is
 * complete.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/temporary.h"
#include "cli/transform.h"
#include "lib/buf.h"

struct convert {
	struct transform t;
	struct buf line;
};

/* A rejected feature is not in the output: stderr says so, as `check` would. */
static int on_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	struct convert *c = ctx;

	if (v->outcome == OUTCOME_REJECTED) {
		buf_reset(&c->line);
		if (verdict_write(&c->line, v, NULL) == 0 && c->t.notes != NULL &&
		    fprintf(c->t.notes, "%s\n", buf_cstr(&c->line)) < 0)
			return err_errno(e, "temporary file");
		return 0;
	}
	if (fwrite(v->text, 1, v->text_len, c->t.spool) != v->text_len || putc('\n', c->t.spool) == EOF)
		return err_errno(e, "output");
	return 0;
}

static int spool_copy(FILE *spool, FILE *out)
{
	char bytes[65536];
	size_t n;

	if (out == NULL || fflush(spool) != 0)
		return -1;
	rewind(spool);
	while ((n = fread(bytes, 1, sizeof(bytes), spool)) > 0)
		if (fwrite(bytes, 1, n, out) != n)
			return -1;
	return fflush(out);
}

/* What Ctrl-C must not leave behind. */
static const char *volatile unfinished;

static void on_end(int signum)
{
	if (unfinished != NULL)
		unlink(unfinished);
	signal(signum, SIG_DFL);
	raise(signum);
}

/* mkstemp; from then on a signal takes the file with it. One that is ignored (nohup) stays so. */
static int make_unfinished(char *name)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t held, before;
	int fd;

	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		sigaddset(&held, ends[i]);
		if (signal(ends[i], on_end) == SIG_IGN)
			signal(ends[i], SIG_IGN);
	}
	sigprocmask(SIG_BLOCK, &held, &before);
	if ((fd = mkstemp(name)) != -1)
		unfinished = name;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return fd;
}

/* FILE for the output and its temporary name ("" where it has none), beside the final one. */
static FILE *spool_open(const char *out, char **name)
{
	struct stat st;
	bool beside = out != NULL && (lstat(out, &st) != 0 || S_ISREG(st.st_mode));
	size_t room = beside ? strlen(out) + 8 : 1;
	FILE *f = NULL;
	int fd;

	if ((*name = calloc(1, room)) == NULL)
		return NULL;
	if (out != NULL && !beside && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return NULL;
	}
	if (!beside)
		return temporary_file();
	snprintf(*name, room, "%s.XXXXXX", out);
	if ((fd = make_unfinished(*name)) == -1) {
		(*name)[0] = '\0';
		return NULL;
	}
	if ((f = fdopen(fd, "w+")) == NULL)
		close(fd);
	return temporary_buffered(f);
}

/* Who may do what with the new file: as with the one whose place it takes, and nobody more than there. */
static int set_rights(int fd, const char *out)
{
	mode_t mask = umask(0), owner, group, others;
	struct stat old;

	umask(mask);
	if (lstat(out, &old) != 0 || !S_ISREG(old.st_mode))
		return fchmod(fd, 0666 & ~mask);
	owner = old.st_mode >> 6 & 7;
	group = old.st_mode >> 3 & 7;
	others = old.st_mode & 7;
	if (fchown(fd, old.st_uid, old.st_gid) != 0) {	/* who was the owner, or of the group, is now of the others */
		others &= owner;
		group &= owner;
		if (fchown(fd, (uid_t)-1, old.st_gid) != 0)
			group = others = group & others;
	}
	return fchmod(fd, owner << 6 | group << 3 | others);
}

static int spool_publish(struct convert *c, const char *name)
{
	FILE *out;
	int rc;

	if (c->t.out == NULL)
		return spool_copy(c->t.spool, stdout);
	if (*name == '\0') {
		out = fopen(c->t.out, "w");
		rc = spool_copy(c->t.spool, out);
		return out != NULL && fclose(out) != 0 ? -1 : rc;
	}
	if (fflush(c->t.spool) != 0 || set_rights(fileno(c->t.spool), c->t.out) != 0)
		return -1;
	return rename(name, c->t.out);
}

static int convert_file(struct convert *c, const char *path)
{
	struct err e = ERR_INIT;
	struct timespec begin, end;
	int status = EXIT_FAILED, rc;
	char *name = NULL;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	if ((c->t.spool = spool_open(c->t.out, &name)) == NULL ||
	    (!c->t.summary && (c->t.notes = temporary_file()) == NULL)) {
		fprintf(stderr, "geosluice: %s: %s\n", c->t.out != NULL ? c->t.out : "temporary file",
		    strerror(errno));
		goto out;
	}
	rc = transform_file(&c->t, path, on_verdict, c, &e);
	if (c->t.notes != NULL)
		spool_copy(c->t.notes, stderr);
	if (rc != 0) {
		fprintf(stderr, "geosluice: %s: %s%s%s\n", path, e.text,
		    e.cls == ERR_INPUT || e.cls == ERR_LIMIT ? " " : "",
		    e.cls == ERR_INPUT || e.cls == ERR_LIMIT ? reject_name((enum reject_code)e.code) : "");
		goto out;
	}
	if (c->t.said.code != R_NONE) {
		buf_reset(&c->line);
		collection_write_note(&c->line, &c->t.said, NULL);
		fprintf(stderr, "%s\n", buf_cstr(&c->line));
	}
	if (spool_publish(c, name) != 0) {
		fprintf(stderr, "geosluice: output: %s\n", strerror(errno));
		goto out;
	}
	unfinished = NULL;
	name[0] = '\0';
	status = c->t.totals.rejected > 0 ? EXIT_REJECTED : EXIT_GOOD;
 out:
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (c->t.summary)
		transform_summary(&c->t, path, (double)(end.tv_sec - begin.tv_sec) +
		    (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
	if (c->t.spool != NULL)
		fclose(c->t.spool);
	if (c->t.notes != NULL)
		fclose(c->t.notes);
	if (name != NULL && name[0] != '\0')
		unlink(name);
	unfinished = NULL;
	free(name);
	return status;
}

int cli_convert(int argc, char **argv)
{
	struct convert c;
	int first = 0, status, rc = transform_args(&c.t, argc, argv, "o:sh", &first);

	if (rc == 0 && first + 1 == argc) {
		buf_init(&c.line, (size_t)64 << 20);
		status = convert_file(&c, argv[first]);
		buf_clear(&c.line);
		return status;
	}
	fprintf(rc == 1 ? stdout : stderr,
	    "usage: geosluice convert [OPTION…] [-o OUT] FILE\n\n"
	    "Writes FILE's features, repaired where need be and in the target CRS, as one GeoJSON\n"
	    "Feature per line; a bare geometry becomes a Feature without properties. FILE may be gzip;\n"
	    "\"-\" is stdin. Rejected features are named on stderr, as by `geosluice check`.\n"
	    "Exit status: 0 all good, 1 some rejected, 2 the file failed (nothing is written).\n\n"
	    "  -o, --output OUT  file to write (default: stdout); one that is there keeps its rights\n%s",
	    transform_help);
	return rc == 1 ? EXIT_GOOD : EXIT_FAILED;
}
