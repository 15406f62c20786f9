/* janitor - see janitor.h. */
#include "workers/janitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "schema/scripts.h"
#include "schema/wire.h"
#include "workers/audit.h"
#include "workers/bounds.h"
#include "workers/patience.h"

#define PERIOD_MS 15000
#define BATCH "500"
#define CONSUMER_IDLE_MS 600000	/* and at least three leases */
#define NAP_MS 500
#define FROM_MAX 48

/* One round. */
struct sweep {
	struct redis *redis;
	struct redis_cmd cmd;
	const struct settings *settings;
	uint64_t now_ms;
	struct janitor_report *did;
};

/* Sends c and gives the integer of its reply, or its number of elements. -1: e. */
static long long ask(struct redis *r, const struct redis_cmd *c, struct err *e)
{
	struct reply *reply;
	long long n;

	if (redis_do(r, c, &reply, e) != 0)
		return -1;
	n = reply_type(reply) == REPLY_ARRAY ? (long long)reply_count(reply) : reply_int(reply);
	reply_free(&reply);
	return n;
}

static void number(char out[24], uint64_t v)
{
	snprintf(out, 24, "%llu", (unsigned long long)v);
}

/* What happened up to then is `seconds` old, or older. */
static uint64_t cutoff(const struct sweep *s, int64_t seconds)
{
	uint64_t ms = (uint64_t)seconds * 1000;

	return s->now_ms > ms ? s->now_ms - ms : 0;
}

static int sweep_uploads(struct sweep *s, struct err *e)
{
	struct key staging = wire_key("staging", NULL);
	struct redis_cmd *c = &s->cmd;
	struct reply *list;
	char latest[24];
	int rc = 0;

	number(latest, cutoff(s, s->settings->redis.staging_timeout_s));
	cmd_line(c, "ZRANGEBYSCORE", staging.text, "-inf", latest, "LIMIT", "0", BATCH, NULL);
	if (redis_do(s->redis, c, &list, e) != 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < reply_count(list); i++) {
		const char *job = reply_str(reply_at(list, i), NULL);
		struct key raw = wire_key("raw", job), hash = wire_key("job", job);
		long long n;

		cmd_script(c, &script_abandon, 3);
		cmd_str(c, staging.text);
		cmd_str(c, raw.text);
		cmd_str(c, hash.text);
		cmd_str(c, job);
		cmd_str(c, latest);
		if ((n = ask(s->redis, c, e)) < 0)
			rc = -1;
		else
			s->did->uploads += (uint64_t)n;
	}
	reply_free(&list);
	return rc;
}

/* An expired job takes what is left of it along. 1: it was removed. */
static int sweep_job(struct sweep *s, const char *job, struct err *e)
{
	static const char *const owned[] = { "raw", "out", "report", "deadof" };
	struct key index = wire_key("index", NULL), hash = wire_key("job", job), keys[4];
	struct redis_cmd *c = &s->cmd;
	long long n;

	cmd_line(c, "EXISTS", hash.text, NULL);
	if ((n = ask(s->redis, c, e)) != 0)
		return n < 0 ? -1 : 0;
	cmd_line(c, "UNLINK", NULL);
	for (int i = 0; i < 4; i++) {
		keys[i] = wire_key(owned[i], job);
		cmd_str(c, keys[i].text);
	}
	if (ask(s->redis, c, e) < 0)
		return -1;
	cmd_line(c, "ZREM", index.text, job, NULL);
	return ask(s->redis, c, e) < 0 ? -1 : 1;
}

/* No job of the index can be gone before its retention is over, counted from its creation. */
static int sweep_index(struct sweep *s, struct err *e)
{
	struct key index = wire_key("index", NULL);
	struct redis_cmd *c = &s->cmd;
	char latest[24], offset[24];
	uint64_t kept = 0;
	struct reply *list;
	size_t n;
	int rc = 0;

	number(latest, cutoff(s, s->settings->redis.retention_s));
	do {
		number(offset, kept);
		cmd_line(c, "ZRANGEBYSCORE", index.text, "-inf", latest, "LIMIT", offset, BATCH, NULL);
		if (redis_do(s->redis, c, &list, e) != 0)
			return -1;
		n = reply_count(list);
		for (size_t i = 0; rc >= 0 && i < n; i++) {
			rc = sweep_job(s, reply_str(reply_at(list, i), NULL), e);
			s->did->jobs += rc == 1;
			kept += rc == 0;
		}
		reply_free(&list);
	} while (rc >= 0 && n > 0);
	return rc < 0 ? -1 : 0;
}

static int sweep_letters(struct sweep *s, struct err *e)
{
	struct key dead = wire_key("dead", NULL), replayed = wire_key("replayed", NULL), room = wire_key("room", NULL);
	char first[24], from[FROM_MAX] = "-";
	struct reply *reply;

	number(first, cutoff(s, s->settings->redis.dead_retention_s));
	while (from[0] != '\0') {
		cmd_script(&s->cmd, &script_bury, 3);
		cmd_str(&s->cmd, dead.text);
		cmd_str(&s->cmd, replayed.text);
		cmd_str(&s->cmd, room.text);
		cmd_str(&s->cmd, first);
		cmd_str(&s->cmd, BATCH);
		cmd_str(&s->cmd, from);
		if (redis_do(s->redis, &s->cmd, &reply, e) != 0)
			return -1;
		snprintf(from, sizeof(from), "%s", reply_str(reply_at(reply, 0), NULL));
		s->did->letters += (uint64_t)reply_int(reply_at(reply, 1));
		reply_free(&reply);
	}
	return 0;
}

/* Bodies and results that were kept long enough: what they held is free again. */
static int sweep_expired(struct sweep *s, struct err *e)
{
	struct key expiring = wire_key("expiring", NULL), room = wire_key("room", NULL);
	long long n;

	do {
		cmd_script(&s->cmd, &script_expire, 2);
		cmd_str(&s->cmd, expiring.text);
		cmd_str(&s->cmd, room.text);
		cmd_int(&s->cmd, (long long)s->now_ms);
		cmd_str(&s->cmd, BATCH);
		if ((n = ask(s->redis, &s->cmd, e)) < 0)
			return -1;
	} while (n > 0);
	return 0;
}

/* A letter's id begins with its time: the note on its replay goes when the letter does. One that was old already when
 * its job ended is there until the next round. */
static int sweep_replays(struct sweep *s, struct err *e)
{
	uint64_t first = cutoff(s, s->settings->redis.dead_retention_s);
	struct key replayed = wire_key("replayed", NULL), dead = wire_key("dead", NULL);
	struct redis_cmd *c = &s->cmd;
	char cursor[24] = "0";
	struct reply *page;
	long long there;
	int rc = 0;

	do {
		cmd_line(c, "HSCAN", replayed.text, cursor, "COUNT", BATCH, NULL);
		if (redis_do(s->redis, c, &page, e) != 0)
			return -1;
		snprintf(cursor, sizeof(cursor), "%s", reply_str(reply_at(page, 0), NULL));
		for (size_t i = 0; rc == 0 && i < reply_count(reply_at(page, 1)); i += 2) {
			const char *id = reply_str(reply_at(reply_at(page, 1), i), NULL);

			if (strtoull(id, NULL, 10) >= first)
				continue;
			cmd_line(c, "XRANGE", dead.text, id, id, NULL);
			if ((there = ask(s->redis, c, e)) == 0) {
				cmd_line(c, "HDEL", replayed.text, id, NULL);
				there = ask(s->redis, c, e);
				s->did->replays += there >= 0;
			}
			rc = there < 0 ? -1 : 0;
		}
		reply_free(&page);
	} while (rc == 0 && strcmp(cursor, "0") != 0);
	return rc;
}

/* A callback owed for a job that is no longer kept can tell nothing: its message goes with the job. */
static int sweep_outbox(struct sweep *s, struct err *e)
{
	struct key outbox = wire_key("outbox", NULL);
	char first[24];
	long long n;

	number(first, cutoff(s, s->settings->redis.retention_s));
	cmd_line(&s->cmd, "XTRIM", outbox.text, "MINID", "=", first, NULL);
	if ((n = ask(s->redis, &s->cmd, e)) < 0)
		return -1;
	s->did->callbacks += (uint64_t)n;
	return 0;
}

static int sweep_group(struct sweep *s, const char *stream, const char *group, int64_t lease_ms,
    struct err *e)
{
	struct key key = wire_key(stream, NULL);
	long long n;

	cmd_script(&s->cmd, &script_sweep, 1);
	cmd_str(&s->cmd, key.text);
	cmd_str(&s->cmd, group);
	cmd_int(&s->cmd, lease_ms * 3 > CONSUMER_IDLE_MS ? lease_ms * 3 : CONSUMER_IDLE_MS);
	cmd_str(&s->cmd, "");
	if ((n = ask(s->redis, &s->cmd, e)) < 0)
		return -1;
	s->did->consumers += (uint64_t)n;
	return 0;
}

static int sweep_consumers(struct sweep *s, struct err *e)
{
	if (sweep_group(s, "jobs", GROUP_WORKERS, s->settings->worker.lease_ms, e) != 0)
		return -1;
	if (sweep_group(s, "chunks", GROUP_WORKERS, s->settings->worker.lease_ms, e) != 0 ||
	    sweep_group(s, "splits", GROUP_WORKERS, s->settings->worker.lease_ms, e) != 0)
		return -1;
	return sweep_group(s, "outbox", GROUP_COURIERS, s->settings->courier.lease_ms, e);
}

static int bound_letters(struct sweep *s, struct err *e)
{
	return bounds_round(s->redis, s->settings, &s->did->dropped, e);
}

static int bound_results(struct sweep *s, struct err *e)
{
	return bounds_results(s->redis, s->settings, &s->did->shed, e);
}

/* What makes room comes first, and nothing waits for what fails: that may be for want of room, round after round. */
int janitor_sweep(struct redis *r, const struct settings *settings, uint64_t now_ms,
    struct janitor_report *out, struct err *e)
{
	static int (*const duties[])(struct sweep *, struct err *) = {
		sweep_uploads, sweep_expired, sweep_letters, bound_letters, bound_results, sweep_index, sweep_replays,
		sweep_outbox, sweep_consumers,
	};
	struct sweep s = { .redis = r, .settings = settings, .now_ms = now_ms, .did = out };
	int rc = 0;

	memset(out, 0, sizeof(*out));
	cmd_init(&s.cmd);
	for (size_t i = 0; !patience_over() && i < sizeof(duties) / sizeof(duties[0]); i++)
		if (duties[i](&s, e) != 0)
			rc = -1;
	cmd_clear(&s.cmd);
	return rc;
}

int janitor_lease(struct redis *r, const char *name, uint64_t lease_ms, struct err *e)
{
	struct key key = wire_key("janitor", NULL);
	struct err mine = ERR_INIT;
	struct reply *reply = NULL;
	struct redis_cmd c;
	char ms[24];
	int rc;

	number(ms, lease_ms);
	cmd_init(&c);
	cmd_line(&c, "SET", key.text, name, "NX", "PX", ms, NULL);
	rc = redis_do(r, &c, &reply, &mine);
	if (rc != 0 && strncmp(mine.text, "OOM ", 4) == 0)
		rc = 0;		/* nobody can take it now; to sweep makes room, and twice is harmless */
	else if (rc != 0)
		err_set(e, mine.cls, mine.code, "%s", mine.text);
	else if (reply_type(reply) == REPLY_NIL) {
		reply_free(&reply);
		cmd_line(&c, "GET", key.text, NULL);
		rc = redis_do(r, &c, &reply, e);
		if (rc == 0 && strcmp(reply_str(reply, NULL), name) != 0) {
			rc = 1;
		} else if (rc == 0) {
			cmd_line(&c, "PEXPIRE", key.text, ms, NULL);
			rc = ask(r, &c, e) < 0 ? -1 : 0;
		}
	}
	reply_free(&reply);
	cmd_clear(&c);
	return rc;
}

/* One log line, where there is anything to say; and the same in the counters for /metrics. */
static void tell(struct redis *r, const struct janitor_report *did, const struct audit_report *found)
{
	const struct { const char *name; uint64_t n; } all[] = {
		{ "janitor_uploads", did->uploads }, { "janitor_jobs", did->jobs },
		{ "janitor_letters", did->letters }, { "janitor_replays", did->replays },
		{ "janitor_letters_dropped", did->dropped }, { "janitor_results_dropped", did->shed },
		{ "janitor_callbacks", did->callbacks }, { "janitor_consumers", did->consumers },
		{ "janitor_jobs_put_back", found->jobs }, { "janitor_callbacks_put_back", found->callbacks },
		{ "janitor_jobs_taken_back", found->taken_back },
	};
	struct key stats = wire_key("stats", NULL);
	struct err ignored = ERR_INIT;
	struct redis_cmd c;
	uint64_t sum = 0;

	cmd_init(&c);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].n == 0)
			continue;
		sum += all[i].n;
		cmd_line(&c, "HINCRBY", stats.text, all[i].name, NULL);
		cmd_int(&c, (long long)all[i].n);
		(void)ask(r, &c, &ignored);
	}
	cmd_clear(&c);
	if (sum > 0)
		log_info("janitor", LOG_INT("uploads", did->uploads), LOG_INT("jobs", did->jobs),
		    LOG_INT("letters", did->letters), LOG_INT("dropped", did->dropped),
		    LOG_INT("results", did->shed),
		    LOG_INT("replays", did->replays),
		    LOG_INT("callbacks", did->callbacks), LOG_INT("consumers", did->consumers));
	if (found->jobs + found->callbacks > 0)
		log_warn("work_put_back", LOG_INT("jobs", found->jobs), LOG_INT("callbacks", found->callbacks),
		    LOG_STR("reason", "their stream entries were gone"));
	if (found->taken_back > 0)
		log_warn("work_taken_back", LOG_INT("jobs", found->taken_back),
		    LOG_STR("reason", "they were never acknowledged"));
}

int janitor_resign(struct redis *r, const char *name, struct err *e)
{
	struct key key = wire_key("janitor", NULL);
	struct redis_cmd c;
	long long n;

	cmd_init(&c);
	cmd_script(&c, &script_resign, 1);
	cmd_str(&c, key.text);
	cmd_str(&c, name);
	n = ask(r, &c, e);
	cmd_clear(&c);
	return n < 0 ? -1 : n == 0;
}

int janitor_run(const struct settings *s, const char *name)
{
	uint64_t due_ms = 0, period_ms = (uint64_t)s->redis.staging_timeout_s * 250;
	struct audit_report found;
	struct janitor_report did;
	struct audit audit = { 0 };
	struct err e = ERR_INIT;
	struct redis *r = redis_open(s->redis.url, (unsigned)s->redis.timeout_ms, &e);
	int held = 1;

	if (r == NULL) {
		log_error("janitor_ends", LOG_STR("reason", e.text));
		return e.cls == ERR_SYSTEM ? 1 : 0;
	}
	if (period_ms > PERIOD_MS)
		period_ms = PERIOD_MS;
	while (!patience_over()) {
		if (clock_mono_ms() < due_ms) {
			patience_sleep(NAP_MS);
			continue;
		}
		due_ms = clock_mono_ms() + period_ms;
		err_clear(&e);
		held = janitor_lease(r, name, 4 * period_ms, &e);
		if (held == 0) {
			(void)janitor_sweep(r, s, clock_unix_ms(), &did, &e);
			(void)audit_round(&audit, r, (uint64_t)s->worker.lease_ms, clock_unix_ms(), &found, &e);
			tell(r, &did, &found);
		}
		if (e.cls != ERR_NONE)
			log_warn("janitor_failed", LOG_STR("reason", e.text));
	}
	if (held == 0)
		(void)janitor_resign(r, name, &e);
	redis_close(&r);
	return 0;
}
