/*
 * decode_past - what goes to the parser, and what past it: coordinates, as far as they are plain (decode_plain.c).
 * See decode_parts.h.
 */
#include <string.h>

#include "workers/pipeline/decode_parts.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Does the bracket at p[i] open "coordinates"? True also where what stands before it was in the last piece. */
static bool opens_coordinates(const char *p, size_t i)
{
	static const char name[] = "\"coordinates\"";
	size_t n = sizeof(name) - 1;

	while (i > 0 && is_blank(p[i - 1]))
		i--;
	if (i == 0)
		return true;
	if (p[--i] != ':')
		return false;
	while (i > 0 && is_blank(p[i - 1]))
		i--;
	return memcmp(p + (i < n ? 0 : i - n), name + (i < n ? n - i : 0), i < n ? i : n) == 0;
}

/* How much of n bytes the parser gets at once: up to where coordinates begin, which may be plain. */
static size_t parser_share(const struct decode *d, const char *p, size_t n)
{
	const char *at = p;

	if (d->parser_alone)
		return n;
	while ((at = memchr(at, '[', (size_t)(p + n - at))) != NULL && !opens_coordinates(p, (size_t)(at - p)))
		at++;
	return at != NULL ? (size_t)(at + 1 - p) : n;
}

/* The parser has read up to `at`. If the last byte opened coordinates, they are read past it from here. */
static void plain_try(struct decode *d, uint64_t at)
{
	if (d->reading == NULL || d->reading_at != at || d->reading->broken || d->parser_alone ||
	    d->nesting + COORDS_LEVELS - 1 > d->o.max_depth)
		return;
	plain_begin(&d->plain, d->o.max_token_bytes);
}

/*
 * plain_read has stopped. The parser still stands behind the first bracket: it gets, unheard, what brings
 * it here, and a number that has begun.
 */
static enum parser_status plain_end(struct decode *d, bool last)
{
	static const char brackets[COORDS_LEVELS + 1] = "[[[[", *const rest[] = { "", "", "[],", "[]" };
	const struct plain *s = &d->plain;
	enum parser_status status = PARSER_OK;
	unsigned state = s->state;

	d->plain.state = PLAIN_OFF;
	if (s->number_len == 0)
		d->number = (struct number_tail){ 0, 0 };
	if (last)
		return PARSER_OK;
	d->mute = true;
	status = parser_feed(d, brackets, d->reading->depth - 1);
	if (status == PARSER_OK)
		status = parser_feed(d, rest[state], strlen(rest[state]));
	d->mute = false;
	return status != PARSER_OK || s->number_len == 0 ? status : parser_feed(d, s->number, s->number_len);
}

/* Coordinates that are plain so far; *status as of the parser. Returns the bytes used. */
static size_t feed_plain(struct decode *d, const char *p, size_t n, enum parser_status *status)
{
	struct coords *c = d->reading;
	unsigned depth = c->depth;
	size_t used = plain_read(&d->plain, c, &d->pool, p, n);

	d->nesting = d->nesting - depth + c->depth;
	if (used < n)
		*status = plain_end(d, p[used] == ']' && c->depth == 1 && !c->broken &&
		    d->plain.state != PLAIN_NEXT && d->plain.number_len == 0);
	return used;
}

size_t past_feed(struct decode *d, const char *p, size_t n, uint64_t at, enum parser_status *status)
{
	size_t i = 0, share;

	*status = PARSER_OK;
	while (i < n && *status == PARSER_OK) {
		if (d->plain.state != PLAIN_OFF) {
			i += feed_plain(d, p + i, n - i, status);
		} else {
			share = parser_share(d, p + i, n - i);
			d->parse_at = at + i;
			*status = parser_feed(d, p + i, share);
			if (*status == PARSER_FAULT)
				parser_fault(d, p + i, share);
			i += *status == PARSER_OK ? share : parser_used(d);
			if (*status == PARSER_OK && i < n) {	/* what is said of a fault behind here begins here */
				d->number = (struct number_tail){ 0, 0 };
				d->tail_in_string = false;
			}
			if (*status == PARSER_OK)
				plain_try(d, at + i);
		}
		if (i > 0)
			d->last = p[i - 1];
	}
	return i;
}
