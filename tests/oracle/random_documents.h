/*
 * random_documents - GeoJSON documents, sound and faulty, the same for the same seed.
 *
 * In:  a seed for what the document says and one for how it is written: the order of members and the
 *      blanks between tokens. Out: its text. Two documents with one content seed say the same.
 */
#ifndef GS_TESTS_RANDOM_DOCUMENTS_H
#define GS_TESTS_RANDOM_DOCUMENTS_H

#include <math.h>

#include "lib/buf.h"
#include "tests/oracle/random_shapes.h"

struct document {
	struct random content, style;
	struct arena *arena;
	bool shuffle, blanks;	/* how it is written */
	bool faults;		/* some features break a rule */
};

static inline void document_blanks(struct document *d, struct buf *out)
{
	if (d->blanks)
		for (uint32_t n = random_below(&d->style, 4); n > 0; n--)
			buf_putc(out, " \t\r\n"[random_below(&d->style, 4)]);
}

#define DOCUMENT_MEMBERS 8

/* An object under way: its members as texts, to be written in any order. */
struct document_object {
	struct buf members[DOCUMENT_MEMBERS];
	size_t n;
};

/* Begins a member; its value is to be appended to what comes back. */
static inline struct buf *document_member(struct document *d, struct document_object *o, const char *name)
{
	struct buf *b = &o->members[o->n++];

	buf_init(b, (size_t)1 << 24);
	buf_printf(b, "\"%s\"", name);
	document_blanks(d, b);
	buf_putc(b, ':');
	document_blanks(d, b);
	return b;
}

static inline void document_text(struct document *d, struct document_object *o, const char *name, const char *value)
{
	buf_puts(document_member(d, o, name), value);
}

static inline void document_close(struct document *d, struct document_object *o, struct buf *out)
{
	buf_putc(out, '{');
	for (size_t i = 0; i < o->n; i++) {
		size_t k = d->shuffle ? i + random_below(&d->style, (uint32_t)(o->n - i)) : i;
		struct buf chosen = o->members[k];

		o->members[k] = o->members[i];
		document_blanks(d, out);
		buf_append(out, chosen.data, chosen.len);
		document_blanks(d, out);
		buf_puts(out, i + 1 < o->n ? "," : "");
		buf_clear(&chosen);
	}
	document_blanks(d, out);
	buf_putc(out, '}');
}

/* ---- geometries ---- */

/* Into [-80, 80] by a power of two, so that what lines up still does. */
static inline void document_shrink(struct geometry *g, double to)
{
	double largest = 0, by = 1;

	for (size_t i = 0; i < g->positions * g->stride; i++)
		largest = fmax(largest, fabs(g->coords[i]));
	while (largest * by > to)
		by /= 2;
	for (size_t i = 0; i < g->positions * g->stride; i++)
		g->coords[i] *= by;
}

/* With heights that tell one position from another. */
static inline struct geometry *document_raise(struct document *d, const struct geometry *g)
{
	struct geometry *high = geometry_new(d->arena, g->type, 3, g->positions, g->seqs, g->parts);

	memcpy(high->seq_end, g->seq_end, g->seqs * sizeof(*g->seq_end));
	memcpy(high->part_end, g->part_end, g->parts * sizeof(*g->part_end));
	for (size_t i = 0; i < g->positions; i++) {
		high->coords[3 * i] = g->coords[2 * i];
		high->coords[3 * i + 1] = g->coords[2 * i + 1];
		high->coords[3 * i + 2] = (double)i + random_below(&d->content, 1000) / 1000.0;
	}
	return high;
}

/* Broken shapes as parts of one, each in a cell of its own. */
static inline struct geometry *document_cells(struct document *d)
{
	struct geometry *shapes[4], *g;
	uint32_t n = 1 + random_below(&d->content, 4);
	size_t at[3] = { 0, 0, 0 };

	for (uint32_t i = 0; i < n; i++) {
		shapes[i] = random_shape(&d->content, d->arena);
		document_shrink(shapes[i], 8);
		at[0] += shapes[i]->positions;
		at[1] += shapes[i]->seqs;
		at[2] += shapes[i]->parts;
	}
	if (n == 1)
		return shapes[0];
	g = geometry_new(d->arena, GEOM_MULTIPOLYGON, 2, at[0], at[1], at[2]);
	at[0] = at[1] = at[2] = 0;
	for (uint32_t i = 0; i < n; i++) {
		for (size_t p = 0; p < shapes[i]->parts; p++)
			g->part_end[at[2]++] = (uint32_t)at[1] + shapes[i]->part_end[p];
		for (size_t s = 0; s < shapes[i]->seqs; s++)
			g->seq_end[at[1]++] = (uint32_t)at[0] + shapes[i]->seq_end[s];
		for (size_t k = 0; k < 2 * shapes[i]->positions; k += 2) {
			g->coords[2 * at[0]] = shapes[i]->coords[k] + 20.0 * i - 40;
			g->coords[2 * at[0]++ + 1] = shapes[i]->coords[k + 1];
		}
	}
	return g;
}

static inline double document_ordinate(struct document *d, double most)
{
	double x = random_below(&d->content, UINT32_MAX) * 0x1p-31 - 1 + random_below(&d->content, 1u << 21) * 0x1p-52;

	return random_below(&d->content, 2) ? x * most : (double)(int)(x * most * 10) / 10;
}

/* Points and lines. */
static inline struct geometry *document_plain(struct document *d)
{
	enum geometry_type type = (enum geometry_type)random_below(&d->content, 4);
	unsigned stride = 2 + random_below(&d->content, 2);
	size_t seqs = type == GEOM_MULTILINESTRING ? 1 + random_below(&d->content, 3) : 1;
	size_t each = type == GEOM_POINT ? 1 : 2 + random_below(&d->content, 6);
	struct geometry *g = geometry_new(d->arena, type, stride, seqs * each, seqs, 1);

	for (size_t i = 0; i < g->positions * stride; i++)
		g->coords[i] = document_ordinate(d, 80);
	for (size_t s = 0; s < seqs; s++)
		g->seq_end[s] = (uint32_t)((s + 1) * each);
	g->part_end[0] = (uint32_t)seqs;
	return g;
}

static inline struct geometry *document_geometry(struct document *d, int depth)
{
	uint32_t kind = random_below(&d->content, depth == 0 ? 10 : 9);
	struct geometry *g;

	if (kind < 3)
		return document_plain(d);
	if (kind == 9) {
		g = geometry_new(d->arena, GEOM_COLLECTION, 2, 0, 0, 0);
		g->member_count = random_below(&d->content, 4);
		g->members = arena_calloc(d->arena, 4, sizeof(*g->members));
		for (size_t i = 0; i < g->member_count; i++)
			g->members[i] = document_geometry(d, depth + 1);
		return g;
	}
	g = document_cells(d);
	return kind < 6 ? document_raise(d, g) : g;
}

static inline void document_open(struct document *d, struct buf *out, int level, size_t i)
{
	buf_puts(out, i > 0 ? "," : "");
	document_blanks(d, out);
	for (; level > 0; level--)
		buf_putc(out, '[');
}

static inline void document_positions(struct document *d, struct buf *out, const struct geometry *g, size_t s)
{
	for (size_t i = seq_begin(g, s); i < g->seq_end[s]; i++) {
		document_open(d, out, g->type != GEOM_POINT, i - seq_begin(g, s));
		for (unsigned k = 0; k < g->stride && !isnan(g->coords[i * g->stride + k]); k++) {
			document_open(d, out, 0, k);
			buf_printf(out, "%.17g", g->coords[i * g->stride + k]);
			document_blanks(d, out);
		}
		buf_puts(out, g->type != GEOM_POINT ? "]" : "");
	}
}

static inline void document_coordinates(struct document *d, struct buf *out, const struct geometry *g)
{
	bool nested = geometry_is_areal(g) || g->type == GEOM_MULTILINESTRING;

	buf_putc(out, '[');
	for (size_t p = 0; p < g->parts; p++) {
		document_open(d, out, g->type == GEOM_MULTIPOLYGON, p);
		for (size_t s = part_begin(g, p); s < g->part_end[p]; s++) {
			document_open(d, out, nested, s - part_begin(g, p));
			document_positions(d, out, g, s);
			buf_puts(out, nested ? "]" : "");
		}
		buf_puts(out, g->type == GEOM_MULTIPOLYGON ? "]" : "");
	}
	buf_putc(out, ']');
}

static inline void document_write_geometry(struct document *d, struct buf *out, const struct geometry *g)
{
	struct document_object o = { .n = 0 };
	struct buf *value;

	buf_printf(document_member(d, &o, "type"), "\"%s\"", geometry_type_name(g->type));
	if (g->type == GEOM_COLLECTION) {
		value = document_member(d, &o, "geometries");
		buf_putc(value, '[');
		for (size_t i = 0; i < g->member_count; i++) {
			document_open(d, value, 0, i);
			document_write_geometry(d, value, g->members[i]);
		}
		buf_putc(value, ']');
	} else {
		document_coordinates(d, document_member(d, &o, "coordinates"), g);
	}
	if (random_below(&d->content, 6) == 0)
		document_text(d, &o, "unit", "\"\\u00b0\"");
	document_close(d, &o, out);
}

/* A geometry that breaks a rule. */
static inline void document_faulty(struct document *d, struct buf *out)
{
	static const struct {
		const char *type, *coordinates;
	} faulty[] = {
		{ "\"Polygon\"", "[[[0,0],[1,0],[1],[0,0]]]" }, { "\"Polygon\"", "[[[0,0],[1,0],[1,1],[0,0.5]]]" },
		{ "\"Polygon\"", "[[[0,0],[1,0],[0,0]]]" }, { "\"LineString\"", "[[0,0]]" },
		{ "\"LineString\"", "[[0,0],[0,0]]" }, { "\"Point\"", "[[0,0]]" }, { "\"Point\"", "[0,\"0\"]" },
		{ "\"Point\"", "[1e400,0]" }, { "\"Point\"", "[200,0]" }, { "\"Point\"", "[1,100,2]" },
		{ "\"Point\"", "[500000,5000000]" }, { "\"Point\"", "null" }, { "\"Circle\"", "[0,0]" },
		{ "7", "[0,0]" }, { "\"MultiPoint\"", "[[1,2,3,4],[1,2]]" }, { "\"MultiPolygon\"", "[[[0,0],[1,1]]]" },
		{ "\"GeometryCollection\"", "[]" }, { "\"Polygon\"", "[[[0,0],[2,2],[4,4],[0,0]]]" },
	};
	uint32_t k = random_below(&d->content, sizeof(faulty) / sizeof(faulty[0]));
	struct document_object o = { .n = 0 };

	if (random_below(&d->content, 8) != 0)
		document_text(d, &o, "type", faulty[k].type);
	if (random_below(&d->content, 8) != 0)
		document_text(d, &o, "coordinates", faulty[k].coordinates);
	if (random_below(&d->content, 8) == 0)
		document_text(d, &o, "properties", "null");
	document_close(d, &o, out);
}

/* ---- features and documents ---- */

static inline bool document_slip(struct document *d, uint32_t one_in)
{
	return random_below(&d->content, one_in) == 0 && d->faults;
}

static inline void document_feature(struct document *d, struct buf *out)
{
	static const char *const properties[] = {
		"{}", "null", "{\"a\":1.50,\"b\":\"x \\u00e9\\n\"}",
		"{\"n\":123456789012345678901234567890,\"l\":[1,{\"m\":{}}]}",
	};
	static const char *const slips[] = { "7", "[]", "{\"a\":1,\"a\":2}", "{\"a\":\"\\ud800\"}" };
	static const char *const boxes[] = { "[0,0,1,1]", "[-80,-80,80,80]", "[0,9,1,2]", "[0,1]", "\"x\"" };
	static const char *const ids[] = { "1", "\"one\"", "1e2", "null", "{}" };
	struct document_object o = { .n = 0 };

	if (!document_slip(d, 20))
		document_text(d, &o, "type", document_slip(d, 20) ? "\"feature\"" : "\"Feature\"");
	if (document_slip(d, 20))
		document_text(d, &o, "geometry", "7");
	else if (document_slip(d, 4))
		document_faulty(d, document_member(d, &o, "geometry"));
	else if (random_below(&d->content, 12) == 0)
		document_text(d, &o, "geometry", "null");
	else if (!document_slip(d, 20))
		document_write_geometry(d, document_member(d, &o, "geometry"), document_geometry(d, 0));
	if (document_slip(d, 12))
		document_text(d, &o, "properties", slips[random_below(&d->content, 4)]);
	else if (!document_slip(d, 20))
		document_text(d, &o, "properties", properties[random_below(&d->content, 4)]);
	if (random_below(&d->content, 3) == 0)
		document_text(d, &o, "id", ids[random_below(&d->content, d->faults ? 5 : 3)]);
	if (random_below(&d->content, 6) == 0)
		document_text(d, &o, "bbox", boxes[random_below(&d->content, d->faults ? 5 : 2)]);
	if (random_below(&d->content, 6) == 0)
		document_text(d, &o, "title", "{\"deep\":[true,null]}");
	document_close(d, &o, out);
}

/* A collection of n features. */
static inline void document_write(struct document *d, struct buf *out, unsigned n)
{
	static const char *const boxes[] = {
		"[-180,-90,180,90]", "[170,-20,-170,-15]", "[0,0,-5,1,1,500]", "[0,0,1,1]", "[0,9,1,2]", "[0,1]",
	};
	struct document_object o = { .n = 0 };
	struct buf *features;

	document_text(d, &o, "type", "\"FeatureCollection\"");
	features = document_member(d, &o, "features");
	buf_putc(features, '[');
	for (unsigned i = 0; i < n; i++) {
		document_open(d, features, 0, i);
		document_feature(d, features);
	}
	document_blanks(d, features);
	buf_putc(features, ']');
	if (random_below(&d->content, 3) == 0)
		document_text(d, &o, "crs",
		    "{\"type\":\"name\",\"properties\":{\"name\":\"urn:ogc:def:crs:OGC:1.3:CRS84\"}}");
	if (random_below(&d->content, 3) == 0)
		document_text(d, &o, "name", "\"made\"");
	if (random_below(&d->content, 2) == 0)
		document_text(d, &o, "bbox", boxes[random_below(&d->content, d->faults ? 6 : 3)]);
	document_blanks(d, out);
	document_close(d, &o, out);
	document_blanks(d, out);
}

#endif
