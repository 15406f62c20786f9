/* lib/conf: lines, sections, comments, and what is no INI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/conf.h"

struct seen {
	char text[4096];	/* "line:section:name=value|" for each pair */
	const char *refuse;	/* a name to refuse */
};

static int note(void *ctx, const struct conf_line *l, struct err *e)
{
	struct seen *s = ctx;
	size_t n = strlen(s->text);

	if (s->refuse != NULL && strcmp(l->name, s->refuse) == 0)
		return err_set(e, ERR_INPUT, 0, "%s:%d: refused", l->file, l->line);
	snprintf(s->text + n, sizeof(s->text) - n, "%d:%s:%s=%s|", l->line, l->section, l->name, l->value);
	return 0;
}

static void pairs(void **state)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "", "" },
		{ "\n\n", "" },
		{ "; a comment\n# another\n", "" },
		{ "[a]\nb = c\n", "2:a:b=c|" },
		{ "[a]\nb=c", "2:a:b=c|" },
		{ "[a]\r\nb=c\r\n", "2:a:b=c|" },
		{ "\xef\xbb\xbf[a]\nb=c\n", "2:a:b=c|" },
		{ "[a b]\n  c  =  d e  ; f\n", "2:a b:c=d e|" },
		{ "[a]\nb = c;d\n", "2:a:b=c;d|" },
		{ "[a]\nb = c#d # e\n", "2:a:b=c#d # e|" },
		{ "[a]\nb = \"c\"\n", "2:a:b=\"c\"|" },
		{ "[a]\nb = c=d:e\n", "2:a:b=c=d:e|" },
		{ "[a]\nb =\n", "2:a:b=|" },
		{ "[a]\nb = 1\n c = 2\n\td = 3\n", "2:a:b=1|3:a:c=2|4:a:d=3|" },
		{ "b = c\n", "1::b=c|" },
		{ "[a]\nb=1\n\n[c]\n;\nb=2\n", "2:a:b=1|6:c:b=2|" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen s = { "", NULL };
		struct err e = ERR_INIT;

		if (conf_read("f", cases[i].text, strlen(cases[i].text), note, &s, &e) != 0)
			fail_msg("case %zu: %s", i, e.text);
		assert_string_equal(s.text, cases[i].want);
	}
}

static void faults(void **state)
{
	static const struct { const char *text; size_t n; const char *want; } cases[] = {
#define CASE(text, want) { text, sizeof(text) - 1, want }
		CASE("[a]\nb = 1\nnonsense\nc = 2\n", "f:3:"),
		CASE("[a\nb = 1\n", "f:1:"),
		CASE("[a]\nb = \0\n", "f:2: holds a NUL"),
		CASE("[a]\n= 1\n", "f:2: a name is missing"),
		CASE("[a]\nb = 1\nbad = 1\nnonsense\n", "f:3: refused"),
		CASE("[a]\nnonsense\nbad = 1\n", "f:2: neither"),
		CASE("[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\nb = 1\n", "f:1: the section"),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen s = { "", "bad" };
		struct err e = ERR_INIT;

		assert_int_equal(conf_read("f", cases[i].text, cases[i].n, note, &s, &e), -1);
		if (strncmp(e.text, cases[i].want, strlen(cases[i].want)) != 0)
			fail_msg("case %zu: %s", i, e.text);
	}
}

/* However much room this system's inih has for a line: it is taken whole, or refused. */
static void long_lines(void **state)
{
	static const size_t sizes[] = { 150, 198, 199, 200, 201, 3000, 16382, 16383, 16384, 20000, 40000 };
	static char text[40000], want[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct seen s = { "", NULL };
		struct err e = ERR_INIT;
		memset(text, 'x', sizeof(text));
		memcpy(text, "[a]\nb = ", 8);
		snprintf(want, sizeof(want), "2:a:b=%.*s|", (int)sizes[i] - 8, text + 8);
		if (conf_read("f", text, sizes[i], note, &s, &e) == 0)
			assert_int_equal(strcmp(s.text, want), 0);
		else
			assert_string_equal(e.text, "f:2: the line is too long");
		if (sizes[i] < 200 || sizes[i] > 16384)
			assert_int_equal(e.cls == ERR_NONE, sizes[i] < 200);
	}
}

static void files(void **state)
{
	char dir[] = "/tmp/geosluice-conf-XXXXXX", path[64], fifo[64];
	struct err e = ERR_INIT;
	struct buf b;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_non_null(f = fopen(path, "w"));
	fputs("12345678", f);
	fclose(f);
	buf_init(&b, 9);
	assert_int_equal(conf_slurp(path, 8, &b, &e), 0);
	assert_int_equal(b.len, 8);
	assert_memory_equal(b.data, "12345678", 8);
	buf_reset(&b);
	assert_int_equal(conf_slurp(path, 7, &b, &e), -1);
	assert_int_equal(e.cls, ERR_LIMIT);
	buf_reset(&b);
	err_clear(&e);
	assert_int_equal(conf_slurp("/nonexistent", 8, &b, &e), -1);
	err_clear(&e);
	assert_int_equal(conf_slurp(dir, 8, &b, &e), -1);
	err_clear(&e);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(conf_slurp(fifo, 8, &b, &e), -1);	/* and does not wait for a writer */
	buf_clear(&b);
	unlink(path);
	unlink(fifo);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs),
		cmocka_unit_test(faults),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
