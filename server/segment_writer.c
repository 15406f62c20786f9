/* segment_writer - see segment_writer.h. */
#include "server/segment_writer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "server/reactor.h"

#define SEGMENT_LEAST 16384
#define SPARE_LEAST 1024	/* memory that is kept for the next */
#define SPARE_MOST 8192
#define LARGE_BYTES 32768	/* of a body: from there on it counts as large */
#define TURN_BYTES 262144
#define FIRST_READ 65536	/* at most of the first segment, which may never be filled */

struct segment_writer {
	struct reactor *reactor;
	char job[JOB_ID_LEN + 1];
	struct buf segment;	/* its ceiling is the segment's size */
	size_t most;		/* that this may be */
	unsigned written;
	unsigned waiting;	/* of the written, those without a reply */
	uint64_t stored, last_stored;
	bool packed_before, any_packed;
	bool marked;		/* it has a staging mark */
	bool failed;
	bool closed;		/* kept for the replies alone */
	bool stalled;
	segment_room_fn room;
	void *ctx;
	struct segment_writer *prev, *next;
	struct segment_writer *stalled_next;
};

/* A segment on its way. */
struct sent {
	struct segment_writer *writer;
	size_t bytes;
};

static void wake(struct segment_pool *p);

static void on_turn(void *ctx)
{
	struct segment_pool *p = ctx;

	p->turn_left = TURN_BYTES;
	wake(p);
}

void segment_pool_set(struct segment_pool *p, const struct settings *s)
{
	p->segment_bytes = (size_t)s->server.segment_bytes;
	p->window_segments = (size_t)s->server.window_segments;
	p->window_bytes = (size_t)s->server.window_bytes;
	segment_form_set(&p->form, (enum segment_packing)s->server.compress_segments);
}

int segment_pool_init(struct segment_pool *p, const struct settings *s, struct err *e)
{
	memset(p, 0, sizeof(*p));
	if (segment_form_init(&p->form, e) != 0)
		return -1;
	segment_pool_set(p, s);
	p->turn_left = TURN_BYTES;
	loop_task_init(&p->turn, on_turn, p);
	return 0;
}

void segment_pool_clear(struct segment_pool *p, struct loop *l)
{
	if (l != NULL)
		loop_task_cancel(l, &p->turn);
	segment_form_clear(&p->form);
	while (p->spares > 0)
		buf_clear(&p->spare[--p->spares]);
}

size_t segment_size(const struct segment_pool *p)
{
	size_t share = p->window_bytes / (p->count + 1) & ~(size_t)4095;

	if (share >= p->segment_bytes)
		return p->segment_bytes;
	if (share < SEGMENT_LEAST)
		share = SEGMENT_LEAST;
	return share - SEGMENT_FRAME < p->segment_bytes ? share - SEGMENT_FRAME : p->segment_bytes;
}

struct segment_writer *segment_writer_new(struct reactor *r, const char *job, segment_room_fn room, void *ctx)
{
	struct segment_writer *w = calloc(1, sizeof(*w));
	struct segment_pool *p = &r->segments;

	if (w == NULL)
		return NULL;
	w->reactor = r;
	memcpy(w->job, job, sizeof(w->job));
	w->most = segment_size(p);
	buf_init(&w->segment, w->most);
	w->room = room;
	w->ctx = ctx;
	if ((w->next = p->first) != NULL)
		p->first->prev = w;
	p->first = w;
	p->count++;
	return w;
}

static void leave_stalled(struct segment_pool *p, struct segment_writer *w)
{
	struct segment_writer **at = &p->stalled, *before = NULL;

	if (!w->stalled)
		return;
	for (; *at != w; at = &(*at)->stalled_next)
		before = *at;
	*at = w->stalled_next;
	if (p->stalled_last == w)
		p->stalled_last = before;
	w->stalled = false;
}

/* Memory of a few pages costs the allocator more than what it is for. */
static void leave_memory(struct segment_pool *p, struct buf *segment)
{
	if (segment->room < SPARE_LEAST || segment->room > SPARE_MOST || p->spares == SEGMENT_SPARES)
		buf_clear(segment);
	else
		p->spare[p->spares++] = *segment;
}

static void take_memory(struct segment_pool *p, struct buf *segment)
{
	size_t most = segment->max;

	if (segment->room > 0 || p->spares == 0)
		return;
	*segment = p->spare[--p->spares];
	segment->max = most;
	buf_reset(segment);
}

void segment_writer_free(struct segment_writer **ref)
{
	struct segment_writer *w = *ref;
	struct segment_pool *p;

	if (w == NULL)
		return;
	*ref = NULL;
	p = &w->reactor->segments;
	leave_stalled(p, w);
	leave_memory(p, &w->segment);
	*(w->prev ? &w->prev->next : &p->first) = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	p->count--;
	w->closed = true;
	if (w->waiting == 0)
		free(w);
}

void segment_is_held(struct segment_writer *w)
{
	w->marked = true;
}

void segment_writer_is_packed(struct segment_writer *w)
{
	w->packed_before = true;
}

/* Has this writer, and all of them, room for one more segment on its way? */
static bool has_room(const struct segment_writer *w)
{
	const struct segment_pool *p = &w->reactor->segments;

	return !p->held && w->waiting < p->window_segments
	    && (p->waiting == 0 || p->waiting + w->segment.max <= p->window_bytes);
}

static bool is_large(const struct segment_writer *w)
{
	return w->written > 0 || w->segment.len >= LARGE_BYTES;
}

static void stall(struct segment_writer *w)
{
	struct segment_pool *p = &w->reactor->segments;

	if (w->stalled)
		return;
	w->stalled = true;
	w->stalled_next = NULL;
	*(p->stalled ? &p->stalled_last->stalled_next : &p->stalled) = w;
	p->stalled_last = w;
}

/* What it would take in one read: all that its segment, or the next one, has room for. */
static size_t read_size(const struct segment_writer *w)
{
	size_t left = w->segment.max - w->segment.len, n = left > 0 ? left : w->segment.max;
	size_t most = w->written > 0 ? TURN_BYTES : FIRST_READ;

	return n < most ? n : most;
}

/* Wakes those for whose next segment there is room, the longest waiting first, and no more than this turn can serve. */
static void wake(struct segment_pool *p)
{
	size_t room = p->waiting < p->window_bytes ? p->window_bytes - p->waiting : 0, turn = p->turn_left;
	struct segment_writer *w = p->stalled, *next;

	for (; w != NULL; w = next) {
		next = w->stalled_next;
		if (!w->failed) {
			if (p->held || w->waiting >= p->window_segments)
				continue;
			if (read_size(w) > turn || (w->segment.max > room && p->waiting > 0))
				break;
			room -= w->segment.max < room ? w->segment.max : room;
			turn -= read_size(w);
		}
		leave_stalled(p, w);
		w->room(w->ctx);
	}
}

void segments_hold(struct segment_pool *p, bool held)
{
	bool before = p->held;

	p->held = held;
	if (before && !held)
		wake(p);
}

static void on_written(void *ctx, const struct reply *reply, const struct err *e)
{
	struct sent *s = ctx;
	struct segment_writer *w = s->writer;
	struct segment_pool *p = &w->reactor->segments;

	(void)e;
	w->waiting--;
	p->waiting -= s->bytes;
	free(s);
	if (reply == NULL)
		w->failed = true;
	if (w->closed && w->waiting == 0)
		free(w);
	wake(p);
}

static void on_marked(void *ctx, const struct reply *reply, const struct err *e)
{
	(void)ctx;
	(void)reply;
	(void)e;
}

/* The sign of life goes before the first segment: at no time is there a segment that nobody looks after. */
static int mark(struct segment_writer *w, const char *option)
{
	struct redis_cmd *c = &w->reactor->cmd;
	struct key staging = wire_key("staging", NULL);

	cmd_reset(c);
	cmd_str(c, "ZADD");
	cmd_str(c, staging.text);
	if (option != NULL)
		cmd_str(c, option);
	cmd_int(c, (long long)clock_unix_ms());
	cmd_str(c, w->job);
	return reactor_do_bulk(w->reactor, on_marked, NULL);
}

/* Redis has as much to do as may wait for it: who has a segment more can as well make it smaller. */
static bool is_behind(const struct segment_writer *w)
{
	const struct segment_pool *p = &w->reactor->segments;

	return w->waiting + 1 >= p->window_segments || p->waiting >= p->window_bytes / 2;
}

/* The XADD of the segment at hand; how many bytes it stores. give: their memory goes along. */
static size_t add_segment(struct segment_writer *w, struct redis_cmd *c, bool give)
{
	struct segment_pool *p = &w->reactor->segments;
	enum segment_effort effort = w->packed_before ? EFFORT_NONE : is_behind(w) ? EFFORT_ANY : EFFORT_LITTLE;
	bool packed;
	size_t n = segment_form_add(&p->form, c, w->job, w->written + 1, &w->segment, effort, give, &packed);

	w->any_packed |= packed;
	return n;
}

static int write_segment(struct segment_writer *w)
{
	struct redis_cmd *c = &w->reactor->cmd;
	struct sent *s;

	if ((w->written == 0 && mark(w, NULL) != 0) || (s = malloc(sizeof(*s))) == NULL)
		return -1;
	w->marked = true;
	cmd_reset(c);
	s->writer = w;
	s->bytes = add_segment(w, c, true);
	if (reactor_do_bulk(w->reactor, on_written, s) != 0) {
		free(s);
		return -1;
	}
	w->written++;
	w->waiting++;
	w->reactor->segments.written++;
	w->stored += s->bytes;
	w->reactor->segments.waiting += s->bytes;
	if (c->argv[c->given] == w->segment.data) {
		(void)buf_take(&w->segment);
		w->segment.max = w->most;
	} else {
		(void)buf_take(&w->reactor->segments.form.packed);
		w->segment.max = segment_form_fits(w->most, w->segment.len, s->bytes);
	}
	buf_reset(&w->segment);
	return 0;
}

/* How many of n bytes this turn still has time for. */
static size_t take_turn(struct segment_writer *w, size_t n)
{
	struct segment_pool *p = &w->reactor->segments;

	if (!is_large(w))
		return n;
	if (n > p->turn_left)
		n = p->turn_left;
	p->turn_left -= n;
	loop_defer(w->reactor->loop, &p->turn);
	return n;
}

/* Room in the segment at hand, which is written first if it is full; 0: Redis is waited for, or it has failed. */
static size_t room_in(struct segment_writer *w)
{
	if (w->segment.len < w->segment.max)
		return w->segment.max - w->segment.len;
	if (!has_room(w)) {
		metrics_add(&w->reactor->metrics.stalls, 1);
		stall(w);
		return 0;
	}
	if (write_segment(w) != 0) {
		w->failed = true;
		return 0;
	}
	return w->segment.max;
}

/* A read is not cut short for the end of a turn: what it costs is the call, and the word to the sender behind it. */
long segment_place(struct segment_writer *w, void **at)
{
	size_t n;

	if (w->failed || !is_large(w))
		return 0;
	if (room_in(w) == 0)
		return w->failed ? 0 : -1;
	if ((n = read_size(w)) > w->reactor->segments.turn_left) {
		stall(w);
		return -1;
	}
	/* Of the segments behind the first one can be sure that they will be filled. */
	if (buf_reserve(&w->segment, w->written > 0 ? w->segment.max - w->segment.len : n) != 0)
		return 0;
	*at = w->segment.data + w->segment.len;
	return (long)n;
}

/* Bytes that were read to where segment_place said are there already. */
static int append(struct buf *b, const char *bytes, size_t n)
{
	if (b->data == NULL || bytes != b->data + b->len)
		return buf_append(b, bytes, n);
	b->len += n;
	return 0;
}

size_t segment_add(struct segment_writer *w, const void *bytes, size_t n)
{
	const char *from = bytes;
	size_t left = n;

	while (left > 0 && !w->failed) {
		size_t room = room_in(w), piece = left < room ? left : room;

		if (room == 0)
			break;
		if ((piece = take_turn(w, piece)) == 0) {
			stall(w);
			break;
		}
		if (append(&w->segment, from, piece) != 0) {
			w->failed = true;
			break;
		}
		from += piece;
		left -= piece;
	}
	return n - left;
}

void segment_expect(struct segment_writer *w, uint64_t n)
{
	if (n > SEGMENT_LEAST)
		return;
	if (n >= SPARE_LEAST)
		take_memory(&w->reactor->segments, &w->segment);
	buf_reserve(&w->segment, (size_t)n);
}

bool segment_failed(const struct segment_writer *w)
{
	return w->failed;
}

unsigned segment_number(const struct segment_writer *w)
{
	return w->written + 1;
}

void segment_last(struct segment_writer *w, struct redis_cmd *c)
{
	w->last_stored = add_segment(w, c, false);
}

uint64_t segment_stored(const struct segment_writer *w)
{
	return w->stored + w->last_stored;
}

bool segment_any_packed(const struct segment_writer *w)
{
	return w->any_packed;
}

void segments_touch(struct reactor *r)
{
	for (struct segment_writer *w = r->segments.first; w != NULL; w = w->next)
		if (w->marked)
			mark(w, "XX");
}
