/* supervisor: children that die are there again; all end when it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"
#include "workers/patience.h"
#include "workers/supervisor.h"

/* Children report over a pipe: one byte per event. */
static int events[2];

static void tell(char what)
{
	assert_int_equal(write(events[1], &what, 1), 1);
}

static int dies_by_itself(void *ctx, unsigned slot)
{
	(void)ctx;
	(void)slot;
	tell('x');
	return 3;
}

static int crashes(void *ctx, unsigned slot)
{
	(void)ctx;
	(void)slot;
	tell('c');
	raise(SIGKILL);
	return 0;
}

static int stays(void *ctx, unsigned slot)
{
	struct rlimit core;

	(void)ctx;
	(void)slot;
	getrlimit(RLIMIT_CORE, &core);
	tell(core.rlim_cur == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 's' : '?');
	while (!patience_over())
		pause();
	tell('e');
	return 0;
}

static int is_deaf(void *ctx, unsigned slot)
{
	(void)ctx;
	(void)slot;
	signal(SIGTERM, SIG_IGN);
	signal(SIGALRM, SIG_IGN);
	tell('d');
	while (pause() == -1)	/* always: it only returns to say that it was interrupted */
		;
	return 0;
}

/* The supervisor in a process of its own, its report of events in `events`. */
static pid_t supervise(const struct child_role *roles, unsigned n, unsigned grace_s)
{
	pid_t pid;

	assert_int_equal(pipe(events), 0);
	pid = fork();
	if (pid == 0) {
		log_init("test", LOG_LEVEL_ERROR);
		_exit(supervisor_run(roles, n, grace_s));
	}
	close(events[1]);
	return pid;
}

static char event(void)
{
	char what = 0;

	return read(events[0], &what, 1) == 1 ? what : 0;
}

static int end(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	while (event() != 0)
		;
	close(events[0]);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void children_that_die_come_back(void **state)
{
	const struct child_role roles[] = { { "x", dies_by_itself, NULL }, { "c", crashes, NULL } };
	pid_t pid = supervise(roles, 2, 5);
	int x = 0, c = 0;

	(void)state;
	while (x < 3 || c < 3) {
		char what = event();

		assert_int_not_equal(what, 0);
		x += what == 'x';
		c += what == 'c';
	}
	assert_int_equal(end(pid), 0);
}

static void children_end_in_order(void **state)
{
	const struct child_role roles[] = { { "s", stays, NULL }, { "s", stays, NULL } };
	pid_t pid = supervise(roles, 2, 5);
	int status, ended = 0;

	(void)state;
	assert_int_equal(event(), 's');
	assert_int_equal(event(), 's');
	kill(pid, SIGTERM);
	for (char what; (what = event()) != 0;)
		ended += what == 'e';
	assert_int_equal(ended, 2);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(events[0]);
}

static void a_deaf_child_is_killed_after_the_grace_time(void **state)
{
	const struct child_role roles[] = { { "d", is_deaf, NULL } };
	pid_t pid = supervise(roles, 1, 0);

	(void)state;
	assert_int_equal(event(), 'd');
	assert_int_equal(end(pid), 1);
}

static void children_do_not_outlive_a_killed_supervisor(void **state)
{
	const struct child_role roles[] = { { "s", stays, NULL } };
	pid_t pid = supervise(roles, 1, 5);
	int status;

	(void)state;
	assert_int_equal(event(), 's');
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(event(), 'e');
	assert_int_equal(event(), 0);	/* its end of the pipe is closed: it is gone */
	close(events[0]);
}

static void backoff_grows_and_is_bounded(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 40; n++) {
		unsigned ms = patience_backoff_ms(n), top = n > 5 ? 2000 : 50u << n;

		assert_in_range(ms, top / 2, top);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_that_die_come_back),
		cmocka_unit_test(children_end_in_order),
		cmocka_unit_test(a_deaf_child_is_killed_after_the_grace_time),
		cmocka_unit_test(children_do_not_outlive_a_killed_supervisor),
		cmocka_unit_test(backoff_grows_and_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
