/*
 * poison - features that do to the pipeline what a fault in it would do.
 *
 * In:  a feature whose properties name a poison: {"poison": "segfault"}, "loop", "allocate", "kill", or "stop" (until
 * somebody lets it go on); or one that has a member of this name: {"poison-segfault": 1}. Out: that, in the place of
 * its stages; or while it is decoded. Memory that is lost by "leak" and "fill" is the whole process's, and the feature
 * takes no harm; "fill-long" lasts until a process looks at its memory before the next feature. Linked into the tests'
 * worker alone, by --wrap=stages_run and --wrap=name_hash; all else goes on to the real functions.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "workers/pipeline/decode_names.h"
#include "workers/pipeline/stages.h"

void __real_stages_run(struct stages *s, struct feature *f);
void __wrap_stages_run(struct stages *s, struct feature *f);
uint64_t __real_name_hash(const char *s, size_t n, uint64_t seed);
uint64_t __wrap_name_hash(const char *s, size_t n, uint64_t seed);

/* A sanitiser would tell of it first. */
__attribute__((no_sanitize("address"), no_sanitize("undefined")))
static void segfault(void)
{
	static volatile int *volatile nowhere;

	*nowhere = 1;
}

static void loop(void)
{
	for (volatile unsigned i = 0;; i++)
		;
}

/* As code does that never looks whether it got any. */
static void allocate(void)
{
	const size_t step = (size_t)1 << 20;
	char *p;

	while ((p = malloc(step)) != NULL)
		memset(p, 1, step);
	abort();
}

/* Memory that is in use from now on, and never again free. */
static void lose(size_t bytes)
{
	static void *last;
	void **p = malloc(bytes);

	if (p == NULL)
		abort();
	memset(p, 1, bytes);
	*p = last;
	last = p;
}

static void leak(void)
{
	lose((size_t)32 << 10);
}

/* Up to 88 % of what the process may have: between the share at which it makes way and all that there is. */
static void fill(void)
{
	struct rusage used;
	struct rlimit most;

	getrlimit(RLIMIT_DATA, &most);
	while (getrusage(RUSAGE_SELF, &used) == 0 && (rlim_t)used.ru_maxrss * 1024 < most.rlim_cur / 100 * 88)
		lose((size_t)256 << 10);
}

static void fill_long(void)
{
	struct timespec left = { 1, 500000000 };	/* workers/transform.c looks each second */

	fill();
	while (nanosleep(&left, &left) != 0)
		;
}

static void killed(void)
{
	kill(getpid(), SIGKILL);
}

static void stopped(void)
{
	kill(getpid(), SIGSTOP);
}

static const struct { const char *name; void (*act)(void); } poisons[] = {
	{ "\"segfault\"", segfault }, { "\"loop\"", loop }, { "\"allocate\"", allocate },
	{ "\"kill\"", killed }, { "\"stop\"", stopped }, { "\"leak\"", leak }, { "\"fill\"", fill },
	{ "\"fill-long\"", fill_long },
};

/* Of each member, when the decoder has read its name. */
uint64_t __wrap_name_hash(const char *s, size_t n, uint64_t seed)
{
	for (size_t i = 0; n > 7 && memcmp(s, "poison-", 7) == 0 && i < sizeof(poisons) / sizeof(poisons[0]); i++)
		if (strlen(poisons[i].name) == n - 7 + 2 && memcmp(poisons[i].name + 1, s + 7, n - 7) == 0)
			poisons[i].act();
	return __real_name_hash(s, n, seed);
}

void __wrap_stages_run(struct stages *s, struct feature *f)
{
	const char *text = f->raw + f->properties.at;

	for (size_t i = 0; i < sizeof(poisons) / sizeof(poisons[0]); i++)
		if (memmem(text, f->properties.len, "\"poison\"", 8) != NULL &&
		    memmem(text, f->properties.len, poisons[i].name, strlen(poisons[i].name)) != NULL)
			poisons[i].act();
	__real_stages_run(s, f);
}
