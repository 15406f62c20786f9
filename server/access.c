/* access - see access.h. */
#include "server/access.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define SCHEME "Bearer "
#define TOKEN_LONGEST 256

int access_init(struct access *a, const struct settings *s, struct err *e)
{
	static const char of_names[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_, ";
	int n = tokens_parse(s->server.tokens, a->tokens, e);

	a->count = n > 0 ? (size_t)n : 0;
	a->names = s->server.host_names;
	if (a->names[strspn(a->names, of_names)] != '\0')
		return err_set(e, ERR_INPUT, 0, "[server] host_names: names are expected, without scheme and port");
	return n < 0 ? -1 : 0;
}

/* ---- web pages ---- */

/* A name may end with a dot, for the root (RFC 1034, 3.1), and is the same without. */
static size_t without_dot(const char *name, size_t n)
{
	return n > 1 && name[n - 1] == '.' ? n - 1 : n;
}

/* Is the n bytes at host one of the comma-separated names? */
static bool is_named(const char *names, const char *host, size_t n)
{
	while (*names != '\0') {
		size_t skip = strspn(names, ", "), length = strcspn(names + skip, ", ");

		if (without_dot(names + skip, length) == n && n > 0 && strncasecmp(names + skip, host, n) == 0)
			return true;
		names += skip + length;
	}
	return false;
}

static bool is_number(const char *host, size_t n)
{
	unsigned char address[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	bool six = n > 2 && host[0] == '[' && host[n - 1] == ']';

	if (six) {
		host++;
		n -= 2;
	}
	if (n >= sizeof(text))
		return false;
	memcpy(text, host, n);
	text[n] = '\0';
	return inet_pton(six ? AF_INET6 : AF_INET, text, address) == 1;
}

/* A Host without its port and last dot: how long it is. */
static size_t name_length(const char *host)
{
	size_t n = *host == '[' ? strcspn(host, "]") : strcspn(host, ":");

	n += *host == '[' && host[n] == ']';
	return without_dot(host, n);
}

/* localhost, and names below it: resolvers lead them here alone (RFC 6761, 6.3). */
static bool is_localhost(const char *host, size_t n)
{
	static const char below[] = ".localhost";
	size_t tail = sizeof(below) - 1;

	return is_named(below + 1, host, n) || (n > tail && strncasecmp(host + n - tail, below, tail) == 0);
}

int access_page(const struct access *a, const char *host, const char *origin, enum scope need, struct refusal *r)
{
	const char *from;
	size_t n;

	if (need == SCOPE_OPEN || a->count > 0 || host == NULL)
		return 0;
	n = name_length(host);
	if (!is_number(host, n) && !is_localhost(host, n) && !is_named(a->names, host, n))
		return refuse(r, P_HOST_UNKNOWN, "Without tokens this is served by an address, as localhost, or by a "
		    "name of [server] host_names alone: a web page could have made up any other.");
	if (need != SCOPE_OPERATE || origin == NULL)
		return 0;
	from = strstr(origin, "://");
	if (from == NULL || strcasecmp(from + 3, host) != 0)
		return refuse(r, P_ORIGIN, "A web page from elsewhere asks for this.");
	return 0;
}

/* ---- tokens ---- */

/* The token behind "Bearer", or NULL. */
static const char *bearer(const char *header, size_t *n)
{
	const char *token;

	if (header == NULL || strncasecmp(header, SCHEME, strlen(SCHEME)) != 0)
		return NULL;
	token = header + strlen(SCHEME);
	token += strspn(token, " ");
	*n = strcspn(token, " \t");
	return *n > 0 && *n <= TOKEN_LONGEST && token[*n] == '\0' ? token : NULL;
}

int access_check(const struct access *a, const char *header, enum scope need, const char **name, struct refusal *r)
{
	unsigned char hash[SHA256_BYTES];
	const struct token *found = NULL;
	const char *token;
	size_t n;

	*name = NULL;
	if (need == SCOPE_OPEN || a->count == 0)
		return 0;
	if (header == NULL)
		return refuse(r, P_TOKEN_MISSING, "Send \"Authorization: Bearer …\" with a token that may %s.",
		    scope_name(need));
	if ((token = bearer(header, &n)) == NULL)
		return refuse(r, P_TOKEN_UNKNOWN, "\"Authorization: Bearer …\" and one token are expected.");
	sha256_of(token, n, hash);
	for (size_t i = 0; i < a->count; i++)	/* all are compared, whichever fits */
		if (bytes_equal_ct(hash, a->tokens[i].hash, SHA256_BYTES))
			found = &a->tokens[i];
	if (found == NULL)
		return refuse(r, P_TOKEN_UNKNOWN, "This token is none that counts here.");
	*name = found->name;
	if (found->scope < need)
		return refuse(r, P_TOKEN_SCOPE, "This token may %s, not %s.", scope_name(found->scope),
		    scope_name(need));
	return 0;
}

const char *access_challenge(const struct refusal *r)
{
	switch (r->problem) {
	case P_TOKEN_MISSING:
		return "Bearer realm=\"geosluice\"";
	case P_TOKEN_UNKNOWN:
		return "Bearer realm=\"geosluice\", error=\"invalid_token\"";
	case P_TOKEN_SCOPE:
		return "Bearer realm=\"geosluice\", error=\"insufficient_scope\", scope=\"operate\"";
	default:
		return NULL;
	}
}
