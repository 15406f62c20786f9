/*
 * feature - one feature on its way through the pipeline, and what was found on it.
 *
 * In:  decode.c fills it, each stage reads and adds to it. Out: encode.c writes it.
 * Depends on geometry.h and the table of codes. It lives on an arena and dies with it.
 */
#ifndef GS_PIPELINE_FEATURE_H
#define GS_PIPELINE_FEATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/reject.h"
#include "workers/pipeline/geometry.h"
#include "workers/pipeline/reach.h"

/* A piece of the feature's own text: raw + at, len bytes; len 0 means absent. */
struct slice {
	size_t at;
	size_t len;
};

/* A member this program has no name for; carried through as it came. name holds its quotes. */
struct member {
	struct slice name;
	struct slice value;
};

#define PLACE_COLLECTIONS 16	/* that lie in each other and are told apart */

/*
 * Where in the feature: `member` is a JSON Pointer below the feature ("/geometry/coordinates",
 * "/properties", "" for the feature itself), `index` the array indexes that follow it. A fault
 * in member 3 of a GeometryCollection has `collection` {3} and member "/coordinates".
 */
struct place {
	const char *member;	/* static or on the arena */
	uint32_t collection[PLACE_COLLECTIONS];	/* indexes into "geometries", outermost first */
	uint8_t collection_depth;
	bool deeper;		/* in a collection further down: the rest cannot be told */
	uint32_t index[3];	/* part, ring, position: as deep as the type nests */
	uint8_t depth;
};

struct finding {
	enum reject_code code;
	enum severity severity;	/* as this source has it */
	struct place place;
	bool has_at;
	double at[2];		/* x, y in the document's CRS */
	uint64_t offset;	/* in the document, where that says more than the place; 0: the place's */
	const char *reason;	/* words of GEOS or PROJ; NULL or on the arena */
};

enum outcome { OUTCOME_ACCEPTED, OUTCOME_REPAIRED, OUTCOME_REJECTED };

#define FEATURE_MAX_FINDINGS 16	/* each code is noted once; one code is not crowded out by another */

struct feature {
	struct arena *arena;
	const char *raw;	/* its text, as it came; only the beginning of one that is too large */
	size_t raw_len;
	uint64_t length;	/* bytes that it takes in the document */
	uint64_t offset;	/* byte offset of raw[0] in the document */
	uint64_t index;		/* 0-based, in document order */
	int64_t element;	/* its index in "features"; -1: it is the document or a record */
	bool bare;		/* the document is this geometry: raw is a geometry object */
	const char *crs;	/* that it names itself, as PostGIS writes it; NULL: the document's */
	const char *crs_member;	/* the member that does, as in struct place */

	struct slice id, properties, bbox;	/* their value texts */
	struct member *foreign;
	size_t foreign_count;
	struct geometry *geometry;	/* NULL: "geometry": null */
	const struct geometry *original;	/* a copy of the document's, once a stage changed it; else NULL */
	double box[6];			/* the bbox as numbers */
	unsigned box_len;		/* 0 (absent), 4 or 6 */
	bool box_stale;			/* box is not the document's: write it instead of the bbox's text */

	const unsigned char *severity;	/* [R_COUNT] enum severity, as this source has it */
	struct finding findings[FEATURE_MAX_FINDINGS];
	size_t finding_count;
	enum reject_code fatal;		/* the code that rejects it, or R_NONE */

	uint64_t deadline_ms;		/* in this thread's CPU time (lib/clock.h), when a stage gives up; 0: never */

	bool repaired;			/* its shape was changed; an antimeridian cut keeps the shape */
	double area_before, area_after;	/* set where repaired; in the CRS that the repair ran in, units squared */
	size_t vertices_before, vertices_after;	/* positions, likewise */
	bool geometry_changed;		/* positions differ from the document's, not only in their order */

	/* For a bbox of the collection; set where its stages ran and it was not rejected. */
	struct reach given, made;	/* as the document has it; as it goes out */
	bool elsewhere;			/* given is in another CRS than the document's */
};

/* Empties it; what findings there were is not cleared, but not there any more. */
void feature_reset(struct feature *f);

/*
 * Notes a code with the severity that this source gives it; one note per code, the first.
 * Returns that severity, so that a stage can stop on SEV_REJECT (f->fatal is then set) and
 * mend on SEV_FIX. `place` may be NULL for the feature as a whole.
 */
enum severity feature_note(struct feature *f, enum reject_code code, const struct place *place);
/* The same with a point and words; reason is copied onto the arena. */
enum severity feature_note_at(struct feature *f, enum reject_code code, const struct place *place,
    const double at[2], const char *reason);

/* What was noted to be fixed cannot be: it rejects. */
void feature_reject(struct feature *f, enum reject_code code);

/* Is its time up? */
bool feature_expired(const struct feature *f);

/* The byte that a note is about, as far as none was said of this code before. */
void feature_note_offset(struct feature *f, enum reject_code code, uint64_t offset);

/* JSON Pointer of a place, without the feature's own prefix: "/geometry/coordinates/0/4". Returns out. */
const char *place_format(const struct feature *f, const struct place *p, char *out, size_t room);

/* The note on `code`, or NULL. */
const struct finding *feature_finding(const struct feature *f, enum reject_code code);

#endif
