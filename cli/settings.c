/* settings - every setting, as the table has it. In: --markdown or nothing. Out: text. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "schema/settings.h"

int cli_settings(int argc, char **argv)
{
	bool markdown = argc == 2 && strcmp(argv[1], "--markdown") == 0;
	bool help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

	if (argc > 1 && !markdown) {
		fprintf(help ? stdout : stderr, "usage: geosluice settings [--markdown]\n\n"
		    "Lists every setting with its default, its range, its reason and its name in the environment.\n");
		return help ? EXIT_GOOD : EXIT_FAILED;
	}
	settings_print(stdout, markdown);
	return EXIT_GOOD;
}
