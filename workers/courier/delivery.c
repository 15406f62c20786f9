/* delivery - see delivery.h. */
#include "workers/courier/delivery.h"

#include <string.h>

#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/log.h"
#include "schema/scripts.h"
#include "workers/courier/backoff.h"

#define BODY_MAX_BYTES (256u << 10)
#define REDIS_PAUSE_MS 500	/* before Redis is asked again */

static void enter_flight(struct delivery *d)
{
	d->courier->in_flight++;
	d->courier->in_flight_of[d->source - d->courier->settings->sources]++;
}

static void leave_flight(struct delivery *d)
{
	d->courier->in_flight--;
	d->courier->in_flight_of[d->source - d->courier->settings->sources]--;
}

/* ---- settling ---- */

static uint64_t backoff_of(const struct delivery *d, uint64_t retry_after_ms)
{
	const struct settings *s = d->courier->settings;
	struct backoff b = { (uint64_t)s->courier.backoff_min_ms, (uint64_t)s->courier.backoff_max_ms };
	uint64_t dice;

	random_bytes(&dice, sizeof(dice));
	return backoff_wait_ms(&b, d->attempts, retry_after_ms, dice);
}

static void wait(struct delivery *d, uint64_t ms)
{
	d->stage = WAITING;
	d->due_ms = loop_now_ms(d->courier->loop) + ms;
}

/* From now to a time of the wall clock, which may have been set meanwhile: never longer than the longest wait. */
static uint64_t until_ms(const struct delivery *d, uint64_t unix_ms)
{
	uint64_t now = clock_unix_ms(), most = (uint64_t)d->courier->settings->courier.backoff_max_ms;

	if (unix_ms <= now)
		return 0;
	return unix_ms - now < most ? unix_ms - now : most;
}

static void on_settled(void *ctx, const struct reply *r, const struct err *e)
{
	struct delivery *d = ctx;
	struct courier *c = d->courier;

	if (r == NULL) {
		if (e->cls != ERR_RETRY)
			log_error("settle", LOG_STR("job", d->job), LOG_STR("error", e->text));
		d->unsent = true;
		d->due_ms = loop_now_ms(c->loop) + REDIS_PAUSE_MS;
	} else if (d->outcome == CALLBACK_RETRY) {
		wait(d, until_ms(d, d->again_unix_ms));
	} else if (reply_int(r) < 0) {
		wait(d, REDIS_PAUSE_MS);
	} else {
		courier_let_go(d);
	}
	courier_pump(c);
}

void delivery_tell(struct delivery *d)
{
	struct courier *c = d->courier;
	struct key job = wire_key("job", d->job);
	struct err e = ERR_INIT;
	struct redis_cmd cmd;

	cmd_init(&cmd);
	cmd_script(&cmd, &script_called, 2);
	cmd_str(&cmd, job.text);
	cmd_str(&cmd, c->stream.text);
	cmd_str(&cmd, GROUP_COURIERS);
	cmd_str(&cmd, d->message);
	cmd_str(&cmd, callback_outcome_name(d->outcome));
	cmd_int(&cmd, d->status);
	cmd_int(&cmd, (long long)clock_unix_ms());
	cmd_int(&cmd, (long long)d->again_unix_ms);
	cmd_int(&cmd, d->attempts);
	d->unsent = redis_async_do(c->redis, &cmd, on_settled, d, &e) != 0;
	d->due_ms = loop_now_ms(c->loop) + REDIS_PAUSE_MS;
	cmd_clear(&cmd);
}

static void settle(struct delivery *d, enum callback_outcome outcome)
{
	d->stage = SETTLING;
	d->outcome = outcome;
	delivery_tell(d);
}

/* ---- one attempt ---- */

static void on_answer(void *ctx, const struct post_answer *a)
{
	struct delivery *d = ctx;
	struct courier *c = d->courier;
	enum callback_outcome outcome;
	uint64_t wait_ms;

	leave_flight(d);
	d->attempts++;
	d->status = a->status;
	wait_ms = backoff_of(d, a->retry_after_ms);
	d->again_unix_ms = clock_unix_ms() + wait_ms;
	outcome = callback_judge(a->status, a->refused, d->attempts,
	    (unsigned)c->settings->courier.max_attempts);
	log_info("callback", LOG_STR("job", d->job), LOG_STR("source", d->source->name), LOG_STR("trace", d->trace),
	    LOG_STR("outcome", callback_outcome_name(outcome)), LOG_INT("status", a->status),
	    LOG_INT("attempt", d->attempts), LOG_INT("ms", loop_now_ms(c->loop) - d->began_ms),
	    LOG_STR("error", a->status == 0 ? a->why : ""),
	    LOG_INT("again_ms", outcome == CALLBACK_RETRY ? wait_ms : 0));
	settle(d, outcome);
	courier_pump(c);
}

static int post(struct delivery *d, const struct reply *hash, struct err *e)
{
	struct courier *c = d->courier;
	struct callback cb;
	char id[64], stamp[64], signature[96], trace[96];
	const char *headers[] = { "content-type: application/json", id, stamp, signature, NULL, NULL };
	const char *parent = reply_str(reply_field(hash, 0, "trace"), NULL);
	struct buf body;
	int rc;

	buf_init(&body, BODY_MAX_BYTES);
	rc = callback_make(&cb, &body, d->source, d->job, hash, clock_unix_ms(), e);
	if (rc == 0) {
		snprintf(id, sizeof(id), "webhook-id: %s", cb.id);
		snprintf(stamp, sizeof(stamp), "webhook-timestamp: %s", cb.timestamp);
		snprintf(signature, sizeof(signature), "webhook-signature: %s", cb.signature);
		snprintf(trace, sizeof(trace), "traceparent: %s", parent);
		if (strlen(parent) == TRACE_PARENT)
			headers[4] = trace;
		trace_id(parent, d->trace);
		rc = poster_post(c->poster, d->source->callback_url, headers, body.data, body.len,
		    on_answer, d, e);
	}
	buf_clear(&body);
	return rc;
}

static bool has_ended(const struct reply *hash)
{
	const char *state = reply_str(reply_field(hash, 0, "state"), NULL);

	return strcmp(state, "accepted") != 0 && strcmp(state, "running") != 0;
}

static void on_job(void *ctx, const struct reply *r, const struct err *e)
{
	struct delivery *d = ctx;
	struct courier *c = d->courier;
	struct err why = ERR_INIT;
	uint64_t left;

	if (r == NULL) {
		if (e->cls != ERR_RETRY)
			log_error("fetch", LOG_STR("job", d->job), LOG_STR("error", e->text));
		leave_flight(d);
		wait(d, REDIS_PAUSE_MS);
	} else if (reply_count(r) == 0 || reply_field(r, 0, "callback") != NULL) {
		if (reply_count(r) == 0)
			log_warn("callback_too_late", LOG_STR("job", d->job), LOG_STR("source", d->source->name),
			    LOG_STR("reason", "the job is no longer kept"));
		leave_flight(d);
		settle(d, CALLBACK_GONE);
	} else if (!has_ended(r)) {
		leave_flight(d);	/* it has: just after a failover a replica may not know yet */
		wait(d, REDIS_PAUSE_MS);
	} else {
		d->attempts = (unsigned)reply_int(reply_field(r, 0, "callback_attempts"));
		/* What a predecessor or another courier decided; what is decided here is waited for already. */
		left = d->seen ? 0 : until_ms(d, (uint64_t)reply_int(reply_field(r, 0, "callback_due")));
		d->seen = true;
		d->stage = POSTING;
		d->began_ms = loop_now_ms(c->loop);
		if (left > 0 || c->ending) {
			leave_flight(d);
			wait(d, left);
		} else if (post(d, r, &why) != 0) {
			log_error("callback", LOG_STR("job", d->job), LOG_STR("error", why.text));
			leave_flight(d);
			d->attempts++;
			d->status = 0;
			d->again_unix_ms = clock_unix_ms() + backoff_of(d, 0);
			settle(d, callback_judge(0, why.cls == ERR_INPUT, d->attempts,
			    (unsigned)c->settings->courier.max_attempts));
		}
	}
	courier_pump(c);
}

void delivery_try(struct delivery *d)
{
	struct courier *c = d->courier;
	struct key job = wire_key("job", d->job);
	struct err e = ERR_INIT;
	struct redis_cmd cmd;

	cmd_init(&cmd);
	cmd_line(&cmd, "HGETALL", job.text, NULL);
	if (redis_async_do(c->redis, &cmd, on_job, d, &e) == 0) {
		d->stage = FETCHING;
		enter_flight(d);
	} else {
		wait(d, REDIS_PAUSE_MS);
	}
	cmd_clear(&cmd);
}

void delivery_drop(struct delivery *d)
{
	settle(d, CALLBACK_NONE);
}
