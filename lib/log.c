/* log - see log.h. Lines are built whole, and whole ones are written by one call, so that they never mix. */
#include "lib/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/decimal.h"

#define LINE_MAX_BYTES 2048
#define HELD_BYTES 16384

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
	bool plain = *s != '\0' && strcspn(s, " =\"\\") == strlen(s);

	for (const char *p = s; plain && *p; p++)
		plain = (unsigned char)*p > 0x20 && *p != 0x7f;
	if (plain) {
		put(l, s, strlen(s));
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

void log_flush(void)
{
	struct lines *l = &lines;

	for (size_t done = 0; done < l->held;) {
		ssize_t n = write(STDERR_FILENO, l->text + done, l->held - done);

		if (n <= 0)
			break;		/* nobody reads the log: the work goes on */
		done += (size_t)n;
	}
	l->held = 0;
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
