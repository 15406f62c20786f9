/* queue - see queue.h. */
#include "workers/queue.h"

#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "schema/scripts.h"

#define SCAN_MS 1000	/* a job that was released is taken up so soon */

#define BUSY_BLOCK_MS 20
#define NOBODY "nobody"		/* a consumer that reads nothing */

static const char *const names[STREAM_COUNT] = { "jobs", "chunks", "splits" };

const char *stream_name(enum stream s)
{
	return names[s];
}

void queue_init(struct queue *q, struct redis *redis, const char *consumer, uint64_t lease_ms,
    unsigned block_ms)
{
	memset(q, 0, sizeof(*q));
	q->redis = redis;
	q->consumer = consumer;
	q->lease_ms = lease_ms;
	q->block_ms = block_ms;
	cmd_init(&q->cmd);
	for (int i = 0; i < STREAM_COUNT; i++) {
		q->keys[i] = wire_key(names[i], NULL);
		strcpy(q->pending[i].scan_from, "0-0");
	}
	queue_look_back(q);
}

void queue_clear(struct queue *q)
{
	cmd_clear(&q->cmd);
}

void queue_look_back(struct queue *q)
{
	for (int i = 0; i < STREAM_COUNT; i++) {
		q->pending[i].own = true;
		strcpy(q->pending[i].own_from, "0-0");
		q->fetched[i].id[0] = '\0';	/* it is pending, and will be met so */
	}
}

/* A group that is lost (or was never made) begins at the stream's first entry. */
static int make_group(struct queue *q, enum stream s, struct err *e)
{
	struct err mine = ERR_INIT;
	struct reply *reply;

	cmd_line(&q->cmd, "XGROUP", "CREATE", q->keys[s].text, GROUP_WORKERS, "0", "MKSTREAM", NULL);
	if (redis_do(q->redis, &q->cmd, &reply, &mine) == 0)
		log_info("group_created", LOG_STR("group", GROUP_WORKERS), LOG_STR("stream", names[s]));
	else if (strncmp(mine.text, "BUSYGROUP", 9) != 0)
		return err_set(e, mine.cls, mine.code, "%s", mine.text);
	reply_free(&reply);
	return 0;
}

/* Which of them is missing is not said. */
static int make_groups(struct queue *q, struct err *e)
{
	for (int i = 0; i < STREAM_COUNT; i++)
		if (make_group(q, (enum stream)i, e) != 0)
			return -1;
	queue_look_back(q);
	return 1;
}

/* As redis_do; 1: there was no group, and now there is. */
static int ask(struct queue *q, struct reply **reply, struct err *e)
{
	struct err mine = ERR_INIT;

	if (redis_do(q->redis, &q->cmd, reply, &mine) == 0)
		return 0;
	if (strncmp(mine.text, "NOGROUP", 7) == 0)
		return make_groups(q, e);
	return err_set(e, mine.cls, mine.code, "%s", mine.text);
}

int queue_drop(struct queue *q, const struct message *m, struct err *e)
{
	const char *stream = q->keys[m->stream].text;
	struct reply *reply;

	/* In this order: an entry that was deleted and is still pending is dropped by whoever meets it. */
	cmd_line(&q->cmd, "XDEL", stream, m->id, NULL);
	if (redis_do(q->redis, &q->cmd, &reply, e) != 0)
		return -1;
	reply_free(&reply);
	cmd_line(&q->cmd, "XACK", stream, GROUP_WORKERS, m->id, NULL);
	if (redis_do(q->redis, &q->cmd, &reply, e) != 0)
		return -1;
	reply_free(&reply);
	return 0;
}

static int claim_idle(struct queue *q, const struct message *m, const char *consumer, long long idle_ms, struct err *e)
{
	struct reply *reply;
	int rc;

	cmd_line(&q->cmd, "XCLAIM", q->keys[m->stream].text, GROUP_WORKERS, consumer, "0", m->id, "IDLE", NULL);
	cmd_int(&q->cmd, idle_ms);
	cmd_str(&q->cmd, "JUSTID");
	rc = redis_do(q->redis, &q->cmd, &reply, e);
	reply_free(&reply);
	return rc;
}

int queue_renew(struct queue *q, const struct message *m, struct err *e)
{
	return claim_idle(q, m, q->consumer, 0, e);
}

int queue_release(struct queue *q, const struct message *m, struct err *e)
{
	return claim_idle(q, m, q->consumer, RELEASED_IDLE_MS, e);
}

void queue_lay_down(struct queue *q, const struct message *m)
{
	struct err ignored = ERR_INIT;

	(void)claim_idle(q, m, NOBODY, 0, &ignored);
}

int queue_hold(struct queue *q, struct err *e)
{
	for (int i = 0; i < STREAM_COUNT; i++)
		if (q->fetched[i].id[0] != '\0' && queue_renew(q, &q->fetched[i], e) != 0)
			return -1;
	return 0;
}

int queue_put_back(struct queue *q, struct err *e)
{
	for (int i = 0; i < STREAM_COUNT; i++) {
		if (q->fetched[i].id[0] == '\0')
			continue;
		if (queue_release(q, &q->fetched[i], e) != 0)
			return -1;
		q->fetched[i].id[0] = '\0';
	}
	return 0;
}

#define NEWER 2

/* A stream entry [id, [field, value, …]], just delivered to us. 0: *m is filled. 1: it is for nobody. NEWER: it is for
 * those who can read it, at once. -1: Redis failed. */
static int take(struct queue *q, enum stream s, const struct reply *entry, struct message *m, struct err *e)
{
	const struct reply *fields = reply_at(entry, 1);
	const char *job = reply_str(reply_field(fields, 0, "job"), NULL);
	long long version = reply_int(reply_field(fields, 0, "v"));

	m->stream = s;
	m->n = (uint64_t)reply_int(reply_field(fields, 0, "n"));
	snprintf(m->id, sizeof(m->id), "%s", reply_str(reply_at(entry, 0), NULL));
	if (version > WIRE_READS) {
		log_warn("message_of_newer_version", LOG_STR("message", m->id), LOG_INT("v", version));
		return queue_release(q, m, e) == 0 ? NEWER : -1;
	}
	if (version < 1 || !wire_is_job_id(job)) {	/* also one that was deleted while pending */
		if (reply_count(fields) > 0)
			log_warn("message_unreadable", LOG_STR("message", m->id));
		return queue_drop(q, m, e) == 0 ? 1 : -1;
	}
	strcpy(m->job, job);
	return 0;
}

static int next_own(struct queue *q, enum stream s, struct message *m, struct err *e)
{
	struct pending *p = &q->pending[s];
	const struct reply *entry;
	struct reply *reply;
	int rc = 1;

	while (rc > 0 && p->own) {
		cmd_line(&q->cmd, "XREADGROUP", "GROUP", GROUP_WORKERS, q->consumer, "COUNT", "1", "STREAMS",
		    q->keys[s].text, p->own_from, NULL);
		if ((rc = ask(q, &reply, e)) != 0)
			return rc;
		entry = reply_at(reply_at(reply_at(reply, 0), 1), 0);
		p->own = entry != NULL;
		rc = entry == NULL ? 1 : take(q, s, entry, m, e);
		if (entry != NULL)
			memcpy(p->own_from, m->id, sizeof(p->own_from));
		reply_free(&reply);
	}
	return rc == NEWER ? 1 : rc;
}

static int next_abandoned(struct queue *q, enum stream s, struct message *m, struct err *e)
{
	struct pending *p = &q->pending[s];
	struct reply *reply;
	uint64_t pause_ms = q->lease_ms / 3;
	int rc = 1;

	if (clock_mono_ms() < p->scan_at_ms)
		return 1;
	while (rc > 0) {	/* through the pending entries once */
		cmd_line(&q->cmd, "XAUTOCLAIM", q->keys[s].text, GROUP_WORKERS, q->consumer, NULL);
		cmd_int(&q->cmd, (long long)q->lease_ms);
		cmd_str(&q->cmd, p->scan_from);
		cmd_str(&q->cmd, "COUNT");
		cmd_str(&q->cmd, "1");
		if ((rc = ask(q, &reply, e)) != 0)
			return rc;
		snprintf(p->scan_from, sizeof(p->scan_from), "%s", reply_str(reply_at(reply, 0), NULL));
		rc = 1;
		if (reply_count(reply_at(reply, 1)) > 0)
			rc = take(q, s, reply_at(reply_at(reply, 1), 0), m, e);
		p->newer = p->newer || rc == NEWER;
		reply_free(&reply);
		if (strcmp(p->scan_from, "0-0") == 0)
			break;
	}
	if (strcmp(p->scan_from, "0-0") == 0) {
		if (!p->newer && pause_ms > SCAN_MS)
			pause_ms = SCAN_MS;
		p->scan_at_ms = clock_mono_ms() + pause_ms;
		p->newer = false;
	}
	return rc == NEWER ? 1 : rc;
}

/* The reply to XREADGROUP names the streams that had something. */
static int fetched(struct queue *q, const struct reply *reply, struct err *e)
{
	for (size_t i = 0; i < reply_count(reply); i++) {
		const char *key = reply_str(reply_at(reply_at(reply, i), 0), NULL);
		const struct reply *entry = reply_at(reply_at(reply_at(reply, i), 1), 0);

		for (int s = 0; s < STREAM_COUNT; s++)
			if (entry != NULL && strcmp(key, q->keys[s].text) == 0) {
				int rc = take(q, (enum stream)s, entry, &q->fetched[s], e);

				if (rc != 0)
					q->fetched[s].id[0] = '\0';
				if (rc < 0)
					return -1;
			}
	}
	return 0;
}

/* One message of each stream at the most. */
static int fetch(struct queue *q, bool busy, struct err *e)
{
	int streams = busy ? STREAM_SPLITS : STREAM_COUNT;
	struct reply *reply;
	int rc;

	cmd_line(&q->cmd, "XREADGROUP", "GROUP", GROUP_WORKERS, q->consumer, "COUNT", "1", "BLOCK", NULL);
	cmd_int(&q->cmd, busy && q->block_ms > BUSY_BLOCK_MS ? BUSY_BLOCK_MS : q->block_ms);
	cmd_str(&q->cmd, "STREAMS");
	for (int i = 0; i < streams; i++)
		cmd_str(&q->cmd, q->keys[i].text);
	for (int i = 0; i < streams; i++)
		cmd_str(&q->cmd, ">");
	if ((rc = ask(q, &reply, e)) == 0)
		rc = fetched(q, reply, e);
	reply_free(&reply);
	return rc;
}

static int hand_out(struct queue *q, bool busy, struct message *m)
{
	for (int i = 0; i < (busy ? STREAM_SPLITS : STREAM_COUNT); i++)
		if (q->fetched[i].id[0] != '\0') {
			*m = q->fetched[i];
			q->fetched[i].id[0] = '\0';
			return 0;
		}
	return 1;
}

int queue_next(struct queue *q, bool busy, struct message *m, struct err *e)
{
	int rc, streams = busy ? STREAM_SPLITS : STREAM_COUNT;

	if (hand_out(q, busy, m) == 0)
		return 0;
	for (int i = 0; i < streams; i++)
		if ((rc = next_own(q, (enum stream)i, m, e)) != 1)
			return rc;
	for (int i = 0; i < streams; i++)
		if ((rc = next_abandoned(q, (enum stream)i, m, e)) != 1)
			return rc;
	return (rc = fetch(q, busy, e)) == 0 ? hand_out(q, busy, m) : rc;
}

void queue_leave(struct queue *q)
{
	struct err ignored = ERR_INIT;
	struct reply *reply;

	if (queue_put_back(q, &ignored) != 0)
		return;		/* Redis is away: the lease will tell */
	for (int i = 0; i < STREAM_COUNT; i++) {
		cmd_script(&q->cmd, &script_sweep, 1);
		cmd_str(&q->cmd, q->keys[i].text);
		cmd_str(&q->cmd, GROUP_WORKERS);
		cmd_int(&q->cmd, 0);
		cmd_str(&q->cmd, q->consumer);
		if (redis_do(q->redis, &q->cmd, &reply, &ignored) != 0)
			return;
		reply_free(&reply);
	}
}
