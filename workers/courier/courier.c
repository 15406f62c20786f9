/* courier - see courier.h. */
#include "workers/courier/courier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "schema/scripts.h"
#include "workers/courier/delivery.h"

#define HELD_MAX 4096		/* deliveries that wait for their time or place: each source has its share */
#define SHARE_MIN 64
#define SPARE 1024		/* for those that only have to be settled */
#define END_PAUSE_MS 50

/* ---- the list ---- */

static struct delivery *find(const struct courier *c, const char *message)
{
	struct delivery *d = c->first;

	while (d != NULL && strcmp(d->message, message) != 0)
		d = d->next;
	return d;
}

static size_t *held_of(const struct delivery *d)
{
	return &d->courier->held_of[d->source - d->courier->settings->sources];
}

static void hold(struct courier *c, struct delivery *d)
{
	if (d->source != NULL)
		++*held_of(d);
	d->prev = c->last;
	*(c->last ? &c->last->next : &c->first) = d;
	c->last = d;
	c->held++;
}

void courier_let_go(struct delivery *d)
{
	struct courier *c = d->courier;

	if (d->source != NULL)
		--*held_of(d);
	*(d->prev ? &d->prev->next : &c->first) = d->next;
	*(d->next ? &d->next->prev : &c->last) = d->prev;
	c->held--;
	free(d);
}

/* ---- messages ---- */

static size_t room(void *ctx)
{
	struct courier *c = ctx;
	size_t most = c->share * c->settings->source_count + SPARE;

	return c->held < most ? most - c->held : 0;
}

/* Is the job that it tells of no longer kept? A message's id begins with the time of its job's end. */
static bool is_over(const struct courier *c, const struct outbox_message *m)
{
	return clock_unix_ms() > strtoull(m->id, NULL, 10) + (uint64_t)c->settings->redis.retention_s * 1000;
}

/* A message of a newer version, or one that names no job, is left to those who can read it, or to nobody. */
static void on_message(void *ctx, const struct outbox_message *m)
{
	struct courier *c = ctx;
	const struct source *source;
	struct delivery *d;

	if (strlen(m->id) >= MESSAGE_ID_MAX || find(c, m->id) != NULL)
		return;
	if (m->version > WIRE_VERSION || !wire_is_job_id(m->job)) {
		log_warn("unknown_message", LOG_STR("message", m->id), LOG_INT("version", m->version));
		return;
	}
	source = settings_source(c->settings, m->source);
	if (source == NULL && !is_over(c, m)) {
		log_warn("unknown_source", LOG_STR("job", m->job), LOG_STR("source", m->source));
		return;		/* pending still, and read again a lease from now: by one who knows it, perhaps */
	}
	/* So is what is more than its share: a receiver that is away must not keep out the others' callbacks. */
	if (source != NULL && c->held_of[source - c->settings->sources] >= c->share)
		return;
	if ((d = calloc(1, sizeof(*d))) == NULL)
		return;		/* it is reclaimed after its lease */
	d->courier = c;
	strcpy(d->message, m->id);
	strcpy(d->job, m->job);
	d->source = source;
	d->due_ms = loop_now_ms(c->loop);
	hold(c, d);
	if (d->source == NULL || *d->source->callback_url == '\0')
		delivery_drop(d);
	else
		courier_pump(c);
}

/* ---- what is next ---- */

static bool has_place(const struct delivery *d)
{
	const struct courier *c = d->courier;

	return !c->ending && c->in_flight < (size_t)c->settings->courier.concurrency &&
	    c->in_flight_of[d->source - c->settings->sources] < c->in_flight_per_source;
}

/* Ends once nothing is under way: an HTTP request, or a verdict that Redis does not know yet. */
static bool has_ended(const struct courier *c)
{
	if (c->in_flight > 0 || outbox_waits(c->outbox))
		return false;
	for (const struct delivery *d = c->first; d != NULL; d = d->next)
		if (d->stage == SETTLING)
			return false;
	return true;
}

static void give_back(void *ctx);

void courier_pump(struct courier *c)
{
	uint64_t now = loop_now_ms(c->loop), next = UINT64_MAX;
	bool up;

	if (c->stopped)
		return;
	up = redis_async_up(c->redis);
	for (struct delivery *d = c->first; d != NULL; d = d->next) {
		bool idle = d->stage == WAITING || (d->stage == SETTLING && d->unsent);

		if (idle && d->due_ms > now)
			next = d->due_ms < next ? d->due_ms : next;
		else if (idle && up && d->stage == SETTLING)
			delivery_tell(d);
		else if (idle && up && has_place(d))
			delivery_try(d);
	}
	if (c->ending) {
		if (has_ended(c))
			give_back(c);
		return;
	}
	if (next != UINT64_MAX)
		loop_timer_start(c->due, next - now, 0);
	outbox_read(c->outbox);
}

static void on_due(void *ctx)
{
	courier_pump(ctx);
}

/* ---- leases ---- */

/* XCLAIM of all that is held, for this consumer; options and sending are the caller's. */
static void claim_cmd(struct courier *c, struct redis_cmd *cmd)
{
	cmd_line(cmd, "XCLAIM", c->stream.text, GROUP_COURIERS, c->consumer, "0", NULL);
	for (struct delivery *d = c->first; d != NULL; d = d->next)
		cmd_str(cmd, d->message);
}

/* The ids that are ours still, in the order asked for. What is missing was settled by another. */
static void on_renewed(void *ctx, const struct reply *r, const struct err *e)
{
	struct courier *c = ctx;
	struct delivery *d, *next;
	size_t at = 0;

	(void)e;
	c->renewing = false;
	for (d = c->first; d != NULL && r != NULL; d = next) {
		next = d->next;
		if (!d->renewing)
			continue;
		d->renewing = false;
		if (strcmp(d->message, reply_str(reply_at(r, at), NULL)) == 0)
			at++;
		else if (d->stage == WAITING)
			courier_let_go(d);
	}
}

static void renew(void *ctx)
{
	struct courier *c = ctx;
	struct err e = ERR_INIT;
	struct redis_cmd cmd;

	if (c->held == 0 || c->renewing || c->given_back)	/* what was given back is another's to take */
		return;
	cmd_init(&cmd);
	claim_cmd(c, &cmd);
	cmd_str(&cmd, "JUSTID");
	c->renewing = redis_async_do(c->redis, &cmd, on_renewed, c, &e) == 0;
	for (struct delivery *d = c->first; d != NULL; d = d->next)
		d->renewing = c->renewing;
	cmd_clear(&cmd);
}

static void on_left(void *ctx, const struct reply *r, const struct err *e)
{
	struct courier *c = ctx;

	(void)r, (void)e;
	loop_stop(c->loop);
}

/* Its name goes from the group where nothing is pending under it; then the end. */
static void leave(struct courier *c)
{
	struct key outbox = wire_key("outbox", NULL);
	struct err e = ERR_INIT;
	struct redis_cmd cmd;

	cmd_init(&cmd);
	cmd_script(&cmd, &script_sweep, 1);
	cmd_str(&cmd, outbox.text);
	cmd_str(&cmd, GROUP_COURIERS);
	cmd_int(&cmd, 0);
	cmd_str(&cmd, c->consumer);
	if (redis_async_do(c->redis, &cmd, on_left, c, &e) != 0)
		loop_stop(c->loop);
	cmd_clear(&cmd);
}

static void on_given_back(void *ctx, const struct reply *r, const struct err *e)
{
	(void)r, (void)e;
	leave(ctx);
}

/* Makes what is held look abandoned, so that another courier takes it at once; then the end. */
static void give_back(void *ctx)
{
	struct courier *c = ctx;
	struct err e = ERR_INIT;
	struct redis_cmd cmd;
	int rc = -1;

	if (c->given_back)
		return;
	c->given_back = true;
	cmd_init(&cmd);
	if (c->held > 0) {
		claim_cmd(c, &cmd);
		cmd_str(&cmd, "IDLE");
		cmd_int(&cmd, c->settings->courier.lease_ms);
		cmd_str(&cmd, "JUSTID");
		rc = redis_async_do(c->redis, &cmd, on_given_back, c, &e);
	}
	cmd_clear(&cmd);
	if (rc != 0)
		leave(c);
}

/* ---- the interface ---- */

static void on_state(void *ctx, bool up)
{
	log_info("redis", LOG_STR("state", up ? "up" : "lost"));
	if (up)
		courier_pump(ctx);
}

static int open_all(struct courier *c, struct err *e)
{
	static struct redis_script *const scripts[] = { &script_called, &script_sweep, NULL };
	const struct settings *s = c->settings;
	const struct outbox_user user = { on_message, room, c };
	unsigned timeout_ms = (unsigned)s->redis.timeout_ms, lease_ms = (unsigned)s->courier.lease_ms;

	if (address_ranges_parse(&c->allow, s->courier.allow, e) != 0 ||
	    (c->poster = poster_new(c->loop, &c->allow, s->courier.ca_file, (unsigned)s->courier.timeout_ms,
	    e)) == NULL ||
	    (c->due = loop_timer_new(c->loop, on_due, c, e)) == NULL ||
	    (c->lease = loop_timer_new(c->loop, renew, c, e)) == NULL ||
	    (c->grace = loop_timer_new(c->loop, give_back, c, e)) == NULL ||
	    (c->redis = redis_async_new(c->loop, s->redis.url, scripts, on_state, c, e)) == NULL ||
	    (c->outbox = outbox_new(c->loop, s->redis.url, timeout_ms, c->consumer, lease_ms, &user,
	    e)) == NULL)
		return -1;
	redis_async_timeout(c->redis, timeout_ms);
	loop_timer_start(c->lease, lease_ms / 3, lease_ms / 3);
	return 0;
}

struct courier *courier_new(struct loop *l, const struct settings *s, struct err *e)
{
	struct courier *c = calloc(1, sizeof(*c));
	char host[256] = "";

	if (c == NULL || (c->in_flight_of = calloc(s->source_count + 1, sizeof(size_t))) == NULL ||
	    (c->held_of = calloc(s->source_count + 1, sizeof(size_t))) == NULL) {
		err_set(e, ERR_SYSTEM, 0, "out of memory");
		if (c != NULL)
			free(c->in_flight_of);
		free(c);
		return NULL;
	}
	c->loop = l;
	c->settings = s;
	c->stream = wire_key("outbox", NULL);
	c->in_flight_per_source = (size_t)s->courier.concurrency;
	if (s->source_count > 1)
		c->in_flight_per_source = (c->in_flight_per_source + 3) / 4;
	c->share = HELD_MAX / (s->source_count + 1);
	c->share = (c->share > SHARE_MIN ? c->share : SHARE_MIN) + c->in_flight_per_source;
	gethostname(host, sizeof(host) - 1);
	snprintf(c->consumer, sizeof(c->consumer), "%s-%ld", host, (long)getpid());
	if (open_all(c, e) != 0)
		courier_free(&c);
	return c;
}

void courier_free(struct courier **cp)
{
	struct courier *c = *cp;

	if (c == NULL)
		return;
	c->stopped = true;
	outbox_free(&c->outbox);
	poster_free(&c->poster);
	redis_async_free(&c->redis);
	while (c->first != NULL)
		courier_let_go(c->first);
	loop_timer_free(&c->due);
	loop_timer_free(&c->lease);
	loop_timer_free(&c->grace);
	address_ranges_clear(&c->allow);
	free(c->in_flight_of);
	free(c->held_of);
	free(c);
	*cp = NULL;
}

void courier_end(struct courier *c)
{
	if (c->ending)
		return;
	c->ending = true;
	outbox_stop(c->outbox);
	loop_timer_start(c->grace, (uint64_t)c->settings->courier.grace_s * 1000, 0);
	loop_timer_start(c->due, END_PAUSE_MS, END_PAUSE_MS);
}
