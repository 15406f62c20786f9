/*
 * shapes - geometries and features for tests, as Well-Known Text.
 *
 * In:  "POLYGON((0 0,1 0,1 1,0 0))", "GEOMETRYCOLLECTION(POINT(1 2 3),POINT())". Out: geometries on
 *      the test's arena, and text again. Positions with fewer numbers than the longest get NaN.
 */
#ifndef GS_TESTS_SHAPES_H
#define GS_TESTS_SHAPES_H

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workers/pipeline/feature.h"

static struct arena *shapes_arena;	/* one per test program; shapes_reset empties it */

static inline struct arena *shapes_reset(void)
{
	if (shapes_arena == NULL)
		shapes_arena = arena_new((size_t)256 << 20);
	arena_reset(shapes_arena, 0);
	return shapes_arena;
}

/* Collects what stands between the brackets of one geometry. */
struct shape_reader {
	const char *at;
	double pos[4096][4];
	unsigned dims[4096];
	size_t positions, seqs, parts;
	uint32_t seq_end[512], part_end[512];
};

static inline void shape_positions(struct shape_reader *r)
{
	char *end;

	for (;; r->at++) {
		unsigned d = 0;

		for (double x; x = strtod(r->at, &end), end != r->at; r->at = end)
			r->pos[r->positions][d++] = x;
		if (d > 0)
			r->dims[r->positions++] = d;
		if (*r->at != ',')
			return;
	}
}

/* depth 1: positions, 2: sequences, 3: parts; each in brackets. */
static inline void shape_level(struct shape_reader *r, int depth)
{
	assert(*r->at == '(');
	for (r->at++;; r->at++) {
		if (depth == 1)
			shape_positions(r);
		else if (*r->at == '(')
			shape_level(r, depth - 1);
		if (*r->at != ',')
			break;
	}
	assert(*r->at == ')');
	r->at++;
	if (depth == 1)
		r->seq_end[r->seqs++] = (uint32_t)r->positions;
	else if (depth == 2)
		r->part_end[r->parts++] = (uint32_t)r->seqs;
}

static inline struct geometry *shape_read(const char **text)
{
	static const struct {
		const char *name;
		enum geometry_type type;
		int depth;
	} kinds[] = {
		{ "POINT", GEOM_POINT, 1 }, { "MULTIPOINT", GEOM_MULTIPOINT, 1 },
		{ "LINESTRING", GEOM_LINESTRING, 1 }, { "MULTILINESTRING", GEOM_MULTILINESTRING, 2 },
		{ "POLYGON", GEOM_POLYGON, 2 }, { "MULTIPOLYGON", GEOM_MULTIPOLYGON, 3 },
		{ "GEOMETRYCOLLECTION", GEOM_COLLECTION, 0 },
	};
	static struct shape_reader r;
	size_t k = 0, n = strcspn(*text, "(");
	unsigned stride = 2;
	struct geometry *g;

	while (strlen(kinds[k].name) != n || strncmp(kinds[k].name, *text, n) != 0)
		assert(++k < sizeof(kinds) / sizeof(kinds[0]));
	*text += n;
	if (kinds[k].type == GEOM_COLLECTION) {
		g = geometry_new(shapes_arena, GEOM_COLLECTION, 2, 0, 0, 0);
		g->members = arena_calloc(shapes_arena, 16, sizeof(*g->members));
		for (++*text; **text != ')'; *text += **text == ',')
			g->members[g->member_count++] = shape_read(text);
		++*text;
		return g;
	}
	memset(&r, 0, sizeof(r));
	r.at = *text;
	shape_level(&r, kinds[k].depth);
	*text = r.at;
	if (kinds[k].depth == 1)
		r.part_end[r.parts++] = (uint32_t)r.seqs;
	for (size_t i = 0; i < r.positions; i++)
		stride = r.dims[i] > stride ? r.dims[i] : stride;
	g = geometry_new(shapes_arena, kinds[k].type, stride, r.positions, r.seqs, r.parts);
	for (size_t i = 0; i < r.positions; i++)
		for (unsigned d = 0; d < stride; d++)
			g->coords[i * stride + d] = d < r.dims[i] ? r.pos[i][d] : NAN;
	memcpy(g->seq_end, r.seq_end, r.seqs * sizeof(uint32_t));
	memcpy(g->part_end, r.part_end, r.parts * sizeof(uint32_t));
	return g;
}

static inline struct geometry *shape(const char *text)
{
	return shape_read(&text);
}

static inline size_t shape_write(char *out, size_t room, const struct geometry *g)
{
	static const char *const names[] = { "POINT", "MULTIPOINT", "LINESTRING",
		"MULTILINESTRING", "POLYGON", "MULTIPOLYGON", "GEOMETRYCOLLECTION" };
	bool multi = g->type == GEOM_MULTIPOLYGON;
	bool nested = geometry_is_areal(g) || g->type == GEOM_MULTILINESTRING;
	size_t n = (size_t)snprintf(out, room, "%s(", names[g->type]);

#define ADD(...) (n += (size_t)snprintf(out + n, room - n, __VA_ARGS__))
	for (size_t i = 0; i < g->member_count; i++) {
		if (i > 0)
			ADD(",");
		n += shape_write(out + n, room - n, g->members[i]);
	}
	for (size_t p = 0; p < g->parts; p++) {
		ADD("%s%s", p > 0 ? "," : "", multi ? "(" : "");
		for (size_t s = part_begin(g, p); s < g->part_end[p]; s++) {
			ADD("%s%s", s > part_begin(g, p) ? "," : "", nested ? "(" : "");
			for (size_t i = seq_begin(g, s); i < g->seq_end[s]; i++)
				for (unsigned d = 0; d < g->stride; d++)
					if (!isnan(g->coords[i * g->stride + d]))
						ADD("%s%.10g", d > 0 ? " " : i > seq_begin(g, s) ? "," : "",
						    g->coords[i * g->stride + d]);
			ADD("%s", nested ? ")" : "");
		}
		ADD("%s", multi ? ")" : "");
	}
	ADD(")");
#undef ADD
	return n;
}

static inline const char *shape_text(const struct geometry *g)
{
	static char text[65536];

	shape_write(text, sizeof(text), g);
	return text;
}

/* A feature of that geometry with the default severities; NULL: without one. */
static inline struct feature *shape_feature(const char *text)
{
	struct feature *f = arena_calloc(shapes_arena, 1, sizeof(*f));
	unsigned char *severity = arena_calloc(shapes_arena, R_COUNT, 1);

	for (int i = 1; i < R_COUNT; i++)
		severity[i] = (unsigned char)reject_info((enum reject_code)i)->severity;
	f->arena = shapes_arena;
	f->severity = severity;
	f->geometry = text != NULL ? shape(text) : NULL;
	return f;
}

static inline void shape_severity(struct feature *f, enum reject_code code, enum severity s)
{
	((unsigned char *)f->severity)[code] = (unsigned char)s;
}

/* "CODE@/path CODE@/path" of all findings, in their order. */
static inline const char *shape_findings(const struct feature *f)
{
	static char text[4096];
	char path[256];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < f->finding_count; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s@%s", i > 0 ? " " : "",
		    reject_name(f->findings[i].code),
		    place_format(f, &f->findings[i].place, path, sizeof(path)));
	return text;
}

/* "CODE CODE", without the places. */
static inline const char *shape_codes(const struct feature *f)
{
	static char text[1024];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < f->finding_count; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i > 0 ? " " : "",
		    reject_name(f->findings[i].code));
	return text;
}

#endif
