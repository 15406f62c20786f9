/* json - see json.h. */
#include "lib/json.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/decimal.h"

/* Length of the UTF-8 sequence at s (RFC 3629 section 4), or 0 if there is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		lo = 0xa0;
	else if (s[0] == 0xed)
		hi = 0x9f;
	else if (s[0] == 0xf0)
		lo = 0x90;
	else if (s[0] == 0xf4)
		hi = 0x8f;
	if (n < len || s[1] < lo || s[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* How many of n bytes stand in a string as they are: printable ASCII, but for quotes and backslashes. */
static size_t plain_len(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (unsigned char)s[i] >= 0x20 && (unsigned char)s[i] < 0x80 && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

/* The control character, quote, backslash or damaged byte at s. */
static void put_escape(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	if (c >= 0x80)
		buf_puts(b, "\xef\xbf\xbd");
	else if (c == '"' || c == '\\')
		buf_append(b, (char[]){ '\\', (char)c }, 2);
	else
		buf_append(b, (char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
}

static void put_string(struct buf *b, const char *s, size_t n)
{
	buf_reserve(b, n + 2);
	buf_putc(b, '"');
	for (size_t i = 0; i < n;) {
		size_t len = plain_len(s + i, n - i);

		if (len == 0 && (unsigned char)s[i] >= 0x80)
			len = utf8_len((const unsigned char *)s + i, n - i);
		if (len > 0)
			buf_append(b, s + i, len);
		else
			put_escape(b, (unsigned char)s[i]);
		i += len > 0 ? len : 1;
	}
	buf_putc(b, '"');
}

/* A comma unless the last byte opens something, then the name. */
static void begin(struct buf *b, const char *name)
{
	char last = b->len > 0 ? b->data[b->len - 1] : '[';

	if (last != '{' && last != '[' && last != ',' && last != ':' && last != '\n' && last != 0x1e)
		buf_putc(b, ',');
	if (name != NULL) {
		put_string(b, name, strlen(name));
		buf_putc(b, ':');
	}
}

void json_object(struct buf *b, const char *name)
{
	begin(b, name);
	buf_putc(b, '{');
}

void json_array(struct buf *b, const char *name)
{
	begin(b, name);
	buf_putc(b, '[');
}

void json_end_object(struct buf *b)
{
	buf_putc(b, '}');
}

void json_end_array(struct buf *b)
{
	buf_putc(b, ']');
}

void json_strn(struct buf *b, const char *name, const char *value, size_t n)
{
	begin(b, name);
	put_string(b, value, n);
}

void json_str(struct buf *b, const char *name, const char *value)
{
	json_strn(b, name, value, strlen(value));
}

void json_int(struct buf *b, const char *name, long long value)
{
	char digits[DECIMAL_MAX];

	begin(b, name);
	buf_append(b, digits, decimal_signed(digits, value));
}

void json_uint(struct buf *b, const char *name, uint64_t value)
{
	char digits[DECIMAL_MAX];

	begin(b, name);
	buf_append(b, digits, decimal(digits, value));
}

void json_bool(struct buf *b, const char *name, bool value)
{
	begin(b, name);
	buf_puts(b, value ? "true" : "false");
}

void json_raw(struct buf *b, const char *name, const char *text, size_t n)
{
	begin(b, name);
	buf_append(b, text, n);
}

void json_time(struct buf *b, const char *name, uint64_t unix_ms)
{
	char text[25];

	clock_format(text, unix_ms);
	json_str(b, name, text);
}
