/* dlq_edit - see dlq_edit.h. */
#include "cli/dlq_edit.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/http.h"
#include "cli/json_get.h"
#include "cli/temporary.h"

#define TIMEOUT_MS 60000

static int failed(const char *what)
{
	fprintf(stderr, "geosluice: %s: %s\n", what, strerror(errno));
	return -1;
}

/* Copies standard input to a file without a name, since its length is sent ahead of it. */
static FILE *spooled(void)
{
	FILE *f = temporary_file();
	char bytes[65536];
	size_t n;

	while (f != NULL && (n = fread(bytes, 1, sizeof(bytes), stdin)) > 0)
		if (fwrite(bytes, 1, n, f) != n)
			break;
	if (f == NULL || ferror(f) || ferror(stdin)) {
		failed("standard input");
		if (f != NULL)
			fclose(f);
		return NULL;
	}
	return f;
}

static int post(const char *base, const char *id, FILE *text)
{
	static const char *const headers[] = { "content-type: application/geo+json", NULL };
	char url[2048], path[160];
	struct http_request q = { .method = "POST", .url = url, .headers = headers, .body = text,
		.timeout_ms = TIMEOUT_MS };
	struct err e = ERR_INIT;
	struct buf answer;
	int status;
	long size;

	if (fseek(text, 0, SEEK_END) != 0 || (size = ftell(text)) < 0 || fseek(text, 0, SEEK_SET) != 0) {
		failed("the mended text");
		return EXIT_FAILED;
	}
	if (size == 0) {
		fprintf(stderr, "geosluice: the mended text is empty: nothing is replayed\n");
		return EXIT_FAILED;
	}
	q.body_bytes = (uint64_t)size;
	snprintf(path, sizeof(path), "/v1/dead-letters/%s/replay", id);
	http_join(url, sizeof(url), base, path);
	buf_init(&answer, HTTP_ANSWER_MAX);
	status = http_do(&q, &answer, &e);
	if (status == 202)
		printf("%s\n", buf_cstr(&answer));
	else
		http_complain(status, &answer, &e);
	buf_clear(&answer);
	return status == 202 ? EXIT_GOOD : EXIT_FAILED;
}

/* Appends the letter's text, if that is whole. */
static int fetch(const char *base, const char *id, struct buf *text)
{
	char url[2048], path[160];
	const struct http_request q = { .method = "GET", .url = url, .timeout_ms = TIMEOUT_MS };
	struct err e = ERR_INIT;
	struct json_text raw, cut;
	struct buf answer;
	int status, rc = -1;

	snprintf(path, sizeof(path), "/v1/dead-letters/%s", id);
	http_join(url, sizeof(url), base, path);
	buf_init(&answer, HTTP_ANSWER_MAX);
	if ((status = http_do(&q, &answer, &e)) != 200)
		http_complain(status, &answer, &e);
	else if (json_get(&cut, answer.data, answer.len, "cut") && *cut.p == 't')
		fprintf(stderr, "geosluice: the letter does not hold its whole text, and is replayed only once: mend "
		    "the whole feature\nand give it with geosluice dlq edit %s --file FILE (up to "
		    "worker.dead_letter_bytes), or send it as a new document\n", id);
	else if (!json_get(&raw, answer.data, answer.len, "raw"))
		fprintf(stderr, "geosluice: the letter has no text of a feature: send its document again\n");
	else
		rc = json_unescape(text, &raw);
	buf_clear(&answer);
	return rc;
}

/* The shell splits $VISUAL, which may hold arguments; the file is one of its own. */
static int run_editor(const char *path)
{
	const char *editor = getenv("VISUAL");
	char command[4096];
	int status;
	pid_t pid;

	if (editor == NULL || *editor == '\0')
		editor = getenv("EDITOR");
	if (editor == NULL || *editor == '\0')
		editor = "vi";
	snprintf(command, sizeof(command), "%s \"$1\"", editor);
	if ((pid = fork()) == 0) {
		execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return failed("the editor");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	fprintf(stderr, "geosluice: the editor did not end well: nothing is replayed\n");
	return -1;
}

static bool unchanged(FILE *f, const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (getc(f) != (unsigned char)text->data[i])
			return false;
	return getc(f) == EOF;
}

/* *keep: the file has work in it that would be lost. */
static int edit_at(const char *base, const char *id, const char *path, const struct buf *text, bool *keep)
{
	FILE *f = fopen(path, "w");
	int rc = EXIT_FAILED;

	if (f == NULL || fwrite(text->data, 1, text->len, f) != text->len || fclose(f) != 0) {
		failed(path);
		return EXIT_FAILED;
	}
	if (run_editor(path) != 0)
		return EXIT_FAILED;
	if ((f = fopen(path, "r")) == NULL) {	/* by name: editors write a new file */
		failed(path);
		return EXIT_FAILED;
	}
	if (unchanged(f, text))
		fprintf(stderr, "geosluice: the text is as it was: nothing is replayed\n");
	else if ((rc = post(base, id, f)) != EXIT_GOOD)
		*keep = true;
	fclose(f);
	return rc;
}

int dlq_edit(const char *base, const char *id, const char *file)
{
	char folder[PATH_MAX], path[PATH_MAX + 32];
	struct buf text;
	bool keep = false;
	int rc = EXIT_FAILED;

	if (file != NULL) {
		FILE *f = strcmp(file, "-") == 0 ? spooled() : fopen(file, "r");

		if (f == NULL) {
			failed(file);
			return rc;
		}
		rc = post(base, id, f);
		fclose(f);
		return rc;
	}
	buf_init(&text, HTTP_ANSWER_MAX);
	if (fetch(base, id, &text) == 0 && (temporary_name(folder, sizeof(folder), "geosluice-edit-XXXXXX") == NULL
	    || mkdtemp(folder) == NULL)) {
		failed("a temporary folder");
	} else if (text.len > 0) {
		snprintf(path, sizeof(path), "%s/feature.geojson", folder);
		rc = edit_at(base, id, path, &text, &keep);
		if (keep)
			fprintf(stderr, "geosluice: the mended text is kept; once more: "
			    "geosluice dlq edit %s --file %s\n", id, path);
		else if (unlink(path) != 0 || rmdir(folder) != 0)
			fprintf(stderr, "geosluice: %s is left: %s\n", folder, strerror(errno));
	}
	buf_clear(&text);
	return rc;
}
