/*
 * decode_fault - what is wrong where the tokeniser stopped, named the same wherever pieces ended.
 * See decode_parts.h.
 */
#include <string.h>

#include "workers/pipeline/decode_parts.h"
#include "workers/pipeline/number.h"

/* Follows the numbers among n bytes at p; n is then the length of the one that reaches their end. */
static void number_follow(struct number_tail *t, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		t->state = number_step(t->state, p[i]);
		if (t->state == NUMBER_NONE) {	/* the one before has ended; may be this begins another */
			t->len = 0;
			t->state = number_step(NUMBER_NONE, p[i]);
		}
		t->len += t->state != NUMBER_NONE;
	}
}

/* The number that ends at p + n, pieces before this one included. */
static struct number_tail number_tail(const struct decode *d, const char *p, size_t n)
{
	struct number_tail t = d->number;
	size_t begin = n;

	while (begin > 0 && (strchr("+-.eE", p[begin - 1]) != NULL ||
	    (p[begin - 1] >= '0' && p[begin - 1] <= '9')))
		begin--;
	if (begin > 0)
		t = (struct number_tail){ NUMBER_NONE, 0 };
	number_follow(&t, p + begin, n - begin);
	return t;
}

/* Where the value ends that stands behind the last good one without a comma, if it is a number. */
static size_t stray_number(const struct decode *d, const char *p, size_t n, uint64_t *len)
{
	size_t at = d->value_end > d->parse_at ? d->value_end - d->parse_at : 0;
	struct number_tail t = { NUMBER_NONE, 0 };

	*len = 0;
	if (at == 0 && d->tail_in_string)
		return 0;
	if (at == 0)
		t = d->number;
	while (at < n && t.len == 0 && strchr(" \t\r\n", p[at]) != NULL)
		at++;
	for (; at < n && (t.state = number_step(t.state, p[at])) != NUMBER_NONE; at++)
		t.len++;
	*len = t.len;
	return at;
}

void fault_watch_number(struct decode *d, const char *p, size_t n, uint64_t at, bool in_string)
{
	d->tail_in_string = in_string;
	if (d->tail_in_string)
		d->number = (struct number_tail){ NUMBER_NONE, 0 };
	else
		d->number = number_tail(d, p, n);
	if (d->number.len > d->o.max_token_bytes)
		decode_fail(d, ERR_LIMIT, R_TOKEN_TOO_LONG, at + n - d->number.len);
}

/*
 * yajl stopped. What it calls an error may be a NaN or Infinity: three letters tell, and they
 * may come with the next piece. It stops behind the first of them, or behind a minus.
 */
int fault_syntax(struct decode *d, const char *p, size_t n, size_t used, const char *words)
{
	bool trailing = strstr(words, "trailing garbage") != NULL;
	bool token = strncmp(words, "parse error", 11) == 0;	/* a good one in the wrong place */
	/* Here yajl steps back by a token, but not into the piece before. */
	bool no_comma = strstr(words, "after key and value") != NULL;
	uint64_t len = no_comma ? 0 : number_tail(d, p, used).len;
	size_t end = no_comma ? stray_number(d, p, n, &len) : used;

	if (len > d->o.max_token_bytes)	/* as if it had come piece by piece */
		return decode_fail(d, ERR_LIMIT, R_TOKEN_TOO_LONG, d->parse_at + end - len) - 1;
	d->failed_at = d->parse_at + used;
	if (trailing)
		return decode_fail(d, ERR_INPUT, R_JSON_TRAILING, d->failed_at - 1) - 1;
	if (token)
		return decode_fail(d, ERR_INPUT, R_JSON_SYNTAX, no_comma ? d->value_end : d->failed_at - 1) - 1;
	d->doubt_at = d->failed_at - (strstr(words, "invalid char in") != NULL);
	if (d->format != FORMAT_DOCUMENT)
		return decode_fail(d, ERR_INPUT, R_JSON_SYNTAX, d->doubt_at) - 1;
	memset(d->doubt, 0, sizeof(d->doubt));
	d->doubt[0] = used > 0 ? p[used - 1] : d->last;
	d->doubt_len = 1;
	d->state = DOUBT;
	return 0;
}

int fault_settle(struct decode *d)
{
	const char *s = d->doubt + (d->doubt[0] == '-');
	char word[4] = { (char)(s[0] | 0x20), (char)(s[1] | 0x20), (char)(s[2] | 0x20), '\0' };
	bool nonfinite = strcmp(word, "nan") == 0 || strcmp(word, "inf") == 0;

	d->state = TEXT;
	if (nonfinite)
		return decode_fail(d, ERR_INPUT, R_JSON_NONFINITE, d->failed_at - 1) - 1;
	return decode_fail(d, ERR_INPUT, R_JSON_SYNTAX, d->doubt_at) - 1;
}
