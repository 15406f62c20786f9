/* http_head - see http_head.h. RFC 9112, sections 2 to 6; RFC 9110, sections 5 and 7. */
#include "server/http_head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define METHOD_MAX 32
#define LINE_SLACK 64	/* of a request line, beside its target */

static const char hex_digits[] = "0123456789abcdef";

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 9110 section 5.6.2 */
static bool is_token(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t token_length(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && is_token(s[i]))
		i++;
	return i;
}

static int malformed(struct refusal *why, const char *words)
{
	return refuse(why, P_REQUEST_MALFORMED, "%s", words);
}

/* ---- where it ends ---- */

/* Is what is there of a request line the beginning of one? What is not HTTP at all need not be waited for. */
static int check_beginning(const char *bytes, size_t n, bool whole, const struct head_limits *l, struct refusal *why)
{
	size_t method = token_length(bytes, n);

	if (method > METHOD_MAX || (method == n ? whole : method == 0 || bytes[method] != ' '))
		return malformed(why, "A request line is expected: method, target, HTTP/1.1.");
	if (n > l->target_bytes + LINE_SLACK)
		return refuse(why, P_TARGET_TOO_LONG, "The request's target may have %zu bytes.", l->target_bytes);
	return 0;
}

long head_find(struct head_scan *s, const char *bytes, size_t n, const struct head_limits *l, struct refusal *why)
{
	const char *lf;
	size_t have;

	while ((lf = memchr(bytes + s->at, '\n', n - s->at)) != NULL) {
		size_t next = (size_t)(lf - bytes) + 1, length = next - 1 - s->line;
		bool cr = length > 0 && lf[-1] == '\r';

		length -= cr;
		if (s->lines == 0 && length > 0 && check_beginning(bytes + s->line, length, true, l, why) != 0)
			return -1;
		if (next > l->bytes)
			break;
		if (!cr)
			return malformed(why, "A line ends with LF alone; CR LF is expected.");
		if (length == 0 && s->lines > 0)
			return (long)next;
		/* RFC 9112 section 2.2: some send an empty line behind a body. */
		if (length == 0 && s->blank)
			return malformed(why, "The request begins with empty lines.");
		if (length > 0 && s->lines++ > l->fields)
			return refuse(why, P_HEADERS_TOO_LARGE, "A request may have %u header fields.", l->fields);
		s->blank = true;
		s->at = s->line = next;
	}
	have = n - s->line - (n > s->line && bytes[n - 1] == '\r');
	if (lf == NULL && s->lines == 0 && have > 0
	    && check_beginning(bytes + s->line, have, false, l, why) != 0)
		return -1;
	s->at = n;
	if (n < l->bytes && lf == NULL)
		return 0;
	return refuse(why, P_HEADERS_TOO_LARGE, "They may have %zu bytes together with the request line.", l->bytes);
}

/* ---- the request line ---- */

static int hex_value(char c)
{
	const char *at = c != '\0' ? strchr(hex_digits, c | 0x20) : NULL;

	return at != NULL && (is_digit(c) || is_alnum(c)) ? (int)(at - hex_digits) : -1;
}

int percent_decode(char *out, const char *text, size_t n, bool plus)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '%') {
			int high = i + 2 < n ? hex_value(text[i + 1]) : -1;
			int low = high >= 0 ? hex_value(text[i + 2]) : -1;

			if (low < 0)
				return -1;
			c = (unsigned char)(high << 4 | low);
			i += 2;
		} else if (plus && c == '+') {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f)
			return -1;
		*out++ = (char)c;
	}
	*out = '\0';
	return 0;
}

static int bad_escape(struct refusal *why)
{
	return malformed(why, "The target holds a broken percent escape, or one that stands for a control character.");
}

/* Behind "http://": returns what follows the authority, which must be what Host says. */
static char *skip_authority(char *target, const char **authority)
{
	size_t scheme = strncasecmp(target, "http://", 7) == 0 ? 7 : strncasecmp(target, "https://", 8) == 0 ? 8 : 0;
	size_t n;

	if (scheme == 0)
		return NULL;
	n = strcspn(target + scheme, "/?");
	memmove(target, target + scheme, n);	/* makes room for its end */
	target[n] = '\0';
	*authority = target;
	return target + scheme + n;
}

static int read_target(struct http_head *h, char *target, char *room, const char **authority, struct refusal *why)
{
	size_t n;

	for (const char *p = target; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || *p == '#')
			return malformed(why, "The target holds a character that must stand as a percent escape.");
	if (*target != '/' && strcmp(target, "*") != 0 && (target = skip_authority(target, authority)) == NULL)
		return malformed(why, "The target must be a path.");
	n = strcspn(target, "?");
	h->query = target + n;
	if (percent_decode(room, *h->query == '?' ? h->query + 1 : "", strlen(h->query + (*h->query == '?')), true) != 0
	    || percent_decode(room, target, n, false) != 0)
		return bad_escape(why);
	/* An encoded slash is no separator to a proxy that guards paths, but would be one to us. */
	for (const char *p = target; p < h->query; p++)
		if (*p == '%' && strncasecmp(p, "%2f", 3) == 0)
			return malformed(why, "The path holds an encoded slash.");
	h->path = *room != '\0' ? room : "/";
	return 0;
}

static int read_version(struct http_head *h, const char *version, struct refusal *why)
{
	if (strncmp(version, "HTTP/", 5) != 0 || !is_digit(version[5]) || version[6] != '.' || !is_digit(version[7])
	    || version[8] != '\0')
		return malformed(why, "The request line must end with HTTP/1.1.");
	if (version[5] != '1')
		return refuse(why, P_HTTP_VERSION, "HTTP/1.1 is spoken here.");
	h->old = version[7] == '0';
	h->close = h->old;
	return 0;
}

/* line is NUL-terminated and n long. */
static int read_line(struct http_head *h, char *line, size_t n, char *room, const char **authority,
    struct refusal *why)
{
	char *target, *version;

	if (strlen(line) != n)
		return malformed(why, "The request line holds a NUL.");
	if ((target = strchr(line, ' ')) == NULL || (version = strchr(target + 1, ' ')) == NULL)
		return malformed(why, "A request line is expected: method, target, HTTP/1.1.");
	*target++ = '\0';
	*version++ = '\0';
	h->method = line;
	if (read_version(h, version, why) != 0)
		return -1;
	return read_target(h, target, room, authority, why);
}

/* ---- fields ---- */

/* RFC 9112 section 5: no space before the colon, no folded line. */
static int read_field(struct http_head *h, char *line, size_t n, struct refusal *why)
{
	size_t name = token_length(line, n);
	char *end = line + n;

	if (n > 0 && (line[0] == ' ' || line[0] == '\t'))
		return malformed(why, "A header field goes on in a second line.");
	if (name == 0 || line[name] != ':')
		return malformed(why, "A header field is expected: name, colon, value.");
	for (const char *p = line + name + 1; p < end; p++)
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return malformed(why, "A header field holds a control character.");
	h->fields[h->count].name = line;
	line[name] = '\0';
	line += name + 1;
	line += strspn(line, " \t");
	while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	h->fields[h->count++].value = line;
	return 0;
}

static int read_length(struct http_head *h, const char *value, struct refusal *why)
{
	uint64_t n = 0;

	if (*value == '\0' || strspn(value, "0123456789") != strlen(value))
		return refuse(why, P_BODY_FRAMING, "Content-Length must be a number.");
	for (; *value != '\0'; value++)
		n = n > (uint64_t)(INT64_MAX - 9) / 10 ? (uint64_t)INT64_MAX : n * 10 + (uint64_t)(*value - '0');
	h->length = n > INT64_MAX ? INT64_MAX : (int64_t)n;
	return 0;
}

static bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (*list != '\0') {
		size_t n = strcspn(list, ", \t");

		if (n == len && strncasecmp(list, word, n) == 0)
			return true;
		list += n;
		list += strspn(list, ", \t");
	}
	return false;
}

/* How often each of the fields that must be alone is there. */
struct seen {
	unsigned length, coding, host;
	const char *host_value;
};

static int read_meaning(struct http_head *h, const struct head_field *f, struct seen *seen, struct refusal *why)
{
	if (head_is_named(f, "Content-Length")) {
		seen->length++;
		return read_length(h, f->value, why);
	}
	if (head_is_named(f, "Transfer-Encoding")) {
		seen->coding++;
		h->chunked = true;
		if (strcasecmp(f->value, "chunked") != 0)
			return refuse(why, P_BODY_FRAMING, "No transfer coding but \"chunked\" is taken.");
	} else if (head_is_named(f, "Host")) {
		seen->host++;
		seen->host_value = f->value;
	} else if (head_is_named(f, "Connection")) {
		h->close = h->close || list_has(f->value, "close");
	} else if (head_is_named(f, "Expect") && !h->old) {
		h->expects = true;
		if (strcasecmp(f->value, "100-continue") != 0)
			return refuse(why, P_EXPECTATION, "100-continue alone can be expected.");
	}
	return 0;
}

static int check_host(const struct http_head *h, const struct seen *seen, const char *authority, struct refusal *why)
{
	static const char marks[] = "-._~!$&'()*+,;=:[]%";

	if (seen->host == 0 && h->old)
		return 0;
	if (seen->host != 1)
		return refuse(why, P_HOST, "One Host header is expected.");
	if (*seen->host_value == '\0')
		return refuse(why, P_HOST, "The Host header is empty.");
	for (const char *p = seen->host_value; *p != '\0'; p++)
		if (!is_alnum(*p) && strchr(marks, *p) == NULL)
			return refuse(why, P_HOST, "The Host header names no host.");
	if (authority != NULL && strcasecmp(authority, seen->host_value) != 0)
		return refuse(why, P_HOST, "The target and the Host header name different hosts.");
	return 0;
}

/* Who stands in front of us may take another of two lengths for the right one (RFC 9112 section 6.3). */
static int check_framing(const struct http_head *h, const struct seen *seen, struct refusal *why)
{
	if (seen->length + seen->coding > 1 || (h->chunked && h->old))
		return refuse(why, P_BODY_FRAMING, "One Content-Length, or \"Transfer-Encoding: chunked\", is "
		    "expected.");
	return 0;
}

static int read_fields(struct http_head *h, char *at, char *end, const char *authority, struct refusal *why)
{
	struct seen seen = { 0 };

	while (at < end) {
		char *line = at, *lf = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)(lf - line) - 1;

		at = lf + 1;
		if (n == 0)
			break;
		line[n] = '\0';
		if (read_field(h, line, n, why) != 0)
			return -1;
	}
	for (size_t i = 0; i < h->count; i++)
		if (read_meaning(h, &h->fields[i], &seen, why) != 0)
			return -1;
	return check_host(h, &seen, authority, why) != 0 ? -1 : check_framing(h, &seen, why);
}

int head_parse(struct http_head *h, const char *bytes, size_t n, struct refusal *why)
{
	size_t lines = 0, line;
	const char *authority = NULL;
	char *text, *lf;

	memset(h, 0, sizeof(*h));
	h->method = h->path = "-";
	h->query = "";
	h->length = -1;
	if (n >= 2 && bytes[0] == '\r') {	/* head_find let one empty line pass */
		bytes += 2;
		n -= 2;
	}
	for (size_t i = 0; i < n; i++)
		lines += bytes[i] == '\n';
	/* The fields, the text, the decoded path. */
	line = (size_t)((const char *)memchr(bytes, '\n', n) - bytes);
	if ((h->memory = malloc(lines * sizeof(*h->fields) + n + 1 + line + 1)) == NULL)
		return refuse(why, P_INTERNAL, "There is no memory.");
	h->fields = h->memory;
	text = (char *)(h->fields + lines);
	memcpy(text, bytes, n);
	text[n] = '\0';
	lf = text + line;
	lf[-1] = '\0';
	if (read_line(h, text, line - 1, text + n + 1, &authority, why) != 0)
		return -1;
	return read_fields(h, lf + 1, text + n, authority, why);
}

void head_clear(struct http_head *h)
{
	free(h->memory);
	memset(h, 0, sizeof(*h));
}
