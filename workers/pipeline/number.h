/*
 * number - JSON number text to doubles and back, exactly and without a locale.
 *
 * In:  the text of a JSON number, already known to be one; or a finite double.
 * Out: the nearest double (ties to even); or the shortest text that reads back to the same
 *      double. Depends on <charconv>, for what the fast paths leave.
 */
#ifndef GS_PIPELINE_NUMBER_H
#define GS_PIPELINE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NUMBER_TEXT_MAX 48	/* bytes that number_format may write; its text takes 25 at the most */

/*
 * Where in a number (RFC 8259 6) a reader is; NONE: in none. Behind ZERO, INTEGER, FRACTION and POWER it
 * may end.
 */
enum number_state {
	NUMBER_NONE, NUMBER_MINUS, NUMBER_ZERO, NUMBER_INTEGER, NUMBER_POINT, NUMBER_FRACTION, NUMBER_EXPONENT,
	NUMBER_SIGN, NUMBER_POWER
};

/* The state behind one more byte; NONE if the number does not go on with it. */
enum number_state number_step(enum number_state state, char c);
bool number_may_end(enum number_state state);

#define NUMBER_READ_ROOM 32	/* bytes that number_read wants to see */

/*
 * Reads the number that n bytes begin with, if it is of the usual form: up to eight digits, a point and up
 * to sixteen more, or no point. Returns its length; 0: some other number or none, or n < NUMBER_READ_ROOM.
 */
size_t number_read(const char *text, size_t n, double *out);

/* false: too large for a double (*out is then untouched). What is too small becomes 0. */
bool number_parse(const char *text, size_t len, double *out);

/*
 * Writes v as a JSON number without a NUL; returns its length. Plain digits where
 * 1e-6 <= |v| < 1e21, else an exponent; -0.0 is "-0". v has to be finite.
 */
size_t number_format(double v, char out[NUMBER_TEXT_MAX]);

#ifdef __cplusplus
}
#endif

#endif
