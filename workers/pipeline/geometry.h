/*
 * geometry - a geometry as the pipeline's stages hand it on: flat arrays.
 *
 * In:  what decode.c read. Out: what encode.c writes. Depends on lib/arena only.
 *
 * Positions lie one behind the other, `stride` doubles each; runs of positions are
 * sequences (a line, a ring), runs of sequences are parts (a polygon). So
 *
 *   Point              1 part, 1 sequence, 1 position
 *   MultiPoint         1 part, 1 sequence, n positions
 *   LineString         1 part, 1 sequence
 *   MultiLineString    1 part, n sequences
 *   Polygon            1 part; its first sequence is the shell, the others holes
 *   MultiPolygon       n parts
 *   GeometryCollection none of these, but `members`
 *
 * An empty geometry has 0 positions (and 0 sequences or parts where the document
 * has none: "coordinates":[] of a Polygon is 1 part with 0 sequences).
 * NaN marks an ordinate that a position does not have (a height in a mixed geometry);
 * JSON cannot say NaN, so there is no doubt.
 */
#ifndef GS_PIPELINE_GEOMETRY_H
#define GS_PIPELINE_GEOMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"

enum geometry_type {
	GEOM_POINT,
	GEOM_MULTIPOINT,
	GEOM_LINESTRING,
	GEOM_MULTILINESTRING,
	GEOM_POLYGON,
	GEOM_MULTIPOLYGON,
	GEOM_COLLECTION
};

struct geometry {
	enum geometry_type type;
	unsigned stride;	/* doubles per position: 2, 3 or more (POSITION_EXTRA) */
	double *coords;		/* positions * stride; x (longitude) first */
	size_t positions;
	uint32_t *seq_end;	/* seq_end[i]: index of the position behind sequence i */
	size_t seqs;
	uint32_t *part_end;	/* part_end[i]: index of the sequence behind part i */
	size_t parts;
	struct geometry **members;	/* GEOM_COLLECTION only */
	size_t member_count;
	const char *foreign;	/* its own foreign members as JSON, each behind a comma; NULL: none */
	size_t foreign_len;
	const char *bbox;	/* its own bbox as JSON, where that is not the feature's; NULL: none */
	size_t bbox_len;
	double box[6];		/* the same as numbers */
	unsigned box_len;	/* 0 (none, or none that makes sense), 4 or 6 */
	bool box_stale;		/* box is not the document's: write it instead of the text */
};

/* First position of sequence i, first sequence of part i; the ends stand in the arrays. */
static inline size_t seq_begin(const struct geometry *g, size_t i)
{
	return i == 0 ? 0 : g->seq_end[i - 1];
}

static inline size_t part_begin(const struct geometry *g, size_t i)
{
	return i == 0 ? 0 : g->part_end[i - 1];
}

static inline bool geometry_is_areal(const struct geometry *g)
{
	return g->type == GEOM_POLYGON || g->type == GEOM_MULTIPOLYGON;
}

/* "Point" … as in RFC 7946 1.4. */
const char *geometry_type_name(enum geometry_type t);

/* A geometry on `a` with arrays of the given sizes and its counts set to them; NULL without memory. */
struct geometry *geometry_new(struct arena *a, enum geometry_type type, unsigned stride,
    size_t positions, size_t seqs, size_t parts);

/* Signed area of positions [begin, end) as a closed ring, in coordinate units squared; > 0 is
 * counterclockwise. Differences are taken to the first position, so that far rings keep their digits. */
double geometry_ring_area(const struct geometry *g, size_t begin, size_t end);

/* Does sequence i hold two positions that differ in x or y? */
bool geometry_has_length(const struct geometry *g, size_t i);

/*
 * The first sequence of an areal geometry that runs along the same edges as one before it, wherever
 * either begins and whichever way it runs; SIZE_MAX if there is none, or no memory to find it.
 */
size_t geometry_double_ring(const struct geometry *g, struct arena *a);

/* Sum over parts of |shell| - |holes|; 0 for what is not areal. Collections are recursed. */
double geometry_area(const struct geometry *g);

/* Same type, structure and doubles (NaN equals NaN). */
bool geometry_equal(const struct geometry *a, const struct geometry *b);

#endif
