/* body_reader - see body_reader.h. */
#include "workers/body_reader.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/inflate.h"
#include "schema/reject.h"
#include "workers/segment_reader.h"

#define SLACK_BYTES ((uint64_t)1 << 20)	/* below it, no ratio says anything */

struct body_reader {
	struct segment_reader *segments;
	struct inflate *inflate;	/* NULL: the body is the document */
	struct inflate *text;		/* of frames; NULL: there were none so far */
	bool in_text;			/* they are what comes next */
	uint64_t pass;			/* bytes to be passed over */
	uint64_t max_bytes, max_ratio;
	uint64_t bytes;			/* of the body as it was received */
};

struct body_reader *body_reader_new(struct redis *r, const struct job *j, const struct settings *s, struct err *e)
{
	struct body_reader *b = calloc(1, sizeof(*b));

	if (b == NULL) {
		err_errno(e, "body reader");
		return NULL;
	}
	b->bytes = j->bytes;
	b->max_bytes = (uint64_t)s->worker.max_decoded_bytes;
	b->max_ratio = (uint64_t)s->worker.max_decoded_ratio;
	b->segments = segment_reader_new(r, j->id, j->segments, (unsigned)s->worker.prefetch_segments, e);
	if (b->segments == NULL || (j->coding != CODING_NONE && (b->inflate = inflate_new(j->coding, e)) == NULL))
		body_reader_free(&b);
	return b;
}

void body_reader_free(struct body_reader **b)
{
	if (*b == NULL)
		return;
	if ((*b)->segments != NULL)
		segment_reader_free(&(*b)->segments);
	inflate_free(&(*b)->inflate);
	inflate_free(&(*b)->text);
	free(*b);
	*b = NULL;
}

/* What lib/inflate found is the document's fault. */
static int fault(const struct err *why, struct err *e)
{
	return err_set(e, why->cls, why->cls == ERR_INPUT ? R_BODY_ENCODING : why->code, "%s", why->text);
}

static int check_size(const struct body_reader *b, struct err *e)
{
	uint64_t in = inflate_in(b->inflate), out = inflate_out(b->inflate);

	if (out > b->max_bytes)
		return err_set(e, ERR_LIMIT, R_BODY_INFLATES, "more than %llu bytes come of it (max_decoded_bytes)",
		    (unsigned long long)b->max_bytes);
	if (out > SLACK_BYTES && out / b->max_ratio > in)
		return err_set(e, ERR_LIMIT, R_BODY_INFLATES, "%llu bytes became more than %llu times as many "
		    "(max_decoded_ratio)", (unsigned long long)in, (unsigned long long)b->max_ratio);
	return 0;
}

static int next_of_body(struct body_reader *b, const char **bytes, size_t *n, struct err *e)
{
	struct err why = ERR_INIT;
	int rc;

	if (b->inflate == NULL)
		return segment_reader_next(b->segments, bytes, n, e);
	while ((rc = inflate_take(b->inflate, bytes, n, &why)) == 1) {
		if ((rc = segment_reader_next(b->segments, bytes, n, e)) < 0)
			return -1;
		if (rc == 1)
			return inflate_end(b->inflate, &why) == 0 ? 1 : fault(&why, e);
		inflate_give(b->inflate, *bytes, *n);
	}
	return rc == 0 ? check_size(b, e) : fault(&why, e);
}

static int next_of_text(struct body_reader *b, const char **bytes, size_t *n, struct err *e)
{
	struct err why = ERR_INIT;
	int rc = inflate_take(b->text, bytes, n, &why);

	return rc < 0 && why.cls == ERR_INPUT ? 1 : rc < 0 ? err_set(e, why.cls, why.code, "%s", why.text) : rc;
}

int body_reader_next(struct body_reader *b, const char **bytes, size_t *n, struct err *e)
{
	int rc = b->in_text ? next_of_text(b, bytes, n, e) : next_of_body(b, bytes, n, e);
	size_t passed;

	if (rc == 0 && b->pass > 0) {
		passed = b->pass < *n ? (size_t)b->pass : *n;
		*bytes += passed;
		*n -= passed;
		b->pass -= passed;
	}
	return rc;
}

void body_reader_rewind(struct body_reader *b)
{
	body_reader_seek(b, 1, 0);
}

void body_reader_seek(struct body_reader *b, uint64_t segment, uint64_t last)
{
	assert(b->inflate == NULL || segment == 1);
	b->in_text = false;
	b->pass = 0;
	segment_reader_seek(b->segments, segment, last);
	if (b->inflate != NULL)
		inflate_restart(b->inflate);
}

void body_reader_pass(struct body_reader *b, uint64_t bytes)
{
	b->pass = bytes;
}

int body_reader_text(struct body_reader *b, const void *frames, size_t n, struct err *e)
{
	if (b->text == NULL && (b->text = inflate_new(CODING_ZSTD, e)) == NULL)
		return -1;
	inflate_restart(b->text);
	inflate_give(b->text, frames, n);
	b->in_text = true;
	b->pass = 0;
	return 0;
}

uint64_t body_reader_received(const struct body_reader *b, uint64_t parsed)
{
	uint64_t in;

	if (b->inflate == NULL)
		return parsed;
	in = inflate_in(b->inflate);
	return in < b->bytes ? in : b->bytes;
}
