/* segment_writer - see segment_writer.h. */
#include "server/segment_writer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/checksum.h"
#include "lib/clock.h"
#include "server/reactor.h"

#define SEGMENT_LEAST 16384

struct segment_writer {
	struct reactor *reactor;
	char job[JOB_ID_LEN + 1];
	struct buf segment;	/* its ceiling is the segment's size */
	unsigned written;
	unsigned waiting;	/* of the written, those without a reply */
	bool failed;
	bool closed;		/* kept for the replies alone */
	bool stalled;
	segment_room_fn room;
	void *ctx;
	struct segment_writer *prev, *next;
	struct segment_writer *stalled_next;
};

size_t segment_size(const struct segment_pool *p)
{
	size_t share = p->window_bytes / (p->count + 1) & ~(size_t)4095;

	if (share >= p->segment_bytes)
		return p->segment_bytes;
	if (share < SEGMENT_LEAST)
		share = SEGMENT_LEAST;
	return share < p->segment_bytes ? share : p->segment_bytes;
}

struct segment_writer *segment_writer_new(struct reactor *r, const char *job, segment_room_fn room, void *ctx)
{
	struct segment_writer *w = calloc(1, sizeof(*w));
	struct segment_pool *p = &r->segments;

	if (w == NULL)
		return NULL;
	w->reactor = r;
	memcpy(w->job, job, sizeof(w->job));
	buf_init(&w->segment, segment_size(p));
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

void segment_writer_free(struct segment_writer **ref)
{
	struct segment_writer *w = *ref;
	struct segment_pool *p;

	if (w == NULL)
		return;
	*ref = NULL;
	p = &w->reactor->segments;
	leave_stalled(p, w);
	buf_clear(&w->segment);
	*(w->prev ? &w->prev->next : &p->first) = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	p->count--;
	w->closed = true;
	if (w->waiting == 0)
		free(w);
}

/* Has this writer, and all of them, room for one more segment on its way? */
static bool has_room(const struct segment_writer *w)
{
	const struct segment_pool *p = &w->reactor->segments;

	return w->waiting < p->window_segments
	    && (p->waiting == 0 || p->waiting + w->segment.max <= p->window_bytes);
}

static void stall(struct segment_writer *w)
{
	struct segment_pool *p = &w->reactor->segments;

	if (w->stalled)
		return;
	metrics_add(&w->reactor->metrics.stalls, 1);
	w->stalled = true;
	w->stalled_next = NULL;
	*(p->stalled ? &p->stalled_last->stalled_next : &p->stalled) = w;
	p->stalled_last = w;
}

/* Wakes those for whose next segment there is room, the longest waiting first. */
static void wake(struct segment_pool *p)
{
	size_t room = p->waiting < p->window_bytes ? p->window_bytes - p->waiting : 0;
	struct segment_writer *w = p->stalled, *next;

	for (; w != NULL; w = next) {
		next = w->stalled_next;
		if (!w->failed) {
			if (w->waiting >= p->window_segments)
				continue;
			if (w->segment.max > room && p->waiting > 0)
				break;
			room -= w->segment.max < room ? w->segment.max : room;
		}
		leave_stalled(p, w);
		w->room(w->ctx);
	}
}

static void on_written(void *ctx, const struct reply *reply, const struct err *e)
{
	struct segment_writer *w = ctx;
	struct segment_pool *p = &w->reactor->segments;

	(void)e;
	w->waiting--;
	p->waiting -= w->segment.max;
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

static int write_segment(struct segment_writer *w)
{
	struct redis_cmd *c = &w->reactor->cmd;
	struct key raw = wire_key("raw", w->job);
	char id[16], sum[CHECKSUM_HEX + 1];

	if (w->written == 0 && mark(w, NULL) != 0)
		return -1;
	snprintf(id, sizeof(id), "%u-0", w->written + 1);
	checksum_hex(sum, w->segment.data, w->segment.len);
	cmd_reset(c);
	cmd_str(c, "XADD");
	cmd_str(c, raw.text);
	cmd_str(c, id);
	cmd_str(c, "d");
	cmd_bytes(c, w->segment.data, w->segment.len);
	cmd_str(c, "h");
	cmd_str(c, sum);
	if (reactor_do_bulk(w->reactor, on_written, w) != 0)
		return -1;
	w->written++;
	w->waiting++;
	w->reactor->segments.waiting += w->segment.max;
	buf_reset(&w->segment);
	return 0;
}

size_t segment_add(struct segment_writer *w, const void *bytes, size_t n)
{
	const char *from = bytes;
	size_t left = n;

	while (left > 0 && !w->failed) {
		size_t room = w->segment.max - w->segment.len, piece = left < room ? left : room;

		if (room == 0) {
			if (!has_room(w)) {
				stall(w);
				break;
			}
			if (write_segment(w) != 0)
				w->failed = true;
			continue;
		}
		if (buf_append(&w->segment, from, piece) != 0) {
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
	if (n <= SEGMENT_LEAST)
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

const struct buf *segment_last(const struct segment_writer *w)
{
	return &w->segment;
}

void segments_touch(struct reactor *r)
{
	for (struct segment_writer *w = r->segments.first; w != NULL; w = w->next)
		if (w->written > 0)
			mark(w, "XX");
}
