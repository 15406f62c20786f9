/*
 * access - who asks, and may they? Bearer tokens (RFC 6750), and web pages that use somebody's browser.
 *
 * In:  headers, what a route needs. Out: yes, or a refusal. Depends on schema/tokens.
 */
#ifndef GS_SERVER_ACCESS_H
#define GS_SERVER_ACCESS_H

#include "schema/settings.h"
#include "schema/tokens.h"
#include "server/problem.h"

struct access {
	struct token tokens[TOKENS_MAX];
	size_t count;		/* 0: nobody is asked, which main allows on loopback alone */
	const char *names;	/* that it is called by besides; the settings' own */
};

int access_init(struct access *a, const struct settings *s, struct err *e);

/* header: the value of Authorization, or NULL. 0 and the token's name (NULL where none was needed), or -1. */
int access_check(const struct access *a, const char *header, enum scope need, const char **name, struct refusal *r);

/*
 * Where no token is needed, a browser on this machine must not lend a web page its place. A page whose name was made to
 * lead here (DNS rebinding) says that name in Host; one from elsewhere that wants something done is named in Origin.
 * host, origin: the headers' values, or NULL.
 */
int access_page(const struct access *a, const char *host, const char *origin, enum scope need, struct refusal *r);

/* WWW-Authenticate of a refusal of access_check, or NULL if r is none. */
const char *access_challenge(const struct refusal *r);

#endif
