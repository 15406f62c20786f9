/*
 * failing - an allocator that fails when it is told to.
 *
 * In:  the number of the allocation that is to fail. Out: NULL, or std::bad_alloc from operator new,
 *      in its place. The linker's --wrap brings the project's own calls here, yajl's among them;
 *      GEOS's come by operator new.
 */
#ifndef GS_TESTS_FAILING_H
#define GS_TESTS_FAILING_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum failing {
	FAILING_ONCE,		/* one of malloc and its kin */
	FAILING_ON,		/* and all behind it */
	FAILING_GEOS		/* one of GEOS's */
};

/* Counts from here; the nth allocation of that kind from now (0: the next one) fails. -1: none. */
void failing_from(long nth, enum failing how);
/* Ends that; returns how many there were. */
long failing_end(void);
/* Are they being counted? */
bool failing_counts(bool geos);
/* Counts one; has it to fail? */
bool failing_now(void);

#ifdef __cplusplus
}
#endif

#endif
