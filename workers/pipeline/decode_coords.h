/*
 * decode_coords - the arrays of a "coordinates" member, written down before its type is known.
 *
 * In:  its brackets and numbers, one by one. Out: a struct geometry, once the type says how
 * deep they have to nest. Depends on feature.h. RFC 7946 3.1.1 to 3.1.7.
 *
 *   [ [ [1,2], [3,4], … ], … ]	numbers go into the pool, one position behind the other;
 *     a b c  d			an array that holds no numbers leaves a mark when it closes:
 *				its depth, and how many positions came before.
 *
 * With a Polygon's type the marks at depth 2 end rings; with a MultiLineString's, lines; with
 * a LineString's, they are one too many.
 */
#ifndef GS_PIPELINE_DECODE_COORDS_H
#define GS_PIPELINE_DECODE_COORDS_H

#include "workers/pipeline/feature.h"

#define COORDS_LEVELS 4		/* a MultiPolygon's brackets around a number */
#define COORDS_MAX_ORDINATES 16	/* per position; more are refused */

struct coords_mark {
	uint32_t positions;
	uint32_t depth;
};

/* Shared by the geometries that are open at the same time; each cuts it back when it is done. */
struct coords_pool {
	double *x;
	size_t len, room, max;	/* doubles */
	struct coords_mark *marks;
	size_t marks_len, marks_room;
};

/* A fault's array indexes, as deep as it lies. */
struct coords_fault {
	enum reject_code code;
	uint32_t index[3];
	uint8_t depth;
	uint8_t open;	/* of a fault in one element: how many arrays were open around it; else 0 */
};

struct coords {
	size_t base, marks_base;	/* where its part of the pool begins */
	size_t positions;
	unsigned depth;		/* brackets open */
	unsigned leaf;		/* depth of the positions; 0: none yet */
	unsigned n;		/* numbers of the open position */
	unsigned stride;
	bool broken;		/* a fault was met: the rest only counts brackets */
	uint32_t children[COORDS_LEVELS + 1];	/* arrays begun below each depth */
	struct coords_fault fault, extra, mixed;
};

void coords_pool_clear(struct coords_pool *p);
/* Frees memory above keep doubles; for between features. */
void coords_pool_trim(struct coords_pool *p, size_t keep);

void coords_begin(struct coords *c, const struct coords_pool *p);
void coords_open(struct coords *c);
void coords_close(struct coords *c, struct coords_pool *p);
void coords_number(struct coords *c, struct coords_pool *p, const char *text, size_t len);
/* The same of a number that has been read. */
void coords_value(struct coords *c, struct coords_pool *p, double v);
/* A string, object, true, false or null. */
void coords_other(struct coords *c);

/*
 * The geometry that they make as `type`, on `a`; or NULL with c->fault set. Cuts the pool back
 * to where c began.
 */
struct geometry *coords_build(struct coords *c, struct coords_pool *p, enum geometry_type type,
    struct arena *a);

#endif
