/* structured_field - see structured_field.h. Sections are those of RFC 8941. */
#include "server/structured_field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/crypto.h"

#define DIGITS_MAX 15		/* of an integer, section 3.3.1 */
#define BYTES_MAX 256		/* of a byte sequence that is looked for */
#define WHOLE_MAX 12		/* before the point of a decimal, section 3.3.2 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_alpha(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

void sf_init(struct sf *f, const char *text)
{
	memset(f, 0, sizeof(*f));
	f->at = text + strspn(text, " ");
}

/* Section 4.2.3.3. */
static int read_key(struct sf *f, struct sf_text *name)
{
	name->text = f->at;
	if (!is_lower(*f->at) && *f->at != '*')
		return -1;
	while (is_lower(*f->at) || is_digit(*f->at) || one_of(*f->at, "_-.*"))
		f->at++;
	name->len = (size_t)(f->at - name->text);
	return 1;
}

/* Section 4.2.4. Thousandths of a decimal keep it in an integer. */
static int read_number(struct sf *f, struct sf_item *item)
{
	bool minus = *f->at == '-';
	size_t digits = 0, places = 0;
	int64_t n = 0;

	item->type = SF_INTEGER;
	f->at += minus;
	for (; is_digit(*f->at); f->at++, digits++) {
		if (digits == DIGITS_MAX)
			return -1;
		n = n * 10 + (*f->at - '0');
	}
	if (digits == 0)
		return -1;
	if (*f->at == '.') {
		item->type = SF_DECIMAL;
		if (digits > WHOLE_MAX)
			return -1;
		for (f->at++; is_digit(*f->at); f->at++, places++) {
			if (places == 3)
				return -1;
			n = n * 10 + (*f->at - '0');
		}
		if (places == 0)
			return -1;
		for (; places < 3; places++)
			n *= 10;
	}
	item->number = minus ? -n : n;
	return 1;
}

/* Section 4.2.5. */
static int read_string(struct sf *f, struct sf_item *item)
{
	item->type = SF_STRING;
	item->raw.text = ++f->at;
	for (; *f->at != '"'; f->at++) {
		if (*f->at == '\\' && !one_of(*++f->at, "\"\\"))
			return -1;
		if (*f->at < 0x20 || *f->at > 0x7e)
			return -1;
	}
	item->raw.len = (size_t)(f->at++ - item->raw.text);
	return 1;
}

/* Section 4.2.6. */
static int read_token(struct sf *f, struct sf_item *item)
{
	item->type = SF_TOKEN;
	item->raw.text = f->at;
	while (is_alpha(*f->at) || is_digit(*f->at) || one_of(*f->at, "!#$%&'*+-.^_`|~:/"))
		f->at++;
	item->raw.len = (size_t)(f->at - item->raw.text);
	return 1;
}

/* Section 4.2.7; whether it is base64 is seen where it is decoded. */
static int read_bytes(struct sf *f, struct sf_item *item)
{
	item->type = SF_BYTES;
	item->raw.text = ++f->at;
	while (is_alpha(*f->at) || is_digit(*f->at) || one_of(*f->at, "+/="))
		f->at++;
	item->raw.len = (size_t)(f->at - item->raw.text);
	return *f->at++ == ':' ? 1 : -1;
}

static int read_boolean(struct sf *f, struct sf_item *item)
{
	item->type = SF_BOOLEAN;
	f->at++;
	if (*f->at != '0' && *f->at != '1')
		return -1;
	item->number = *f->at++ - '0';
	return 1;
}

int sf_item(struct sf *f, struct sf_item *item)
{
	memset(item, 0, sizeof(*item));
	if (*f->at == '-' || is_digit(*f->at))
		return read_number(f, item);
	if (*f->at == '"')
		return read_string(f, item);
	if (*f->at == ':')
		return read_bytes(f, item);
	if (*f->at == '?')
		return read_boolean(f, item);
	return is_alpha(*f->at) || *f->at == '*' ? read_token(f, item) : -1;
}

int sf_param(struct sf *f, struct sf_text *name, struct sf_item *value)
{
	if (*f->at != ';')
		return 0;
	f->at++;
	f->at += strspn(f->at, " ");
	if (read_key(f, name) < 0)
		return -1;
	if (*f->at == '=') {
		f->at++;
		return sf_item(f, value);
	}
	*value = (struct sf_item){ .type = SF_BOOLEAN, .number = 1 };
	return 1;
}

int sf_member(struct sf *f, struct sf_text *name)
{
	if (*f->at == '\0' && !f->begun)
		return 0;	/* an empty dictionary */
	if (f->begun) {
		f->at = skip_blanks(f->at);
		if (*f->at == '\0')
			return 0;
		if (*f->at != ',')
			return -1;
		f->at = skip_blanks(f->at + 1);
	}
	f->begun = true;
	if (read_key(f, name) < 0)
		return -1;
	f->bare = *f->at != '=';
	f->at += !f->bare;
	return 1;
}

int sf_open(struct sf *f)
{
	if (f->bare || *f->at != '(')
		return 0;
	f->at++;
	f->inside = false;
	return 1;
}

int sf_inner(struct sf *f, struct sf_item *item)
{
	const char *before = f->at;

	f->at += strspn(f->at, " ");
	if (*f->at == ')') {
		f->at++;
		return 0;
	}
	if (f->inside && f->at == before)
		return -1;	/* items are parted by blanks */
	f->inside = true;
	return sf_item(f, item);
}

static int skip_params(struct sf *f)
{
	struct sf_text name;
	struct sf_item value;
	int n;

	while ((n = sf_param(f, &name, &value)) == 1)
		;
	return n;
}

int sf_skip(struct sf *f)
{
	struct sf_item item;
	int n;

	if (f->bare)
		return skip_params(f) < 0 ? -1 : 1;
	if (sf_open(f) == 0)
		return sf_item(f, &item) < 0 || skip_params(f) < 0 ? -1 : 1;
	while ((n = sf_inner(f, &item)) == 1)
		if (skip_params(f) < 0)
			return -1;
	return n < 0 || skip_params(f) < 0 ? -1 : 1;
}

static long decode(const struct sf_text *raw, unsigned char *out, size_t room)
{
	unsigned char bytes[BYTES_MAX];
	long n;

	if (raw->len / 4 * 3 > sizeof(bytes) || (n = base64_decode(bytes, raw->text, raw->len)) < 0
	    || (size_t)n > room)
		return -2;
	memcpy(out, bytes, (size_t)n);
	return n;
}

long sf_find_bytes(const char *dictionary, const struct sf_text *name, unsigned char *out, size_t room)
{
	struct sf f;
	struct sf_text have;
	struct sf_item item;
	long found = -2;
	int n;

	sf_init(&f, dictionary);
	while ((n = sf_member(&f, &have)) == 1) {
		bool meant = have.len == name->len && memcmp(have.text, name->text, have.len) == 0;

		if (!meant || f.bare || *f.at != ':') {
			if (meant)
				found = -2;
			if (sf_skip(&f) < 0)
				return -1;
			continue;
		}
		if (sf_item(&f, &item) < 0 || skip_params(&f) < 0)
			return -1;
		found = decode(&item.raw, out, room);
	}
	return n < 0 ? -1 : found;
}

bool sf_is(const struct sf_text *t, const char *word)
{
	return t->len == strlen(word) && memcmp(t->text, word, t->len) == 0;
}

void sf_write(struct buf *b, const struct sf_item *item)
{
	int64_t n = item->number < 0 ? -item->number : item->number;
	char places[8];
	size_t last;

	switch (item->type) {
	case SF_INTEGER:
		buf_printf(b, "%" PRId64, item->number);
		break;
	case SF_DECIMAL:
		last = (size_t)snprintf(places, sizeof(places), "%03d", (int)(n % 1000));
		while (last > 1 && places[last - 1] == '0')
			last--;
		buf_printf(b, "%s%" PRId64 ".%.*s", item->number < 0 ? "-" : "", n / 1000, (int)last, places);
		break;
	case SF_STRING:
		buf_putc(b, '"');
		buf_append(b, item->raw.text, item->raw.len);
		buf_putc(b, '"');
		break;
	case SF_TOKEN:
		buf_append(b, item->raw.text, item->raw.len);
		break;
	case SF_BYTES:
		buf_putc(b, ':');
		buf_append(b, item->raw.text, item->raw.len);
		buf_putc(b, ':');
		break;
	case SF_BOOLEAN:
		buf_printf(b, "?%d", (int)item->number);
		break;
	}
}

bool sf_unescape(const struct sf_item *item, char *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < item->raw.len; i++) {
		if (item->raw.text[i] == '\\')
			i++;
		if (n + 1 >= room)
			return false;
		out[n++] = item->raw.text[i];
	}
	out[n] = '\0';
	return true;
}
