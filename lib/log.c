/* log - see log.h. A line is built whole and written by one call, so that lines never mix. */
#include "lib/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"

#define LINE_MAX_BYTES 2048

static const char *const level_names[] = { "debug", "info", "warn", "error" };
static const char *prog = "";
static enum log_level lowest_level = LOG_LEVEL_INFO;

void log_init(const char *program, enum log_level lowest)
{
	prog = program;
	lowest_level = lowest;
}

struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
};

/* Keeps one byte for the newline; what does not fit is cut. */
static void put(struct line *l, const char *s, size_t n)
{
	size_t room = sizeof(l->text) - 1 - l->len;

	if (n > room)
		n = room;
	memcpy(l->text + l->len, s, n);
	l->len += n;
}

/* Quoted where logfmt needs it; control characters and quotes cannot forge a field or a line. */
static void put_value(struct line *l, const char *s)
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

void log_write(enum log_level level, const char *event, const struct log_field *fields, int n)
{
	struct line l = { .len = 0 };
	char head[128], now[25];
	size_t done = 0;

	if (level < lowest_level)
		return;
	clock_format(now, clock_unix_ms());
	put(&l, head, (size_t)snprintf(head, sizeof(head), "t=%s level=%s prog=%.32s pid=%d event=%.32s",
	    now, level_names[level], prog, (int)getpid(), event));
	for (int i = 0; i < n; i++) {
		put(&l, " ", 1);
		put(&l, fields[i].key, strlen(fields[i].key));
		put(&l, "=", 1);
		if (fields[i].text != NULL)
			put_value(&l, fields[i].text);
		else
			put(&l, head, (size_t)snprintf(head, sizeof(head), "%lld", fields[i].value));
	}
	l.text[l.len++] = '\n';
	while (done < l.len) {
		ssize_t w = write(STDERR_FILENO, l.text + done, l.len - done);

		if (w <= 0)
			return;		/* nobody reads the log: the work goes on */
		done += (size_t)w;
	}
}
