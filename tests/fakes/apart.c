/* apart - see apart.h. */
#include "tests/fakes/apart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

void apart_may_starve(void)
{
#if defined(__SANITIZE_ADDRESS__)
	skip();
#endif
}

int apart(int (*f)(void *ctx), void *ctx)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(f(ctx));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void limit_memory(rlim_t bytes)
{
	const struct rlimit of = { bytes, RLIM_INFINITY };

	if (setrlimit(RLIMIT_DATA, &of) != 0)
		_exit(100);
}

void apart_starve(size_t bytes)
{
	limit_memory(bytes);
}

void apart_feed(void)
{
	limit_memory(RLIM_INFINITY);
}
