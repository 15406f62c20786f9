/*
 * transform_part - works through one chunk of a large collection. See transform.h.
 *
 * The decoder reads the head of the document, jumps to where the chunk begins, and goes on as if it had read all in
 * between: so what it says of a feature is what it says where one worker reads the whole. Where the body is encoded the
 * message holds the text in between. Results wait here until the chunk is done, and go out in one step.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "workers/patience.h"
#include "workers/transform_parts.h"

#define FIELDS_MAX_BYTES 65536

/* The first bytes of the document, kept from chunk to chunk. */
static int head_ready(struct transform *t, struct err *e)
{
	uint64_t end = t->part->chunk.head_end;
	const char *bytes;
	size_t n;

	if (strcmp(t->head_of, t->job->id) == 0 && t->head.len == end)
		return 0;
	t->head_of[0] = '\0';
	buf_reset(&t->head);
	body_reader_seek(t->reader, 1, 1);
	while (t->head.len < end) {
		int rc = transform_next_bytes(t, &bytes, &n, e);

		if (rc != 0)
			return rc < 0 ? -1 : err_set(e, ERR_SYSTEM, 0, "the head of a chunk's document is not there");
		if (n > end - t->head.len)
			n = end - t->head.len;
		if (buf_append(&t->head, bytes, n) != 0)
			return err_set(e, ERR_SYSTEM, 0, "no memory for the head of a document");
	}
	memcpy(t->head_of, t->job->id, sizeof(t->head_of));
	return 0;
}

static int part_open(struct transform *t, const struct pipeline_options *o, struct err *e)
{
	const struct chunk_message *m = &t->part->chunk;

	t->reader = body_reader_new(t->body, t->job, t->settings, e);
	if (t->reader == NULL || head_ready(t, e) != 0)
		return -1;
	t->pipeline = pipeline_new(o, transform_verdict, t, e);
	if (t->pipeline == NULL || pipeline_feed(t->pipeline, t->head.data, t->head.len, e) != 0)
		return -1;
	return pipeline_jump(t->pipeline, m->from, m->first, m->twice, m->twice_count, e);
}

/* Is what was read what the splitter said? */
static int check(const struct transform *t)
{
	const struct chunk_message *m = &t->part->chunk;

	return pipeline_totals(t->pipeline).features == m->first + m->features ? 0 : 1;
}

/* The reader stands where the chunk begins. */
static int part_seek(struct transform *t, struct err *e)
{
	const struct chunk_message *m = &t->part->chunk;

	if (m->text != NULL)
		return body_reader_text(t->reader, m->text, m->text_len, e);
	if (t->job->coding == CODING_NONE) {
		body_reader_seek(t->reader, m->segment, m->until);
		body_reader_pass(t->reader, m->skip);
	} else {
		body_reader_rewind(t->reader);
		body_reader_pass(t->reader, m->from);
	}
	return 0;
}

static int find_masked(struct transform *t, struct err *e)
{
	const struct chunk_message *m = &t->part->chunk;

	if (t->mask.count == 0)
		return 0;
	mask_seek(&t->mask, m->from, true, m->first);
	return part_seek(t, e) != 0 ? -1 : transform_find_masked(t, m->from, m->to, e);
}

/* 0: read. 1: the document has to be read as a whole. -1: e. */
static int part_pass(struct transform *t, struct err *e)
{
	const struct chunk_message *m = &t->part->chunk;
	uint64_t at = m->from, to = m->to != 0 ? m->to : UINT64_MAX;
	const char *bytes;
	size_t n;
	int rc = 0;

	chunk_writer_begin(t->writer, t->job, m->first, true);
	if (find_masked(t, e) != 0 || part_seek(t, e) != 0)
		return -1;
	while (at < to && (rc = transform_next_bytes(t, &bytes, &n, e)) == 0) {
		if (n > to - at)
			n = to - at;
		if (transform_feed(t, at, bytes, n, e) != 0 || transform_go_on(t, e) != 0)
			return -1;
		at += n;
	}
	if (rc < 0)
		return -1;
	if (m->text != NULL && at < to)
		return 1;	/* damaged */
	rc = m->tail ? pipeline_finish(t->pipeline, e) : pipeline_settle(t->pipeline, e);
	return rc != 0 ? rc : check(t);
}

/* ---- what came of it ---- */

static int ended(struct transform *t, struct part_end *end, struct err *e)
{
	static const int comes_to[] = { [PART_DONE] = TRANSFORM_ENDED, [PART_STALE] = TRANSFORM_STALE,
		[PART_TAKEN] = TRANSFORM_LEFT, [PART_LAST] = TRANSFORM_LAST };
	int rc = part_end(t->part, t->commands, end, e);

	return rc < 0 ? -1 : comes_to[rc];
}

static int failed(struct transform *t, const struct err *why, uint64_t offset, struct err *e)
{
	struct part_end end = { .kind = "failed" };
	struct args fields;
	int rc;

	args_init(&fields, FIELDS_MAX_BYTES);
	args_str(&fields, "fail");
	args_uint(&fields, t->job->message.n);
	args_str(&fields, "fail_code");
	args_str(&fields, reject_name((enum reject_code)why->code));
	args_str(&fields, "fail_reason");
	args_str(&fields, why->text);
	args_str(&fields, "fail_offset");
	args_uint(&fields, offset);
	end.fields = &fields;
	rc = ended(t, &end, e);
	args_clear(&fields);
	return rc;
}

/* The collection was read to its end. */
static int tail_done(struct transform *t, struct err *e)
{
	const struct chunk_message *m = &t->part->chunk;
	struct pipeline_totals totals = pipeline_totals(t->pipeline);
	struct part_end end = { .kind = "tail", .head = totals.head, .head_len = totals.head_len };
	struct args fields;
	struct buf box;
	int rc;

	end.bytes = t->job->coding != CODING_NONE ? m->received : m->to - m->from + m->head_end;
	args_init(&fields, FIELDS_MAX_BYTES + strlen(totals.crs));
	buf_init(&box, COLLECTION_TEXT_MAX);
	if (collection_has_box(&totals.box)) {
		fields.failed = collection_box_write(&totals.box, &box) != 0;
		args_str(&fields, "box");
		args_str(&fields, buf_cstr(&box));
	}
	buf_clear(&box);
	args_str(&fields, "used_crs");
	args_str(&fields, totals.crs);
	args_str(&fields, "next");
	args_uint(&fields, m->first);
	args_str(&fields, "chunk");
	args_uint(&fields, t->job->message.n);
	end.fields = &fields;
	rc = ended(t, &end, e);
	args_clear(&fields);
	return rc;
}

/* There was no memory for what came of the chunk: the largest of it is left out the next time. */
static int too_much(struct transform *t, const struct err *why)
{
	struct flight *f = t->flight;

	if (!transform_no_memory(why))
		return -1;
	f->no_memory = true;
	f->place.feature = chunk_writer_largest(t->writer);
	f->place.stage = AT_DECODE;
	f->place.since_ms = clock_mono_ms();
	return -1;
}

/* The decoder goes first: what it holds of a large feature is room for its result, or its dead letter. */
static int part_done(struct transform *t, uint64_t began_us, struct err *e)
{
	const struct chunk_message *m = &t->part->chunk;
	struct part_end end = { .kind = "features", .bytes = m->to - m->from };
	int rc;

	if (m->tail)
		return tail_done(t, e);
	end.units = 8 * m->features + m->vertices + end.bytes / 64;
	if (t->job->coding != CODING_NONE)
		end.bytes = m->received;
	transform_close(t);
	if ((end.chunk = chunk_writer_take(t->writer, e)) == NULL)
		return too_much(t, e);
	end.us = clock_cpu_us() - began_us;
	return (rc = ended(t, &end, e)) < 0 ? too_much(t, e) : rc;
}

static int whole(struct transform *t, struct err *e)
{
	int rc = part_whole(t->part, t->commands, e);

	if (rc == 0)
		log_info("read_whole", LOG_STR("job", t->job->id), LOG_STR("source", t->job->source));
	return rc < 0 ? -1 : TRANSFORM_STALE;	/* nobody wants this chunk any more */
}

static int end_badly(struct transform *t, const struct err *why, struct err *e)
{
	uint64_t offset = t->pipeline != NULL ? pipeline_offset(t->pipeline) : 0;

	if (why->cls == ERR_INPUT || why->cls == ERR_LIMIT)
		return failed(t, why, offset, e);
	t->flight->no_memory = transform_no_memory(why);
	return err_set(e, why->cls, why->code, "%s", why->text);
}

int transform_part(struct transform *t, struct part *p, struct err *e)
{
	const struct source *src = settings_source(t->settings, p->job.source);
	uint64_t began_us = clock_cpu_us(), behind = p->chunk.first + p->chunk.features;
	struct pipeline_options o;
	struct err why = ERR_INIT;
	struct suspect s;
	int rc;

	if (src == NULL) {
		log_error("source_unknown", LOG_STR("job", p->job.id), LOG_STR("source", p->job.source));
		return TRANSFORM_LEFT;
	}
	transform_begin(t, &p->job, p, part_open, part_pass);
	transform_options(&o, t, src);
	if (p->chunk.tail && suspects_unreadable(p->job.suspects, p->chunk.first, UINT64_MAX, &s))
		rc = transform_unreadable(&s, &why);	/* of the features that are counted it has none */
	else
		rc = transform_work(t, &o, p->chunk.first, p->chunk.tail ? p->chunk.first : behind, &why);
	if (rc == TRANSFORM_WORK_AGAIN || rc == TRANSFORM_WORK_FULL)
		rc = rc == TRANSFORM_WORK_FULL ? TRANSFORM_FULL : TRANSFORM_AGAIN;
	else if (rc == 1)
		rc = whole(t, e);
	else
		rc = rc == 0 ? part_done(t, began_us, e) : end_badly(t, &why, e);
	transform_end(t);
	return rc;
}

int transform_bury_part(struct transform *t, struct part *p, struct err *e)
{
	struct err why = ERR_INIT;
	int rc;

	transform_begin(t, &p->job, p, part_open, part_pass);
	if (settings_source(t->settings, p->job.source) == NULL)
		err_set(&why, ERR_INPUT, R_SOURCE_UNKNOWN, "no worker knows the source '%s'", p->job.source);
	err_set(&why, ERR_LIMIT, R_FEATURE_CRASH, "features %llu to %llu were tried %lld times without an end",
	    (unsigned long long)p->chunk.first, (unsigned long long)(p->chunk.first + p->chunk.features),
	    (long long)t->settings->worker.max_deliveries);
	rc = failed(t, &why, p->chunk.from, e);
	transform_end(t);
	return rc;
}
