/* geosluice - the command line: picks the subcommand. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/heap.h"
#include "lib/streams.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
} commands[] = {
	{ "up", cli_up, "run Redis, server, worker and courier here until Ctrl-C" },
	{ "check", cli_check, "say what is wrong with each feature of a file" },
	{ "convert", cli_convert, "write a file's features valid and in another CRS" },
	{ "send", cli_send, "sign a file and stream it to a server" },
	{ "job", cli_job, "show a job, or wait for its end" },
	{ "dlq", cli_dlq, "list, show, edit, replay or drop dead letters" },
	{ "sign", cli_sign, "print the headers that sign a file" },
	{ "token", cli_token, "make a token for those who read or operate" },
	{ "ready", cli_ready, "say whether the server of this machine takes documents" },
	{ "settings", cli_settings, "list every setting with its default and range" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *f)
{
	fprintf(f, "usage: geosluice COMMAND [OPTION…] [ARGUMENT…]\n\ncommands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(f, "  %-9s %s\n", commands[i].name, commands[i].about);
	fprintf(f, "\n`geosluice COMMAND --help` shows the options of one.\n");
}

static int run(int (*command)(int argc, char **argv), int argc, char **argv)
{
	int status = command(argc, argv);

	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "geosluice: not everything could be written to stdout\n");
		return EXIT_FAILED;
	}
	return status;
}

int main(int argc, char **argv)
{
	streams_hold();
	heap_keep();
	if (argc < 2) {
		usage(stderr);
		return EXIT_FAILED;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return EXIT_GOOD;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("geosluice " GS_VERSION "\n");
		return EXIT_GOOD;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run(commands[i].run, argc - 1, argv + 1);
	fprintf(stderr, "geosluice: no command \"%s\"\n", argv[1]);
	usage(stderr);
	return EXIT_FAILED;
}
