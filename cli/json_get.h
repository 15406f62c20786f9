/*
 * json_get - takes single values out of JSON that the server wrote.
 *
 * In:  JSON text, a path such as "counts.rejected" or "links.0.href". Out: the value's text.
 * Depends on lib/buf. What is no JSON has no values; nothing is validated beyond that.
 */
#ifndef GS_CLI_JSON_GET_H
#define GS_CLI_JSON_GET_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"

struct json_text {
	const char *p;
	size_t n;
};

/* The value's own text, with the quotes of a string. false: there is none. */
bool json_get(struct json_text *out, const char *text, size_t n, const char *path);
/* A whole number; fallback where there is none. */
long long json_get_int(const char *text, size_t n, const char *path, long long fallback);
/* A string without quotes and escapes, cut to room, safe for a terminal; "" where there is none. */
void json_get_string(char *out, size_t room, const char *text, size_t n, const char *path);
/* Appends what a string's own text stands for, as UTF-8 (RFC 8259, section 7). -1: it is no string, or no memory. */
int json_unescape(struct buf *out, const struct json_text *string);

#endif
