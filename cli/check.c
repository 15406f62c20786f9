/* check - `geosluice check`: one line of NDJSON per feature, none of it written anywhere. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/temporary.h"
#include "cli/transform.h"
#include "lib/buf.h"

#define LINE_MAX_BYTES ((size_t)64 << 20)

struct check {
	struct transform *t;
	const char *file;
	struct buf line;
};

static int on_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	struct check *c = ctx;

	buf_reset(&c->line);
	if (verdict_write(&c->line, v, c->file) != 0 || buf_putc(&c->line, '\n') != 0)
		return err_set(e, ERR_SYSTEM, 0, "no memory for a verdict");
	if (fwrite(c->line.data, 1, c->line.len, c->t->spool) != c->line.len)
		return err_errno(e, "temporary file");
	return 0;
}

static void write_failed(struct check *c, const struct err *e)
{
	struct buf *b = &c->line;
	bool document = e->cls == ERR_INPUT || e->cls == ERR_LIMIT;

	buf_reset(b);
	verdict_write_failed(b, c->file, document ? (enum reject_code)e->code : R_NONE, c->t->offset, e->text);
	printf("%s\n", buf_cstr(b));
}

/* Of the document, behind its features. */
static int write_note(struct check *c, struct err *e)
{
	const struct collection_said *said = &c->t->said;

	if (said->code == R_NONE)
		return 0;
	buf_reset(&c->line);
	if (collection_write_note(&c->line, said, c->file) != 0 || fprintf(c->t->spool, "%s\n", buf_cstr(&c->line)) < 0)
		return err_set(e, ERR_SYSTEM, 0, "no memory or room for what is to be said of the bbox");
	return 0;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int spool_print(FILE *spool, struct err *e)
{
	char bytes[65536];
	size_t n;

	if (fflush(spool) != 0)
		return err_errno(e, "temporary file");
	rewind(spool);
	while ((n = fread(bytes, 1, sizeof(bytes), spool)) > 0)
		fwrite(bytes, 1, n, stdout);
	return 0;
}

static int check_file(struct transform *t, const char *file)
{
	struct check c = { .t = t, .file = file };
	struct err e = ERR_INIT;
	double begin = now_s();
	int status;

	if ((t->spool = temporary_file()) == NULL) {
		perror("geosluice: temporary file");
		return EXIT_FAILED;
	}
	buf_init(&c.line, LINE_MAX_BYTES);
	status = EXIT_FAILED;
	if (transform_file(t, file, on_verdict, &c, &e) == 0 && write_note(&c, &e) == 0)
		status = t->totals.rejected > 0;
	if (spool_print(t->spool, &e) != 0)
		status = EXIT_FAILED;
	fclose(t->spool);
	if (status == EXIT_FAILED) {
		fprintf(stderr, "geosluice: %s: %s\n", file, e.text);
		write_failed(&c, &e);
	}
	if (t->summary)
		transform_summary(t, file, now_s() - begin);
	buf_clear(&c.line);
	return status;
}

int cli_check(int argc, char **argv)
{
	struct transform t;
	int first = 0, status = EXIT_GOOD, rc = transform_args(&t, argc, argv, "sh", &first);

	if (rc == 0 && first < argc) {
		t.o.verdict_only = true;
		for (int i = first; i < argc; i++) {
			int one = check_file(&t, argv[i]);

			status = one > status ? one : status;
		}
		return status;
	}
	fprintf(rc == 1 ? stdout : stderr,
	    "usage: geosluice check [OPTION…] FILE…\n\n"
	    "Prints a line of JSON for every feature: accepted, repaired or rejected, and why; one with\n"
	    "\"noted\" for a collection whose own bbox is wrong; and one with \"failed\" for a file that\n"
	    "cannot be read. FILE may be gzip; \"-\" is stdin.\n"
	    "Exit status: 0 all good, 1 some rejected, 2 a file failed.\n\n%s", transform_help);
	return rc == 1 ? EXIT_GOOD : EXIT_FAILED;
}
