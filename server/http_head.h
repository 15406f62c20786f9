/*
 * http_head - the head of a request: its line and its header fields.
 *
 * In:  bytes as they come. Out: method, path, query, fields and how the body is framed, or the refusal.
 * Depends on problem.
 *
 * RFC 9112 lets a recipient overlook some faults. Nothing is overlooked here: whoever stands in front of
 * us may overlook another one, and two readers of one request is how a second one is smuggled in.
 */
#ifndef GS_SERVER_HTTP_HEAD_H
#define GS_SERVER_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <strings.h>

#include "server/problem.h"

struct head_limits {
	size_t bytes;		/* of the whole head */
	size_t target_bytes;
	unsigned fields;
};

/* How far a head that is not whole yet was looked at. All zero at its beginning. */
struct head_scan {
	size_t at, line;
	unsigned lines;
	bool blank;		/* an empty line stood before it */
};

struct head_field {
	const char *name, *value;
};

/* Is it of this name, in any case? Most are not, and their first letter tells. */
static inline bool head_is_named(const struct head_field *f, const char *name)
{
	return ((f->name[0] ^ name[0]) & ~0x20) == 0 && strcasecmp(f->name, name) == 0;
}

struct http_head {
	const char *method;
	const char *path;	/* decoded */
	const char *query;	/* as it came, with its "?"; "" where there is none */
	struct head_field *fields;
	size_t count;
	int64_t length;		/* of the body; -1: not declared. One that no number holds is INT64_MAX */
	bool chunked;
	bool expects;		/* 100-continue */
	bool old;		/* HTTP/1.0 */
	bool close;		/* the connection ends with the answer */
	void *memory;
};

/* Looks for the head's end in the n bytes from its beginning. Returns its length, 0 for "more is needed", or
 * -1 with the refusal as soon as it is clear that this becomes no request. */
long head_find(struct head_scan *s, const char *bytes, size_t n, const struct head_limits *l, struct refusal *why);

/* Reads a head of n bytes, of which head_find said that it is whole. -1: refused, and h holds what was read. */
int head_parse(struct http_head *h, const char *bytes, size_t n, struct refusal *why);
void head_clear(struct http_head *h);

/* Decodes n bytes of %XX into out, which has room for n + 1; plus: a "+" is a space. -1: an escape is
 * none, or stands for a control character. */
int percent_decode(char *out, const char *text, size_t n, bool plus);

#endif
