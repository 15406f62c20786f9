/*
 * problem - how the server says no: application/problem+json (RFC 9457) with a stable code.
 *
 * In:  a code of problem.def and words about this case. Out: status and JSON text.
 * Depends on lib/json.
 */
#ifndef GS_SERVER_PROBLEM_H
#define GS_SERVER_PROBLEM_H

#include "lib/buf.h"

enum problem {
	P_NONE,
#define PROBLEM(code, status, type, title) P_##code,
#include "server/problem.def"
#undef PROBLEM
	P_COUNT
};

/* Why a request is refused. */
struct refusal {
	enum problem problem;
	unsigned retry_after_s;	/* 0: the answer names no time */
	char detail[256];	/* for the sender; "" where the title says all */
};

/* Fills r unless it holds one already; returns -1, so that callers can return it. */
int refuse(struct refusal *r, enum problem p, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same, for what may pass by itself. */
int refuse_for_now(struct refusal *r, enum problem p, unsigned retry_after_s, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

unsigned problem_status(enum problem p);
const char *problem_code(enum problem p);	/* "" for P_NONE */

/* Appends the JSON object. */
void problem_write(struct buf *b, const struct refusal *r);

#endif
