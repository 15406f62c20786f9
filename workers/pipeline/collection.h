/*
 * collection - the bbox of a FeatureCollection: is it true of what came, and what is it of what goes out?
 *
 * In:  the member as the document has it, and how far the features reach. Out: what is to be said of it, and the
 * numbers that go out (RFC 7946 5). Depends on reach.h and verdicts.
 *
 * A member may stand behind the features, and several workers may have read them. So each adds up what it read, what
 * was added up is put together, and only at the end it is judged.
 */
#ifndef GS_PIPELINE_COLLECTION_H
#define GS_PIPELINE_COLLECTION_H

#include "lib/buf.h"
#include "schema/reject.h"
#include "workers/pipeline/reach.h"

#define COLLECTION_TEXT_MAX ((size_t)4096)	/* bytes that any text from here takes */

/* The "bbox" of the document's own object. */
struct collection_box {
	unsigned len;		/* 4 or 6; 0: none, or none that makes sense */
	double box[6];
	enum reject_code fault;	/* of its form, where that was waived; else R_NONE */
	bool several;		/* it is of one record among others: not of all features */
	uint64_t offset;	/* of its value in the document */
};

bool collection_has_box(const struct collection_box *c);	/* whatever it is worth */

/* What the features that were read come to. */
struct collection_reach {
	uint64_t features;	/* rejected ones too, which count for no more than that */
	struct reach given, made;
	bool mixed;		/* not all are given in the document's CRS: nothing can be said of `given` */
};

extern const struct collection_reach collection_reach_none;

struct verdict;
void collection_reach_add(struct collection_reach *c, const struct verdict *v);

/*
 * As text, for the field `reach` of a job: tokens with a blank between them, each a sign and a number. To put two of
 * them together, take of each token the sum (+), the lesser (<) or the greater (>). Writing: -1 without memory.
 */
int collection_reach_write(const struct collection_reach *c, struct buf *b);
/* false: it is no such text, and *c is collection_reach_none. */
bool collection_reach_read(struct collection_reach *c, const char *text);

/* As text, for the field `box` of a job. */
int collection_box_write(const struct collection_box *c, struct buf *b);
bool collection_box_read(struct collection_box *c, const char *text);

/* What comes of a bbox. */
struct collection_said {
	enum reject_code code;	/* R_NONE: it is as it should be, or there is none */
	enum severity severity;	/* SEV_REJECT: the document fails */
	const char *reason;
	uint64_t offset;
	unsigned len;		/* numbers that go out: 4 or 6; 0: none */
	double box[6];
};

/*
 * features: how many the document has. Where r is not of so many (a program that knows nothing of it had a part in
 * the work), nothing is said and none goes out.
 */
struct collection_said collection_judge(const struct collection_box *c, const struct collection_reach *r,
    uint64_t features, const unsigned char *severity);

/* A line of NDJSON without its newline, as verdict_write has them for features. */
int collection_write_note(struct buf *b, const struct collection_said *s, const char *file);
/* The member that goes out, as JSON: "\"bbox\":[1,2,3,4]"; nothing where there is none. */
int collection_write_bbox(struct buf *b, const struct collection_said *s);

#endif
