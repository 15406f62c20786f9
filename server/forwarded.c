/* forwarded - see forwarded.h. */
#include "server/forwarded.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "lib/decimal.h"

#define HOPS_MAX 16

struct text {
	const char *at;
	size_t n;
};

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static struct text trim(const char *at, size_t n)
{
	while (n > 0 && (*at == ' ' || *at == '\t')) {
		at++;
		n--;
	}
	while (n > 0 && (at[n - 1] == ' ' || at[n - 1] == '\t'))
		n--;
	return (struct text){ at, n };
}

/* Is the character at i escaped? */
static bool is_escaped(const char *text, size_t i)
{
	size_t n = 0;

	while (n < i && text[i - n - 1] == '\\')
		n++;
	return n % 2 == 1;
}

/*
 * The last element of a list of n characters, in which commas between quotes are none; n becomes what is before it.
 * Quotes are paired from the right: one that a client leaves open, further left, takes in nothing that proxies added.
 */
static struct text last_of(const char *list, size_t *n)
{
	const size_t end = *n;
	size_t from = end;
	bool quoted = false;

	for (; from > 0 && (quoted || list[from - 1] != ','); from--)
		quoted ^= list[from - 1] == '"' && !is_escaped(list, from - 1);
	*n = from > 0 ? from - 1 : 0;
	return trim(list + from, end - from);
}

/* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80" or "2001:db8::1"; with quotes around it or not. */
static bool read_node(struct text t, union address *a)
{
	char copy[64], *text = copy, *end;

	if (t.n >= 2 && t.at[0] == '"' && t.at[t.n - 1] == '"')
		t = (struct text){ t.at + 1, t.n - 2 };
	if (t.n == 0 || t.n >= sizeof(copy))
		return false;
	memcpy(copy, t.at, t.n);
	copy[t.n] = '\0';
	memset(a, 0, sizeof(*a));
	if (*text == '[') {
		if ((end = strchr(++text, ']')) == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		*end = '\0';
	} else if ((end = strchr(text, ':')) != NULL && strchr(end + 1, ':') == NULL) {
		*end = '\0';
	}
	if (inet_pton(AF_INET, text, &a->in.sin_addr) == 1) {
		a->any.sa_family = AF_INET;
		return true;
	}
	a->any.sa_family = AF_INET6;
	return inet_pton(AF_INET6, text, &a->in6.sin6_addr) == 1;
}

/* Each request says who sent it: no printf, as inet_ntop has. */
static void write_four(char *out, const unsigned char bytes[4])
{
	for (int i = 0; i < 4; i++) {
		out += decimal(out, bytes[i]);
		*out++ = i < 3 ? '.' : '\0';
	}
}

static void write_address(struct client *c, const struct sockaddr *a)
{
	const union address *u = (const void *)a;

	strcpy(c->address, "-");
	if (a->sa_family == AF_INET)
		write_four(c->address, (const unsigned char *)&u->in.sin_addr);
	else if (a->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &u->in6.sin6_addr, c->address, sizeof(c->address));
}

/* The value of a parameter of one Forwarded element: "for=…;proto=…". */
static struct text parameter(struct text element, const char *name)
{
	size_t k = strlen(name);

	while (element.n > 0) {
		bool quoted = false;
		size_t n = 0;
		struct text pair;

		for (; n < element.n && (quoted || element.at[n] != ';'); n++)
			quoted ^= element.at[n] == '"' && !(quoted && is_escaped(element.at, n));
		pair = trim(element.at, n);
		if (pair.n > k && pair.at[k] == '=' && strncasecmp(pair.at, name, k) == 0)
			return trim(pair.at + k + 1, pair.n - k - 1);
		n += n < element.n;
		element.at += n;
		element.n -= n;
	}
	return (struct text){ "", 0 };
}

static bool is_https(struct text t)
{
	return (t.n == 5 && strncasecmp(t.at, "https", 5) == 0) || (t.n == 7 && strncasecmp(t.at, "\"https\"", 7) == 0);
}

void forwarded_client(struct client *c, const struct sockaddr *peer, bool tls, const struct address_ranges *trusted,
    int proxy_header, header_fn header, void *ctx)
{
	bool rfc = proxy_header == PROXY_FORWARDED;
	const char *list, *proto;
	union address from;
	size_t n;

	c->https = tls;
	c->proxied = false;
	write_address(c, peer);
	if (trusted->count == 0 || !address_is_in(trusted, peer))
		return;
	c->proxied = true;
	/* How the client spoke to the outermost proxy that is believed: the innermost to say so is the one we hear. */
	if (!rfc && (proto = header(ctx, "X-Forwarded-Proto")) != NULL) {
		n = strlen(proto);
		c->https = is_https(last_of(proto, &n));
	}
	if ((list = header(ctx, rfc ? "Forwarded" : "X-Forwarded-For")) == NULL)
		return;
	n = strlen(list);
	for (int hops = 0; hops < HOPS_MAX && n > 0; hops++) {
		struct text element = last_of(list, &n);

		if (rfc && parameter(element, "proto").n > 0)
			c->https = is_https(parameter(element, "proto"));
		if (!read_node(rfc ? parameter(element, "for") : element, &from))
			return;		/* it would not say: its own address has to do */
		write_address(c, &from.any);
		if (!address_is_in(trusted, &from.any))
			return;
	}
}
