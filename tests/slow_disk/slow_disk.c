/*
 * slow_disk - a disk whose syncs hang as long as the file exists that SLOW_DISK names. For Redis, by LD_PRELOAD.
 *
 * In:  fsync and fdatasync of the program. Out: the same, later. Depends on nothing.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void hang(void)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	const char *while_there = getenv("SLOW_DISK");

	while (while_there != NULL && access(while_there, F_OK) == 0)
		nanosleep(&nap, NULL);
}

int fdatasync(int fd)
{
	hang();
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	hang();
	return (int)syscall(SYS_fsync, fd);
}
