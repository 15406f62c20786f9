/* queue - see queue.h. */
#include "workers/queue.h"

#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"

#define SCAN_MS 1000	/* a job that was released is taken up so soon */

void queue_init(struct queue *q, struct redis *redis, const char *consumer, uint64_t lease_ms,
    unsigned block_ms)
{
	memset(q, 0, sizeof(*q));
	q->redis = redis;
	q->consumer = consumer;
	q->stream = wire_key("jobs", NULL);
	q->lease_ms = lease_ms;
	q->block_ms = block_ms;
	cmd_init(&q->cmd);
	strcpy(q->scan_from, "0-0");
	queue_look_back(q);
}

void queue_clear(struct queue *q)
{
	cmd_clear(&q->cmd);
}

void queue_look_back(struct queue *q)
{
	q->own_first = true;
	strcpy(q->own_from, "0-0");
}

/* A group that is lost (or was never made) begins at the stream's first entry. */
static int make_group(struct queue *q, struct err *e)
{
	struct err mine = ERR_INIT;
	struct reply *reply;

	cmd_line(&q->cmd, "XGROUP", "CREATE", q->stream.text, GROUP_WORKERS, "0", "MKSTREAM", NULL);
	if (redis_do(q->redis, &q->cmd, &reply, &mine) == 0)
		log_info("group_created", LOG_STR("group", GROUP_WORKERS));
	else if (strncmp(mine.text, "BUSYGROUP", 9) != 0)
		return err_set(e, mine.cls, mine.code, "%s", mine.text);
	reply_free(&reply);
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
		return make_group(q, e);
	return err_set(e, mine.cls, mine.code, "%s", mine.text);
}

int queue_drop(struct queue *q, const struct message *m, struct err *e)
{
	struct reply *reply;

	/* In this order: an entry that was deleted and is still pending is dropped by whoever meets it. */
	cmd_line(&q->cmd, "XDEL", q->stream.text, m->id, NULL);
	if (redis_do(q->redis, &q->cmd, &reply, e) != 0)
		return -1;
	reply_free(&reply);
	cmd_line(&q->cmd, "XACK", q->stream.text, GROUP_WORKERS, m->id, NULL);
	if (redis_do(q->redis, &q->cmd, &reply, e) != 0)
		return -1;
	reply_free(&reply);
	return 0;
}

/* A stream entry [id, [field, value, …]]. 0: *m is filled. 1: it is not for us. -1: Redis failed. */
static int take(struct queue *q, const struct reply *entry, struct message *m, struct err *e)
{
	const struct reply *fields = reply_at(entry, 1);
	const char *job = reply_str(reply_field(fields, 0, "job"), NULL);
	long long version = reply_int(reply_field(fields, 0, "v"));

	snprintf(m->id, sizeof(m->id), "%s", reply_str(reply_at(entry, 0), NULL));
	if (version > WIRE_VERSION) {
		log_warn("message_of_newer_version", LOG_STR("message", m->id), LOG_INT("v", version));
		return 1;
	}
	if (version < 1 || !wire_is_job_id(job)) {	/* also one that was deleted while pending */
		if (reply_count(fields) > 0)
			log_warn("message_unreadable", LOG_STR("message", m->id));
		return queue_drop(q, m, e) == 0 ? 1 : -1;
	}
	strcpy(m->job, job);
	return 0;
}

/* XREADGROUP from `from`; *entry is the first entry, NULL if there is none. */
static int read_group(struct queue *q, const char *from, bool block, struct reply **reply,
    const struct reply **entry, struct err *e)
{
	int rc;

	cmd_line(&q->cmd, "XREADGROUP", "GROUP", GROUP_WORKERS, q->consumer, "COUNT", "1", NULL);
	if (block) {
		cmd_str(&q->cmd, "BLOCK");
		cmd_int(&q->cmd, q->block_ms);
	}
	cmd_str(&q->cmd, "STREAMS");
	cmd_str(&q->cmd, q->stream.text);
	cmd_str(&q->cmd, from);
	if ((rc = ask(q, reply, e)) == 0)
		*entry = reply_at(reply_at(reply_at(*reply, 0), 1), 0);
	return rc;
}

static int next_own(struct queue *q, struct message *m, struct err *e)
{
	const struct reply *entry;
	struct reply *reply;
	int rc = 1;

	while (rc == 1 && q->own_first) {
		if ((rc = read_group(q, q->own_from, false, &reply, &entry, e)) != 0)
			return rc;
		if (entry == NULL)
			q->own_first = false;
		rc = entry == NULL ? 1 : take(q, entry, m, e);
		if (entry != NULL)
			memcpy(q->own_from, m->id, sizeof(q->own_from));
		reply_free(&reply);
	}
	return rc;
}

static int next_abandoned(struct queue *q, struct message *m, struct err *e)
{
	struct reply *reply;
	int rc = 1;

	if (clock_mono_ms() < q->scan_at_ms)
		return 1;
	while (rc == 1) {	/* through the pending entries once */
		cmd_line(&q->cmd, "XAUTOCLAIM", q->stream.text, GROUP_WORKERS, q->consumer, NULL);
		cmd_int(&q->cmd, (long long)q->lease_ms);
		cmd_str(&q->cmd, q->scan_from);
		cmd_str(&q->cmd, "COUNT");
		cmd_str(&q->cmd, "1");
		if ((rc = ask(q, &reply, e)) != 0)
			return rc;
		snprintf(q->scan_from, sizeof(q->scan_from), "%s", reply_str(reply_at(reply, 0), NULL));
		rc = 1;
		if (reply_count(reply_at(reply, 1)) > 0)
			rc = take(q, reply_at(reply_at(reply, 1), 0), m, e);
		reply_free(&reply);
		if (strcmp(q->scan_from, "0-0") == 0)
			break;
	}
	if (strcmp(q->scan_from, "0-0") == 0)
		q->scan_at_ms = clock_mono_ms() + (q->lease_ms / 3 < SCAN_MS ? q->lease_ms / 3 : SCAN_MS);
	return rc;
}

static int next_new(struct queue *q, struct message *m, struct err *e)
{
	const struct reply *entry;
	struct reply *reply;
	int rc;

	if ((rc = read_group(q, ">", true, &reply, &entry, e)) != 0)
		return rc;
	rc = entry == NULL ? 1 : take(q, entry, m, e);
	reply_free(&reply);
	return rc;
}

int queue_next(struct queue *q, struct message *m, struct err *e)
{
	int rc;

	if ((rc = next_own(q, m, e)) != 1)
		return rc;
	if ((rc = next_abandoned(q, m, e)) != 1)
		return rc;
	return next_new(q, m, e);
}
