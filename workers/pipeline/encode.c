/* encode - see encode.h. */
#include "workers/pipeline/encode.h"

#include <math.h>
#include <string.h>

#include "workers/pipeline/number.h"

int encode_text(struct buf *out, const char *s, size_t n)
{
	bool string = false;

	if (memchr(s, '\n', n) == NULL && memchr(s, '\r', n) == NULL)
		return buf_append(out, s, n);
	if (buf_reserve(out, n) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!string && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r'))
			continue;
		out->data[out->len++] = s[i];
		if (string && s[i] == '\\' && i + 1 < n)
			out->data[out->len++] = s[++i];
		else if (s[i] == '"')
			string = !string;
	}
	return 0;
}

static void put_slice(struct buf *out, const struct feature *f, const struct slice *s)
{
	encode_text(out, f->raw + s->at, s->len);
}

/* Positions [begin, end) with commas between them; ordinates end at the first NaN. */
static void put_positions(struct buf *out, const struct geometry *g, size_t begin, size_t end)
{
	const double *p = g->coords + begin * g->stride;

	for (size_t i = begin; i < end; i++, p += g->stride) {
		char *to;

		if (buf_reserve(out, g->stride * (NUMBER_TEXT_MAX + 1) + 3) != 0)
			return;
		to = out->data + out->len;
		if (i > begin)
			*to++ = ',';
		*to++ = '[';
		for (unsigned k = 0; k < g->stride && !isnan(p[k]); k++) {
			if (k > 0)
				*to++ = ',';
			to += number_format(p[k], to);
		}
		*to++ = ']';
		out->len = (size_t)(to - out->data);
	}
}

/* Sequences [begin, end) as an array of arrays. */
static void put_seqs(struct buf *out, const struct geometry *g, size_t begin, size_t end)
{
	buf_putc(out, '[');
	for (size_t i = begin; i < end; i++) {
		buf_puts(out, i > begin ? ",[" : "[");
		put_positions(out, g, seq_begin(g, i), g->seq_end[i]);
		buf_putc(out, ']');
	}
	buf_putc(out, ']');
}

static void put_coordinates(struct buf *out, const struct geometry *g)
{
	switch (g->type) {
	case GEOM_POINT:
		if (g->positions == 0)
			buf_puts(out, "[]");
		put_positions(out, g, 0, g->positions);
		break;
	case GEOM_MULTIPOINT:
	case GEOM_LINESTRING:
		buf_putc(out, '[');
		put_positions(out, g, 0, g->positions);
		buf_putc(out, ']');
		break;
	case GEOM_MULTIPOLYGON:
		buf_putc(out, '[');
		for (size_t i = 0; i < g->parts; i++) {
			if (i > 0)
				buf_putc(out, ',');
			put_seqs(out, g, part_begin(g, i), g->part_end[i]);
		}
		buf_putc(out, ']');
		break;
	default:
		put_seqs(out, g, 0, g->seqs);
	}
}

static void put_box(struct buf *out, const double *box, unsigned n)
{
	char text[NUMBER_TEXT_MAX];

	for (unsigned i = 0; i < n; i++) {
		buf_puts(out, i == 0 ? ",\"bbox\":[" : ",");
		buf_append(out, text, number_format(box[i], text));
	}
	if (n > 0)
		buf_putc(out, ']');
}

static void put_geometry(struct buf *out, const struct feature *f, const struct geometry *g)
{
	buf_puts(out, "{\"type\":\"");
	buf_puts(out, geometry_type_name(g->type));
	if (g->type == GEOM_COLLECTION) {
		buf_puts(out, "\",\"geometries\":[");
		for (size_t i = 0; i < g->member_count; i++) {
			if (i > 0)
				buf_putc(out, ',');
			put_geometry(out, f, g->members[i]);
		}
		buf_putc(out, ']');
	} else {
		buf_puts(out, "\",\"coordinates\":");
		put_coordinates(out, g);
	}
	if (g->box_stale) {
		put_box(out, g->box, g->box_len);
	} else if (g->bbox_len > 0) {
		buf_puts(out, ",\"bbox\":");
		encode_text(out, g->bbox, g->bbox_len);
	}
	if (g->foreign_len > 0)
		encode_text(out, g->foreign, g->foreign_len);
	buf_putc(out, '}');
}

int encode_feature(struct buf *out, const struct feature *f)
{
	buf_puts(out, "{\"type\":\"Feature\"");
	if (f->id.len > 0) {
		buf_puts(out, ",\"id\":");
		put_slice(out, f, &f->id);
	}
	buf_puts(out, ",\"geometry\":");
	if (f->geometry != NULL)
		put_geometry(out, f, f->geometry);
	else
		buf_puts(out, "null");
	buf_puts(out, ",\"properties\":");
	if (f->properties.len > 0)
		put_slice(out, f, &f->properties);
	else
		buf_puts(out, "null");
	if (f->box_stale) {
		put_box(out, f->box, f->box_len);
	} else if (f->bbox.len > 0) {
		buf_puts(out, ",\"bbox\":");
		put_slice(out, f, &f->bbox);
	}
	for (size_t i = 0; i < f->foreign_count; i++) {
		buf_putc(out, ',');
		put_slice(out, f, &f->foreign[i].name);
		buf_putc(out, ':');
		put_slice(out, f, &f->foreign[i].value);
	}
	buf_putc(out, '}');
	return out->failed ? -1 : 0;
}
