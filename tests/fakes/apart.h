/*
 * apart - a part of a test in a process of its own, where memory may run out and asserts may fail.
 *
 * In:  what to do there. Out: how it ended. Depends on nothing.
 */
#ifndef GS_TESTS_APART_H
#define GS_TESTS_APART_H

#include <stddef.h>

/* Skips the test where a sanitiser would end a process for want of memory. First in a test, before it allocates. */
void apart_may_starve(void);

/*
 * Runs f in a process of its own, whose exit status is what f gives; f must not assert by cmocka, which would go on
 * with the next test there. Gives a status for the W… macros of wait(2): 0 where f gave 0.
 */
int apart(int (*f)(void *ctx), void *ctx);

/* There: the process may have so many bytes of memory in all, but keeps what it has; until apart_feed. */
void apart_starve(size_t bytes);
void apart_feed(void);

#endif
