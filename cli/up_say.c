/* up_say - see up_say.h. As lib/log.c does it, but for its patience. */
#include "cli/up_say.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

_Static_assert(UP_SAY_MAX <= PIPE_BUF, "a pipe that has room may not have it for more");

bool up_has_room(int fd)
{
	struct pollfd out = { .fd = fd, .events = POLLOUT };

	return poll(&out, 1, 0) > 0;
}

static bool offer(const char *lines, size_t n)
{
	return up_has_room(STDERR_FILENO) && write(STDERR_FILENO, lines, n) == (ssize_t)n;
}

void up_pass(const char *lines, size_t n)
{
	static unsigned long lost;
	char words[80];
	int len = snprintf(words, sizeof(words), "geosluice up: %lu lines lost, which nobody read\n", lost);

	if (lost > 0 && offer(words, (size_t)len))
		lost = 0;
	if (lost == 0 && offer(lines, n))
		return;
	for (size_t i = 0; i < n; i++)
		lost += lines[i] == '\n';
}

void up_say(const char *what, const char *how)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "geosluice up: %.240s%.240s\n", what, how);

	up_pass(line, (size_t)n);
}
