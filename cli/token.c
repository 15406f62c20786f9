/*
 * token - makes a token for the read and operate APIs.
 *
 * In:  a name and a scope. Out: the token, once, and what stands of it in the configuration.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "schema/tokens.h"

static const char usage[] =
"usage: geosluice token [--operate] [NAME]\n"
"\n"
"Makes a token. Prints it, and what to add to [server] tokens: its hash alone is kept there.\n"
"\n"
"  --operate   it may also replay, drop and dismiss; else it may only read\n"
"  NAME        that logs show (default: the scope)\n";

int cli_token(int argc, char **argv)
{
	static const struct option options[] = {
		{ "operate", no_argument, NULL, 'o' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	char text[TOKEN_TEXT], hash[SHA256_HEX + 1], entry[256];
	struct token parsed[TOKENS_MAX];
	enum scope scope = SCOPE_READ;
	struct err e = ERR_INIT;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c != 'o') {
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_GOOD : EXIT_FAILED;
		}
		scope = SCOPE_OPERATE;
	}
	token_make(text, hash);
	snprintf(entry, sizeof(entry), "%.100s:%s:%s", optind < argc ? argv[optind] : scope_name(scope),
	    scope_name(scope), hash);
	if (argc - optind > 1 || tokens_parse(entry, parsed, &e) != 1) {
		fprintf(stderr, "geosluice: a name of 1 to %d visible characters, without : , \" or =\n%s",
		    TOKEN_NAME_MAX, usage);
		return EXIT_FAILED;
	}
	printf("%s\ntokens = %s\n", text, entry);
	return EXIT_GOOD;
}
