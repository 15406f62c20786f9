/*
 * decode_plain - coordinates as nearly all are, read past the parser: brackets, commas, blanks, numbers.
 *
 * In:  the bytes behind a "coordinates" array's first bracket, in pieces, after bytes.c has passed them.
 * Out: what coords_open, coords_number and coords_close make of them, as the parser would have called
 *      them. It judges nothing: before the first byte that is anything else, and before the array's last
 *      bracket, it stops, and the parser is brought to the same place to go on and say what is wrong.
 * Depends on decode_coords.h and number.h.
 */
#ifndef GS_PIPELINE_DECODE_PLAIN_H
#define GS_PIPELINE_DECODE_PLAIN_H

#include "workers/pipeline/decode_coords.h"

#define PLAIN_NUMBER_MAX 64	/* bytes of a number that is cut by a piece's end; longer ones are the parser's */

/* Behind a bracket that opened, behind a comma, behind a value. */
enum plain_state { PLAIN_OFF, PLAIN_FIRST, PLAIN_NEXT, PLAIN_AFTER };

struct plain {
	uint8_t state;
	uint8_t number_state, number_len;	/* a number that reaches the end of the last piece */
	char number[PLAIN_NUMBER_MAX];
	size_t max_number;	/* bytes of one that the parser lets pass */
};

/* Behind the first bracket. */
void plain_begin(struct plain *s, size_t max_number);

/* Returns how many of n bytes are used up; fewer: it has stopped, or c is broken. */
size_t plain_read(struct plain *s, struct coords *c, struct coords_pool *p, const char *text, size_t n);

#endif
