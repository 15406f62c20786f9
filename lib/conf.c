/* conf - see conf.h. */
#include "lib/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 16384	/* a CRS as WKT2 takes some thousand */

/*
 * Where Debian builds inih with options that are set at run time, lines may be longer than 200 bytes.
 * Nothing else here relies on an option, so either build will do.
 */
extern bool ini_use_stack __attribute__((weak)), ini_allow_realloc __attribute__((weak));
extern int ini_max_line __attribute__((weak)), ini_initial_alloc __attribute__((weak));

struct reading {
	const char *file;
	const char *at, *end;	/* what inih has not been given yet */
	int line;		/* of what it was given last */
	int failed_line;	/* where fn or the reader refused; 0 if neither did */
	bool whole;		/* what it was given last went to the line's end */
	conf_fn fn;
	void *ctx;
	struct err *e;
};

static int refuse(struct reading *r, const char *why)
{
	r->failed_line = r->line;
	return err_set(r->e, ERR_INPUT, 0, "%s:%d: %s", r->file, r->line, why);
}

/* Gives inih the next line, or the beginning that there is room for. White space before it goes: inih could
 * take it for a continuation. */
static char *next_line(char *out, int room, void *stream)
{
	struct reading *r = stream;
	const char *nl, *close;
	size_t n;

	if (r->failed_line != 0)
		return NULL;
	if (!r->whole) {	/* a newer inih skips the rest of a line that does not fit, and goes on */
		refuse(r, "the line is too long");
		return NULL;
	}
	r->line++;
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t'))
		r->at++;
	if (r->at == r->end || room < 2)
		return NULL;
	nl = memchr(r->at, '\n', (size_t)(r->end - r->at));
	n = (size_t)((nl ? nl + 1 : r->end) - r->at);
	if (memchr(r->at, '\0', n) != NULL) {
		refuse(r, "holds a NUL byte");
		return NULL;
	}
	if (*r->at == '[' && (close = memchr(r->at, ']', n)) != NULL &&
	    close - r->at - 1 > CONF_SECTION_MAX) {
		refuse(r, "the section's name is too long: 49 characters at the most");
		return NULL;
	}
	r->whole = n <= (size_t)room - 1;
	if (!r->whole)
		n = (size_t)room - 1;
	memcpy(out, r->at, n);
	out[n] = '\0';
	r->at += n;
	return out;
}

/* inih's handler: nonzero goes on. */
static int pair(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;
	struct conf_line l = { r->file, r->line, section, name, value ? value : "" };

	if (r->failed_line != 0)
		return 0;
	if (!r->whole)
		return refuse(r, "the line is too long") == 0;
	if (*name == '\0')
		return refuse(r, "a name is missing before \"=\"") == 0;
	if (r->fn(r->ctx, &l, r->e) != 0) {
		r->failed_line = r->line;
		return 0;
	}
	return 1;
}

static void allow_long_lines(void)
{
	if (&ini_use_stack == NULL || &ini_allow_realloc == NULL || &ini_max_line == NULL ||
	    &ini_initial_alloc == NULL)
		return;
	ini_use_stack = false;
	ini_allow_realloc = false;
	ini_initial_alloc = ini_max_line = LINE_MAX_BYTES;
}

int conf_read(const char *file, const char *text, size_t n, conf_fn fn, void *ctx, struct err *e)
{
	struct reading r = { .file = file, .at = text, .end = text + n, .whole = true,
		.fn = fn, .ctx = ctx, .e = e };
	int rc;

	allow_long_lines();
	rc = ini_parse_stream(next_line, &r, pair, &r);
	if (rc < 0)
		return err_set(e, ERR_SYSTEM, 0, "%s: out of memory", file);
	/* inih reads on past a line that it cannot split; the first fault is the one to tell. */
	if (rc > 0 && (r.failed_line == 0 || rc < r.failed_line)) {
		err_clear(e);
		return err_set(e, ERR_INPUT, 0,
		    "%s:%d: neither [section], name = value nor a comment", file, rc);
	}
	return r.failed_line != 0 ? -1 : 0;
}

int conf_slurp(const char *path, size_t max_bytes, struct buf *b, struct err *e)
{
	struct stat st;
	ssize_t got = -1;
	/* Not blocking: a FIFO must not hold up a start, it is refused below. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_errno(e, path);
	if (fstat(fd, &st) != 0)
		err_errno(e, path);
	else if (!S_ISREG(st.st_mode))
		err_set(e, ERR_INPUT, 0, "%s: not a regular file", path);
	else if (buf_reserve(b, max_bytes + 1) != 0)
		err_set(e, ERR_SYSTEM, 0, "%s: out of memory", path);
	else {
		size_t left = max_bytes + 1;

		while (left > 0 && (got = read(fd, b->data + b->len, left)) > 0) {
			b->len += (size_t)got;
			left -= (size_t)got;
		}
		if (got < 0)
			err_errno(e, path);
		else if (left == 0)
			got = err_set(e, ERR_LIMIT, 0, "%s: larger than %zu bytes", path, max_bytes);
	}
	close(fd);
	return got < 0 ? -1 : 0;
}
