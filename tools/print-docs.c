/*
 * print-docs - docs/codes.md and docs/settings.md, from the tables that the programs are made from.
 *
 * In:  "codes" or "settings". Out: Markdown on standard output. Depends on schema/.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "schema/reject.h"
#include "schema/settings.h"

static const char *const stages[] = {
	[STAGE_DOCUMENT] = "Document: the bytes and the JSON around the features",
	[STAGE_STRUCTURE] = "Structure: which members there are, and of what type",
	[STAGE_COORDINATES] = "Coordinates: shape and range of the numbers",
	[STAGE_TOPOLOGY] = "Topology: validity as OGC Simple Features has it",
	[STAGE_PROCESSING] = "Processing: what was tried and did not work",
};

static void print_choices(unsigned allowed)
{
	const char *comma = "";

	for (enum severity s = SEV_REJECT; s <= SEV_FIX; s++)
		if (allowed & 1u << s) {
			printf("%s%s", comma, severity_name(s));
			comma = ", ";
		}
}

/* JSON as such, words as words. */
static void print_example(const char *example)
{
	bool json = strchr("{[\"", example[0]) != NULL;

	printf("%s%s%s", json ? "`" : "", example, json ? "`" : "");
}

static void print_codes(void)
{
	int stage = -1;

	printf("# Codes\n\n"
	    "What geosluice says when something is wrong with a document or feature. A code never changes its\n"
	    "name. A source may choose another severity where the table allows one: `RING_UNCLOSED = fix` in its\n"
	    "section of the configuration.\n\n"
	    "- `reject`: the feature becomes a dead letter; a code of the first table fails the document unless\n"
	    "  it stands inside one feature.\n"
	    "- `warn`: the feature is taken as it is, and the report names the code.\n"
	    "- `fix`: the feature is mended, and the report says how.\n\n"
	    "This page is made by `make docs` from `schema/reject.def`.\n");
	for (enum reject_code c = R_NONE + 1; c < R_COUNT; c++) {
		const struct reject_info *i = reject_info(c);

		if ((int)i->stage != stage) {
			stage = (int)i->stage;
			printf("\n## %s\n\n| code | rule | default | may be | meaning | example | what to do |\n"
			    "|---|---|---|---|---|---|---|\n", stages[stage]);
		}
		printf("| `%s` | %s | %s | ", i->name, i->section, severity_name(i->severity));
		print_choices(i->allowed);
		printf(" | %s | ", i->meaning);
		print_example(i->example);
		printf(" | %s |\n", i->advice);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "codes") == 0)
		print_codes();
	else if (argc == 2 && strcmp(argv[1], "settings") == 0)
		settings_print(stdout, true);
	else {
		fprintf(stderr, "usage: print-docs codes|settings\n");
		return 2;
	}
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
