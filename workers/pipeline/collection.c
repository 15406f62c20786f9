/* collection - see collection.h. */
#include "workers/pipeline/collection.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "workers/pipeline/number.h"
#include "workers/pipeline/pipeline.h"

#define NOWHERE { { INFINITY, INFINITY, INFINITY }, { -INFINITY, -INFINITY, -INFINITY }, INFINITY, -INFINITY, false }

const struct collection_reach collection_reach_none = { 0, NOWHERE, NOWHERE, false };

bool collection_has_box(const struct collection_box *c)
{
	return c->len > 0 || c->fault != R_NONE;
}

void collection_reach_add(struct collection_reach *c, const struct verdict *v)
{
	const struct feature *f = v->feature;

	c->features++;
	if (v->outcome == OUTCOME_REJECTED)
		return;
	reach_add(&c->given, &f->given);
	reach_add(&c->made, &f->made);
	c->mixed |= f->elsewhere;
}

/* ---- as text ---- */

static void put_number(struct buf *b, const char *before, double v)
{
	char text[NUMBER_TEXT_MAX];

	buf_puts(b, before);
	if (isinf(v))	/* as a number all the same */
		buf_puts(b, v > 0 ? "1e999" : "-1e999");
	else
		buf_append(b, text, number_format(v, text));
}

/* The next token of *text with this sign; what is no such token ends all. */
static bool take_number(const char **text, char sign, double *out)
{
	const char *p = *text + strspn(*text, " ");
	size_t n = strcspn(p, " ");

	if (n < 2 || *p != sign)
		return false;
	for (size_t i = 1; i < n; i++)
		if (strchr("+-.e0123456789", p[i]) == NULL)
			return false;
	if (!number_parse(p + 1, n - 1, out))
		*out = p[1] == '-' ? -INFINITY : INFINITY;
	*text = p + n;
	return true;
}

static void put_reach(struct buf *b, const struct reach *r)
{
	for (int i = 0; i < 3; i++) {
		put_number(b, " <", r->low[i]);
		put_number(b, " >", r->high[i]);
	}
	put_number(b, " <", r->near_east);
	put_number(b, " >", r->near_west);
	buf_puts(b, r->flat ? " >1" : " >0");
}

static bool take_reach(const char **text, struct reach *r)
{
	double flat = 0;

	for (int i = 0; i < 3; i++)
		if (!take_number(text, '<', &r->low[i]) || !take_number(text, '>', &r->high[i]))
			return false;
	if (!take_number(text, '<', &r->near_east) || !take_number(text, '>', &r->near_west)
	    || !take_number(text, '>', &flat))
		return false;
	r->flat = flat > 0;
	return true;
}

int collection_reach_write(const struct collection_reach *c, struct buf *b)
{
	buf_printf(b, "+%" PRIu64, c->features);
	put_reach(b, &c->given);
	put_reach(b, &c->made);
	buf_puts(b, c->mixed ? " >1" : " >0");
	return b->failed ? -1 : 0;
}

bool collection_reach_read(struct collection_reach *c, const char *text)
{
	double features = 0, mixed = 0;

	if (take_number(&text, '+', &features) && features >= 0 && features < 1e15 && take_reach(&text, &c->given)
	    && take_reach(&text, &c->made) && take_number(&text, '>', &mixed)) {
		c->features = (uint64_t)features;
		c->mixed = mixed > 0;
		return true;
	}
	*c = collection_reach_none;
	return false;
}

int collection_box_write(const struct collection_box *c, struct buf *b)
{
	buf_printf(b, "+%" PRIu64 " +%d +%u", c->offset, (int)c->several, c->len);
	for (unsigned i = 0; i < c->len; i++)
		put_number(b, " +", c->box[i]);
	buf_printf(b, " %s", reject_name(c->fault));
	return b->failed ? -1 : 0;
}

bool collection_box_read(struct collection_box *c, const char *text)
{
	double offset = 0, several = 0, len = 0;
	bool good = take_number(&text, '+', &offset) && take_number(&text, '+', &several)
	    && take_number(&text, '+', &len) && (len == 0 || len == 4 || len == 6) && offset >= 0 && offset < 1e15;

	memset(c, 0, sizeof(*c));
	for (unsigned i = 0; good && i < (unsigned)len; i++)
		good = take_number(&text, '+', &c->box[i]);
	if (!good)
		return false;
	c->len = (unsigned)len;
	c->several = several > 0;
	c->offset = (uint64_t)offset;
	c->fault = reject_find(text + strspn(text, " "));
	return true;
}

/* ---- the end ---- */

/* 2*n numbers, "where n is the number of dimensions represented in the contained geometries" (5). */
static const char *axes_differ(unsigned len, const struct reach *r)
{
	bool any = r->low[2] <= r->high[2];

	if (len == 4 && any && !r->flat)
		return "The bbox has 4 numbers, but the positions have heights.";
	return len == 6 && !any ? "The bbox has 6 numbers, but no position has a height." : NULL;
}

static void say(struct collection_said *s, enum reject_code code, const unsigned char *severity, const char *reason)
{
	s->code = code;
	s->severity = (enum severity)severity[code];
	s->reason = reason != NULL ? reason : reject_info(code)->meaning;
}

struct collection_said collection_judge(const struct collection_box *c, const struct collection_reach *r,
    uint64_t features, const unsigned char *severity)
{
	struct collection_said s = { .code = R_NONE, .offset = c->offset };
	const char *axes;
	unsigned len = c->len;

	if (r->features != features)
		return s;
	if (c->fault != R_NONE) {
		say(&s, c->fault, severity, NULL);
	} else if (len > 0 && !c->several && !r->mixed && !reach_is_nowhere(&r->given)) {
		if (!reach_is_within(&r->given, len, c->box, reach_slack(len, c->box))) {
			say(&s, R_BBOX_MISMATCH, severity, NULL);
		} else if ((axes = axes_differ(len, &r->given)) != NULL) {
			say(&s, R_BBOX_MISMATCH, severity, axes);
			if (s.severity == SEV_FIX)
				len = len == 4 ? 6 : 4;
		}
	}
	if (len > 0)
		s.len = reach_box(&r->made, len, s.box);
	return s;
}

int collection_write_note(struct buf *b, const struct collection_said *s, const char *file)
{
	const struct reject_info *info = reject_info(s->code);

	buf_putc(b, '{');
	if (file != NULL) {
		buf_puts(b, "\"file\":");
		json_str(b, NULL, file);
		buf_putc(b, ',');
	}
	buf_printf(b, "\"outcome\":\"noted\",\"code\":\"%s\",\"section\":\"%s\",\"path\":\"/bbox\",\"offset\":%" PRIu64
	    ",\"reason\":", info->name, info->section, s->offset);
	json_str(b, NULL, s->reason);
	buf_putc(b, '}');
	return b->failed ? -1 : 0;
}

int collection_write_bbox(struct buf *b, const struct collection_said *s)
{
	for (unsigned i = 0; i < s->len; i++)
		put_number(b, i == 0 ? "\"bbox\":[" : ",", s->box[i]);
	if (s->len > 0)
		buf_putc(b, ']');
	return b->failed ? -1 : 0;
}
