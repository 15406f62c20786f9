/*
 * sign - the headers that sign a document, for use with other clients.
 *
 * In:  a document, a secret. Out: one header per line.
 */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/signing.h"

static const char usage[] =
"usage: geosluice sign [options] FILE|-\n"
"\n"
"Prints the headers that sign FILE, one per line:\n"
"  geosluice sign --secret-file KEY FILE | curl -H @- -H 'content-type: application/geo+json' \\\n"
"    --data-binary @FILE URL/v1/ingest/NAME\n"
"\n"
"  --secret SECRET     or --secret-file FILE, or GEOSLUICE_SECRET\n"
"  --scheme SCHEME     standard-webhooks (default) or github\n"
"  --id ID             the delivery's id (default: a random one)\n"
"  --timestamp T       Unix seconds (default: now)\n";

int cli_sign(int argc, char **argv)
{
	static const struct option options[] = {
		SIGNING_OPTIONS, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	struct signing s = { 0 };
	struct signing_headers h = { 0 };
	struct err e = ERR_INIT;
	uint64_t bytes;
	FILE *f = NULL;
	int c, rc = EXIT_FAILED;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		int taken = signing_option(&s, c, optarg, &e);

		if (taken == 1)
			fputs(usage, c == 'h' ? stdout : stderr);
		if (taken != 0) {
			rc = c == 'h' ? EXIT_GOOD : EXIT_FAILED;
			goto out;
		}
	}
	if (optind != argc - 1) {
		fputs(usage, stderr);
		goto out;
	}
	if (signing_ready(&s, &e) != 0 || (f = signing_open(argv[optind], &e)) == NULL ||
	    signing_make(&s, f, &h, &bytes, &e) != 0)
		goto out;
	for (int i = 0; h.lines[i] != NULL; i++)
		puts(h.lines[i]);
	rc = EXIT_GOOD;
 out:
	if (e.cls != ERR_NONE)
		fprintf(stderr, "geosluice: %s\n", e.text);
	if (f != NULL)
		fclose(f);
	signing_clear(&s);
	return rc;
}
