/* query - see query.h. */
#include "server/query.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/json.h"

const char *query_text(struct http_request *q, const char *name)
{
	const char *value = http_query(q, name);

	return value != NULL ? value : "";
}

int query_count(struct http_request *q, const char *name, unsigned fallback, unsigned most, unsigned *out,
    struct refusal *r)
{
	const char *text = http_query(q, name);
	unsigned long n;

	*out = fallback;
	if (text == NULL)
		return 0;
	n = strtoul(text, NULL, 10);
	if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 9 || n < 1 || n > most)
		return refuse(r, P_QUERY_WRONG, "%s must be a number from 1 to %u.", name, most);
	*out = (unsigned)n;
	return 0;
}

/* ---- links ---- */

static void put_encoded(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9')
		    || strchr("-._~", *s) != NULL;

		buf_printf(b, plain ? "%c" : "%%%02X", (unsigned char)*s);
	}
}

static void put_link(struct http_request *q, struct buf *b, const char *rel, const char *cursor)
{
	static const char *const names[] = { "source", "job", "status", "code", "limit" };
	struct buf href;
	char sep = '?';

	buf_init(&href, 16384);
	buf_puts(&href, q->path);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = query_text(q, names[i]);

		if (*value == '\0')
			continue;
		buf_printf(&href, "%c%s=", sep, names[i]);
		put_encoded(&href, value);
		sep = '&';
	}
	if (*cursor != '\0') {
		buf_printf(&href, "%ccursor=", sep);
		put_encoded(&href, cursor);
	}
	json_object(b, NULL);
	json_strn(b, "href", href.data, href.len);
	json_str(b, "rel", rel);
	json_str(b, "type", "application/json");
	json_end_object(b);
	buf_clear(&href);
}

void query_links(struct http_request *q, struct buf *b, const char *next)
{
	json_array(b, "links");
	put_link(q, b, "self", query_text(q, "cursor"));
	if (*next != '\0')
		put_link(q, b, "next", next);
	json_end_array(b);
}

/* ---- Accept ---- */

/* A qvalue in thousandths: "0", "1", "0.5"; 1000 where it cannot be read. */
static int quality(const char *params, size_t n)
{
	for (size_t i = 0; i + 3 < n + 1; i++) {
		const char *p = params + i;
		int value, unit = 100;

		if (*p != ';')
			continue;
		p += 1 + strspn(p + 1, " \t");
		if (p + 3 > params + n || strncasecmp(p, "q=", 2) != 0 || p[2] < '0' || p[2] > '1')
			continue;
		value = (p[2] - '0') * 1000;
		if (p[3] == '.')
			for (p += 4; p < params + n && *p >= '0' && *p <= '9' && unit > 0; p++, unit /= 10)
				value += (*p - '0') * unit;
		return value > 1000 ? 1000 : value;
	}
	return 1000;
}

/* How exactly range (n bytes) names type: 3 itself, 2 its kind, 1 anything, 0 not at all. */
static int match(const char *range, size_t n, const char *type)
{
	size_t kind = strcspn(type, "/") + 1;

	if (n == strlen(type) && strncasecmp(range, type, n) == 0)
		return 3;
	if (n == kind + 1 && strncasecmp(range, type, kind) == 0 && range[kind] == '*')
		return 2;
	return n == 3 && memcmp(range, "*/*", 3) == 0;
}

/* The quality of the most exact range that fits type; 0 if none does. */
static int wanted(const char *accept, const char *type)
{
	int best = 0, q = 0;

	for (const char *p = accept; *(p += strspn(p, ", \t")) != '\0';) {
		size_t item = strcspn(p, ","), name = strcspn(p, ",; \t");
		int how = match(p, name, type);

		if (how > best) {
			best = how;
			q = quality(p + name, item - name);
		}
		p += item;
	}
	return q;
}

int accept_choose(const char *accept, const char *const *types, int n)
{
	int best = -1, most = 0;

	if (accept == NULL || accept[strspn(accept, " \t")] == '\0')
		return 0;
	for (int i = 0; i < n; i++) {
		int q = wanted(accept, types[i]);

		if (q > most) {
			most = q;
			best = i;
		}
	}
	return best;
}
