/*
 * err - why a call failed, and what that means for the caller.
 *
 * In:  a class, a code of the module that failed, and words.
 * Out: the first failure, kept on the caller's stack. Depends on nothing.
 */
#ifndef GS_LIB_ERR_H
#define GS_LIB_ERR_H

#include <stddef.h>

/* The class alone decides what happens next; the code and text say why. */
enum err_class {
	ERR_NONE,
	ERR_INPUT,	/* the document or request is at fault: dead letter or 4xx */
	ERR_LIMIT,	/* a limit was met: dead letter or 4xx */
	ERR_RETRY,	/* a peer is away: leave the message unacknowledged, 503 */
	ERR_SYSTEM	/* this process cannot go on */
};

struct err {
	enum err_class cls;
	int code;	/* a reject code (schema/reject.h) where cls is INPUT or LIMIT */
	char text[192];
};

#define ERR_INIT { ERR_NONE, 0, "" }

/* Fills e unless it already holds a failure; returns -1, so callers can return it. */
int err_set(struct err *e, enum err_class cls, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* err_set(ERR_SYSTEM) with strerror(errno) behind the text. */
int err_errno(struct err *e, const char *what);

/* Forgets the failure, so that e can be used again. */
void err_clear(struct err *e);

#endif
