/* json_get - see json_get.h. */
#include "cli/json_get.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
	const char *p, *end;
};

static char peek(struct cursor *c)
{
	while (c->p < c->end && strchr(" \t\r\n", *c->p) != NULL && *c->p != '\0')
		c->p++;
	return c->p < c->end ? *c->p : '\0';
}

static bool take(struct cursor *c, char want)
{
	if (peek(c) != want || want == '\0')
		return false;
	c->p++;
	return true;
}

static bool skip_string(struct cursor *c)
{
	if (!take(c, '"'))
		return false;
	while (c->p < c->end && *c->p != '"')
		c->p += *c->p == '\\' && c->end - c->p > 1 ? 2 : 1;
	return c->p < c->end && *c->p++ == '"';
}

/* A value of any kind: brackets are counted, what is between them is not looked at. */
static bool skip_value(struct cursor *c)
{
	size_t depth = 0;
	const char *begin;

	do {
		char first = peek(c);

		if (first == '"') {
			if (!skip_string(c))
				return false;
		} else if (first == '{' || first == '[') {
			depth++;
			c->p++;
		} else if (first == '}' || first == ']') {
			if (depth-- == 0)
				return false;
			c->p++;
		} else if (first == ',' || first == ':') {
			if (depth == 0)
				return false;
			c->p++;
		} else {
			for (begin = c->p; c->p < c->end && strchr(",:]}[{\" \t\r\n", *c->p) == NULL;)
				c->p++;
			if (c->p == begin)
				return false;
		}
	} while (depth > 0);
	return true;
}

/* Moves c to the value of the member called name (of an object), or at that index (of an array). */
static bool enter(struct cursor *c, const char *name, size_t n)
{
	bool object = peek(c) == '{';
	unsigned long index = object ? 0 : strtoul(name, NULL, 10);

	if (!take(c, object ? '{' : '['))
		return false;
	do {
		if (object) {
			const char *key = (peek(c), c->p);

			if (!skip_string(c) || !take(c, ':'))
				return false;
			if ((size_t)(c->p - key) > n + 2 && key[n + 1] == '"' && memcmp(key + 1, name, n) == 0)
				return true;
		} else if (index-- == 0) {
			return true;
		}
		if (!skip_value(c))
			return false;
	} while (take(c, ','));
	return false;
}

bool json_get(struct json_text *out, const char *text, size_t n, const char *path)
{
	struct cursor c = { text, text };

	if (n == 0)
		return false;	/* text may be NULL then */
	c.end += n;
	while (*path != '\0') {
		size_t len = strcspn(path, ".");

		if (!enter(&c, path, len))
			return false;
		path += len + (path[len] == '.');
	}
	peek(&c);
	out->p = c.p;
	if (!skip_value(&c))
		return false;
	out->n = (size_t)(c.p - out->p);
	return true;
}

long long json_get_int(const char *text, size_t n, const char *path, long long fallback)
{
	struct json_text v;
	char digits[32], *end;
	long long value;

	if (!json_get(&v, text, n, path) || v.n >= sizeof(digits))
		return fallback;
	memcpy(digits, v.p, v.n);
	digits[v.n] = '\0';
	value = strtoll(digits, &end, 10);
	return end != digits && *end == '\0' ? value : fallback;
}

void json_get_string(char *out, size_t room, const char *text, size_t n, const char *path)
{
	struct json_text v;
	size_t len = 0;

	if (json_get(&v, text, n, path) && v.n >= 2 && *v.p == '"') {
		for (size_t i = 1; i < v.n - 1 && len + 1 < room; i++) {
			if (v.p[i] == '\\' && strchr("\"\\/", v.p[i + 1]) != NULL)
				i++;
			out[len++] = (unsigned char)v.p[i] < 0x20 || v.p[i] == 0x7f ? '?' : v.p[i];
		}
	}
	out[len] = '\0';
}

static unsigned hex4(const char *p)
{
	char digits[5] = { p[0], p[1], p[2], p[3], '\0' };

	return (unsigned)strtoul(digits, NULL, 16);
}

static void put_utf8(struct buf *b, unsigned c)
{
	if (c < 0x80) {
		buf_putc(b, (char)c);
	} else if (c < 0x800) {
		buf_putc(b, (char)(0xc0 | c >> 6));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_putc(b, (char)(0xe0 | c >> 12));
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_putc(b, (char)(0xf0 | c >> 18));
		buf_putc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	}
}

/* p is behind the "u", n what is left from there. Returns how many bytes were read. */
static size_t put_escaped_unit(struct buf *b, const char *p, size_t n)
{
	unsigned high = n >= 4 ? hex4(p) : 0xfffd, low;

	if (high >= 0xd800 && high < 0xdc00 && n >= 10 && p[4] == '\\' && p[5] == 'u'
	    && (low = hex4(p + 6)) >= 0xdc00 && low < 0xe000) {
		put_utf8(b, 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00)));
		return 10;
	}
	put_utf8(b, high >= 0xd800 && high < 0xe000 ? 0xfffd : high);
	return n >= 4 ? 4 : n;
}

int json_unescape(struct buf *out, const struct json_text *string)
{
	static const char names[] = "\"\\/bfnrt", stand_for[] = "\"\\/\b\f\n\r\t";
	const char *p = string->p + 1, *end = string->p + string->n - 1, *which;

	if (string->n < 2 || *string->p != '"')
		return -1;
	while (p < end) {
		if (*p != '\\') {
			buf_putc(out, *p++);
		} else if (++p < end && *p == 'u') {
			p++;
			p += put_escaped_unit(out, p, (size_t)(end - p));
		} else if (p < end && (which = strchr(names, *p)) != NULL) {
			buf_putc(out, stand_for[which - names]);
			p++;
		}
	}
	return out->failed ? -1 : 0;
}
