/* access - see access.h. */
#include "server/access.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define SCHEME "Bearer "
#define TOKEN_LONGEST 256

int access_init(struct access *a, const struct settings *s, struct err *e)
{
	int n = tokens_parse(s->server.tokens, a->tokens, e);

	a->count = n > 0 ? (size_t)n : 0;
	return n < 0 ? -1 : 0;
}

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
