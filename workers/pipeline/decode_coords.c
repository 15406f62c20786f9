/* decode_coords - see decode_coords.h. */
#include "workers/pipeline/decode_coords.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "workers/pipeline/number.h"

void coords_pool_clear(struct coords_pool *p)
{
	free(p->x);
	free(p->marks);
	p->x = NULL;
	p->marks = NULL;
	p->len = p->room = p->marks_len = p->marks_room = 0;
}

void coords_pool_trim(struct coords_pool *p, size_t keep)
{
	p->len = p->marks_len = 0;
	if (p->room > keep || p->marks_room > keep)
		coords_pool_clear(p);
}

void coords_begin(struct coords *c, const struct coords_pool *p)
{
	memset(c, 0, sizeof(*c));
	c->base = p->len;
	c->marks_base = p->marks_len;
}

/* Where we are: the index of each open array in the one around it, `depth` arrays deep. */
static void fault_set(const struct coords *c, struct coords_fault *f, enum reject_code code, unsigned depth)
{
	if (f->code != R_NONE)
		return;
	f->code = code;
	f->depth = (uint8_t)(depth < 3 ? depth : 3);
	for (unsigned i = 0; i < f->depth; i++)
		f->index[i] = c->children[i + 1] - 1;
}

static void break_off(struct coords *c, enum reject_code code)
{
	fault_set(c, &c->fault, code, c->depth > 0 ? c->depth - 1 : 0);
	c->broken = true;
}

/*
 * The element at hand is not what belongs into the open array. That is a position with one bad
 * number, or a list with one bad position: which of them, the type will tell.
 */
static void break_off_at_element(struct coords *c, enum reject_code code)
{
	break_off(c, code);
	if (c->fault.depth < 3) {
		c->fault.index[c->fault.depth] = c->children[c->depth] + c->n;
		c->fault.open = (uint8_t)c->depth;
	}
}

/* Room for n more doubles. */
static bool pool_reserve(struct coords *c, struct coords_pool *p, size_t n)
{
	size_t room = p->room == 0 ? 4096 : p->room;
	double *x;

	if (p->room - p->len >= n)
		return true;
	while (room - p->len < n)
		room *= 2;
	if (room > p->max)
		room = p->max;
	if (room < p->len || room - p->len < n) {
		break_off(c, R_FEATURE_TOO_LARGE);
		return false;
	}
	if ((x = realloc(p->x, room * sizeof(*x))) == NULL) {
		break_off(c, R_FEATURE_MEMORY);
		return false;
	}
	p->x = x;
	p->room = room;
	return true;
}

static void mark(struct coords *c, struct coords_pool *p)
{
	if (p->marks_len == p->marks_room) {
		size_t room = p->marks_room == 0 ? 256 : p->marks_room * 2;
		struct coords_mark *m = realloc(p->marks, room * sizeof(*m));

		if (m == NULL) {
			break_off(c, R_FEATURE_MEMORY);
			return;
		}
		p->marks = m;
		p->marks_room = room;
	}
	p->marks[p->marks_len].positions = (uint32_t)c->positions;
	p->marks[p->marks_len++].depth = c->depth;
}

/* Positions so far have fewer ordinates than this one: move them apart, last first. */
static void widen(struct coords *c, struct coords_pool *p)
{
	unsigned more = c->n - c->stride;
	double *begin = p->x + c->base, *from, *to;

	if (!pool_reserve(c, p, c->positions * more))
		return;
	begin = p->x + c->base;
	p->len += c->positions * more;
	from = begin + c->positions * c->stride;
	to = begin + c->positions * c->n;
	memmove(to, from, c->n * sizeof(double));
	for (size_t i = c->positions; i > 0; i--) {
		to -= c->n;
		from -= c->stride;
		memmove(to, from, c->stride * sizeof(double));
		for (unsigned k = c->stride; k < c->n; k++)
			to[k] = NAN;
	}
	c->stride = c->n;
}

static void narrow_position(struct coords *c, struct coords_pool *p)
{
	if (!pool_reserve(c, p, c->stride - c->n))
		return;
	for (; c->n < c->stride; c->n++)
		p->x[p->len++] = NAN;
}

static void position_end(struct coords *c, struct coords_pool *p)
{
	if (c->stride == 0)
		c->stride = c->n;
	if (c->n < 2) {
		break_off(c, R_POSITION_SHORT);
	} else if (c->n > COORDS_MAX_ORDINATES) {
		break_off(c, R_FEATURE_TOO_LARGE);
	} else {
		if (c->n > 3)
			fault_set(c, &c->extra, R_POSITION_EXTRA, c->depth - 1);
		if (c->n != c->stride)
			fault_set(c, &c->mixed, R_DIM_MIXED, c->depth - 1);
		if (c->n > c->stride)
			widen(c, p);
		else if (c->n < c->stride)
			narrow_position(c, p);
		c->positions++;
	}
	c->n = 0;
}

void coords_open(struct coords *c)
{
	if (c->broken || (c->n == 0 && c->depth < COORDS_LEVELS)) {
		if (!c->broken && c->depth > 0)
			c->children[c->depth]++;
		c->depth++;
		if (!c->broken)
			c->children[c->depth] = 0;
		return;
	}
	break_off(c, R_COORDS_DEPTH);
	c->depth++;
}

void coords_close(struct coords *c, struct coords_pool *p)
{
	if (!c->broken) {
		if (c->n > 0)
			position_end(c, p);
		else if (c->depth != c->leaf || c->children[c->depth] > 0)
			mark(c, p);
		else
			break_off(c, R_POSITION_SHORT);	/* [] among positions */
	}
	c->depth--;
}

/* May a number stand here, and is there room for it? */
static bool takes_number(struct coords *c, struct coords_pool *p)
{
	if (c->broken)
		return false;
	if (c->n == 0) {
		if (c->leaf == 0)
			c->leaf = c->depth;
		if (c->leaf != c->depth || c->children[c->depth] > 0) {
			break_off_at_element(c, R_COORDS_DEPTH);
			return false;
		}
	}
	return p->len < p->room || pool_reserve(c, p, 1);
}

void coords_value(struct coords *c, struct coords_pool *p, double v)
{
	if (!takes_number(c, p))
		return;
	p->x[p->len++] = v;
	c->n++;
}

void coords_number(struct coords *c, struct coords_pool *p, const char *text, size_t len)
{
	if (!takes_number(c, p))
		return;
	if (number_parse(text, len, p->x + p->len)) {
		p->len++;
		c->n++;
	} else {
		break_off(c, R_NUM_OVERFLOW);
	}
}

void coords_other(struct coords *c)
{
	if (!c->broken)
		break_off_at_element(c, R_POSITION_TYPE);
}

/* How deep the type nests its positions. */
static unsigned type_depth(enum geometry_type t)
{
	static const unsigned depth[] = { 1, 2, 2, 3, 3, 4 };

	return depth[t];
}

/* [] where a position belongs: it is the at'th of sequence seq of part part. */
static struct coords_fault empty_position(unsigned want, size_t part, size_t seq, size_t at)
{
	uint32_t all[3] = { (uint32_t)part, (uint32_t)seq, (uint32_t)at };
	struct coords_fault f = { .code = R_POSITION_SHORT, .depth = (uint8_t)(want - 1) };

	memcpy(f.index, all + 3 - f.depth, f.depth * sizeof(*all));
	return f;
}

/* What the type says of the marks: counts sequences and parts. */
static void marks_judge(struct coords *c, const struct coords_pool *p, unsigned want,
    size_t *seqs, size_t *parts)
{
	size_t begin = 0, first = 0;	/* of the sequence and the part at hand */

	*seqs = *parts = 0;
	if (c->fault.open != 0 && c->fault.open < want)
		c->fault.depth++;
	if (c->fault.code == R_NONE && c->leaf != 0 && c->leaf != want)
		c->fault = (struct coords_fault){ .code = R_COORDS_DEPTH };
	for (size_t i = c->marks_base; i < p->marks_len && c->fault.code == R_NONE; i++) {
		unsigned depth = p->marks[i].depth;

		if (depth > want)
			c->fault = (struct coords_fault){ .code = R_COORDS_DEPTH };
		else if (depth == want && want > 1)
			c->fault = empty_position(want, *parts, *seqs - first, p->marks[i].positions - begin);
		if (depth + 1 == want) {
			begin = p->marks[i].positions;
			++*seqs;
		} else if (depth + 2 == want) {
			first = *seqs;
			++*parts;
		}
	}
}

static void marks_apply(const struct coords *c, const struct coords_pool *p, unsigned want, struct geometry *g)
{
	uint32_t seq = 0, part = 0;

	for (size_t i = c->marks_base; i < p->marks_len; i++) {
		const struct coords_mark *m = &p->marks[i];

		if (m->depth + 1 == want)
			g->seq_end[seq++] = m->positions;
		else if (m->depth + 2 == want && g->type == GEOM_MULTIPOLYGON)
			g->part_end[part++] = seq;
	}
}

struct geometry *coords_build(struct coords *c, struct coords_pool *p, enum geometry_type type,
    struct arena *a)
{
	unsigned want = type_depth(type), stride = c->stride < 2 ? 2 : c->stride;
	struct geometry *g = NULL;
	size_t seqs, parts;

	marks_judge(c, p, want, &seqs, &parts);
	if (c->fault.code == R_NONE && c->positions > UINT32_MAX)
		c->fault.code = R_FEATURE_TOO_LARGE;
	if (c->fault.code == R_NONE) {
		if (type == GEOM_POINT)
			seqs = 1;
		if (type != GEOM_MULTIPOLYGON)
			parts = 1;
		if ((g = geometry_new(a, type, stride, c->positions, seqs, parts)) == NULL)
			c->fault.code = R_FEATURE_MEMORY;
	}
	if (g != NULL) {
		if (c->positions > 0)
			memcpy(g->coords, p->x + c->base, c->positions * stride * sizeof(double));
		marks_apply(c, p, want, g);
		if (type == GEOM_POINT)
			g->seq_end[0] = (uint32_t)c->positions;
		if (type != GEOM_MULTIPOLYGON)
			g->part_end[0] = (uint32_t)seqs;
	}
	p->len = c->base;
	p->marks_len = c->marks_base;
	return g;
}
