/*
 * poison - features that do to the pipeline what a fault in it would do.
 *
 * In:  a feature whose properties name a poison: {"poison": "segfault"}, "loop", "allocate", "kill", or "stop" (until
 * somebody lets it go on); or one that has a member of this name: {"poison-segfault": 1}. Out: that, in the place of
 * its stages; or while it is decoded. Linked into the tests' worker alone, by --wrap=stages_run and --wrap=name_hash;
 * all else goes on to the real functions.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
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
	{ "\"kill\"", killed }, { "\"stop\"", stopped },
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
