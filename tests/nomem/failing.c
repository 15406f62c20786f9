/* failing - see failing.h. */
#include "tests/nomem/failing.h"

#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t n);
char *__wrap_strdup(const char *s);

static bool counting;
static enum failing manner;
static long count, fails_at;

void failing_from(long nth, enum failing how)
{
	count = 0;
	fails_at = nth;
	manner = how;
	counting = true;
}

long failing_end(void)
{
	counting = false;
	return count;
}

bool failing_counts(bool geos)
{
	return counting && geos == (manner == FAILING_GEOS);
}

bool failing_now(void)
{
	long n = count++;

	return fails_at >= 0 && (n == fails_at || (manner == FAILING_ON && n > fails_at));
}

static bool fails(void)
{
	return failing_counts(false) && failing_now();
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t number, size_t size)
{
	return fails() ? NULL : __real_calloc(number, size);
}

void *__wrap_realloc(void *old, size_t n)
{
	return fails() ? NULL : __real_realloc(old, n);
}

char *__wrap_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = __wrap_malloc(n);

	return copy == NULL ? NULL : memcpy(copy, s, n);
}
