/* bytes - see bytes.h. Plain ASCII passes sixteen bytes at a time. */
#include "workers/pipeline/bytes.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

void bytes_init(struct bytes *b, uint64_t at, size_t max_string)
{
	memset(b, 0, sizeof(*b));
	b->at = at;
	b->max_string = max_string;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#define BLOCK 16

/* Sixteen bytes at a time, in the compiler's own terms for any processor. */
typedef unsigned char block __attribute__((vector_size(BLOCK)));

/* A bit for each byte of c, all of whose bits are alike; the lowest is the first. */
static inline unsigned bits_of(block c)
{
#ifdef __SSE2__
	return (unsigned)_mm_movemask_epi8((__m128i)c);
#else
	uint64_t half[2];

	memcpy(half, &c, sizeof(half));
	return (unsigned)((half[0] & 0x8040201008040201) * 0x0101010101010101 >> 56)
	    | (unsigned)((half[1] & 0x8040201008040201) * 0x0101010101010101 >> 56) << 8;
#endif
}

/* Which bytes lie within a string, its first quote included, its last one not? */
static inline unsigned within_strings(unsigned quotes, bool in_string)
{
	quotes ^= quotes << 1;
	quotes ^= quotes << 2;
	quotes ^= quotes << 4;
	quotes ^= quotes << 8;
	return (in_string ? ~quotes : quotes) & 0xffff;
}

/* The quotes of a block, of which the first stands at offset `at`: false if one ends a string that is too long. */
static inline bool pass_quotes(struct bytes *b, unsigned quotes, uint64_t at)
{
	if (quotes == 0)
		return true;
	if (b->in_string && at + (unsigned)__builtin_ctz(quotes) - b->string_at - 1 > b->max_string)
		return false;
	b->in_string ^= __builtin_popcount(quotes) & 1;
	if (b->in_string)
		b->string_at = at + 31 - (unsigned)__builtin_clz(quotes);
	return true;
}

/* Passes what needs no second look: all but backslashes, odd controls and what is beyond ASCII. May stop early. */
static size_t plain_run(struct bytes *b, const char *p, size_t n, uint64_t at)
{
	size_t i = 0;

	if (b->max_string < BLOCK)
		return 0;
	for (; n - i >= BLOCK; i += BLOCK) {
		unsigned quotes, breaks, controls, stop;
		block c;

		memcpy(&c, p + i, BLOCK);
		quotes = bits_of((block)(c == '"'));
		controls = bits_of((block)(c < 0x20));
		stop = bits_of((block)((c == '\\') | (c >= 0x80)));
		if (controls != 0) {
			breaks = bits_of((block)((c == '\n') | (c == '\r') | (c == '\t')));
			stop |= controls & ~(breaks & ~within_strings(quotes, b->in_string));
		}
		if (stop != 0)
			quotes &= (stop & -stop) - 1;
		if (!pass_quotes(b, quotes, at + i))
			return i;
		if (stop != 0)
			return i + (unsigned)__builtin_ctz(stop);
	}
	return i;
}

#else

static size_t plain_run(struct bytes *b, const char *p, size_t n, uint64_t at)
{
	(void)b, (void)p, (void)n, (void)at;
	return 0;
}

#endif

/* The first byte of a sequence; false if none begins so. Ranges shut out overlong forms,
 * surrogates and what lies beyond U+10FFFF. */
static bool utf8_lead(struct bytes *b, unsigned char c)
{
	b->low = 0x80;
	b->up = 0xbf;
	if (c >= 0xc2 && c <= 0xdf) {
		b->need = 1;
	} else if (c >= 0xe0 && c <= 0xef) {
		b->need = 2;
		if (c == 0xe0)
			b->low = 0xa0;
		else if (c == 0xed)
			b->up = 0x9f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		b->need = 3;
		if (c == 0xf0)
			b->low = 0x90;
		else if (c == 0xf4)
			b->up = 0x8f;
	} else {
		return false;
	}
	return true;
}

static bool utf8_continues(struct bytes *b, unsigned char c)
{
	if (c < b->low || c > b->up)
		return false;
	b->low = 0x80;
	b->up = 0xbf;
	b->need--;
	return true;
}

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A \u escape is complete. true: half a pair is alone, at fault_at. */
static bool unit_is_alone(struct bytes *b)
{
	bool high = (b->unit & 0xfc00) == 0xd800, low = (b->unit & 0xfc00) == 0xdc00;
	bool alone = b->high ? !low : low;

	b->fault_at = b->high ? b->high_at : b->escape_at;
	b->high = high;
	b->high_at = b->escape_at;
	return alone;
}

/* One byte within an escape: \ then a letter, or \u and four hex digits. */
static enum bytes_event escape_step(struct bytes *b, unsigned char c, uint64_t at)
{
	int digit = hex_digit(c);

	if (b->escape == 1 ? c == '\0' || strchr("\"\\/bfnrtu", c) == NULL : digit < 0) {
		b->fault_at = at;
		return BYTES_CONTROL;
	}
	if (b->escape == 1) {
		bool alone = b->high && c != 'u';

		b->fault_at = b->high_at;
		b->high = b->high && !alone;
		b->unit = 0;
		b->escape = c == 'u' ? 2 : 0;
		return alone ? BYTES_SURROGATE : BYTES_CLEAN;
	}
	b->unit = (uint16_t)(b->unit << 4 | digit);
	if (++b->escape < 6)
		return BYTES_CLEAN;
	b->escape = 0;
	return unit_is_alone(b) ? BYTES_SURROGATE : BYTES_CLEAN;
}

/* One ASCII byte that is not plain, or any that follows a waiting surrogate. */
static enum bytes_event special(struct bytes *b, unsigned char c, uint64_t at)
{
	bool alone = b->in_string && b->high && c != '\\';

	if (alone) {
		b->high = false;
		b->fault_at = b->high_at;
	}
	if (c == '\\' && b->in_string) {
		b->escape = 1;
		b->escape_at = at;
	} else if (c == '"') {
		b->in_string = !b->in_string;
		if (!b->in_string && !b->long_string && at - b->string_at - 1 > b->max_string) {
			b->fault_at = b->string_at;
			return BYTES_LONG_STRING;
		}
		if (b->in_string)
			b->string_at = at;
		b->long_string = false;
	}
	return alone ? BYTES_SURROGATE : BYTES_CLEAN;
}

static bool is_control(const struct bytes *b, unsigned char c)
{
	return c < 0x20 && (b->in_string || (c != '\n' && c != '\r' && c != '\t'));
}

static enum bytes_event step(struct bytes *b, unsigned char c, uint64_t at)
{
	if (b->need > 0)
		return utf8_continues(b, c) ? BYTES_CLEAN : BYTES_UTF8;
	if (is_control(b, c)) {
		b->fault_at = at;
		return c == 0x1e && !b->in_string ? BYTES_SEPARATOR : BYTES_CONTROL;
	}
	if (b->escape != 0)
		return escape_step(b, c, at);
	if (c >= 0x80) {
		b->sequence_at = at;
		if (!utf8_lead(b, c))
			return BYTES_UTF8;
	}
	return special(b, c, at);
}

/* Is the open string too long, with `at` as the next byte's offset, and not yet reported? */
static bool runs_long(struct bytes *b, uint64_t at)
{
	if (!b->in_string || b->long_string || at - b->string_at - 1 <= b->max_string)
		return false;
	b->long_string = true;
	b->fault_at = b->string_at;
	return true;
}

/*
 * One byte that may be more than itself. *taken: it is behind us; else it stays, and is met again
 * where something else is said first: a string's length goes before what is wrong in it.
 */
static enum bytes_event look(struct bytes *b, unsigned char c, uint64_t at, bool *taken)
{
	bool condemned = b->long_string;
	enum bytes_event event = step(b, c, at);

	*taken = event == BYTES_CLEAN || event == BYTES_SURROGATE || event == BYTES_LONG_STRING;
	if (event == BYTES_UTF8)
		b->fault_at = b->sequence_at;
	if (event == BYTES_SURROGATE && condemned)
		return BYTES_CLEAN;
	return event != BYTES_CLEAN && event != BYTES_LONG_STRING && runs_long(b, at) ? BYTES_LONG_STRING : event;
}

size_t bytes_scan(struct bytes *b, const char *p, size_t n, enum bytes_event *event)
{
	bool skipping = b->long_string;
	uint64_t begin = b->at;
	size_t i = 0;
	bool taken;

	*event = BYTES_CLEAN;
	while (i < n && *event == BYTES_CLEAN && skipping == b->long_string) {
		if (b->need == 0 && b->escape == 0 && !b->high && !skipping)
			i += plain_run(b, p + i, n - i, begin + i);
		if (i == n)
			break;
		if (skipping && p[i] == '"' && b->escape == 0 && b->need == 0 && i > 0)
			break;	/* the quote itself is for the parser */
		*event = look(b, (unsigned char)p[i], begin + i, &taken);
		i += taken;
	}
	b->at = begin + i;
	if (*event == BYTES_CLEAN && skipping && b->in_string)
		*event = BYTES_SKIPPED;
	else if (*event == BYTES_CLEAN && b->escape == 0 && b->need == 0 && runs_long(b, b->at))
		*event = BYTES_LONG_STRING;
	return i;
}

enum bytes_event bytes_end(struct bytes *b)
{
	return runs_long(b, b->at) ? BYTES_LONG_STRING : BYTES_CLEAN;
}
