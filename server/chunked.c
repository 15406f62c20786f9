/* chunked - see chunked.h. A byte per step: framing is a few bytes in many. */
#include "server/chunked.h"

#include <stdbool.h>

#define DIGITS_MAX 15	/* of a size: the sum stays below 2^60 */

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER_START, TRAILER, TRAILER_LF, LAST_LF, OVER };

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool expect(struct chunked *c, char byte, char wanted, int then)
{
	c->state = then;
	return byte == wanted;
}

static bool in_size(struct chunked *c, char byte)
{
	int value = hex_value(byte);

	if (value >= 0) {
		c->left = c->left << 4 | (unsigned)value;
		return ++c->digits <= DIGITS_MAX;
	}
	c->state = byte == '\r' ? SIZE_LF : EXTENSION;
	return c->digits > 0 && (byte == '\r' || byte == ';');
}

/* Text up to CR, in an extension or a trailer. */
static bool in_text(struct chunked *c, char byte, int then)
{
	if (byte == '\r')
		c->state = then;
	else if (((unsigned char)byte < 0x20 && byte != '\t') || byte == 0x7f)
		return false;
	return ++c->waste <= CHUNKED_WASTE_MAX;
}

static bool step(struct chunked *c, char byte)
{
	switch (c->state) {
	case SIZE:
		return in_size(c, byte);
	case EXTENSION:
		return in_text(c, byte, SIZE_LF);
	case SIZE_LF:
		return expect(c, byte, '\n', c->left > 0 ? DATA : TRAILER_START);
	case DATA_CR:
		return expect(c, byte, '\r', DATA_LF);
	case DATA_LF:
		c->digits = 0;
		return expect(c, byte, '\n', SIZE);
	case TRAILER_START:
		c->state = byte == '\r' ? LAST_LF : TRAILER;
		return byte == '\r' || (byte != ' ' && in_text(c, byte, TRAILER));
	case TRAILER:
		return in_text(c, byte, TRAILER_LF);
	case TRAILER_LF:
		return expect(c, byte, '\n', TRAILER_START);
	case LAST_LF:
		return expect(c, byte, '\n', OVER);
	}
	return false;
}

enum chunked_step chunked_next(struct chunked *c, const char *bytes, size_t n, size_t *used, size_t *have)
{
	*used = *have = 0;
	while (*used < n && c->state != DATA && c->state != OVER)
		if (!step(c, bytes[(*used)++]))
			return CHUNKED_BAD;
	if (c->state == OVER)
		return CHUNKED_END;
	if (c->state != DATA || *used == n)
		return CHUNKED_MORE;
	*have = c->left < n - *used ? (size_t)c->left : n - *used;
	return CHUNKED_DATA;
}

void chunked_took(struct chunked *c, size_t n)
{
	c->left -= n;
	if (c->left == 0)
		c->state = DATA_CR;
}
