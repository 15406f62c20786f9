/* chunk_writer - see chunk_writer.h. */
#include "workers/chunk_writer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/frame.h"
#include "workers/letter.h"

#define FRAME_MAX_BYTES ((size_t)256 << 20)	/* Redis takes 512 MiB in one value */
#define LETTERS_MAX_BYTES ((size_t)1 << 30)
#define PACKED 4		/* times smaller than its text a result is, about */
#define KEEP_BYTES ((size_t)1 << 20)	/* memory that a buffer keeps from chunk to chunk */

struct lines {
	struct frame_writer *frame;
	struct buf out;
	uint64_t plain;		/* bytes before compression */
};

struct chunk_writer {
	const struct sink *sink;
	struct redis *redis;
	struct chunk_limits limits;
	struct chunk chunk;
	bool hold;
	uint64_t largest;	/* the feature of the chunk at hand that takes the most room, and how much, about */
	size_t largest_bytes;
	struct lines results, report;
	struct args letters;
	struct buf line;
};

static int lines_init(struct lines *p, struct err *e)
{
	buf_init(&p->out, FRAME_MAX_BYTES);
	return (p->frame = frame_writer_new(e)) == NULL ? -1 : 0;
}

static void lines_clear(struct lines *p)
{
	frame_writer_free(&p->frame);
	buf_clear(&p->out);
}

static void lines_reset(struct lines *p)
{
	frame_abandon(p->frame);
	buf_trim(&p->out, KEEP_BYTES);
	p->plain = 0;
}

static int lines_add(struct lines *p, const char *text, size_t n, struct err *e)
{
	p->plain += n + 1;
	if (frame_add(p->frame, text, n, &p->out, e) != 0)
		return -1;
	return frame_add(p->frame, "\n", 1, &p->out, e);
}

static int lines_end(struct lines *p, struct err *e)
{
	return p->plain == 0 ? 0 : frame_end(p->frame, &p->out, e);
}

struct chunk_writer *chunk_writer_new(const struct sink *s, struct redis *r, const struct chunk_limits *l,
    struct err *e)
{
	struct chunk_writer *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		err_errno(e, "chunk writer");
		return NULL;
	}
	w->sink = s;
	w->redis = r;
	w->limits = *l;
	args_init(&w->letters, LETTERS_MAX_BYTES);
	buf_init(&w->line, FRAME_MAX_BYTES);
	w->chunk.results = &w->results.out;
	w->chunk.report = &w->report.out;
	w->chunk.letters = &w->letters;
	if (lines_init(&w->results, e) != 0 || lines_init(&w->report, e) != 0)
		chunk_writer_free(&w);
	return w;
}

void chunk_writer_free(struct chunk_writer **w)
{
	if (*w == NULL)
		return;
	lines_clear(&(*w)->results);
	lines_clear(&(*w)->report);
	args_clear(&(*w)->letters);
	buf_clear(&(*w)->line);
	free(*w);
	*w = NULL;
}

static void empty(struct chunk_writer *w, uint64_t next)
{
	struct chunk *c = &w->chunk;

	lines_reset(&w->results);
	lines_reset(&w->report);
	args_reset(&w->letters, KEEP_BYTES);
	c->first = c->behind = w->largest = next;
	w->largest_bytes = 0;
	c->accepted = c->repaired = c->rejected = 0;
}

void chunk_writer_begin(struct chunk_writer *w, const struct job *j, uint64_t next, bool hold)
{
	struct collection_reach *reach = &w->chunk.reach;

	w->chunk.job = j;
	w->chunk.boxless = false;
	*reach = collection_reach_none;
	if (!hold && next > 0 && j->reach != NULL && collection_reach_read(reach, j->reach) && reach->features != next)
		*reach = collection_reach_none;		/* one who says nothing of it was at work, too */
	buf_trim(&w->line, KEEP_BYTES);
	w->hold = hold;
	empty(w, next);
}

uint64_t chunk_writer_next(const struct chunk_writer *w)
{
	return w->chunk.behind;
}

uint64_t chunk_writer_largest(const struct chunk_writer *w)
{
	return w->largest;
}

static int report(struct chunk_writer *w, const struct verdict *v, struct err *e)
{
	if (v->outcome == OUTCOME_ACCEPTED && v->feature->finding_count == 0)
		return 0;
	buf_reset(&w->line);
	if (verdict_write(&w->line, v, NULL) != 0)
		return err_set(e, ERR_SYSTEM, ENOMEM, "no memory for a line of the report");
	return lines_add(&w->report, w->line.data, w->line.len, e);
}

static int bury(struct chunk_writer *w, const struct verdict *v, const char *crs, size_t most, struct err *e)
{
	size_t usual = w->limits.letter_bytes;

	letter_of_feature(&w->letters, w->chunk.job, v, crs, most < usual ? most : usual);
	return w->letters.failed ? err_set(e, ERR_SYSTEM, ENOMEM, "no memory for a dead letter") : 0;
}

static void weigh(struct chunk_writer *w, const struct verdict *v, size_t letter_bytes)
{
	size_t bytes = v->outcome == OUTCOME_REJECTED ? letter_bytes : v->text_len / PACKED;

	if (bytes > w->largest_bytes) {
		w->largest = v->feature->index;
		w->largest_bytes = bytes;
	}
}

int chunk_writer_add(struct chunk_writer *w, const struct verdict *v, const char *crs, size_t letter_bytes,
    uint64_t parsed, struct err *e)
{
	struct chunk *c = &w->chunk;
	size_t letters = w->letters.text.len;

	assert(v->feature->index == c->behind);
	if ((v->outcome == OUTCOME_REJECTED ? bury(w, v, crs, letter_bytes, e)
	    : lines_add(&w->results, v->text, v->text_len, e)) != 0)
		return -1;
	if (report(w, v, e) != 0)
		return -1;
	c->accepted += v->outcome == OUTCOME_ACCEPTED;
	c->repaired += v->outcome == OUTCOME_REPAIRED;
	c->rejected += v->outcome == OUTCOME_REJECTED;
	collection_reach_add(&c->reach, v);
	weigh(w, v, w->letters.text.len - letters);
	c->behind++;
	if (w->hold || (c->behind - c->first < w->limits.features &&
	    w->results.plain + w->report.plain + w->letters.text.len < w->limits.bytes))
		return 0;
	return chunk_writer_flush(w, parsed, e);
}

const struct chunk *chunk_writer_take(struct chunk_writer *w, struct err *e)
{
	return lines_end(&w->results, e) != 0 || lines_end(&w->report, e) != 0 ? NULL : &w->chunk;
}

int chunk_writer_flush(struct chunk_writer *w, uint64_t parsed, struct err *e)
{
	struct chunk *c = &w->chunk;
	int rc;

	if (c->behind == c->first)
		return 0;
	if (chunk_writer_take(w, e) == NULL)
		return -1;
	c->parsed = parsed;
	rc = w->sink->write(w->redis, c, e);
	empty(w, c->behind);
	return rc;
}

void chunk_writer_boxless(struct chunk_writer *w)
{
	w->chunk.boxless = true;
}

const struct collection_reach *chunk_writer_reach(const struct chunk_writer *w)
{
	return &w->chunk.reach;
}
