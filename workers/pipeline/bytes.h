/*
 * bytes - looks at every byte of a JSON text before the parser does.
 *
 * In:  bytes, in pieces. Out: how many are fit to be parsed, and what stands behind them.
 * Depends on nothing. It knows strings, escapes and UTF-8 (RFC 3629), not grammar: what
 * it lets pass may still be wrong JSON. Its findings do not depend on where pieces end.
 */
#ifndef GS_PIPELINE_BYTES_H
#define GS_PIPELINE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bytes_event {
	BYTES_CLEAN,
	BYTES_UTF8,		/* not UTF-8: the text ends here */
	BYTES_CONTROL,		/* a control character or escape that JSON does not have, likewise */
	BYTES_SEPARATOR,	/* U+001E outside a string (RFC 8142) */
	BYTES_SURROGATE,	/* half a surrogate pair was escaped; goes on */
	BYTES_LONG_STRING,	/* a string passed the limit; goes on */
	BYTES_SKIPPED,		/* what was returned belongs to such a string: nobody needs it */
};

struct bytes {
	uint64_t at;		/* offset of the next byte */
	uint64_t fault_at;	/* where the last event's cause began */
	uint64_t string_at;	/* offset of the open string's quote */
	uint64_t escape_at;	/* of the last \u escape's backslash */
	uint64_t high_at;	/* of a high surrogate that waits for its low one */
	uint64_t sequence_at;	/* of the lead byte of an open UTF-8 sequence */
	size_t max_string;
	bool in_string;
	bool long_string;	/* the open string has been reported */
	bool high;		/* a high surrogate waits */
	uint8_t escape;		/* 0 none, 1 behind the backslash, 2 to 5 hex digits */
	uint16_t unit;		/* of the hex digits so far */
	uint8_t need;		/* continuation bytes that are missing */
	uint8_t low, up;	/* range of the next one */
};

/* Begins a text at offset `at` whose strings may hold max_string bytes. */
void bytes_init(struct bytes *b, uint64_t at, size_t max_string);

/*
 * Scans up to n bytes; returns how many come before the event's cause (UTF8, CONTROL, SEPARATOR)
 * or with it (the others).
 */
size_t bytes_scan(struct bytes *b, const char *p, size_t n, enum bytes_event *event);

/* The text ends here: CLEAN, or LONG_STRING if that could not be said within a character. */
enum bytes_event bytes_end(struct bytes *b);

#endif
