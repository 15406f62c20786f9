/*
 * settings_print - the table of settings as text, and the command line that shows it.
 *
 * In:  the table, argv. Out: text for --help and docs/settings.md. Depends on nothing.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/streams.h"
#include "schema/settings_table.h"

static const char preface[] =
"# Settings\n"
"\n"
"All programs read the same settings: first the defaults below, then an INI file (`-c FILE`, or\n"
"`GEOSLUICE_CONFIG`), then the environment. What is wrong or unknown in the file is refused at the\n"
"start, with the line, the value and what is allowed.\n"
"\n"
"```ini\n"
"[redis]\n"
"url = unix:///run/geosluice/redis.sock\n"
"[courier]\n"
"allow = 127.0.0.0/8            ; private ranges are refused unless named here\n"
"[source acme]\n"
"secret_file = /etc/geosluice/acme.secret\n"
"callback_url = https://acme.example/hooks/geosluice\n"
"RING_UNCLOSED = fix\n"
"```\n"
"\n"
"- A value goes to the end of its line. `;` after white space begins a comment, as `;` and `#` do at\n"
"  the start of a line. Nothing is quoted, and nothing is continued on the next line.\n"
"- A line has at most 16,000 bytes, or 199 where the system's inih is built that way. The environment has\n"
"  no such limit.\n"
"- Whole numbers are plain decimal digits, without separators or suffixes.\n"
"- A secret is the text itself, or `whsec_` and base64, or `whpk_` and an Ed25519 public key in base64 (the\n"
"  last 44 characters of its PEM). `<name>_file` (in the environment `…_FILE`) names a file with that one\n"
"  line instead. Secrets and passwords in URLs appear in no log or message.\n"
"- A source may have four secrets, each with a time from and until which it counts: while they overlap, a\n"
"  sender can change from one to the next without a delivery lost.\n"
"- A source's name is of `a-z 0-9 - _`, begins with a letter or digit and has at most 40 characters.\n"
"  Every source needs a secret.\n"
"- `GEOSLUICE_SOURCE_<NAME>_<SETTING>` sets one of a source, `-` in its name written as `_`; it makes\n"
"  the source (name in lower case) where the file has none of that name.\n"
"- Environment names that are not in these tables are ignored, except those that begin with\n"
"  `GEOSLUICE_SOURCE_`.\n"
"\n"
"This page is made by `make docs` from `schema/limits.def`; `geosluice settings` prints the same.\n";

static const char severities[] =
"\n"
"Any code is a setting of a source too: `CODE = reject`, `warn` or `fix` says what happens to a\n"
"feature that has the fault. [codes.md](codes.md) lists them, with their defaults and what each may be.\n";

static void print_plain(FILE *f, const struct item *it)
{
	char env[ENV_NAME_MAX], allowed[128];

	item_env_name(it, env);
	item_allowed(it, allowed, sizeof(allowed));
	fprintf(f, "  %s = %s\n      %s\n      %s; %s%s\n", it->name, it->fallback, it->help, allowed, env,
	    it->kind == KIND_SECRET ? "[_FILE]" : "");
}

static void print_row(FILE *f, const struct item *it)
{
	char env[ENV_NAME_MAX], allowed[128];

	item_env_name(it, env);
	item_allowed(it, allowed, sizeof(allowed));
	fprintf(f, "| `%s`%s | %s%s%s | %s | %s | `%s` |\n", it->name,
	    it->kind == KIND_SECRET ? ", `_file`" : "", *it->fallback ? "`" : "", it->fallback,
	    *it->fallback ? "`" : "", allowed, it->help, env);
}

static void print_items(FILE *f, const struct item *items, size_t n, bool markdown)
{
	const char *section = "";

	for (size_t i = 0; i < n; i++) {
		const char *own = items[i].section ? items[i].section : "source NAME";

		if (strcmp(own, section) != 0) {
			section = own;
			fprintf(f, markdown ? "\n## [%s]\n\n| setting | default | allowed | what it is | "
			    "environment |\n|---|---|---|---|---|\n" : "[%s]\n", section);
		}
		if (markdown)
			print_row(f, &items[i]);
		else
			print_plain(f, &items[i]);
	}
}

void settings_print(FILE *f, bool markdown)
{
	if (markdown)
		fputs(preface, f);
	print_items(f, setting_items, setting_item_count, markdown);
	print_items(f, source_items, source_item_count, markdown);
	fputs(markdown ? severities : "  CODE = reject, warn or fix\n      What happens to a feature "
	    "with that fault; docs/codes.md lists them.\n", f);
}

static void usage(FILE *f, const char *program, const char *about)
{
	fprintf(f, "%s - %s\n\nusage: %s [-c FILE]\n\n"
	    "  -c, --config FILE   settings (default: GEOSLUICE_CONFIG, else none)\n"
	    "  -h, --help          this text\n"
	    "  -V, --version       the version\n", program, about, program);
}

struct settings *settings_from_args(int argc, char **argv, const char *program, const char *about)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	const char *path = getenv("GEOSLUICE_CONFIG");
	struct err e = ERR_INIT;
	struct settings *s;
	int c;

	streams_hold();
	while ((c = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'h':
			usage(stdout, program, about);
			printf("\nSettings, their defaults, what is allowed, and their environment names:\n\n");
			settings_print(stdout, false);
			exit(0);
		case 'V':
			printf("%s %s\n", program, GS_VERSION);
			exit(0);
		default:
			usage(stderr, program, about);
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument: %s\n", program, argv[optind]);
		exit(2);
	}
	if (path != NULL && *path == '\0')
		path = NULL;
	if ((s = settings_load(path, &e)) == NULL) {
		fprintf(stderr, "%s: %s\n", program, e.text);
		exit(2);
	}
	return s;
}
