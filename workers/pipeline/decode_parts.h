/*
 * decode_parts - what the files of the decoder share: decode.c feeds and finds records, decode_yajl.c is the parser,
 * decode_past.c says what goes past it, decode_text.c keeps the feature's text, decode_tree.c follows the JSON,
 * decode_object.c judges each GeoJSON object when it closes, decode_root.c the document's own, decode_fault.c names
 * what is no JSON.
 */
#ifndef GS_PIPELINE_DECODE_PARTS_H
#define GS_PIPELINE_DECODE_PARTS_H

#include "lib/buf.h"
#include "workers/pipeline/bytes.h"
#include "workers/pipeline/collection.h"
#include "workers/pipeline/decode.h"
#include "workers/pipeline/decode_coords.h"
#include "workers/pipeline/decode_names.h"
#include "workers/pipeline/decode_plain.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

#define DECODE_PIECE_BYTES ((size_t)64 << 10)	/* fed to yajl at once: bounds what a long token can hold up */
#define DECODE_KEEP_BYTES ((size_t)64 << 10)	/* of a feature that is too large: to recognise it by */

enum member_name {
	M_TYPE, M_COORDINATES, M_GEOMETRIES, M_GEOMETRY, M_PROPERTIES, M_FEATURES, M_ID, M_BBOX, M_CRS,
	M_COUNT,
	M_FOREIGN = M_COUNT,
	M_REPEATED	/* one of the above for the second time: read past */
};

/* GeoJSON's types; the geometries first, numbered as enum geometry_type. */
enum { TYPE_FEATURE = GEOM_COLLECTION + 1, TYPE_COLLECTION, TYPE_UNKNOWN, TYPE_NONE };

enum value_kind { V_ABSENT, V_NULL, V_BOOL, V_NUMBER, V_STRING, V_OBJECT, V_ARRAY };

/* Offsets in the document: behind what came before a member, behind its name, behind its value. */
struct span {
	uint64_t before, name_end, end;
	uint64_t value;		/* its first byte, of members of the root; else 0 */
	uint64_t hash;		/* of its name */
};

/* Where a GeoJSON object stands. */
enum role { ROLE_ROOT, ROLE_FEATURE, ROLE_GEOMETRY, ROLE_MEMBER };

struct object {
	uint8_t role, type;
	uint8_t key;		/* enum member_name being read */
	uint8_t kinds[M_COUNT];	/* enum value_kind */
	struct span spans[M_COUNT];
	struct span open;	/* the member being read */
	uint64_t last_end;	/* behind the last value, or the brace */
	size_t foreign_base, members_base;	/* its share of the decoder's lists */
	uint32_t elements;	/* of its "features" or "geometries", so far */
	bool coords_done, box_bad;
	unsigned box_len;	/* numbers in bbox, which may be more than box holds */
	double box[6];
	uint64_t id_hash;
	struct coords coords;
	struct geometry *geometry;	/* what its "geometry" or it itself came to; NULL: null, or faulty */
};

/* Brackets that are open, and what is expected between them. */
enum frame_kind { F_OBJECT, F_FEATURES, F_GEOMETRIES, F_COORDS, F_BBOX, F_CRS, F_MAP, F_ARRAY, F_ELEMENT };

struct frame {
	uint8_t kind;
	size_t names;	/* of a map: where its own begin */
};

/* Findings that wait for the root's type. */
struct nested {
	struct finding findings[FEATURE_MAX_FINDINGS];
	size_t count;
};

/* See decode.c. */
enum state { START, TEXT, BETWEEN, SKIP, DOUBT };

struct number_tail {
	uint8_t state;
	uint64_t len;
};

enum format { FORMAT_DOCUMENT, FORMAT_LINES, FORMAT_SEPARATORS };

struct decode {
	struct decode_options o;
	feature_fn fn;
	void *ctx;
	struct err *e;		/* of the call under way */

	/* feeding: see decode.c */
	struct yajl *yajl;
	int state;
	enum format format;
	bool undecided;		/* a sequence, but not yet whether by_line */
	char solid;		/* the last byte that is no blank */
	bool one_line;		/* the document so far is one line */
	bool by_line;		/* FORMAT_LINES where the first record was: none goes on behind its line */
	enum reject_code skip_code;	/* of the record that failed, and where */
	uint64_t skip_at;
	struct bytes bytes;
	const char *piece;	/* bytes at hand, and the offset of the first */
	size_t piece_len;
	uint64_t piece_at, parse_at;
	struct number_tail number;	/* that reaches the end of the last piece */
	bool tail_in_string;	/* the last piece ended within a string */
	bool line_break;	/* one was seen since the last record */
	bool heard;		/* the document was anything but white space */
	unsigned bom;		/* bytes of the mark met so far */
	char doubt[8];		/* text around a syntax error, to name it */
	unsigned doubt_len;
	char last;		/* byte before the piece */
	uint64_t doubt_at, failed_at;
	bool failed;

	/* text of the feature: held from `hold` on, the rest is in the piece */
	struct buf held;
	uint64_t held_at, hold;
	bool holding;

	/* chunks: see decode_jump */
	uint64_t *features_at;	/* where to say that they begin, and stop; NULL */
	bool mute;		/* what yajl is told is to bring it to where it would be */
	struct plain plain;	/* coordinates that are read past it */
	bool parser_alone;	/* none are */
	bool jumped;		/* then `twice` says which ids are, in the place of `ids` */
	const uint64_t *twice;
	size_t twice_count, twice_next;
	uint64_t twice_from;

	/* following */
	struct frame *frames;	/* max_depth of them */
	size_t depth;		/* frames in use */
	size_t nesting;		/* brackets open, coordinates' own included */
	struct object *objects;
	size_t object_count;
	uint64_t value_end;	/* behind the last value in an object */
	struct coords *reading;	/* coordinates under way, or NULL */
	uint64_t reading_at;	/* behind their first bracket */
	struct coords_pool pool;
	struct names names;
	struct span *foreign;
	size_t foreign_len, foreign_room;
	struct geometry **members;
	size_t members_len, members_room;

	/* the record */
	uint64_t record_at;
	bool collection;	/* its "features" are being given out */
	bool root_done;
	bool root_odd;		/* it is no object */
	char crs_type[8];	/* of the "crs" at hand */
	char crs_key;
	char *crs_text;		/* the name in it */

	/* the feature */
	struct arena *arena;
	struct feature *f;
	struct nested nested;
	bool in_feature;
	bool too_long, too_large;
	uint64_t count, parsed;
	struct ids ids;

	/* the document */
	char *crs;		/* named so far */
	uint64_t crs_at;	/* where */
	bool crs_seen;
	bool again;		/* what comes late says how to read what came before */
	bool crs_known, single;	/* from the pass before: d->crs holds; "features" is no collection's */
	struct buf head;
	struct ids head_names;		/* of sequences alone */
	uint64_t head_record;		/* the record that the first was of */
	struct collection_box box;
	bool noted_bom, noted_crs;	/* to be noted on the next feature */
};

/* decode.c and decode_text.c */
uint64_t decode_here(const struct decode *d);	/* offset behind the token at hand */
/* The document, or this record of a sequence, cannot be read. Returns 0, which stops yajl. */
int decode_fail(struct decode *d, enum err_class cls, enum reject_code code, uint64_t at);
int decode_oom(struct decode *d);
/* Copies the text [from, to) of what is held; the caller made sure that it is. */
void decode_copy(const struct decode *d, uint64_t from, uint64_t to, char *out);
/* Makes [d->hold, end) contiguous; *len gets what is there of it. NULL without memory. */
const char *decode_text(struct decode *d, uint64_t end, size_t *len);
/* Moves what is needed of the piece, up to `end`, behind what is held: 0, or -1 without memory. */
int decode_keep(struct decode *d, uint64_t end);
/* The text before this offset is not needed any more; UINT64_MAX: none is. */
void decode_hold(struct decode *d, uint64_t from);

/* decode_yajl.c */
enum parser_status { PARSER_OK, PARSER_STOPPED, PARSER_FAULT };

struct yajl *parser_new(void);
void parser_free(struct yajl **y);
/* A parser at the start of a text: 0, or -1 without memory. */
int parser_open(struct decode *d);
void parser_close(struct yajl *y);
/* n bytes; with p NULL, the end. STOPPED: by a callback, or the decoder has failed for want of memory. */
enum parser_status parser_feed(struct decode *d, const char *p, size_t n);
/* Of the last bytes: how many it had read at a callback, or before a fault. */
size_t parser_used(const struct decode *d);
/* Names the fault that it met in these n bytes. */
void parser_fault(struct decode *d, const char *p, size_t n);

/* decode_past.c: the parser, and what goes past it; *status says how it went. Returns the bytes used. */
size_t past_feed(struct decode *d, const char *p, size_t n, uint64_t at, enum parser_status *status);

/* decode_tree.c: yajl's callbacks; ctx is the struct decode. */
int tree_null(void *ctx);
int tree_boolean(void *ctx, int value);
int tree_number(void *ctx, const char *text, size_t len);
int tree_string(void *ctx, const unsigned char *text, size_t len);
int tree_start_map(void *ctx);
int tree_map_key(void *ctx, const unsigned char *name, size_t len);
int tree_end_map(void *ctx);
int tree_start_array(void *ctx);
int tree_end_array(void *ctx);
void tree_reset(struct decode *d);
/* A fault of the feature at hand, or of the document where there is none. */
int tree_fault(struct decode *d, enum reject_code code, uint64_t at);

/* decode_fault.c */
/* The tokeniser failed behind `used` of n bytes, with these words. Returns 0 or -1 as decode_fail. */
int fault_syntax(struct decode *d, const char *p, size_t n, size_t used, const char *words);
/* Enough has come to tell a NaN from a slip, or all. */
int fault_settle(struct decode *d);
/* A number that has not ended with these n bytes at offset `at`: yajl would store it whole. */
void fault_watch_number(struct decode *d, const char *p, size_t n, uint64_t at, bool in_string);

/* decode_object.c */
void feature_begin(struct decode *d, uint64_t at);
/* Gives the feature out; false: the sink failed. */
bool feature_give(struct decode *d, uint64_t end);
bool feature_end(struct decode *d, struct object *o, uint64_t end);
bool bare_end(struct decode *d, struct object *o, uint64_t end);	/* the document is a geometry */
void geometry_end(struct decode *d, struct object *o);
void object_note(struct decode *d, const struct object *o, enum reject_code code, enum member_name m);
/* The same on element i of a member that is an array. */
void object_note_element(struct decode *d, const struct object *o, enum reject_code code,
    enum member_name m, size_t i);
/*
 * What is found in the root's "geometry" is kept apart until the root's type is known: unless that is
 * Feature, the member should not be there at all (RFC 7946 7.1), and what is wrong in it says nothing
 * of the root. nested_swap opens and closes it.
 */
void nested_swap(struct decode *d);
void nested_settle(struct decode *d, bool feature);
/* A member's text from its name on; returns its length. Needs room for all of the span. */
size_t member_copy(const struct decode *d, const struct span *s, char *out);

/* decode_root.c */
int root_end(struct decode *d, struct object *o, uint64_t end);
/* "features" opens in the root object: 0 stops yajl. */
int collection_begin(struct decode *d, struct object *o);
/* A member of a collection's own has been read. */
int collection_member(struct decode *d, struct object *o, enum member_name m);
/* A "crs" begins: of the document, of a feature or of its geometry. */
void crs_begin(struct decode *d);
/* The first letter of a name that means something within it, else '\0'. */
char crs_name_key(const char *name, size_t len);
/* A feature's or geometry's own has been read. */
void crs_end_own(struct decode *d, struct object *o);
/* A string or number within a "crs". */
void crs_scalar(struct decode *d, const char *text, size_t len, bool number);

#endif
