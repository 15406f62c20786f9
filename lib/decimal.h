/*
 * decimal - whole numbers as text, without printf, whose share of a short answer is large.
 *
 * In:  a number. Out: its decimal digits. Depends on nothing.
 */
#ifndef GS_LIB_DECIMAL_H
#define GS_LIB_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#define DECIMAL_MAX 20	/* digits of a uint64_t, or of an int64_t and its sign */

/* Writes v to out, of DECIMAL_MAX bytes, without a NUL behind it; how many characters. */
size_t decimal(char *out, uint64_t v);
size_t decimal_signed(char *out, int64_t v);

#endif
