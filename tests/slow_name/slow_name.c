/*
 * slow_name - a resolver that does not answer for slow.test as long as the file exists that SLOW_NAME names.
 *
 * In:  names that libcurl looks up. Out: their addresses, later. Linked into the tests' courier alone, where it stands
 * before the C library's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int (*lookup_fn)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	const char *while_there = getenv("SLOW_NAME");
	lookup_fn next;

	while (name != NULL && strcmp(name, "slow.test") == 0 && access(while_there, F_OK) == 0)
		nanosleep(&nap, NULL);
	*(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
	return next(name, service, hints, out);
}
