/* splitter - see splitter.h. */
#include "workers/splitter_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "schema/reject.h"

#define UNITS_FIRST 100000	/* while nothing is known: a microsecond each */
#define TAPER 8		/* towards the end chunks are this part of what is left, so that all workers end at once */
#define TAIL_BYTES ((size_t)1 << 20)	/* of an encoded document: what is longer is decoded by who reads it */

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
		.at = j->split.at, .elements = j->split.next, .segment = j->split.segment, .skip = j->split.skip,
	};
	scan_init(&s->scan, s->begin.at, s->begin.elements, (size_t)settings->worker.max_feature_bytes,
	    (size_t)settings->worker.max_token_bytes);
	buf_init(&s->hashes, (size_t)64 << 20);
	buf_init(&s->packed, (size_t)256 << 20);
	if (split_source_open(&s->source, body, j, settings, e) != 0 || load_ids(s, e) != 0)
		splitter_free(&s);
	return s;
}

void splitter_on_segment(struct splitter *s, void (*fn)(void *ctx), void *ctx)
{
	s->source.on_segment = fn;
	s->source.ctx = ctx;
}

void splitter_free(struct splitter **sp)
{
	struct splitter *s = *sp;

	if (s == NULL)
		return;
	split_source_clear(&s->source);
	s->message.text = NULL;	/* it was borrowed */
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
	const struct split_source *d = &s->source;

	return (struct mark){
		.at = s->scan.at, .elements = s->scan.elements,
		.segment = d->encoded ? 0 : d->segment, .skip = d->encoded ? 0 : d->pos,
		.received = split_source_received(d, s->scan.at), .bare = bare,
	};
}

/* What the message says of an encoded document, up to c->to: its text, as far as it was read. */
static int add_text(struct splitter *s, struct mark m, bool tail, struct err *e)
{
	struct chunk_message *c = &s->message;

	c->received = (tail ? s->job->bytes : m.received) - s->begin.received;
	c->text = NULL;
	c->text_len = 0;
	if (c->to == 0 || c->whole)
		return 0;
	if (split_source_pack(&s->source, (size_t)(c->to - c->from), e) != 0)
		return -1;
	c->text = s->source.packed.data;
	c->text_len = s->source.packed.len;
	return 0;
}

/* The message goes up to m; the tail's to the end. */
static int cut(struct splitter *s, struct mark m, bool tail, struct err *e)
{
	struct chunk_message *c = &s->message;
	uint64_t end = !s->source.encoded ? s->job->bytes : s->source.ended ? s->source.read : 0;

	c->first = s->begin.elements;
	c->features = m.elements - s->begin.elements;
	c->from = s->begin.at;
	c->to = tail ? end : m.at + m.bare;
	c->segment = s->begin.segment;
	c->skip = s->begin.skip;
	c->head_end = s->job->split.head_end;
	c->vertices = s->scan.vertices - s->vertices_before;
	c->tail = tail;
	c->until = tail ? 0 : m.segment;
	if (s->source.encoded && add_text(s, m, tail, e) != 0)
		return -1;
	s->upto = m;
	s->ready = true;
	return chunk_message_write(c, &s->packed, e);
}

/* Bytes of the document behind where this chunk begins; of an encoded one that is guessed. */
static uint64_t bytes_left(const struct splitter *s)
{
	uint64_t at = s->begin.at, received = s->begin.received, all = s->job->bytes;

	if (!s->source.encoded)
		return at < all ? all - at : 0;
	return received == 0 || received > all ? 0 :
	    (uint64_t)((double)(all - received) * ((double)at / (double)received));
}

/* What a chunk may come to that begins here; what is left is thought to be like what was scanned. */
static uint64_t units_allowed(const struct splitter *s)
{
	uint64_t bytes = s->begin.at - s->start.at, rest = bytes_left(s);
	uint64_t share, least = s->units / TAPER;

	if (bytes == 0)
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

/* ---- reading ---- */

static int next_piece(struct splitter *s, struct err *e)
{
	int rc = split_source_next(&s->source, s->scan.at, e);

	if (s->begin.received == 0 && s->begin.elements > 0)	/* where a splitter before this one got to */
		s->begin.received = s->source.begun;
	return rc;
}

/* Is it the document that is at fault? Whoever reads it meets that in its place, behind what is wrong before. */
static bool is_fault(const struct err *e)
{
	return (e->cls == ERR_INPUT || e->cls == ERR_LIMIT) && e->code != R_BODY_LOST;
}

/* A feature is too long to be held, as text: one worker, who holds no more than it may be long, is to read it all. */
static int give_up(struct splitter *s, struct err *e)
{
	s->faulty = true;
	s->message.whole = true;
	return cut(s, s->begin, true, e);
}

/* What is behind the features. Of an encoded document its text is wanted, if it is short. */
static int cut_tail(struct splitter *s, struct err *e)
{
	while (s->source.encoded && !s->source.ended && !s->faulty && s->source.text.len < TAIL_BYTES) {
		if (next_piece(s, e) >= 0)
			continue;
		if (!is_fault(e))
			return -1;
		err_clear(e);
		s->faulty = true;
	}
	return cut(s, s->begin, true, e);
}

/* The features end here, or what follows is no JSON: what there is becomes a chunk, the rest is the tail. */
static int close_up(struct splitter *s, struct err *e)
{
	if (s->last.elements == s->begin.elements)
		return cut_tail(s, e);
	return cut(s, s->last, false, e);
}

/* It ends within its features, or cannot be decoded further, or not be held. 0; -1: e. */
static int stop_reading(struct splitter *s, int rc, struct err *e)
{
	if (rc < 0 && !is_fault(e))
		return -1;
	s->closing = SCAN_LOST;
	if (rc == 1)
		return 0;
	s->faulty = true;
	rc = e->code == 0 ? 1 : 0;
	err_clear(e);
	return rc == 1 ? give_up(s, e) : 0;
}

/* Scans until a chunk is ready. 0; -1: e. */
static int scan_on(struct splitter *s, struct err *e)
{
	struct split_source *d = &s->source;
	enum scan_event event = SCAN_MORE;
	int rc;

	while (!s->ready && s->closing == SCAN_MORE) {
		if (d->pos == d->len && (rc = next_piece(s, e)) != 0) {
			if (stop_reading(s, rc, e) != 0)
				return -1;
			break;
		}
		d->pos += scan_run(&s->scan, d->bytes + d->pos, d->len - d->pos, &event);
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

static int given(struct splitter *s)
{
	s->ready = false;
	s->chunk++;
	s->begin = s->last = s->upto;
	s->vertices_before = s->scan.vertices;
	s->message.twice_count = 0;
	buf_reset(&s->hashes);
	if (s->source.encoded && !s->message.tail)
		split_source_drop(&s->source, (size_t)(s->begin.at - s->message.from));
	return s->message.tail ? SPLIT_DONE : SPLIT_MORE;
}

static int step(struct splitter *s, struct err *e)
{
	struct reply *reply;
	const char *said;
	int rc = SPLIT_STALE;
	bool may;

	if ((!s->ready && scan_on(s, e) != 0) || splitter_may_give(s, &may, e) != 0)
		return -1;
	if (!may)
		return SPLIT_FULL;
	if (splitter_give(s, &reply, e) != 0)
		return -1;
	said = reply_str(reply_at(reply, 0), NULL);
	if (strcmp(said, "full") == 0) {
		rc = SPLIT_FULL;
	} else if (strcmp(said, "over") == 0) {
		rc = SPLIT_DONE;
	} else if (strcmp(said, "ok") == 0) {
		splitter_learn(s, reply);
		rc = given(s);
	}
	reply_free(&reply);
	return rc;
}

/* Without memory it gives up, too: who reads the document as a whole holds no text that waits. */
int splitter_step(struct splitter *s, struct err *e)
{
	int rc = step(s, e);

	if (rc >= 0 || e->cls != ERR_SYSTEM || e->code != ENOMEM || s->message.whole)
		return rc;
	err_clear(e);
	split_source_clear(&s->source);
	buf_clear(&s->packed);
	return give_up(s, e) != 0 ? -1 : step(s, e);
}
