/* redis_cmd - see redis.h: commands, replies and URLs; everything that needs no connection. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto.h"
#include "lib/decimal.h"
#include "lib/redis_internal.h"

#define MAX_INTS 64

void cmd_init(struct redis_cmd *c)
{
	memset(c, 0, sizeof(*c));
}

void cmd_clear(struct redis_cmd *c)
{
	free(c->argv);
	free(c->lens);
	free(c->ints);
	cmd_init(c);
}

void cmd_reset(struct redis_cmd *c)
{
	c->argc = c->int_count = c->parts = c->given = 0;
	c->failed = false;
	c->script = NULL;
}

static int cmd_grow(struct redis_cmd *c)
{
	size_t room = c->room == 0 ? 32 : c->room * 2;
	const char **argv = realloc(c->argv, room * sizeof(*argv));
	size_t *lens;

	if (argv != NULL)
		c->argv = argv;
	lens = realloc(c->lens, room * sizeof(*lens));
	if (lens != NULL)
		c->lens = lens;
	if (argv == NULL || lens == NULL)
		return -1;
	c->room = room;
	return 0;
}

void cmd_bytes(struct redis_cmd *c, const void *p, size_t n)
{
	if (c->failed || (c->argc == c->room && cmd_grow(c) != 0)) {
		c->failed = true;
		return;
	}
	c->argv[c->argc] = p;
	c->lens[c->argc++] = n;
}

void cmd_give(struct redis_cmd *c, char *p, size_t n)
{
	c->given = c->argc;
	cmd_bytes(c, p, n);
}

void cmd_str(struct redis_cmd *c, const char *s)
{
	cmd_bytes(c, s, strlen(s));
}

/* The block of integers never moves, so that argv may point into it. */
void cmd_int(struct redis_cmd *c, long long v)
{
	if (c->ints == NULL)
		c->ints = malloc(MAX_INTS * sizeof(*c->ints));
	if (c->ints == NULL || c->int_count == MAX_INTS) {
		c->failed = true;
		return;
	}
	cmd_bytes(c, c->ints[c->int_count], decimal_signed(c->ints[c->int_count], v));
	c->int_count++;
}

struct redis_cmd *cmd_copy(const struct redis_cmd *c)
{
	size_t n = 0;
	struct redis_cmd *copy;
	char *at;

	for (size_t i = 0; i < c->argc; i++)
		n += c->lens[i];
	if (c->failed || c->parts > 0
	    || (copy = malloc(sizeof(*copy) + c->argc * (sizeof(*c->argv) + sizeof(*c->lens)) + n)) == NULL)
		return NULL;
	*copy = (struct redis_cmd){ .argc = c->argc, .room = c->argc, .script = c->script };
	copy->argv = (const char **)(copy + 1);
	copy->lens = (size_t *)(copy->argv + c->argc);
	at = (char *)(copy->lens + c->argc);
	for (size_t i = 0; i < c->argc; i++) {
		copy->argv[i] = memcpy(at, c->argv[i], c->lens[i]);
		copy->lens[i] = c->lens[i];
		at += c->lens[i];
	}
	return copy;
}

void cmd_line(struct redis_cmd *c, ...)
{
	const char *s;
	va_list ap;

	cmd_reset(c);
	va_start(ap, c);
	while ((s = va_arg(ap, const char *)) != NULL)
		cmd_str(c, s);
	va_end(ap);
}

void redis_script_name(struct redis_script *s)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	if (s->sha[0] == '\0')
		sha1_hex(s->sha, s->text, strlen(s->text));
	pthread_mutex_unlock(&lock);
}

static void add_script(struct redis_cmd *c, struct redis_script *s, int nkeys)
{
	redis_script_name(s);
	c->script = s;
	cmd_str(c, "EVALSHA");
	cmd_bytes(c, s->sha, sizeof(s->sha) - 1);
	cmd_int(c, nkeys);
}

void cmd_script(struct redis_cmd *c, struct redis_script *s, int nkeys)
{
	cmd_reset(c);
	add_script(c, s, nkeys);
}

void cmd_next(struct redis_cmd *c)
{
	if (c->parts == CMD_PARTS_MAX - 1)
		c->failed = true;
	else
		c->begins[c->parts++] = c->argc;
}

void cmd_next_script(struct redis_cmd *c, struct redis_script *s, int nkeys)
{
	cmd_next(c);
	add_script(c, s, nkeys);
}

static const redisReply *as_redis(const struct reply *r)
{
	return (const redisReply *)r;
}

enum reply_type reply_type(const struct reply *r)
{
	if (r == NULL)
		return REPLY_NIL;
	switch (as_redis(r)->type) {
	case REDIS_REPLY_STRING: return REPLY_STRING;
	case REDIS_REPLY_INTEGER: return REPLY_INT;
	case REDIS_REPLY_ARRAY: return REPLY_ARRAY;
	case REDIS_REPLY_STATUS: return REPLY_STATUS;
	case REDIS_REPLY_ERROR: return REPLY_ERROR;
	default: return REPLY_NIL;
	}
}

const char *reply_str(const struct reply *r, size_t *len)
{
	enum reply_type t = reply_type(r);
	bool text = t == REPLY_STRING || t == REPLY_STATUS || t == REPLY_ERROR;

	if (len != NULL)
		*len = text ? (size_t)as_redis(r)->len : 0;
	return text ? as_redis(r)->str : "";
}

long long reply_int(const struct reply *r)
{
	if (reply_type(r) == REPLY_INT)
		return as_redis(r)->integer;
	return strtoll(reply_str(r, NULL), NULL, 10);
}

size_t reply_count(const struct reply *r)
{
	return reply_type(r) == REPLY_ARRAY ? as_redis(r)->elements : 0;
}

const struct reply *reply_at(const struct reply *r, size_t i)
{
	return i < reply_count(r) ? (const struct reply *)as_redis(r)->element[i] : NULL;
}

const struct reply *reply_field(const struct reply *r, size_t first, const char *name)
{
	size_t n = strlen(name), len;

	for (size_t i = first; i + 1 < reply_count(r); i += 2) {
		const char *s = reply_str(reply_at(r, i), &len);

		if (len == n && memcmp(s, name, n) == 0)
			return reply_at(r, i + 1);
	}
	return NULL;
}

void reply_free(struct reply **r)
{
	if (*r != NULL)
		freeReplyObject(*r);
	*r = NULL;
}

bool redis_is_noscript(const redisReply *r)
{
	return r != NULL && r->type == REDIS_REPLY_ERROR && strncmp(r->str, "NOSCRIPT", 8) == 0;
}

int redis_error(struct err *e, const redisReply *r)
{
	/* What passes when Redis has loaded, failed over, or got room again. */
	static const char *const passing[] = {
		"LOADING ", "READONLY ", "OOM ", "MISCONF ", "BUSY ", "NOSCRIPT ", "CLUSTERDOWN ",
		"TRYAGAIN ", "MASTERDOWN ", "NOREPLICAS ", "UNBLOCKED ", REDIS_FULL,
	};
	enum err_class cls = ERR_SYSTEM;

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (strncmp(r->str, passing[i], strlen(passing[i])) == 0)
			cls = ERR_RETRY;
	return err_set(e, cls, 0, "%.180s", r->str);
}

void redis_url_clear(struct redis_url *u)
{
	if (u->password != NULL)
		secret_wipe(u->password, strlen(u->password));
	free(u->path);
	free(u->host);
	free(u->user);
	free(u->password);
	memset(u, 0, sizeof(*u));
}

/* Decimal in [low, high] up to `end`, or -1. */
static int read_number(const char *s, const char *end, int low, int high)
{
	int v = 0;

	if (s == end || end - s > 9)
		return -1;
	for (; s < end; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		v = v * 10 + (*s - '0');
	}
	return v >= low && v <= high ? v : -1;
}

static int parse_unix(struct redis_url *u, const char *s)
{
	const char *query = strchr(s, '?');

	if (*s != '/')
		return -1;
	u->path = strndup(s, query ? (size_t)(query - s) : strlen(s));
	if (query != NULL) {
		if (strncmp(query, "?db=", 4) != 0)
			return -1;
		u->db = read_number(query + 4, s + strlen(s), 0, 65535);
	}
	return u->path != NULL && u->db >= 0 ? 0 : -1;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A user or password: what a URL cannot hold as it is stands as %XX (RFC 3986, section 2.1). NULL: it is not so, or
 * there is no memory. */
static char *decode(const char *s, size_t n)
{
	char *out = malloc(n + 1), *to = out;

	for (size_t i = 0; out != NULL && i < n; i++) {
		int high = 0, low = 0;

		if (s[i] != '%') {
			*to++ = s[i];
			continue;
		}
		if (i + 3 > n || (high = hex_digit(s[i + 1])) < 0 || (low = hex_digit(s[i + 2])) < 0
		    || high + low == 0) {
			free(out);
			return NULL;
		}
		*to++ = (char)(high * 16 + low);
		i += 2;
	}
	if (out != NULL)
		*to = '\0';
	return out;
}

static int parse_tcp(struct redis_url *u, const char *s)
{
	const char *end = s + strlen(s), *slash, *at, *colon;

	if ((slash = strchr(s, '/')) != NULL) {
		if (slash[1] != '\0' && (u->db = read_number(slash + 1, end, 0, 65535)) < 0)
			return -1;
		end = slash;
	}
	if ((at = memchr(s, '@', (size_t)(end - s))) != NULL) {
		if ((colon = memchr(s, ':', (size_t)(at - s))) == NULL)
			return -1;
		if (colon > s && (u->user = decode(s, (size_t)(colon - s))) == NULL)
			return -1;
		if ((u->password = decode(colon + 1, (size_t)(at - colon - 1))) == NULL)
			return -1;
		s = at + 1;
	}
	u->port = 6379;
	colon = s < end && *s == '[' ? memchr(s, ']', (size_t)(end - s)) : s;
	if (colon == NULL)
		return -1;
	if ((colon = memchr(colon, ':', (size_t)(end - colon))) != NULL) {
		if ((u->port = read_number(colon + 1, end, 1, 65535)) < 0)
			return -1;
		end = colon;
	}
	if (s < end && *s == '[') {
		s++;
		end--;
	}
	return s < end && (u->host = strndup(s, (size_t)(end - s))) != NULL ? 0 : -1;
}

int redis_url_parse(struct redis_url *u, const char *url, struct err *e)
{
	int rc = -1;

	memset(u, 0, sizeof(*u));
	if (strncmp(url, "unix://", 7) == 0)
		rc = parse_unix(u, url + 7);
	else if (strncmp(url, "redis://", 8) == 0)
		rc = parse_tcp(u, url + 8);
	if (rc == 0)
		return 0;
	redis_url_clear(u);
	return err_set(e, ERR_INPUT, 0,
	    "not a Redis URL: redis://[user:password@]host[:port][/db] (in user and password %%25 for a percent "
	    "sign, %%40 for @, %%2F for /) or unix:///path[?db=n]");
}

bool redis_url_ok(const char *url)
{
	struct redis_url u;

	if (redis_url_parse(&u, url, NULL) != 0)
		return false;
	redis_url_clear(&u);
	return true;
}
