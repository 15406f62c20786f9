/*
 * poison - features that do to the pipeline what a fault in it would do.
 *
 * In:  a feature whose properties name a poison: {"poison": "segfault"}, "loop", "allocate", or "kill".
 * Out: that, in the place of its stages. Linked into the tests' worker alone, by --wrap=stages_run; all
 * other features go on to the real stages.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workers/pipeline/stages.h"

void __real_stages_run(struct stages *s, struct feature *f);
void __wrap_stages_run(struct stages *s, struct feature *f);

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

void __wrap_stages_run(struct stages *s, struct feature *f)
{
	static const struct { const char *name; void (*act)(void); } poisons[] = {
		{ "\"segfault\"", segfault }, { "\"loop\"", loop }, { "\"allocate\"", allocate },
		{ "\"kill\"", killed },
	};
	const char *text = f->raw + f->properties.at;

	for (size_t i = 0; i < sizeof(poisons) / sizeof(poisons[0]); i++)
		if (memmem(text, f->properties.len, "\"poison\"", 8) != NULL &&
		    memmem(text, f->properties.len, poisons[i].name, strlen(poisons[i].name)) != NULL)
			poisons[i].act();
	__real_stages_run(s, f);
}
