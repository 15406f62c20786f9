/* buf - see buf.h. */
#include "lib/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max_bytes)
{
	memset(b, 0, sizeof(*b));
	b->max = max_bytes;
}

void buf_clear(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

void buf_trim(struct buf *b, size_t keep_bytes)
{
	if (b->room > keep_bytes)
		buf_clear(b);
	else
		buf_reset(b);
}

void buf_fit(struct buf *b)
{
	char *data;

	if (b->len == 0 || (data = realloc(b->data, b->len)) == NULL)
		return;
	b->data = data;
	b->room = b->len;
}

char *buf_take(struct buf *b)
{
	char *data = b->data;

	buf_init(b, b->max);
	return data;
}

static int buf_fail(struct buf *b)
{
	b->failed = true;
	return -1;
}

int buf_reserve(struct buf *b, size_t more)
{
	size_t room;
	char *data;

	if (b->room - b->len >= more)
		return 0;
	if (more > SIZE_MAX - b->len || b->len + more > b->max)
		return buf_fail(b);
	room = b->room < 64 ? 64 : b->room;
	if (room > b->max)
		room = b->max;
	while (room < b->len + more)
		room = room > b->max / 2 ? b->max : room * 2;
	if ((data = realloc(b->data, room)) == NULL)
		return buf_fail(b);
	b->data = data;
	b->room = room;
	return 0;
}

int buf_append(struct buf *b, const void *bytes, size_t n)
{
	if (n == 0)
		return 0;
	if (buf_reserve(b, n) != 0)
		return -1;
	memcpy(b->data + b->len, bytes, n);
	b->len += n;
	return 0;
}

int buf_puts(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n, rc = -1;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(b->data != NULL ? b->data + b->len : NULL, b->room - b->len, fmt, ap);	/* mostly it fits */
	if (n >= 0 && (size_t)n < b->room - b->len) {
		rc = 0;
	} else if (n >= 0 && buf_reserve(b, (size_t)n + 1) == 0) {
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		rc = 0;
	}
	if (rc == 0)
		b->len += (size_t)n;
	va_end(again);
	va_end(ap);
	return rc;
}

const char *buf_cstr(struct buf *b)
{
	if (buf_reserve(b, 1) != 0)
		return "";
	b->data[b->len] = '\0';
	return b->data;
}
