/*
 * splitter_give - gives chunks out, no more than may be outstanding. See splitter.h.
 */
#include <string.h>

#include "lib/clock.h"
#include "lib/redis_check.h"
#include "schema/scripts.h"
#include "workers/splitter_parts.h"

#define CHUNK_US 100000		/* of work in a chunk, about */
#define UNITS_LEAST 2000
#define UNITS_MOST 20000000
#define MEMORY_QUARTERS 3	/* of Redis's, in which text may wait; the rest is for results (server/room.c) */
#define PACKED 4	/* times smaller than its text a chunk may count as, where it waits in Redis */

/* Bytes of text that may be outstanding. */
static uint64_t texts_most(const struct splitter *s)
{
	return (uint64_t)s->settings->worker.chunks_outstanding * (uint64_t)s->settings->worker.chunk_bytes / PACKED;
}

int splitter_give(struct splitter *s, struct reply **reply, struct err *e)
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
	cmd_int(&c, (long long)texts_most(s));
	rc = redis_do(s->commands, &c, reply, e);
	cmd_clear(&c);
	return rc;
}

void splitter_learn(struct splitter *s, const struct reply *reply)
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

/* What split.lua says 'full' to. */
static bool is_full(const struct splitter *s, const struct reply *job)
{
	uint64_t left = (uint64_t)reply_int(reply_at(job, 4)), texts = (uint64_t)reply_int(reply_at(job, 5));

	return left >= (uint64_t)s->settings->worker.chunks_outstanding ||
	    (texts > 0 && texts + s->packed.len > texts_most(s));
}

/* Is the job still this splitter's, with chunks to come? If not, split.lua has a word on it. */
static bool is_open(const struct splitter *s, const struct reply *job)
{
	return reply_int(reply_at(job, 0)) == s->job->epoch && strcmp(reply_str(reply_at(job, 1), NULL), "running") == 0
	    && *reply_str(reply_at(job, 2), NULL) != '\0' && *reply_str(reply_at(job, 3), NULL) == '\0';
}

/* Has Redis no memory for text that waits? Where it does not say, it has; and where no chunk is out, one more is to be,
 * since nothing else makes room. */
static int is_crowded(const struct splitter *s, bool *crowded, struct err *e)
{
	struct key chunks = wire_key("chunks", NULL);
	struct err mine = ERR_INIT;
	struct reply *reply;
	struct redis_cmd c;
	uint64_t used, most;
	int rc;

	cmd_init(&c);
	cmd_line(&c, "INFO", "memory", NULL);
	rc = redis_do(s->commands, &c, &reply, &mine);
	used = redis_info_number(reply_str(reply, NULL), "used_memory");
	most = redis_info_number(reply_str(reply, NULL), "maxmemory");
	reply_free(&reply);
	*crowded = most > 0 && used + s->packed.len > most / 4 * MEMORY_QUARTERS;
	if (*crowded) {
		cmd_line(&c, "XLEN", chunks.text, NULL);
		rc = redis_do(s->commands, &c, &reply, &mine);
		*crowded = reply_int(reply) > 0;
		reply_free(&reply);
	}
	cmd_clear(&c);
	return rc != 0 && mine.cls == ERR_RETRY ? err_set(e, mine.cls, mine.code, "%s", mine.text) : 0;
}

/*
 * A message with text is not sent to be told only that it may not be outstanding. Nor does text fill Redis: nobody
 * could take a chunk any more, and only who does them makes room. All documents that wait may become text, each within
 * its own bound; so where memory is short one chunk is out at a time, of all.
 */
int splitter_may_give(struct splitter *s, bool *may, struct err *e)
{
	struct key key = wire_key("job", s->job->id);
	bool open, full, crowded = false;
	struct reply *reply;
	struct redis_cmd c;
	int rc;

	*may = true;
	if (!s->source.encoded)
		return 0;
	cmd_init(&c);
	cmd_line(&c, "HMGET", key.text, "epoch", "state", "split", "fail", "left", "texts", NULL);
	rc = redis_do(s->commands, &c, &reply, e);
	cmd_clear(&c);
	if (rc != 0)
		return -1;
	open = is_open(s, reply);
	full = is_full(s, reply);
	reply_free(&reply);
	if (open && !full && is_crowded(s, &crowded, e) != 0)
		return -1;
	*may = !open || (!full && !crowded);
	return 0;
}
