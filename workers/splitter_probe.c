/*
 * splitter_probe - is this a collection that is to be cut, and where do its features begin? See splitter.h.
 *
 * How long an encoded document is nobody knows before all of it has been decoded. So a body that could not become
 * long enough is not looked at; of others some text is decoded, and the rest thought to become as many times its size.
 */
#include "lib/clock.h"
#include "workers/body_reader.h"
#include "workers/pipeline/head.h"
#include "workers/splitter.h"

#define HEAD_MAX_BYTES ((uint64_t)64 << 10)	/* in front of the features; each chunk reads it first */
#define RATIO_MOST 20		/* that GeoJSON in long documents has, about */
#define SAMPLE_BYTES ((uint64_t)128 << 10)	/* of text: a block of zstd, which is read at once */

bool splitter_may(const struct job *j, const struct settings *s)
{
	uint64_t least = (uint64_t)s->worker.split_bytes;

	return j->bytes >= (j->coding == CODING_NONE ? least : (least + RATIO_MOST - 1) / RATIO_MOST);
}

/* The document in pieces, and how far it was read. */
struct probe {
	struct body_reader *reader;
	const char *bytes;
	size_t n;
	uint64_t before, pieces;	/* bytes in front of this piece; its number, from 1 */
};

/* 0, 1 (the end) or -1. */
static int next_piece(struct probe *p, struct err *e)
{
	p->before += p->n;
	p->n = 0;
	p->pieces++;
	return body_reader_next(p->reader, &p->bytes, &p->n, e);
}

/* It may die of a document that is one feature, as any decoder may. */
static int feed(struct head *head, const struct probe *p, uint64_t *end, struct pipeline_place *place)
{
	int rc;

	place->feature = 0;
	place->stage = AT_DECODE;
	place->since_ms = clock_mono_ms();
	rc = head_feed(head, p->bytes, p->n, end);
	place->since_ms = 0;
	place->stage = AT_NOTHING;
	return rc;
}

/* 0: found. 1: it has none. -1: e. */
static int find_head(struct probe *p, const struct settings *s, struct job_split *at, struct pipeline_place *place,
    struct err *e)
{
	struct pipeline_options o;
	struct head *head;
	int rc = 0, found = HEAD_MORE;

	pipeline_options_init(&o);
	o.max_depth = (size_t)s->worker.max_depth;
	o.max_token_bytes = (size_t)s->worker.max_token_bytes;
	o.max_feature_bytes = (size_t)s->worker.max_feature_bytes;
	if ((head = head_new(&o, e)) == NULL)
		return -1;
	while (found == HEAD_MORE && p->before + p->n < HEAD_MAX_BYTES && (rc = next_piece(p, e)) == 0)
		found = feed(head, p, &at->head_end, place);
	head_free(&head);
	return rc < 0 ? -1 : found == HEAD_FOUND && at->head_end <= HEAD_MAX_BYTES ? 0 : 1;
}

/* As find_head: is what is likely to become of it long enough? */
static int is_long(struct probe *p, const struct job *j, const struct settings *s, struct err *e)
{
	uint64_t least = (uint64_t)s->worker.split_bytes, text, received;
	int rc = 0;

	if (j->coding == CODING_NONE || j->bytes >= least)
		return 0;
	while (rc == 0 && p->before + p->n < SAMPLE_BYTES && p->before + p->n < least)
		rc = next_piece(p, e);
	text = p->before + p->n;
	received = body_reader_received(p->reader, text);
	if (rc < 0 || text >= least)
		return rc < 0 ? -1 : 0;
	return rc == 0 && (double)text / (double)(received + 1) * (double)j->bytes >= (double)least ? 0 : 1;
}

int splitter_probe(struct redis *body, const struct job *j, const struct settings *s, struct job_split *at,
    struct pipeline_place *place, struct err *e)
{
	struct probe p = { .reader = body_reader_new(body, j, s, e) };
	int rc = -1;

	if (p.reader != NULL) {
		body_reader_seek(p.reader, 1, 1);	/* nothing is asked for beforehand */
		rc = find_head(&p, s, at, place, e);
	}
	if (rc == 0) {
		at->at = at->head_end;
		at->segment = j->coding == CODING_NONE ? p.pieces : 0;
		at->skip = j->coding == CODING_NONE ? at->head_end - p.before : 0;
		rc = is_long(&p, j, s, e);
	}
	body_reader_free(&p.reader);
	return rc;
}
