/*
 * sign - the headers that sign a document, for use with other clients.
 *
 * In:  a document, a secret. Out: one header per line.
 */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/http.h"
#include "cli/signing.h"

static const char usage[] =
"usage: geosluice sign [options] FILE|-\n"
"\n"
"Prints the headers that sign FILE, one per line:\n"
"  geosluice sign --secret-file KEY FILE | curl -H @- -H 'content-type: application/geo+json' \\\n"
"    --data-binary @FILE URL/v1/ingest/NAME\n"
"\n"
SIGNING_USAGE
"  --url URL           of the server, --source NAME, --type TYPE, --crs CRS: as for send; rfc9421 signs them\n";

/* Of SIGNING_OPTIONS or its own. 1: it is none. */
static int take_option(struct signing *s, int option, const char **base, const char **source, struct err *e)
{
	switch (option) {
	case 'u':
		*base = optarg;
		return 0;
	case 'n':
		*source = optarg;
		return 0;
	case 'c':
		s->crs = optarg;
		return 0;
	case 'y':
		s->type = optarg;
		return 0;
	default:
		return signing_option(s, option, optarg, e);
	}
}

int cli_sign(int argc, char **argv)
{
	static const struct option options[] = {
		SIGNING_OPTIONS,
		{ "url", required_argument, NULL, 'u' }, { "source", required_argument, NULL, 'n' },
		{ "crs", required_argument, NULL, 'c' }, { "type", required_argument, NULL, 'y' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	const char *base = NULL, *source = NULL;
	char url[1024], path[160];
	struct signing s;
	struct signing_headers h = { 0 };
	struct err e = ERR_INIT;
	uint64_t bytes;
	FILE *f = NULL;
	int c, rc = EXIT_FAILED;

	signing_init(&s);
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		int taken = take_option(&s, c, &base, &source, &e);

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
	if (source != NULL) {
		snprintf(path, sizeof(path), "/v1/ingest/%.128s", source);
		http_join(url, sizeof(url), http_base(base), path);
		s.url = url;
	}
	if (s.type == NULL)
		s.type = send_type_of(argv[optind]);
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
