/* segment_reader - see segment_reader.h. */
#include "workers/segment_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/checksum.h"
#include "lib/frame.h"
#include "schema/reject.h"
#include "schema/wire.h"

struct segment_reader {
	struct redis *redis;
	struct key key;
	uint64_t segments;
	uint64_t last;		/* none behind it is likely to be wanted */
	unsigned prefetch;
	uint64_t next;		/* number of the segment to hand out, from 1 */
	uint64_t ask;		/* number of the first that was not asked for */
	struct redis_cmd cmd;
	struct reply *reply;	/* holds the segment that was handed out */
	struct buf plain;	/* or this, where it is compressed */
};

struct segment_reader *segment_reader_new(struct redis *r, const char *job, uint64_t segments,
    unsigned prefetch, struct err *e)
{
	struct segment_reader *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_errno(e, "segment reader");
		return NULL;
	}
	s->redis = r;
	s->key = wire_key("raw", job);
	s->segments = s->last = segments;
	s->prefetch = prefetch;
	s->next = s->ask = 1;
	cmd_init(&s->cmd);
	buf_init(&s->plain, SEGMENT_BYTES_MAX);
	return s;
}

/* Replies that nobody wants any more. */
static void drain(struct segment_reader *s)
{
	while (redis_outstanding(s->redis) > 0) {
		struct err ignored = ERR_INIT;
		struct reply *reply;

		(void)redis_receive(s->redis, &reply, &ignored);
		reply_free(&reply);
	}
	s->ask = s->next;
}

void segment_reader_free(struct segment_reader **s)
{
	if (*s == NULL)
		return;
	drain(*s);
	cmd_clear(&(*s)->cmd);
	reply_free(&(*s)->reply);
	buf_clear(&(*s)->plain);
	free(*s);
	*s = NULL;
}

void segment_reader_seek(struct segment_reader *s, uint64_t segment, uint64_t last)
{
	s->last = last != 0 && last < s->segments ? last : s->segments;
	if (s->next == segment)
		return;
	drain(s);
	s->next = s->ask = segment;
}

void segment_reader_rewind(struct segment_reader *s)
{
	segment_reader_seek(s, 1, 0);
}

static bool is_wanted(const struct segment_reader *s, uint64_t segment)
{
	return segment <= s->next || (segment <= s->last && segment <= s->next + s->prefetch);
}

/* Keeps `prefetch` segments asked for beyond the next one, as far as they are wanted. */
static int ask_ahead(struct segment_reader *s, struct err *e)
{
	while (s->ask <= s->segments && is_wanted(s, s->ask)) {
		char id[32];

		snprintf(id, sizeof(id), "%llu-0", (unsigned long long)s->ask);
		cmd_line(&s->cmd, "XRANGE", s->key.text, id, id, NULL);
		if (redis_send(s->redis, &s->cmd, e) != 0)
			return -1;
		s->ask++;
	}
	return 0;
}

/*
 * A segment that is not there is asked for again, of a primary: after a failover the Redis that was asked may be a
 * replica that lags. 0: s->reply holds it, or it is really lost. -1: e.
 */
static int ask_primary(struct segment_reader *s, struct err *e)
{
	char id[32];

	reply_free(&s->reply);
	drain(s);
	snprintf(id, sizeof(id), "%llu-0", (unsigned long long)s->next);
	cmd_line(&s->cmd, "XRANGE", s->key.text, id, id, NULL);
	if (redis_primary(s->redis, e) != 0 || redis_do(s->redis, &s->cmd, &s->reply, e) != 0)
		return -1;
	s->ask = s->next + 1;
	return 0;
}

/* What stands in Redis may be anything: its length is bounded before there is memory for it. -1: e, ERR_INPUT where it
 * is damaged. */
static int unpack(struct segment_reader *s, const struct reply *length, const char **bytes, size_t *n, struct err *e)
{
	long long plain = reply_int(length);

	buf_reset(&s->plain);
	if (plain < 1 || plain > SEGMENT_BYTES_MAX)
		return err_set(e, ERR_INPUT, 0, "a segment of no such length");
	if (buf_reserve(&s->plain, (size_t)plain) != 0)
		return err_set(e, ERR_SYSTEM, ENOMEM, "no memory for a segment");
	if (frame_unpack(*bytes, *n, s->plain.data, (size_t)plain, e) != 0)
		return -1;
	*bytes = s->plain.data;
	*n = (size_t)plain;
	return 0;
}

int segment_reader_next(struct segment_reader *s, const char **bytes, size_t *n, struct err *e)
{
	const struct reply *fields, *sum, *length;
	char hex[CHECKSUM_HEX + 1];
	struct err why = ERR_INIT;
	int rc = 0;

	reply_free(&s->reply);
	if (s->next > s->segments)
		return 1;
	if (ask_ahead(s, e) != 0 || redis_receive(s->redis, &s->reply, e) != 0) {
		drain(s);
		return -1;
	}
	fields = reply_at(reply_at(s->reply, 0), 1);
	if (reply_field(fields, 0, "d") == NULL) {
		if (ask_primary(s, e) != 0)
			return -1;
		fields = reply_at(reply_at(s->reply, 0), 1);
	}
	if (reply_field(fields, 0, "d") == NULL)
		return err_set(e, ERR_INPUT, R_BODY_LOST, "segment %llu of %llu is missing",
		    (unsigned long long)s->next, (unsigned long long)s->segments);
	*bytes = reply_str(reply_field(fields, 0, "d"), n);
	sum = reply_field(fields, 0, "h");
	checksum_hex(hex, *bytes, *n);
	length = reply_field(fields, 0, "z");
	if (sum != NULL && strcmp(hex, reply_str(sum, NULL)) != 0)
		rc = -1;
	else if (length != NULL && (rc = unpack(s, length, bytes, n, &why)) != 0 && why.cls != ERR_INPUT)
		return err_set(e, why.cls, why.code, "%s", why.text);
	if (rc != 0)
		return err_set(e, ERR_INPUT, R_BODY_LOST, "segment %llu of %llu is damaged",
		    (unsigned long long)s->next, (unsigned long long)s->segments);
	s->next++;
	return 0;
}
