/*
 * ready - asks the server of these settings whether it takes documents: for health checks of containers.
 *
 * In:  the settings that the server has. Out: the exit status.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/own.h"
#include "schema/settings.h"

#define TIMEOUT_MS 2000

static const char usage[] =
"usage: geosluice ready [--config FILE]\n"
"\n"
"Asks the server of this machine whether it is ready (GET /readyz), by TLS where that is set; exit 0 if it is.\n"
"Whom the certificate was made out to does not matter here.\n"
"\n"
"  --config FILE   the settings (default: GEOSLUICE_CONFIG), as the server has them\n";

int cli_ready(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	const char *config = getenv("GEOSLUICE_CONFIG");
	struct err e = ERR_INIT;
	struct settings *s;
	char url[300];
	bool ready;
	int c;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (c != 'c') {
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_GOOD : EXIT_FAILED;
		}
		config = optarg;
	}
	if (optind != argc) {
		fputs(usage, stderr);
		return EXIT_FAILED;
	}
	if ((s = settings_load(config && *config ? config : NULL, &e)) == NULL) {
		fprintf(stderr, "geosluice: %s\n", e.text);
		return EXIT_FAILED;
	}
	own_url(url, sizeof(url), s->server.listen, *s->server.tls_certificate != '\0');
	settings_free(&s);
	ready = own_is_ready(url, TIMEOUT_MS, &e);
	if (!ready)
		fprintf(stderr, "geosluice: %s\n", e.text);
	return ready ? EXIT_GOOD : EXIT_FAILED;
}
