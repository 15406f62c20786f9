/* room - see room.h. */
#include "server/room.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/redis_check.h"

#define SLOW_AT 0.8
#define OPEN_BELOW 0.6
#define FULL_AT 1.0
/*
 * Of maxmemory: what sources may hold in all, and what may be in use before the door is shut. The rest is for results
 * of what was taken, without which nothing would ever become free again.
 */
#define HELD_SHARE 0.75
#define USED_SHARE 0.9
#define RETRY_SLOW_S 10
#define RETRY_FULL_S 30

static const char *const names[HELD_KINDS] = { "staged", "queued", "kept", "results", "dead" };

const char *held_name(enum held k)
{
	return names[k];
}

const char *room_level_name(enum room_level l)
{
	return (const char *const[]){ "open", "slow", "full" }[l];
}

int room_init(struct room *m, const struct settings *s, struct err *e)
{
	memset(m, 0, sizeof(*m));
	m->settings = s;
	m->limit = (uint64_t)s->redis.max_held_bytes;
	m->source = calloc(s->source_count + 1, sizeof(*m->source));
	m->since = calloc(s->source_count + 1, sizeof(*m->since));
	if (m->source != NULL && m->since != NULL)
		return 0;
	room_clear(m);
	return err_set(e, ERR_SYSTEM, 0, "out of memory");
}

/* Where its bytes stand. Those of a source that is no longer configured, but still sends what it began, stand last. */
static size_t slot_of(const struct room *m, const char *source)
{
	const struct source *src = settings_source(m->settings, source);

	return src != NULL ? (size_t)(src - m->settings->sources) : m->settings->source_count;
}

int room_renew(struct room *m, const struct settings *s, struct err *e)
{
	struct room next;

	if (room_init(&next, s, e) != 0)
		return -1;
	for (size_t i = 0; i < m->settings->source_count; i++) {
		size_t to = slot_of(&next, m->settings->sources[i].name);

		next.source[to] += m->source[i];
		next.since[to] += m->since[i];
	}
	free(m->source);
	free(m->since);
	m->settings = s;
	m->source = next.source;
	m->since = next.since;
	if (s->redis.max_held_bytes > 0)	/* else it follows from maxmemory */
		m->limit = next.limit;
	return 0;
}

void room_clear(struct room *m)
{
	free(m->source);
	free(m->since);
	m->source = m->since = NULL;
}

/* ---- reading ---- */

static size_t slots(const struct room *m)
{
	return m->settings->source_count + 1;
}

/* One field: "<kind>:<source>". What it counts of a source that is no longer configured belongs to all. */
static void take_field(struct room *m, const char *name, uint64_t bytes)
{
	const char *colon = strchr(name, ':');
	const struct source *src = colon != NULL ? settings_source(m->settings, colon + 1) : NULL;

	for (int k = 0; colon != NULL && k < HELD_KINDS; k++)
		if (strlen(names[k]) == (size_t)(colon - name) && strncmp(names[k], name, (size_t)(colon - name)) == 0)
			m->kind[k] += bytes;
	m->all += bytes;
	if (src != NULL)
		m->source[src - m->settings->sources] += bytes;
}

void room_take_held(struct room *m, const struct reply *hash)
{
	memset(m->kind, 0, sizeof(m->kind));
	memset(m->source, 0, slots(m) * sizeof(*m->source));
	memset(m->since, 0, slots(m) * sizeof(*m->since));
	m->all = m->all_since = 0;
	m->reads++;
	m->sources_active = 0;
	for (size_t i = 0; i + 1 < reply_count(hash); i += 2) {
		long long bytes = reply_int(reply_at(hash, i + 1));

		if (bytes > 0)
			take_field(m, reply_str(reply_at(hash, i), NULL), (uint64_t)bytes);
	}
	for (size_t i = 0; i + 1 < slots(m); i++)
		m->sources_active += m->source[i] > 0;
}

void room_take_queue(struct room *m, const struct reply *queue)
{
	m->queued = (uint64_t)reply_int(reply_at(queue, 0));
	m->queue_ms = (uint64_t)reply_int(reply_at(queue, 1));
	m->queued_chunks = (uint64_t)reply_int(reply_at(queue, 2));
}

/* Of whatever is nearest to its limit. */
static double fill_of(const struct room *m)
{
	const struct { double have, most; } all[] = {
		{ (double)m->all, (double)m->limit },
		{ (double)m->used, (double)m->most * USED_SHARE },
		{ (double)m->queued, (double)m->settings->redis.max_queued_jobs },
		{ (double)m->queue_ms, (double)m->settings->redis.max_queue_age_s * 1000 },
	};
	double fill = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].most > 0 && all[i].have / all[i].most > fill)
			fill = all[i].have / all[i].most;
	return fill;
}

bool room_take_info(struct room *m, const char *info)
{
	enum room_level before = m->level;
	double fill;

	m->used = redis_info_number(info, "used_memory");
	m->most = redis_info_number(info, "maxmemory");
	if (m->settings->redis.max_held_bytes == 0)
		m->limit = (uint64_t)((double)m->most * HELD_SHARE);
	fill = fill_of(m);
	if (fill >= FULL_AT)
		m->level = ROOM_FULL;
	else if (fill >= SLOW_AT)	/* one that was full stays so down to here */
		m->level = before == ROOM_FULL ? ROOM_FULL : ROOM_SLOW;
	else if (fill >= OPEN_BELOW)
		m->level = before == ROOM_OPEN ? ROOM_OPEN : ROOM_SLOW;
	else
		m->level = ROOM_OPEN;
	return m->level != before;
}

/* ---- judging ---- */

uint64_t room_limit(const struct room *m)
{
	return m->limit;
}

uint64_t room_source_limit(const struct source *src)
{
	return (uint64_t)src->max_held_bytes;
}

static double memory_left(const struct room *m)
{
	return (double)m->most * USED_SHARE - (double)(m->used + m->all_since);
}

long long room_memory(const struct room *m)
{
	if (m->most == 0)
		return -1;
	return memory_left(m) > 0 ? (long long)memory_left(m) : 0;
}

static int refuse_full(struct refusal *r)
{
	return refuse_for_now(r, P_STORE_FULL, RETRY_FULL_S, "What is stored has to be worked off first; try again.");
}

static int refuse_source(const struct source *src, struct refusal *r)
{
	return refuse_for_now(r, P_SOURCE_FULL, RETRY_FULL_S, "This source may hold %" PRId64
	    " bytes of documents, results and dead letters; let them be worked off, or remove some.",
	    src->max_held_bytes);
}

/* Above an equal share of what may be held before the door slows; of what is held, where that has no limit. */
static bool is_greedy(const struct room *m, const struct source *src)
{
	uint64_t holds = m->source[slot_of(m, src->name)] + m->since[slot_of(m, src->name)];
	double whole = m->limit > 0 ? (double)m->limit : (double)m->most * HELD_SHARE;

	if (whole <= 0)
		return holds * m->sources_active > m->all + m->all_since;
	return (double)holds >= whole * SLOW_AT / (m->sources_active > 0 ? m->sources_active : 1);
}

int room_check(const struct room *m, const struct source *src, uint64_t bytes, struct refusal *r)
{
	uint64_t own = m->source[slot_of(m, src->name)] + m->since[slot_of(m, src->name)];
	uint64_t mine = room_source_limit(src);

	if ((m->limit > 0 && bytes > m->limit) || (mine > 0 && bytes > mine))
		return refuse(r, P_BODY_TOO_LARGE, "There is never room for %" PRIu64 " bytes here.", bytes);
	if (m->level == ROOM_FULL || (m->limit > 0 && m->all + m->all_since + bytes > m->limit)
	    || (m->most > 0 && (double)bytes > memory_left(m)))
		return refuse_full(r);
	if (mine > 0 && (own >= mine || own + bytes > mine))
		return refuse_source(src, r);
	if (m->level == ROOM_SLOW && is_greedy(m, src))
		return refuse_for_now(r, P_SOURCE_SLOW, RETRY_SLOW_S,
		    "Storage is filling, and this source holds more than its share of it.");
	return 0;
}

void room_let_in(struct room *m, const struct source *src, uint64_t bytes)
{
	m->since[slot_of(m, src->name)] += bytes;
	m->all_since += bytes;
}

void room_let_out(struct room *m, const struct source *src, uint64_t bytes, uint64_t then)
{
	uint64_t *own = &m->since[slot_of(m, src->name)];

	if (m->reads != then)	/* it is not counted any more */
		return;
	*own -= bytes < *own ? bytes : *own;
	m->all_since -= bytes < m->all_since ? bytes : m->all_since;
}

int room_refuse(const char *verdict, const struct source *src, struct refusal *r)
{
	return strcmp(verdict, "greedy") == 0 ? refuse_source(src, r) : refuse_full(r);
}
