/*
 * job - how far a job is.
 *
 * In:  a job's id. Out: its statusInfo, as the server says it.
 */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/http.h"
#include "cli/job_watch.h"
#include "schema/wire.h"

static const char usage[] =
"usage: geosluice job [--wait] [--url URL] [--token T] ID\n"
"\n"
"Prints the job as JSON.\n"
"\n"
"  --wait      until it has ended; then exit 0 (good), 1 (some features rejected) or 2 (failed)\n"
"  --url URL   of the server (default: GEOSLUICE_URL, else http://127.0.0.1:8080)\n"
HTTP_TOKEN_USAGE;

int cli_job(int argc, char **argv)
{
	static const struct option options[] = {
		{ "wait", no_argument, NULL, 'w' }, { "url", required_argument, NULL, 'u' },
		{ "token", required_argument, NULL, 'T' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	const char *base = NULL;
	struct err e = ERR_INIT;
	struct buf answer;
	bool wait = false;
	int c, status, rc;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'w') {
			wait = true;
		} else if (c == 'u') {
			base = optarg;
		} else if (c == 'T') {
			http_token(optarg);
		} else {
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_GOOD : EXIT_FAILED;
		}
	}
	if (optind != argc - 1 || !wire_is_job_id(argv[optind])) {
		fprintf(stderr, "geosluice: a job's id is needed\n%s", usage);
		return EXIT_FAILED;
	}
	base = http_base(base);
	buf_init(&answer, HTTP_ANSWER_MAX);
	status = wait ? job_wait(base, argv[optind], &answer, &e) : job_get(base, argv[optind], &answer, &e);
	if (status == 200) {
		printf("%s\n", buf_cstr(&answer));
		rc = wait ? job_exit_code(&answer) : EXIT_GOOD;
	} else {
		http_complain(status, &answer, &e);
		rc = EXIT_FAILED;
	}
	buf_clear(&answer);
	return rc;
}
