/*
 * late - what a test waits for in a loop comes within half a minute, or the test fails.
 *
 * In:  a loop. Out: nothing, in time. Depends on lib/loop.
 */
#ifndef GS_TESTS_LATE_H
#define GS_TESTS_LATE_H

struct loop;

void late_is_failure(struct loop *l);

#endif
