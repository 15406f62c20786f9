/* decode_plain - see decode_plain.h. */
#include "workers/pipeline/decode_plain.h"

#include <string.h>

#include "workers/pipeline/number.h"

typedef unsigned char block __attribute__((vector_size(16)));

void plain_begin(struct plain *s, size_t max_number)
{
	s->state = PLAIN_FIRST;
	s->number_len = 0;
	s->max_number = max_number;
}

/* Behind blanks. What is not above a space is one: bytes.c lets nothing else pass here. */
static inline const char *blanks(const char *p, const char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint64_t other[2];
	block c;

	if (p < end && (unsigned char)*p > ' ')
		return p;
	for (; end - p >= (ptrdiff_t)sizeof(c); p += sizeof(c)) {
		memcpy(&c, p, sizeof(c));
		c = (block)(c > ' ');
		memcpy(other, &c, sizeof(other));
		if (other[0] != 0)
			return p + __builtin_ctzll(other[0]) / 8;
		if (other[1] != 0)
			return p + 8 + __builtin_ctzll(other[1]) / 8;
	}
#endif
	while (p < end && (unsigned char)*p <= ' ')
		p++;
	return p;
}

/* One position of c->stride numbers at p, which begins with its bracket: returns its end, or NULL. */
static inline const char *position(const struct coords *c, const char *p, const char *end, double *x)
{
	size_t len;

	for (unsigned k = 0; k < c->stride; k++) {
		p = blanks(p + 1, end);
		if ((len = number_read(p, (size_t)(end - p), &x[k])) == 0)
			return NULL;
		p = blanks(p + len, end);
		if (p == end || *p != (k + 1 < c->stride ? ',' : ']'))
			return NULL;
	}
	return p + 1;
}

/*
 * Positions like those before, one behind the other: most of any document. Begins at a bracket; returns the
 * bytes of those that were taken whole, with what stands between them.
 */
static size_t positions(struct coords *c, struct coords_pool *pool, const char *text, size_t n)
{
	const char *p = text, *end = text + n, *done = text, *behind;
	size_t len = pool->len;
	uint32_t count = 0;

	while (p < end && *p == '[' && pool->room - len >= c->stride) {
		if ((behind = position(c, p, end, pool->x + len)) == NULL)
			break;
		len += c->stride;
		count++;
		done = behind;
		p = blanks(behind, end);
		if (p == end || *p != ',')
			break;
		p = blanks(p + 1, end);
	}
	pool->len = len;
	c->positions += count;
	c->children[c->depth] += count;
	return (size_t)(done - text);
}

/* Positions have begun, and here is the place for one. */
static bool is_among_positions(const struct plain *s, const struct coords *c)
{
	return c->stride >= 2 && c->n == 0 && c->leaf == c->depth + 1 && s->max_number >= NUMBER_READ_ROOM;
}

/*
 * The number at text, which may go on one of the piece before. Returns the bytes used; 0: it is not
 * plain. One that reaches the end is kept: with the next piece it goes on, or is the parser's from its begin.
 */
static size_t number(struct plain *s, struct coords *c, struct coords_pool *p, const char *text, size_t n)
{
	enum number_state state = s->number_len > 0 ? s->number_state : NUMBER_NONE, next;
	size_t begun = s->number_len, len = begun, i = 0;
	double v;

	if (begun == 0 && s->max_number >= NUMBER_READ_ROOM && (i = number_read(text, n, &v)) > 0) {
		coords_value(c, p, v);
		s->state = PLAIN_AFTER;
		return i;
	}
	for (; i < n && (next = number_step(state, text[i])) != NUMBER_NONE; i++) {
		if (len == sizeof(s->number))
			return 0;
		s->number[len++] = text[i];
		state = next;
	}
	if (i == n) {
		s->number_len = (uint8_t)len;
		s->number_state = (uint8_t)state;
		return n;
	}
	if (!number_may_end(state) || len > s->max_number)
		return 0;
	coords_number(c, p, s->number, len);
	s->number_len = 0;
	s->state = PLAIN_AFTER;
	return i;
}

/* A bracket opens. Returns the bytes used; 0: here none should. */
static size_t bracket(struct plain *s, struct coords *c, struct coords_pool *p, const char *text, size_t n)
{
	size_t used = is_among_positions(s, c) ? positions(c, p, text, n) : 0;

	if (used > 0) {
		s->state = PLAIN_AFTER;
		return used;
	}
	if (c->n > 0 || c->depth == COORDS_LEVELS)
		return 0;
	coords_open(c);
	s->state = PLAIN_FIRST;
	return 1;
}

static size_t token(struct plain *s, struct coords *c, struct coords_pool *p, const char *text, size_t n)
{
	if (*text == ']' && s->state != PLAIN_NEXT && c->depth > 1) {
		coords_close(c, p);
		s->state = PLAIN_AFTER;
		return 1;
	}
	if (s->state == PLAIN_AFTER) {
		s->state = *text == ',' ? PLAIN_NEXT : PLAIN_AFTER;
		return *text == ',';
	}
	return *text == '[' ? bracket(s, c, p, text, n) : number(s, c, p, text, n);
}

size_t plain_read(struct plain *s, struct coords *c, struct coords_pool *p, const char *text, size_t n)
{
	const char *at = text, *end = text + n;
	size_t used = 1;

	if (s->number_len > 0) {
		at += c->broken ? 0 : number(s, c, p, text, n);
		if (s->number_len > 0)
			return (size_t)(at - text);
	}
	while (used > 0 && !c->broken && (at = blanks(at, end)) < end)
		at += used = token(s, c, p, at, (size_t)(end - at));
	return (size_t)(at - text);
}
