/* child - see child.h. */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(const char *const *argv, int out_fd, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return;
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 ||
	    dup2(out_fd, STDERR_FILENO) < 0)
		return;
	if (null > STDERR_FILENO)
		close(null);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
}

pid_t child_start(const char *const *argv, int out_fd, struct err *e)
{
	int said[2], why = 0;	/* why exec failed; closed by it if it did not */
	pid_t parent = getpid(), pid;

	if (pipe(said) != 0)
		return err_errno(e, "pipe");
	fcntl(said[0], F_SETFD, FD_CLOEXEC);
	fcntl(said[1], F_SETFD, FD_CLOEXEC);
	if ((pid = fork()) == 0) {
		become(argv, out_fd, parent);
		why = errno;
		if (write(said[1], &why, sizeof(why)) < 0)
			_exit(126);
		_exit(127);
	}
	close(said[1]);
	if (pid < 0) {
		err_errno(e, "fork");
	} else if (read(said[0], &why, sizeof(why)) == (ssize_t)sizeof(why)) {
		waitpid(pid, NULL, 0);
		err_set(e, ERR_SYSTEM, why, "%s: %s", argv[0], strerror(why));
		pid = -1;
	}
	close(said[0]);
	return pid;
}

bool child_ended(pid_t pid, int *exit_code, char *text, size_t room)
{
	int status;

	if (waitpid(pid, &status, WNOHANG) != pid)
		return false;
	*exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (WIFEXITED(status))
		snprintf(text, room, "exit code %d", *exit_code);
	else
		snprintf(text, room, "signal %d", WTERMSIG(status));
	return true;
}
