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

#include "lib/clock.h"
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

static int never_looks_up(void *ctx, unsigned slot)
{
	(void)ctx;
	(void)slot;
	tell('n');
	while (pause() == -1)
		;
	return 0;
}

static bool is_new;

static bool reload(void *ctx, unsigned *grace_s)
{
	(void)ctx;
	*grace_s = 5;
	tell(is_new ? 'n' : 'o');
	return is_new;
}

static const struct reloading reloading = { reload, NULL };

/* The supervisor in a process of its own, its report of events in `events`. */
static pid_t supervise(const struct child_role *roles, unsigned n, unsigned grace_s)
{
	pid_t pid;

	assert_int_equal(pipe(events), 0);
	pid = fork();
	if (pid == 0) {
		log_init("test", LOG_LEVEL_ERROR);
		_exit(supervisor_run(roles, n, grace_s, &reloading));
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
	const struct child_role roles[] = { { "x", dies_by_itself, NULL, NULL }, { "c", crashes, NULL, NULL } };
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

static void new_settings_are_for_new_children(void **state)
{
	const struct child_role roles[] = { { "s", stays, NULL, NULL } };
	pid_t pid;

	(void)state;
	is_new = false;
	pid = supervise(roles, 1, 5);
	assert_int_equal(event(), 's');
	kill(pid, SIGHUP);
	assert_int_equal(event(), 'o');	/* and nobody ends for it */
	kill(pid, SIGHUP);
	assert_int_equal(event(), 'o');
	assert_int_equal(end(pid), 0);
	is_new = true;
	pid = supervise(roles, 1, 5);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(event(), 's');	/* at once, though it did not live long */
		kill(pid, SIGHUP);
		assert_int_equal(event(), 'n');
		assert_int_equal(event(), 'e');
	}
	assert_int_equal(event(), 's');
	assert_int_equal(end(pid), 0);
}

static void children_end_in_order(void **state)
{
	const struct child_role roles[] = { { "s", stays, NULL, NULL }, { "s", stays, NULL, NULL } };
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
	const struct child_role roles[] = { { "d", is_deaf, NULL, NULL } };
	pid_t pid = supervise(roles, 1, 0);

	(void)state;
	assert_int_equal(event(), 'd');
	assert_int_equal(end(pid), 1);
}

/* So that the process of one that is long at something does not look like one that had to be killed. */
static void one_that_is_long_at_something_ends_by_itself_after_the_grace_time(void **state)
{
	const struct child_role roles[] = { { "n", never_looks_up, NULL, NULL } };
	pid_t pid = supervise(roles, 1, 1);

	(void)state;
	assert_int_equal(event(), 'n');
	assert_int_equal(end(pid), 0);
}

static void children_do_not_outlive_a_killed_supervisor(void **state)
{
	const struct child_role roles[] = { { "s", stays, NULL, NULL } };
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

static struct flight *flights;

/* What a process does whose features are 7 (it never comes back), then 8 (it crashes), then 9 (it asks for another). */
static int flies(void *ctx, unsigned slot)
{
	const struct obituary *o = flight_obituary(&flights[slot]);

	(void)ctx;
	flight_begin(&flights[slot], "0-01arz3ndektsv4rrffq69g5fav");
	flights[slot].place.stage = AT_TOPOLOGY;
	if (o == NULL) {
		flights[slot].place.feature = 7;
		flights[slot].place.since_ms = clock_mono_ms();
		tell('h');
		for (;;)
			pause();
	}
	if (o->feature == 7) {
		tell(o->code == R_FEATURE_TIMEOUT && !o->undecoded ? 't' : '?');
		flight_forget(&flights[slot]);
		flights[slot].place.feature = 8;
		flights[slot].place.since_ms = clock_mono_ms();
		signal(SIGSEGV, SIG_DFL);	/* not the test runner's */
		raise(SIGSEGV);
	}
	tell(o->feature == 8 && o->code == R_FEATURE_CRASH && strstr(o->reason, "in stage topology") ? 'c' : '?');
	if (flights[slot].place.feature == 8)
		flights[slot].place.feature = 9;
	if (++flights[slot].place.feature > 9 + 20)
		return stays(ctx, slot);
	flights[slot].place.since_ms = clock_mono_ms();
	return EXIT_AGAIN;
}

static void a_feature_that_ends_a_process_is_known_to_the_next(void **state)
{
	struct err e = ERR_INIT;
	uint64_t began = clock_mono_ms();
	struct child_role role = { "f", flies, NULL, NULL };
	pid_t pid;

	(void)state;
	role.flight = flights = flights_new(1, &e);
	flight_limits(flights, 100, 0);
	assert_non_null(flights);
	pid = supervise(&role, 1, 5);
	assert_int_equal(event(), 'h');
	assert_int_equal(event(), 't');
	assert_true(clock_mono_ms() - began >= 100);
	for (int i = 0; i < 21; i++)	/* an end that was asked for is no obituary; with a backoff this took minutes */
		assert_int_equal(event(), 'c');
	assert_int_equal(event(), 's');
	assert_int_equal(end(pid), 0);
}

static int asks_for_another(void *ctx, unsigned slot)
{
	(void)ctx;
	(void)slot;
	tell('a');
	return EXIT_AGAIN;
}

/* Whatever it is that makes each ask at once, the machine has other things to do. */
static void one_that_asks_for_another_at_once_waits(void **state)
{
	struct child_role role = { "a", asks_for_another, NULL, NULL };
	uint64_t began;
	pid_t pid = supervise(&role, 1, 5);

	(void)state;
	assert_int_equal(event(), 'a');
	began = clock_mono_ms();
	for (int i = 0; i < 5; i++)
		assert_int_equal(event(), 'a');
	assert_in_range(clock_mono_ms() - began, 5 * 90, 60000);	/* and it does not grow to minutes */
	assert_int_equal(end(pid), 0);
}

static void backoff_grows_and_is_bounded(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 40; n++) {
		unsigned ms = patience_backoff_ms(n), top = n > 5 ? 2000 : 50u << n;

		assert_in_range(ms, top / 2, top);
	}
}

/* Or all who lost Redis together would come back together. */
static void waits_are_spread(void **state)
{
	unsigned shorter = 0, longer = 0;

	(void)state;
	for (int i = 0; i < 500; i++) {
		unsigned ms = patience_backoff_ms(20);

		shorter += ms < 1250;
		longer += ms > 1750;
	}
	assert_true(shorter > 0 && longer > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_that_die_come_back),
		cmocka_unit_test(children_end_in_order),
		cmocka_unit_test(new_settings_are_for_new_children),
		cmocka_unit_test(a_deaf_child_is_killed_after_the_grace_time),
		cmocka_unit_test(one_that_is_long_at_something_ends_by_itself_after_the_grace_time),
		cmocka_unit_test(children_do_not_outlive_a_killed_supervisor),
		cmocka_unit_test(a_feature_that_ends_a_process_is_known_to_the_next),
		cmocka_unit_test(one_that_asks_for_another_at_once_waits),
		cmocka_unit_test(backoff_grows_and_is_bounded),
		cmocka_unit_test(waits_are_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
