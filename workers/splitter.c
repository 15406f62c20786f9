/* splitter - see splitter.h. */
#include "workers/splitter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "schema/chunk_message.h"
#include "schema/reject.h"
#include "schema/scripts.h"
#include "workers/pipeline/decode_names.h"
#include "workers/pipeline/head.h"
#include "workers/pipeline/pipeline.h"
#include "workers/pipeline/scan.h"
#include "workers/segment_reader.h"

#define HEAD_MAX_BYTES ((uint64_t)64 << 10)	/* in front of the features; each chunk reads it first */
#define CHUNK_US 100000		/* of work in a chunk, about */
#define UNITS_FIRST 100000	/* while nothing is known: a microsecond each */
#define UNITS_LEAST 2000
#define UNITS_MOST 20000000
#define TAPER 8		/* towards the end chunks are this part of what is left, so that all workers end at once */

/* A boundary, and where its bytes are. */
struct mark {
	uint64_t at, elements, segment, skip;
	bool bare;	/* the element in front of it ends with the byte behind it */
};

struct splitter {
	const struct settings *settings;
	const struct job *job;
	void (*on_segment)(void *ctx);	/* or NULL */
	void *ctx;
	struct redis *commands;
	struct segment_reader *reader;
	struct scan scan;
	struct ids ids;
	const char *bytes;		/* of the segment at hand */
	size_t len, pos;
	uint64_t segment;		/* its number */
	uint64_t chunk;			/* number of the next */
	uint64_t units;			/* that a chunk may come to */
	struct mark start, begin, last;	/* of the scan, of this chunk, of its last boundary */
	uint64_t vertices_before;
	struct chunk_message message;
	size_t twice_room;
	struct buf hashes, packed;	/* of ids, in this chunk; the message as bytes */
	enum scan_event closing;	/* END or LOST: only the tail is to come */
	bool ready;			/* message waits to be given out, up to `upto` */
	struct mark upto;
};

/* ---- the head ---- */

/* It may die of a document that is one feature, as any decoder may. */
static int probe_piece(struct head *head, const char *bytes, size_t n, uint64_t *end, struct pipeline_place *place)
{
	int rc;

	place->feature = 0;
	place->stage = AT_DECODE;
	place->since_ms = clock_mono_ms();
	rc = head_feed(head, bytes, n, end);
	place->since_ms = 0;
	place->stage = AT_NOTHING;
	return rc;
}

int splitter_probe(struct redis *body, const struct job *j, const struct settings *s, struct job_split *at,
    struct pipeline_place *place, struct err *e)
{
	struct segment_reader *r = segment_reader_new(body, j->id, j->segments, 1, e);
	struct pipeline_options o;
	struct head *head;
	uint64_t before = 0, segment = 0;
	const char *bytes;
	size_t n = 0;
	int rc = 0;

	pipeline_options_init(&o);
	o.max_depth = (size_t)s->worker.max_depth;
	o.max_token_bytes = (size_t)s->worker.max_token_bytes;
	o.max_feature_bytes = (size_t)s->worker.max_feature_bytes;
	head = r != NULL ? head_new(&o, e) : NULL;
	if (head == NULL)
		rc = -1;
	while (rc == 0 && before < HEAD_MAX_BYTES) {
		if ((rc = segment_reader_next(r, &bytes, &n, e)) != 0)
			break;
		segment++;
		if ((rc = probe_piece(head, bytes, n, &at->head_end, place)) != 0)
			break;
		before += n;
	}
	if (rc == HEAD_FOUND && at->head_end <= HEAD_MAX_BYTES) {
		at->at = at->head_end;
		at->segment = segment;
		at->skip = at->head_end - before;
		rc = 0;
	} else if (rc >= 0) {
		rc = 1;
	}
	head_free(&head);
	segment_reader_free(&r);
	return rc;
}

/* ---- begin and end ---- */

static int load_ids(struct splitter *s, struct err *e)
{
	struct key key = wire_key("ids", s->job->id);
	struct redis_cmd c;
	struct reply *reply;
	const char *text;
	uint64_t hash;
	size_t n = 0;

	if (s->begin.elements == 0)
		return 0;
	cmd_init(&c);
	cmd_line(&c, "GET", key.text, NULL);
	if (redis_do(s->commands, &c, &reply, e) != 0) {
		cmd_clear(&c);
		return -1;
	}
	cmd_clear(&c);
	text = reply_str(reply, &n);
	for (size_t i = 0; i + sizeof(hash) <= n; i += sizeof(hash)) {
		memcpy(&hash, text + i, sizeof(hash));
		ids_add(&s->ids, hash);
	}
	reply_free(&reply);
	return 0;
}

struct splitter *splitter_new(const struct settings *settings, struct redis *commands, struct redis *body,
    const struct job *j, struct err *e)
{
	struct splitter *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_errno(e, "splitter");
		return NULL;
	}
	s->settings = settings;
	s->job = j;
	s->commands = commands;
	s->chunk = j->split.chunk;
	s->units = UNITS_FIRST;
	s->start = s->begin = s->last = (struct mark){
		j->split.at, j->split.next, j->split.segment, j->split.skip, false,
	};
	scan_init(&s->scan, s->begin.at, s->begin.elements, (size_t)settings->worker.max_feature_bytes,
	    (size_t)settings->worker.max_token_bytes);
	buf_init(&s->hashes, (size_t)64 << 20);
	buf_init(&s->packed, (size_t)64 << 20);
	s->segment = s->begin.segment - 1;
	s->reader = segment_reader_new(body, j->id, j->segments, (unsigned)settings->worker.prefetch_segments, e);
	if (s->reader != NULL)
		segment_reader_seek(s->reader, s->begin.segment, 0);
	if (s->reader == NULL || load_ids(s, e) != 0)
		splitter_free(&s);
	return s;
}

void splitter_on_segment(struct splitter *s, void (*fn)(void *ctx), void *ctx)
{
	s->on_segment = fn;
	s->ctx = ctx;
}

void splitter_free(struct splitter **sp)
{
	struct splitter *s = *sp;

	if (s == NULL)
		return;
	if (s->reader != NULL)
		segment_reader_free(&s->reader);
	scan_clear(&s->scan);
	ids_clear(&s->ids);
	buf_clear(&s->hashes);
	buf_clear(&s->packed);
	chunk_message_clear(&s->message);
	free(s);
	*sp = NULL;
}

/* ---- cutting ---- */

static uint64_t units_of(uint64_t features, uint64_t vertices, uint64_t bytes)
{
	return 8 * features + vertices + bytes / 64;
}

static int note_twice(struct splitter *s, uint64_t feature, struct err *e)
{
	struct chunk_message *m = &s->message;
	size_t room = s->twice_room == 0 ? 64 : 2 * s->twice_room;
	uint64_t *more;

	if (m->twice_count == s->twice_room) {
		if ((more = realloc(m->twice, room * sizeof(*more))) == NULL)
			return err_errno(e, "splitter");
		m->twice = more;
		s->twice_room = room;
	}
	m->twice[m->twice_count++] = feature - s->begin.elements;
	return 0;
}

static int note_id(struct splitter *s, struct err *e)
{
	size_t before = s->ids.count;

	if (!s->scan.has_id)
		return 0;
	if (ids_add(&s->ids, s->scan.id_hash))
		return note_twice(s, s->scan.elements - 1, e);
	if (s->ids.count > before && buf_append(&s->hashes, &s->scan.id_hash, sizeof(s->scan.id_hash)) != 0)
		return err_errno(e, "splitter");
	return 0;
}

static struct mark here(const struct splitter *s, bool bare)
{
	return (struct mark){ s->scan.at, s->scan.elements, s->segment, s->pos, bare };
}

/* The message goes up to m; the tail's to the end. */
static int cut(struct splitter *s, struct mark m, bool tail, struct err *e)
{
	struct chunk_message *c = &s->message;

	c->first = s->begin.elements;
	c->features = m.elements - s->begin.elements;
	c->from = s->begin.at;
	c->to = tail ? s->job->bytes : m.at + m.bare;
	c->segment = s->begin.segment;
	c->skip = s->begin.skip;
	c->head_end = s->job->split.head_end;
	c->vertices = s->scan.vertices - s->vertices_before;
	c->tail = tail;
	c->until = tail ? 0 : m.segment;
	s->upto = m;
	s->ready = true;
	return chunk_message_write(c, &s->packed, e);
}

/* What a chunk may come to that begins here; what is left is thought to be like what was scanned. */
static uint64_t units_allowed(const struct splitter *s)
{
	uint64_t bytes = s->begin.at - s->start.at, rest = s->job->bytes - s->begin.at;
	uint64_t share, least = s->units / TAPER;

	if (bytes == 0 || rest > s->job->bytes)
		return s->units;
	share = (uint64_t)((double)units_of(s->begin.elements - s->start.elements, s->vertices_before, bytes) /
	    (double)bytes * (double)rest / TAPER);
	return share >= s->units ? s->units : share > least ? share : least;
}

static bool is_enough(const struct splitter *s)
{
	uint64_t features = s->scan.elements - s->begin.elements, bytes = s->scan.at - s->begin.at;

	return features >= (uint64_t)s->settings->worker.chunk_features ||
	    bytes >= (uint64_t)s->settings->worker.chunk_bytes ||
	    units_of(features, s->scan.vertices - s->vertices_before, bytes) >= units_allowed(s);
}

/* The features end here, or what follows is no JSON: what there is becomes a chunk, the rest is the tail. */
static int close_up(struct splitter *s, struct err *e)
{
	if (s->last.elements == s->begin.elements)
		return cut(s, s->begin, true, e);
	return cut(s, s->last, false, e);
}

/* Scans until a chunk is ready. 0; -1: e. */
static int scan_on(struct splitter *s, struct err *e)
{
	enum scan_event event = SCAN_MORE;
	int rc;

	while (!s->ready && s->closing == SCAN_MORE) {
		if (s->pos == s->len) {
			if ((rc = segment_reader_next(s->reader, &s->bytes, &s->len, e)) < 0) {
				s->pos = s->len = 0;
				return -1;
			}
			if (rc == 1) {	/* it ends within its features */
				s->pos = s->len = 0;
				s->closing = SCAN_LOST;
				break;
			}
			s->segment++;
			if (s->on_segment != NULL)
				s->on_segment(s->ctx);
			s->pos = s->segment == s->begin.segment && s->scan.at == s->begin.at ? s->begin.skip : 0;
		}
		s->pos += scan_run(&s->scan, s->bytes + s->pos, s->len - s->pos, &event);
		if (event == SCAN_END || event == SCAN_LOST) {
			s->closing = event;
		} else if (event != SCAN_MORE) {
			s->last = here(s, event == SCAN_BARE);
			if (note_id(s, e) != 0)
				return -1;
			if (is_enough(s))
				return cut(s, s->last, false, e);
		}
	}
	return s->ready ? 0 : close_up(s, e);
}

/* ---- giving out ---- */

static int give(struct splitter *s, struct reply **reply, struct err *e)
{
	static const char *const names[] = { "job", "chunks", "parts", "ids" };
	struct key keys[4];
	struct redis_cmd c;
	int rc;

	cmd_init(&c);
	cmd_script(&c, &script_split, 4);
	for (int i = 0; i < 4; i++) {
		keys[i] = wire_key(names[i], i == 1 ? NULL : s->job->id);
		cmd_str(&c, keys[i].text);
	}
	cmd_int(&c, s->job->epoch);
	cmd_int(&c, (long long)s->chunk);
	cmd_bytes(&c, s->packed.data, s->packed.len);
	cmd_int(&c, (long long)s->upto.at);
	cmd_int(&c, (long long)s->upto.segment);
	cmd_int(&c, (long long)s->upto.skip);
	cmd_int(&c, (long long)s->upto.elements);
	cmd_str(&c, s->message.tail ? "1" : "0");
	cmd_bytes(&c, s->hashes.len ? s->hashes.data : "", s->hashes.len);
	cmd_int(&c, (long long)clock_unix_ms());
	cmd_int(&c, (long long)s->settings->worker.chunks_outstanding);
	rc = redis_do(s->commands, &c, reply, e);
	cmd_clear(&c);
	return rc;
}

/* The work in a chunk, from what the done ones took. */
static void learn(struct splitter *s, const struct reply *reply)
{
	uint64_t us = (uint64_t)reply_int(reply_at(reply, 2)), units = (uint64_t)reply_int(reply_at(reply, 3));

	if (us == 0)
		return;
	s->units = units > UINT64_MAX / CHUNK_US ? UNITS_MOST : units * CHUNK_US / us;
	if (s->units < UNITS_LEAST)
		s->units = UNITS_LEAST;
	if (s->units > UNITS_MOST)
		s->units = UNITS_MOST;
}

static int given(struct splitter *s)
{
	s->ready = false;
	s->chunk++;
	s->begin = s->last = s->upto;
	s->vertices_before = s->scan.vertices;
	s->message.twice_count = 0;
	buf_reset(&s->hashes);
	return s->message.tail ? SPLIT_DONE : SPLIT_MORE;
}

int splitter_step(struct splitter *s, struct err *e)
{
	struct reply *reply;
	const char *said;
	int rc = SPLIT_STALE;

	if ((!s->ready && scan_on(s, e) != 0) || give(s, &reply, e) != 0)
		return -1;
	said = reply_str(reply_at(reply, 0), NULL);
	if (strcmp(said, "full") == 0) {
		rc = SPLIT_FULL;
	} else if (strcmp(said, "over") == 0) {
		rc = SPLIT_DONE;
	} else if (strcmp(said, "ok") == 0) {
		learn(s, reply);
		rc = given(s);
	}
	reply_free(&reply);
	return rc;
}
