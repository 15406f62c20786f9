/* scan - see scan.h. */
#include "workers/pipeline/scan.h"

#include <string.h>

#include "workers/pipeline/decode_id.h"

/* Between elements, in a scalar that is one; then what comes next among the members of one. */
enum { FIRST, COMMA, ELEMENT, SCALAR, NAME, COLON, VALUE, AFTER };

enum { NOTHING, A_NAME, AN_ID, A_TYPE };

void scan_init(struct scan *s, uint64_t at, uint64_t elements, size_t max_feature_bytes, size_t max_token_bytes)
{
	memset(s, 0, sizeof(*s));
	s->at = at;
	s->elements = elements;
	s->state = elements == 0 ? FIRST : COMMA;
	s->max_feature_bytes = max_feature_bytes;
	s->max_token_bytes = max_token_bytes;
	buf_init(&s->text, max_token_bytes + 2);
}

void scan_clear(struct scan *s)
{
	buf_clear(&s->text);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* ---- deep within an element: strings and brackets alone ---- */

typedef unsigned char block __attribute__((vector_size(16)));

#define RUN 8	/* blocks at a time: a count of them fits a byte */

static unsigned sum(block counts)
{
	uint64_t half[2];

	memcpy(half, &counts, sizeof(half));
	return (unsigned)(((half[0] + half[1]) * 0x0101010101010101u) >> 56);
}

/* Whole runs without a quote in which depth stays above 1. */
static size_t deep_runs(struct scan *s, const char *p, size_t n)
{
	size_t i = 0;

	for (; n - i >= RUN * sizeof(block); i += RUN * sizeof(block)) {
		block opened = { 0 }, closed = { 0 }, square = { 0 }, quote = { 0 }, c;
		uint64_t half[2];

		for (size_t k = 0; k < RUN; k++) {
			memcpy(&c, p + i + k * sizeof(block), sizeof(c));
			quote |= (block)(c == '"');
			square -= (block)(c == '[');
			c |= 0x20;	/* both kinds of bracket alike */
			opened -= (block)(c == '{');
			closed -= (block)(c == '}');
		}
		memcpy(half, &quote, sizeof(half));
		if ((half[0] | half[1]) != 0 || s->depth < sum(closed) + 2)
			break;
		s->depth += sum(opened);
		s->depth -= sum(closed);
		s->vertices += sum(square);
	}
	return i;
}

/* In a string whose text nobody wants: behind its end, or all. */
static size_t pass_string(struct scan *s, const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && s->in_string) {
		if (s->escape) {
			s->escape = false;
			i++;
			continue;
		}
		while (i < n && p[i] != '"' && p[i] != '\\')
			i++;
		if (i == n)
			break;
		if (p[i++] == '"')
			s->in_string = false;
		else
			s->escape = true;
	}
	return i;
}

/* One ended in front of its quote at `end`. Of a feature with one that is too long the decoder judges no id. */
static void string_ended(struct scan *s, uint64_t end)
{
	s->too_long |= end - s->string_at > s->max_token_bytes;
}

/* At depth 2 or more: until depth is 1, or all. */
static size_t deep(struct scan *s, const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && s->depth > 1) {
		if (s->in_string) {
			i += pass_string(s, p + i, n - i);
			if (!s->in_string)
				string_ended(s, s->at + i - 1);
			continue;
		}
		i += deep_runs(s, p + i, n - i);
		for (size_t end = i + 2 * RUN * sizeof(block); i < n && i < end && s->depth > 1 && !s->in_string; i++) {
			char c = p[i] | 0x20;

			s->vertices += p[i] == '[';
			s->in_string = p[i] == '"';
			s->depth += c == '{';
			s->depth -= c == '}';
		}
		s->string_at = s->at + i;	/* if it is one */
	}
	return i;
}

/* ---- an element's own members ---- */

static void value_end(struct scan *s, bool string)
{
	uint8_t wanted = s->wanted;

	s->wanted = NOTHING;
	if (wanted == A_TYPE)
		s->is_feature = string && decode_id_is(&s->text, "Feature");
	else if (wanted == AN_ID)
		s->has_id = string ? decode_id_string(&s->text, &s->id_hash) : decode_id_number(&s->text, &s->id_hash);
}

static void name_end(struct scan *s)
{
	s->wanted = NOTHING;
	if (!s->id_seen && decode_id_is(&s->text, "id")) {
		s->id_seen = true;
		s->wanted = AN_ID;
	} else if (!s->type_seen && decode_id_is(&s->text, "type")) {
		s->type_seen = true;
		s->wanted = A_TYPE;
	}
}

static void string_end(struct scan *s)
{
	s->in_string = false;
	if (s->state == NAME) {
		name_end(s);
		s->state = COLON;
	} else {
		value_end(s, true);
		s->state = AFTER;
	}
}

static void string_byte(struct scan *s, char c)
{
	bool end = c == '"' && !s->escape;

	s->escape = c == '\\' && !s->escape;
	if (end) {
		string_ended(s, s->at - 1);
		string_end(s);
	} else if (s->wanted != NOTHING)
		buf_putc(&s->text, c);
}

static enum scan_event element_end(struct scan *s, enum scan_event what)
{
	s->depth = 0;
	s->state = COMMA;
	s->odd = false;
	s->elements++;
	if (!s->is_feature || s->too_long || s->at - s->begin > s->max_feature_bytes)
		s->has_id = false;
	return what;
}

static enum scan_event member_byte(struct scan *s, char c)
{
	if (s->in_string) {
		string_byte(s, c);
		return SCAN_MORE;
	}
	if (s->state == VALUE && s->wanted != NOTHING && s->text.len > 0 && (is_blank(c) || c == ',' || c == '}')) {
		value_end(s, false);
		s->state = AFTER;
	}
	switch (c) {
	case '"':
		s->in_string = true;
		s->string_at = s->at;
		buf_reset(&s->text);
		if (s->state == NAME)
			s->wanted = A_NAME;
		return SCAN_MORE;
	case '{':
	case '[':
		s->wanted = NOTHING;
		s->depth++;
		return SCAN_MORE;
	case ':':
		s->state = VALUE;
		buf_reset(&s->text);
		return SCAN_MORE;
	case ',':
		s->state = NAME;
		s->wanted = NOTHING;
		return SCAN_MORE;
	case '}':
		return element_end(s, SCAN_FEATURE);
	case ']':
		return SCAN_LOST;
	default:
		if (s->state == VALUE && s->wanted != NOTHING && !is_blank(c))
			buf_putc(&s->text, c);
		return SCAN_MORE;
	}
}

/* ---- between elements ---- */

static void element_begin(struct scan *s, char c)
{
	s->begin = s->at - 1;
	s->state = NAME;
	s->wanted = NOTHING;
	s->id_seen = s->type_seen = s->is_feature = s->has_id = s->too_long = false;
	s->depth = 1;
	s->odd = c != '{';
	if (c == '[') {
		s->depth = 2;
	} else if (c != '{') {
		s->depth = 0;
		s->state = SCALAR;
		s->in_string = c == '"';
	}
}

/* s->at is behind c. A bracket or a fault stays for who decodes. */
static enum scan_event between(struct scan *s, char c)
{
	if (s->state == SCALAR) {
		if (s->in_string) {
			s->in_string = s->escape || c != '"';
			s->escape = c == '\\' && !s->escape;
			return s->in_string ? SCAN_MORE : element_end(s, SCAN_ODD);
		}
		if (!is_blank(c) && c != ',' && c != ']')
			return SCAN_MORE;
		s->at--;
		return element_end(s, SCAN_BARE);
	}
	if (is_blank(c))
		return SCAN_MORE;
	if (s->state == COMMA && c == ',') {
		s->state = ELEMENT;
		return SCAN_MORE;
	}
	if (s->state == COMMA || c == ',' || c == ']' || c == '}' || c == ':') {
		s->at--;
		return c == ']' && s->state != ELEMENT ? SCAN_END : SCAN_LOST;
	}
	element_begin(s, c);
	return SCAN_MORE;
}

size_t scan_run(struct scan *s, const char *p, size_t n, enum scan_event *event)
{
	uint64_t begin = s->at;

	*event = SCAN_MORE;
	while (s->at - begin < n && *event == SCAN_MORE) {
		size_t i = s->at - begin;

		if (s->depth > 1) {
			s->at += deep(s, p + i, n - i);
			if (s->depth == 1) {
				s->state = AFTER;
				if (s->odd)
					*event = element_end(s, SCAN_ODD);
			}
		} else if (s->in_string && s->wanted == NOTHING && s->state != SCALAR) {
			s->at += pass_string(s, p + i, n - i);
			if (!s->in_string) {
				string_ended(s, s->at - 1);
				s->state = AFTER;
			}
		} else {
			s->at++;
			*event = s->depth == 1 ? member_byte(s, p[i]) : between(s, p[i]);
		}
	}
	return s->at - begin;
}
