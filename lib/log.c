/*
 * log - see log.h. Lines are built whole, and written whole, in pieces that a pipe takes at once or not at all
 * (POSIX's PIPE_BUF): lines of several processes never mix, and a reader that stands still costs lines, not the work.
 */
#include "lib/log.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/decimal.h"

#define LINE_MAX_BYTES 2048
#define HELD_BYTES 16384
#define PATIENCE_MS 200		/* with a reader that has just begun to be slow */

static const char *const level_names[] = { "debug", "info", "warn", "error" };
static const char *prog = "";
static enum log_level lowest_level = LOG_LEVEL_INFO;
static pid_t pid;	/* getpid() is a system call */

static void learn_pid(void)
{
	pid = getpid();
}

void log_init(const char *program, enum log_level lowest)
{
	prog = program;
	lowest_level = lowest;
	learn_pid();
	pthread_atfork(NULL, NULL, learn_pid);
}

/* Whole lines of this thread that are not written yet, and the one that is being built behind them. */
struct lines {
	char text[HELD_BYTES];
	size_t held, len;
	uint64_t lost;	/* since the last that was written */
};

static _Thread_local struct lines lines;

/* Keeps one byte for the newline; what does not fit is cut. */
static void put(struct lines *l, const char *s, size_t n)
{
	size_t room = l->held + LINE_MAX_BYTES - 1 - l->len;

	if (n > room)
		n = room;
	memcpy(l->text + l->len, s, n);
	l->len += n;
}

/* Quoted where logfmt needs it; control characters and quotes cannot forge a field or a line. */
static void put_value(struct lines *l, const char *s)
{
	const char *end = s;

	while ((unsigned char)*end > 0x20 && *end != '=' && *end != '"' && *end != '\\' && *end != 0x7f)
		end++;
	if (*end == '\0' && end > s) {
		put(l, s, (size_t)(end - s));
		return;
	}
	put(l, "\"", 1);
	for (; *s; s++) {
		char hex[8];

		if (*s == '"' || *s == '\\') {
			put(l, "\\", 1);
			put(l, s, 1);
		} else if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			put(l, hex, (size_t)snprintf(hex, sizeof(hex), "\\x%02x", (unsigned char)*s));
		} else {
			put(l, s, 1);
		}
	}
	put(l, "\"", 1);
}

static void put_text(struct lines *l, const char *s)
{
	put(l, s, strlen(s));
}

static void put_number(struct lines *l, long long v)
{
	char digits[DECIMAL_MAX];

	put(l, digits, decimal_signed(digits, v));
}

static void put_time(struct lines *l)
{
	char text[25];

	clock_format(text, clock_unix_ms());
	put_text(l, text);
}

static void put_line(struct lines *l, enum log_level level, const char *event, const struct log_field *fields, int n)
{
	l->len = l->held;
	put_text(l, "t=");
	put_time(l);
	put_text(l, " level=");
	put_text(l, level_names[level]);
	put_text(l, " prog=");
	put(l, prog, strnlen(prog, 32));
	put_text(l, " pid=");
	put_number(l, pid);
	put_text(l, " event=");
	put(l, event, strnlen(event, 32));
	for (int i = 0; i < n; i++) {
		put_text(l, " ");
		put_text(l, fields[i].key);
		put_text(l, "=");
		if (fields[i].text != NULL)
			put_value(l, fields[i].text);
		else
			put_number(l, fields[i].value);
	}
	l->text[l->len++] = '\n';
	l->held = l->len;
}

/* As many whole lines from `from` on as are written at once; a line is shorter than that. */
static size_t piece(const struct lines *l, size_t from)
{
	size_t n = l->held - from;

	if (n > PIPE_BUF)
		n = PIPE_BUF;
	while (n > 0 && l->text[from + n - 1] != '\n')
		n--;
	return n;
}

/* One thread at a time: each is told of the same room in the pipe. */
static ssize_t write_piece(const struct lines *l, const char *text, size_t n)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t sent = -1;

	pthread_mutex_lock(&turn);
	if (poll(&out, 1, l->lost > 0 ? 0 : PATIENCE_MS) > 0)
		sent = write(STDERR_FILENO, text, n);
	pthread_mutex_unlock(&turn);
	return sent;
}

static void write_lines(struct lines *l)
{
	for (size_t done = 0, n; (n = piece(l, done)) > 0; done += n) {
		if (write_piece(l, l->text + done, n) < (ssize_t)n)
			for (size_t i = done; i < done + n; i++)
				l->lost += l->text[i] == '\n';
	}
	l->held = 0;
}

void log_flush(void)
{
	struct lines *l = &lines;
	uint64_t lost = l->lost;

	write_lines(l);
	if (lost > 0 && l->lost == lost) {	/* there is a reader again */
		const struct log_field lines_lost = LOG_INT("lines", lost);

		l->lost = 0;
		put_line(l, LOG_LEVEL_WARN, "log_lines_lost", &lines_lost, 1);
		write_lines(l);
	}
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, int n)
{
	if (level < lowest_level)
		return;
	put_line(&lines, level, event, fields, n);
	log_flush();
}

void log_write_soon(enum log_level level, const char *event, const struct log_field *fields, int n)
{
	if (level < lowest_level)
		return;
	put_line(&lines, level, event, fields, n);
	if (lines.held > sizeof(lines.text) - LINE_MAX_BYTES)
		log_flush();
}
