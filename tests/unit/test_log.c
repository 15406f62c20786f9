/* lib/log: a hostile value can forge neither a field nor a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"

static void a_line_stays_a_line(void **state)
{
	static char big[5000];
	char line[4096];
	int fds[2], old = dup(STDERR_FILENO);
	ssize_t n;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	log_init("test", LOG_LEVEL_INFO);
	log_debug("hidden", LOG_INT("n", 1));
	log_info("shown", LOG_STR("source", "a b\n level=error \"q\""), LOG_INT("bytes", -7), LOG_STR("empty", ""));
	n = read(fds[0], line, sizeof(line) - 1);
	log_warn("long", LOG_STR("big", big));
	dup2(old, STDERR_FILENO);
	assert_true(n > 0);
	line[n] = '\0';
	assert_non_null(strstr(line, "level=info prog=test "));
	assert_non_null(strstr(line,
	    "event=shown source=\"a b\\x0a level=error \\\"q\\\"\" bytes=-7 empty=\"\"\n"));
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	n = read(fds[0], line, sizeof(line));
	assert_true(n > 1000 && n <= 2048);
	assert_int_equal(line[n - 1], '\n');
	close(fds[0]);
	close(fds[1]);
	close(old);
}

/* Lines that wait keep their order with those that do not, and none is lost when there are many. */
static void lines_that_wait(void **state)
{
	static char text[65536];
	int fds[2], old = dup(STDERR_FILENO);
	size_t n = 0, lines = 0;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	for (int i = 0; i < 500; i++)
		LOG_EVENT_SOON(LOG_LEVEL_INFO, "many", LOG_INT("i", i));
	LOG_EVENT_SOON(LOG_LEVEL_DEBUG, "hidden", LOG_INT("i", 0));
	log_info("last", LOG_INT("i", -1));
	LOG_EVENT_SOON(LOG_LEVEL_INFO, "later", LOG_INT("i", 0));
	log_flush();
	log_flush();
	dup2(old, STDERR_FILENO);
	close(fds[1]);
	for (ssize_t got; (got = read(fds[0], text + n, sizeof(text) - 1 - n)) > 0;)
		n += (size_t)got;
	text[n] = '\0';
	for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
		char want[64];

		*end = '\0';
		snprintf(want, sizeof(want), lines < 500 ? "event=many i=%zu" : lines == 500 ? "event=last i=-1"
		    : "event=later i=0", lines);
		assert_non_null(strstr(line, want));
		assert_int_equal(strncmp(line, "t=20", 4), 0);
		assert_non_null(strstr(line, "Z level=info prog=test pid="));
	}
	assert_int_equal(lines, 502);
	close(fds[0]);
	close(old);
}

/* A reader that stands still costs lines, and never the work; when it is back it is told how many. */
static void nobody_reads(void **state)
{
	static char text[1 << 20];
	int fds[2], old = dup(STDERR_FILENO);
	size_t n = 0, shown = 0, lost = 0;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	for (int i = 0; i < 5000; i++)
		log_info("many", LOG_INT("i", i));	/* far more than a pipe holds */
	n = (size_t)read(fds[0], text, sizeof(text) - 1);
	log_info("again", LOG_INT("i", -1));
	dup2(old, STDERR_FILENO);
	close(fds[1]);
	for (ssize_t got; (got = read(fds[0], text + n, sizeof(text) - 1 - n)) > 0;)
		n += (size_t)got;
	text[n] = '\0';
	for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		shown += strstr(line, " event=many i=") != NULL;
		if (strstr(line, " event=log_lines_lost lines=") != NULL)
			lost += (size_t)atol(strstr(line, "lines=") + strlen("lines="));
		assert_int_equal(strncmp(line, "t=20", 4), 0);
	}
	assert_true(lost > 0);
	assert_int_equal(shown + lost, 5000);
	close(fds[0]);
	close(old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_stays_a_line),
		cmocka_unit_test(lines_that_wait),
		cmocka_unit_test(nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
