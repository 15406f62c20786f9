/*
 * dlq - dead letters: what was rejected, why, and again.
 *
 * In:  list, show, edit, replay or drop. Out: the server's JSON; of replays a page a line.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/dlq_edit.h"
#include "cli/http.h"
#include "cli/json_get.h"
#include "schema/wire.h"

#define TIMEOUT_MS 60000
#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

static const char usage[] =
"usage: geosluice dlq list [filters] [--limit N] [--cursor C]\n"
"       geosluice dlq show ID\n"
"       geosluice dlq edit ID [--file FILE|-]     mends it in $VISUAL or $EDITOR, or takes FILE, and replays it\n"
"       geosluice dlq replay ID | geosluice dlq replay filters\n"
"       geosluice dlq drop ID\n"
"\n"
"  --source NAME  --job ID  --code CODE    filters: those of this source, job or code\n"
"  --limit N  --cursor C                   one page: of N letters, from the \"next\" of an earlier page on\n"
"  --url URL      of the server (default: GEOSLUICE_URL, else http://127.0.0.1:8080)\n"
"  --token T      where the server asks for one (default: GEOSLUICE_TOKEN)\n"
"\n"
"replay with filters takes all that fit them and are there when it begins, newest first, and prints the server's\n"
"answers, one per line. One that was replayed before gives its job again. Exit status: 0 all were replayed, 1 some\n"
"were not (\"skipped\" says why), 2 it did not come to the end.\n";

struct asking {
	const char *base;
	char query[1024];	/* "?name=value&…" or "" */
	bool one_page;
	const char *file;	/* of edit */
};

/* All values that make sense here need no escaping in a URL; others are refused. */
static int add_filter(struct asking *a, const char *name, const char *value)
{
	size_t n = strlen(a->query);

	if (*value == '\0' || value[strspn(value, PLAIN)] != '\0' || n + strlen(value) + 16 > sizeof(a->query)) {
		fprintf(stderr, "geosluice: --%s %.60s: expected letters, digits, - _ .\n", name, value);
		return -1;
	}
	snprintf(a->query + n, sizeof(a->query) - n, "%c%s=%s", n == 0 ? '?' : '&', name, value);
	return 0;
}

/* Prints what is answered, which is added to answer. */
static int ask_for(const struct asking *a, const char *method, const char *path, struct buf *answer)
{
	char url[2048];
	const struct http_request q = { .method = method, .url = url, .timeout_ms = TIMEOUT_MS };
	struct err e = ERR_INIT;
	int status;

	http_join(url, sizeof(url), a->base, path);
	status = http_do(&q, answer, &e);
	if (status < 200 || status >= 300) {
		http_complain(status, answer, &e);
		return EXIT_FAILED;
	}
	if (answer->len > 0)
		printf("%s\n", buf_cstr(answer));
	return EXIT_GOOD;
}

static int ask(const struct asking *a, const char *method, const char *path)
{
	struct buf answer;
	int rc;

	buf_init(&answer, HTTP_ANSWER_MAX);
	rc = ask_for(a, method, path, &answer);
	buf_clear(&answer);
	return rc;
}

/* How many objects are in an array of flat ones. */
static size_t count(const struct buf *page, const char *array)
{
	struct json_text v;
	size_t n = 0;

	if (json_get(&v, page->data, page->len, array))
		for (size_t i = 0; i < v.n; i++)
			n += v.p[i] == '{';
	return n;
}

/* The newest come first: what fails again meanwhile is a new letter, ahead of the first page, and never come to. */
static int replay_many(const struct asking *a)
{
	char path[1280], next[64] = "";
	size_t replayed = 0, skipped = 0;
	struct buf page;
	int rc;

	buf_init(&page, HTTP_ANSWER_MAX);
	do {
		snprintf(path, sizeof(path), "/v1/dead-letters/replay%s%s%s", a->query, *next ? "&cursor=" : "", next);
		buf_reset(&page);
		if ((rc = ask_for(a, "POST", path, &page)) != EXIT_GOOD)
			break;
		fflush(stdout);
		replayed += count(&page, "replayed");
		skipped += count(&page, "skipped");
		json_get_string(next, sizeof(next), page.data, page.len, "next");
	} while (*next != '\0' && !a->one_page);
	buf_clear(&page);
	if (rc != EXIT_GOOD && *next == '\0')
		return rc;
	fprintf(stderr, "geosluice: %zu replayed, now or before; %zu not\n", replayed, skipped);
	if (rc != EXIT_GOOD)
		fprintf(stderr, "geosluice: it stopped; the rest begins at --cursor %s\n", next);
	return rc == EXIT_GOOD && skipped > 0 ? EXIT_REJECTED : rc;
}

/* 0: go on. Else the exit code, plus 1. */
static int read_options(struct asking *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "source", required_argument, NULL, 'f' }, { "job", required_argument, NULL, 'f' },
		{ "code", required_argument, NULL, 'f' }, { "limit", required_argument, NULL, 'p' },
		{ "cursor", required_argument, NULL, 'p' }, { "url", required_argument, NULL, 'u' },
		{ "file", required_argument, NULL, 'm' }, { "token", required_argument, NULL, 'T' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	int c, which = 0;

	while ((c = getopt_long(argc, argv, "h", options, &which)) != -1) {
		if (c == 'u') {
			a->base = optarg;
		} else if (c == 'T') {
			http_token(optarg);
		} else if (c == 'm') {
			a->file = optarg;
		} else if (c == 'f' || c == 'p') {
			a->one_page |= c == 'p';
			if (add_filter(a, options[which].name, optarg) != 0)
				return EXIT_FAILED + 1;
		} else {
			fputs(usage, c == 'h' ? stdout : stderr);
			return (c == 'h' ? EXIT_GOOD : EXIT_FAILED) + 1;
		}
	}
	a->base = http_base(a->base);
	return 0;
}

int cli_dlq(int argc, char **argv)
{
	struct asking a = { .base = NULL };
	const char *verb, *id;
	char path[1280];
	int rc;

	if ((rc = read_options(&a, argc, argv)) != 0)
		return rc - 1;
	verb = optind < argc ? argv[optind] : "";
	id = optind + 1 < argc ? argv[optind + 1] : NULL;
	if (optind + 2 < argc || (a.file != NULL && strcmp(verb, "edit") != 0)
	    || (id != NULL && (*a.query != '\0' || wire_letter_stream_id(id) == NULL))) {
		fprintf(stderr, "geosluice: one id such as 0-1700000000000-0 is needed\n%s", usage);
		return EXIT_FAILED;
	}
	if (strcmp(verb, "list") == 0 && id == NULL) {
		snprintf(path, sizeof(path), "/v1/dead-letters%s", a.query);
		return ask(&a, "GET", path);
	}
	if (strcmp(verb, "replay") == 0 && id == NULL && *a.query != '\0')
		return replay_many(&a);
	snprintf(path, sizeof(path), "/v1/dead-letters/%s%s", id ? id : "",
	    strcmp(verb, "replay") == 0 ? "/replay" : "");
	if (id != NULL && strcmp(verb, "edit") == 0)
		return dlq_edit(a.base, id, a.file);
	if (id != NULL && strcmp(verb, "show") == 0)
		return ask(&a, "GET", path);
	if (id != NULL && strcmp(verb, "replay") == 0)
		return ask(&a, "POST", path);
	if (id != NULL && strcmp(verb, "drop") == 0)
		return ask(&a, "DELETE", path);
	fputs(usage, stderr);
	return EXIT_FAILED;
}
