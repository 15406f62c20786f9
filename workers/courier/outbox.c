/* outbox - see outbox.h. */
#include "workers/courier/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "schema/wire.h"

#define BATCH 64
#define BLOCK_MS 500		/* also how long an end waits for the last answer */
#define PAUSE_MS 200		/* after an error */
#define CLAIM_MIN_MS 100
#define CLAIM_MAX_MS 15000
#define ID_MAX 48

struct outbox {
	struct loop *loop;
	struct redis_async *redis;
	struct loop_timer *pause;
	struct outbox_user user;
	struct key stream;
	char *consumer;
	unsigned lease_ms;

	bool busy, stopped;
	bool group_made;
	bool own_seen;			/* all own pending messages */
	char own_from[ID_MAX];		/* the last own pending message seen */
	char claim_from[ID_MAX];	/* XAUTOCLAIM's cursor */
	uint64_t claim_at_ms;
};

static void step(void *ctx);

static void keep_id(char out[ID_MAX], const char *id)
{
	size_t n = strlen(id);

	if (n < ID_MAX)
		memcpy(out, id, n + 1);
}

static void on_acked(void *ctx, const struct reply *r, const struct err *e)
{
	(void)ctx, (void)r, (void)e;
}

/* A pending message whose entry is gone: nobody can ever deliver it. */
static void forget(struct outbox *o, const char *id)
{
	struct err e = ERR_INIT;
	struct redis_cmd c;

	cmd_init(&c);
	cmd_line(&c, "XACK", o->stream.text, GROUP_COURIERS, id, NULL);
	redis_async_do(o->redis, &c, on_acked, o, &e);
	cmd_clear(&c);
}

/* entries: [id, [name, value, …]], …  Returns the last id, NULL if there is none. */
static const char *take(struct outbox *o, const struct reply *entries)
{
	const char *last = NULL;

	for (size_t i = 0; i < reply_count(entries); i++) {
		const struct reply *entry = reply_at(entries, i), *fields = reply_at(entry, 1);
		struct outbox_message m = { .id = reply_str(reply_at(entry, 0), NULL) };

		last = m.id;
		if (reply_count(fields) == 0) {
			forget(o, m.id);
			continue;
		}
		m.job = reply_str(reply_field(fields, 0, "job"), NULL);
		m.source = reply_str(reply_field(fields, 0, "source"), NULL);
		m.version = reply_int(reply_field(fields, 0, "v"));
		o->user.message(o->user.ctx, &m);
	}
	return last;
}

static uint64_t claim_interval_ms(const struct outbox *o)
{
	uint64_t ms = o->lease_ms / 4;

	return ms < CLAIM_MIN_MS ? CLAIM_MIN_MS : ms > CLAIM_MAX_MS ? CLAIM_MAX_MS : ms;
}

/* ---- answers ---- */

/* Not before its messages are taken: taking them calls outbox_read. */
static void answered(struct outbox *o)
{
	o->busy = false;
	step(o);
}

static void failed(struct outbox *o, const struct err *e)
{
	o->busy = false;
	if (strncmp(e->text, "NOGROUP", 7) == 0)
		o->group_made = false;
	else if (e->cls != ERR_RETRY)
		log_error("outbox", LOG_STR("error", e->text));
	if (!o->stopped)
		loop_timer_start(o->pause, PAUSE_MS, 0);
}

static void on_group(void *ctx, const struct reply *r, const struct err *e)
{
	struct outbox *o = ctx;

	if (r == NULL && strncmp(e->text, "BUSYGROUP", 9) != 0) {
		failed(o, e);
		return;
	}
	o->group_made = true;
	o->own_seen = false;
	strcpy(o->own_from, "0-0");
	answered(o);
}

static void on_own(void *ctx, const struct reply *r, const struct err *e)
{
	struct outbox *o = ctx;
	const char *last;

	if (r == NULL) {
		failed(o, e);
		return;
	}
	if ((last = take(o, reply_at(reply_at(r, 0), 1))) != NULL)
		keep_id(o->own_from, last);
	else
		o->own_seen = true;
	answered(o);
}

static void on_claimed(void *ctx, const struct reply *r, const struct err *e)
{
	struct outbox *o = ctx;

	if (r == NULL) {
		failed(o, e);
		return;
	}
	take(o, reply_at(r, 1));
	keep_id(o->claim_from, reply_str(reply_at(r, 0), NULL));
	if (strcmp(o->claim_from, "0-0") == 0)
		o->claim_at_ms = loop_now_ms(o->loop) + claim_interval_ms(o);
	answered(o);
}

static void on_new(void *ctx, const struct reply *r, const struct err *e)
{
	struct outbox *o = ctx;

	if (r == NULL) {
		failed(o, e);
		return;
	}
	take(o, reply_at(reply_at(r, 0), 1));
	answered(o);
}

/* ---- questions ---- */

static void ask_group(struct outbox *o, struct redis_cmd *c)
{
	cmd_line(c, "XGROUP", "CREATE", o->stream.text, GROUP_COURIERS, "0", "MKSTREAM", NULL);
}

static void ask_own(struct outbox *o, struct redis_cmd *c, size_t n)
{
	cmd_line(c, "XREADGROUP", "GROUP", GROUP_COURIERS, o->consumer, "COUNT", NULL);
	cmd_int(c, (long long)n);
	cmd_str(c, "STREAMS");
	cmd_str(c, o->stream.text);
	cmd_str(c, o->own_from);
}

static void ask_left(struct outbox *o, struct redis_cmd *c, size_t n)
{
	cmd_line(c, "XAUTOCLAIM", o->stream.text, GROUP_COURIERS, o->consumer, NULL);
	cmd_int(c, o->lease_ms);
	cmd_str(c, o->claim_from);
	cmd_str(c, "COUNT");
	cmd_int(c, (long long)n);
}

static void ask_new(struct outbox *o, struct redis_cmd *c, size_t n)
{
	cmd_line(c, "XREADGROUP", "GROUP", GROUP_COURIERS, o->consumer, "COUNT", NULL);
	cmd_int(c, (long long)n);
	cmd_str(c, "BLOCK");
	cmd_int(c, BLOCK_MS);
	cmd_str(c, "STREAMS");
	cmd_str(c, o->stream.text);
	cmd_str(c, ">");
}

/* One question at a time; its answer leads to the next. */
static void step(void *ctx)
{
	struct outbox *o = ctx;
	struct err e = ERR_INIT;
	struct redis_cmd c;
	redis_fn fn;
	size_t n;

	if (o->busy || o->stopped || !redis_async_up(o->redis) || (n = o->user.room(o->user.ctx)) == 0)
		return;
	n = n < BATCH ? n : BATCH;
	cmd_init(&c);
	if (!o->group_made) {
		ask_group(o, &c);
		fn = on_group;
	} else if (!o->own_seen) {
		ask_own(o, &c, n);
		fn = on_own;
	} else if (loop_now_ms(o->loop) >= o->claim_at_ms) {
		ask_left(o, &c, n);
		fn = on_claimed;
	} else {
		ask_new(o, &c, n);
		fn = on_new;
	}
	if (redis_async_do(o->redis, &c, fn, o, &e) == 0)
		o->busy = true;
	else
		loop_timer_start(o->pause, PAUSE_MS, 0);
	cmd_clear(&c);
}

/* An answer that was lost with the connection may have brought messages: own pending ones now. */
static void on_state(void *ctx, bool up)
{
	struct outbox *o = ctx;

	o->group_made = false;
	if (up)
		step(o);
}

/* ---- the interface ---- */

struct outbox *outbox_new(struct loop *l, const char *url, unsigned timeout_ms, const char *consumer,
    unsigned lease_ms, const struct outbox_user *user, struct err *e)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (o == NULL || (o->consumer = strdup(consumer)) == NULL) {
		free(o);
		err_set(e, ERR_SYSTEM, 0, "out of memory");
		return NULL;
	}
	o->loop = l;
	o->user = *user;
	o->lease_ms = lease_ms;
	o->stream = wire_key("outbox", NULL);
	strcpy(o->claim_from, "0-0");
	if ((o->pause = loop_timer_new(l, step, o, e)) == NULL ||
	    (o->redis = redis_async_new(l, url, NULL, on_state, o, e)) == NULL)
		outbox_free(&o);
	else
		redis_async_timeout(o->redis, timeout_ms + BLOCK_MS);
	return o;
}

void outbox_free(struct outbox **o)
{
	if (*o == NULL)
		return;
	(*o)->stopped = true;
	redis_async_free(&(*o)->redis);
	loop_timer_free(&(*o)->pause);
	free((*o)->consumer);
	free(*o);
	*o = NULL;
}

void outbox_read(struct outbox *o)
{
	step(o);
}

void outbox_stop(struct outbox *o)
{
	o->stopped = true;
	loop_timer_stop(o->pause);
}

bool outbox_waits(const struct outbox *o)
{
	return o->busy;
}
