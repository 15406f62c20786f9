/*
 * pipeline - bytes of a GeoJSON document in, one verdict per feature out.
 *
 * In:  the document, in pieces of any size, and options.
 * Out: for each feature a verdict and, unless rejected, its new text; for the document its
 *      totals, or the code that says why it cannot be read. Depends on the stages beside it;
 *      knows neither Redis nor HTTP. Holds one feature at a time.
 *
 *   feed → decode → validate → topology → reproject → encode → sink
 *
 * A struct pipeline belongs to one thread.
 */
#ifndef GS_PIPELINE_PIPELINE_H
#define GS_PIPELINE_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/reject.h"
#include "workers/pipeline/collection.h"
#include "workers/pipeline/feature.h"

/*
 * Where a pipeline is, for whoever watches it from another process: plain stores, no system call. Since
 * when: the monotonic clock; 0 while it is at no feature (it waits for bytes, or for who takes verdicts).
 */
enum pipeline_stage { AT_NOTHING, AT_DECODE, AT_VALIDATE, AT_TOPOLOGY, AT_REPROJECT, AT_ROUND, AT_ENCODE };

struct pipeline_place {
	volatile uint64_t feature;	/* index */
	volatile uint64_t since_ms;
	volatile uint32_t stage;
};

/*
 * Asked before a feature's stages run. 0: they do, unless f is rejected now. 1: it is counted, but
 * no stage runs and no verdict is given. -1 (e filled): the pipeline stops.
 */
typedef int (*gate_fn)(void *ctx, struct feature *f, struct err *e);

struct pipeline_options {
	const char *source_crs;		/* goes before what the document says; NULL: the document's */
	const char *pass_crs;		/* totals.crs at the end of a pass that asked for another; NULL: no such pass */
	const char *default_crs;	/* where neither says; NULL: OGC:CRS84 */
	const char *target_crs;		/* NULL: OGC:CRS84 */
	unsigned char severity[R_COUNT];	/* enum severity per code; see pipeline_options_init */
	size_t max_depth;		/* nesting of arrays and objects */
	size_t max_token_bytes;		/* one string or number */
	size_t max_feature_bytes;	/* one feature's text */
	unsigned feature_timeout_ms;	/* of CPU; 0: none */
	int precision;			/* decimals to round to; -1: none */
	double max_area_loss;		/* share of the area that a repair may lose, 0 to 1 */
	bool sequence;			/* the sender says so: by its media type or the file's name */
	bool verdict_only;		/* make no text: verdict.text is NULL */
	bool decode_only;		/* for benchmarks: stop behind decode */
	gate_fn gate;			/* with the ctx of pipeline_new; NULL: every feature passes */
	struct pipeline_place *place;	/* kept up to date; NULL: nobody watches */
};

/* The defaults: severities of reject.def, limits of limits.def. */
void pipeline_options_init(struct pipeline_options *o);

/* What a sink is told of one feature. Valid during the call. */
struct verdict {
	const struct feature *feature;
	enum outcome outcome;
	enum reject_code code;	/* rejected: why; repaired: the first fault; else R_NONE */
	const struct finding *finding;	/* the note on code; NULL with R_NONE */
	const char *path;	/* JSON Pointer into the document: /features/12/geometry/coordinates/0/4; R_NONE: "" */
	uint64_t offset;	/* byte offset in the document of the fault, or of what path names */
	const char *crs;	/* the source CRS in effect */
	const char *text;	/* the feature as GeoJSON text, no newline; NULL if rejected */
	size_t text_len;
};

/* Called for every feature in document order; -1 (e filled) stops the pipeline. */
typedef int (*verdict_fn)(void *ctx, const struct verdict *v, struct err *e);

struct pipeline_totals {
	uint64_t features, accepted, repaired, rejected;
	uint64_t bytes;			/* of the document, fed so far */
	const char *head;		/* foreign members of the collection: "\"name\":\"x\",…", "" if none */
	size_t head_len;
	const char *crs;		/* the source CRS in effect where a feature names none */
	struct collection_box box;	/* of the collection */
};

struct pipeline;

struct pipeline *pipeline_new(const struct pipeline_options *o, verdict_fn fn, void *ctx, struct err *e);
void pipeline_free(struct pipeline **p);

/*
 * Feeds n bytes. 0: go on. -1: the document cannot be read (ERR_INPUT or ERR_LIMIT with the
 * code in e->code; pipeline_offset says where), or the sink or the machine failed (other classes).
 */
int pipeline_feed(struct pipeline *p, const char *bytes, size_t n, struct err *e);

/*
 * After pipeline_feed got a collection's bytes up to behind the bracket that opens its features, and no more: goes on
 * with the bytes from offset `at`, which lies behind so many elements, as if it had read all before. twice: features
 * from there on, counted from the first of them, in order, whose id an earlier one of the document has; borrowed.
 */
int pipeline_jump(struct pipeline *p, uint64_t at, uint64_t elements, const uint64_t *twice, size_t n, struct err *e);
/* The bytes that were wanted have been fed: a fault that waited for more is named now. As pipeline_feed. */
int pipeline_settle(struct pipeline *p, struct err *e);

/*
 * Ends the document. 0: read whole. -1: as pipeline_feed. 1: a member behind the features says how
 * they were to be read (a "crs", or a "type" that is no FeatureCollection's): discard what the sink
 * got, and feed the document again from its first byte into the same pipeline, which has reset
 * itself and knows now. This happens once at the most.
 */
int pipeline_finish(struct pipeline *p, struct err *e);

/* Byte offset of the last fault, or of the end of what was read. */
uint64_t pipeline_offset(const struct pipeline *p);
/* Byte offset behind the last feature whose verdict was given. */
uint64_t pipeline_parsed(const struct pipeline *p);
struct pipeline_totals pipeline_totals(const struct pipeline *p);

/*
 * One verdict as a line of NDJSON without the newline, appended to b: index, id, outcome, code,
 * section, path, offset, at, reason, warnings, and for repairs area and vertices before and after.
 * `file` is named first unless NULL. This is what `geosluice check` prints and /report serves.
 */
struct buf;
int verdict_write(struct buf *b, const struct verdict *v, const char *file);

/* The same for a document that cannot be read; R_NONE where the reason is no fault of its bytes. */
int verdict_write_failed(struct buf *b, const char *file, enum reject_code code, uint64_t offset,
    const char *reason);

#endif
