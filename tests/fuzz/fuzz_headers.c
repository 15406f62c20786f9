/*
 * The headers that are no signatures: media type, coding, CRS, trace, proxies, tokens, pages. Any text is taken or
 * refused.
 *
 * The input is lines: a character that names the header, then its value.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/access.h"
#include "server/admission.h"
#include "server/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HASH "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a09"
#define HEADERS 11

static const char conf[] = "[server]\ntokens = a:read:" HASH "\n[source a]\nsecret = s\nscheme = github\n";

static const char *const names[HEADERS] = {
	"Content-Type", "Content-Encoding", "Content-Crs", "traceparent", "X-Forwarded-For", "X-Forwarded-Proto",
	"Forwarded", "Authorization", "X-Hub-Signature-256", "Host", "Origin",
};

static struct settings *settings;
static struct keyring keys;
static struct access access_list, no_tokens = { .names = "inside, docker.internal." };
static struct address_ranges trusted;
static const char *values[HEADERS];

static const char *header(void *ctx, const char *name)
{
	(void)ctx;
	for (int i = 0; i < HEADERS; i++)
		if (strcasecmp(names[i], name) == 0)
			return values[i];
	return NULL;
}

static void set_up(void)
{
	struct err e = ERR_INIT;

	if (settings != NULL)
		return;
	if ((settings = settings_parse(conf, sizeof(conf) - 1, &e)) == NULL
	    || keyring_init(&keys, &settings->sources[0], &e) != 0 || access_init(&access_list, settings, &e) != 0
	    || address_ranges_parse(&trusted, "10.0.0.0/8, fd00::/8", &e) != 0)
		abort();
}

static void check_admission(void)
{
	const struct admission_request q = {
		.header = header, .method = "POST", .path = "/", .query = "", .declared = 10, .now_ms = 1,
	};
	struct refusal why = { .problem = P_NONE };
	char again[TRACE_PARENT + 1];
	struct admission a;
	int rc = admission_check(&a, &q, settings, &settings->sources[0], &keys, &why);

	if ((rc == 0) != (why.problem == P_NONE) || (rc != 0 && why.detail[0] == '\0'))
		abort();
	if (rc == 0 && (a.type == NULL || a.coding >= CODING_UNKNOWN))
		abort();
	/* What is carried is a traceparent, and reads as itself. */
	if (rc == 0 && a.trace[0] != '\0' && (!trace_read(a.trace, again) || strcmp(a.trace, again) != 0))
		abort();
}

static void check_client(const char *peer, bool believed, int kind)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	unsigned char bytes[16];
	struct client c;

	inet_pton(AF_INET, peer, &a.sin_addr);
	forwarded_client(&c, (const struct sockaddr *)&a, false, &trusted, kind, header, NULL);
	if (c.proxied != believed || (!believed && (c.https || strcmp(c.address, peer) != 0)))
		abort();
	if (inet_pton(AF_INET, c.address, bytes) != 1 && inet_pton(AF_INET6, c.address, bytes) != 1)
		abort();
}

static void check_token(void)
{
	struct refusal why = { .problem = P_NONE };
	const char *name;

	if (access_check(&access_list, values[7], SCOPE_READ, &name, &why) == 0 || access_challenge(&why) == NULL)
		abort();	/* nobody guesses a token */
}

/* Is it an address, or one of the names that no web page can make its own? */
static bool looks_like_ours(const char *host)
{
	static const char *const ours[] = { "inside", "docker.internal" };

	if (*host == '[' || (*host >= '0' && *host <= '9'))
		return true;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strncasecmp(host, ours[i], strlen(ours[i])) == 0)
			return true;
	for (; *host != '\0'; host++)
		if (strncasecmp(host, "localhost", 9) == 0)
			return true;
	return false;
}

/* Who may not look may not operate; with tokens both are theirs to decide. */
static void check_page(void)
{
	struct refusal why = { .problem = P_NONE }, more = why, with_tokens = why;
	const char *host = values[9], *origin = values[10];
	bool looks = access_page(&no_tokens, host, origin, SCOPE_READ, &why) == 0;
	bool operates = access_page(&no_tokens, host, origin, SCOPE_OPERATE, &more) == 0;

	if (looks != (why.problem == P_NONE) || operates != (more.problem == P_NONE) || (operates && !looks)
	    || (looks && !operates && (more.problem != P_ORIGIN || origin == NULL))
	    || (looks && host != NULL && !looks_like_ours(host))
	    || (operates && host != NULL && origin != NULL && strlen(origin) < strlen(host))
	    || access_page(&access_list, host, origin, SCOPE_OPERATE, &with_tokens) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct token tokens[TOKENS_MAX];
	struct err e = ERR_INIT;
	char *text = malloc(size + 1);

	set_up();
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	memset(values, 0, sizeof(values));
	tokens_parse(text, tokens, &e);
	for (char *p = text, *end; *p != '\0' && (end = strchr(p, '\n')) != NULL; p = end + 1) {
		*end = '\0';
		values[(unsigned char)*p % HEADERS] = *p != '\0' ? p + 1 : p;
	}
	check_admission();
	check_client("192.0.2.1", false, PROXY_FORWARDED);
	check_client("10.1.2.3", true, PROXY_FORWARDED);
	check_client("10.1.2.3", true, PROXY_X_FORWARDED_FOR);
	check_token();
	check_page();
	free(text);
	return 0;
}
