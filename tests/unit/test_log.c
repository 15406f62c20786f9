/* lib/log: a hostile value can forge neither a field nor a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_line_stays_a_line) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
