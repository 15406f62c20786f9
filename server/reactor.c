/* reactor - see reactor.h. */
#include "server/reactor.h"

#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "schema/scripts.h"
#include "server/durability.h"
#include "server/handlers.h"
#include "server/judgement.h"

#define TICK_MS 500
#define OPEN_WITHOUT_STORE_MS 1500
#define DRAIN_TICK_MS 20
#define LEAVE_MS 2000	/* for the orphans' last clean-up */

static const char away[] = "Redis cannot be reached.";

static struct redis_script *const scripts[] = {
	&script_commit, &script_publish, &script_unpublish, &script_dismiss, &script_replay, &script_list_jobs,
	&script_list_letters, &script_bury, &script_admit, &script_queue, &script_acked, &script_may, NULL
};
static struct redis_script *const bulk_scripts[] = { &script_commit, &script_abandon, &script_extend, NULL };

int reactor_do(struct reactor *r, redis_fn fn, void *ctx)
{
	struct err e = ERR_INIT;

	return redis_async_do(r->redis, &r->cmd, fn, ctx, &e);
}

int reactor_part(struct reactor *r)
{
	struct err e = ERR_INIT;

	return redis_async_part(r->redis, &r->cmd, &e);
}

int reactor_exec(struct reactor *r, redis_fn fn, void *ctx)
{
	struct err e = ERR_INIT;

	return redis_async_exec(r->redis, fn, ctx, &e);
}

int reactor_do_bulk(struct reactor *r, redis_fn fn, void *ctx)
{
	struct err e = ERR_INIT;

	return redis_async_do(r->bulk, &r->cmd, fn, ctx, &e);
}

const char *reactor_store_why(const struct reactor *r)
{
	if (r->store_up)
		return redis_async_up(r->bulk) ? NULL : away;
	return r->store_why[0] != '\0' ? r->store_why : away;
}

bool reactor_ready(const struct reactor *r)
{
	return r->store_up && redis_async_up(r->bulk) && r->room.level != ROOM_FULL;
}

bool server_ready(const struct server *s)
{
	bool ready = true;

	for (size_t i = 0; i < s->count; i++)
		ready &= s->reactors[i].ready;
	return ready;
}

/*
 * Connections are taken once they can be served: next to a server that is about to be replaced, one that has not
 * reached Redis yet would refuse what the other takes. Without Redis they are taken in the end, to be told so.
 */
static void open_door(struct reactor *r)
{
	if (r->open || r->phase != REACTOR_RUNNING || (!reactor_ready(r) && clock_mono_ms() < r->open_at_ms))
		return;
	r->open = true;
	if (http_begin(r->http, &r->fatal) != 0)
		server_stop(r->server);
	else if (++r->server->open == r->server->count)
		log_info("listening", LOG_STR("addr", r->server->address), LOG_INT("reactors", r->server->count));
}

static void on_turn_over(void *ctx)	/* the lines of its requests */
{
	(void)ctx;
	log_flush();
}

/* ---- Redis ---- */

void reactor_store_judged(struct reactor *r)
{
	r->ready = reactor_ready(r);
	if (r->ready)
		open_door(r);
}

void reactor_doubt(struct reactor *r)
{
	r->rights_at_ms = 0;
	judgement_begin(r);
}

static void on_store(void *ctx, bool up)
{
	struct reactor *r = ctx;

	if (up) {
		reactor_doubt(r);
		return;
	}
	r->ready = false;
	r->store_up = false;
	snprintf(r->store_why, sizeof(r->store_why), "%s", away);
	log_warn("redis_down", LOG_INT("reactor", r->index));
}

static void on_bulk(void *ctx, bool up)
{
	struct reactor *r = ctx;

	if (up)
		r->bulk_since_ms = clock_mono_ms();
	reactor_store_judged(r);
}

/* ---- time and stopping ---- */

static void on_leave(struct reactor *r)
{
	if (orphans_done(&r->orphans) || !redis_async_up(r->bulk) || clock_mono_ms() >= r->phase_until_ms)
		loop_stop(r->loop);
}

static void on_tick(void *ctx)
{
	struct reactor *r = ctx;

	orphans_tick(&r->orphans);
	pacing_tick(r);
	if (r->phase == REACTOR_RUNNING)
		open_door(r);
	/* Where the handshake is refused, it never comes up. */
	if (!redis_async_up(r->redis)
	    && !judgement_refusal(r->store_why, sizeof(r->store_why), redis_async_why(r->redis)))
		snprintf(r->store_why, sizeof(r->store_why), "%s", away);
	if (r->phase == REACTOR_RUNNING && redis_async_up(r->redis))
		judgement_begin(r);		/* it fills, its disk does, a replica becomes a primary */
	switch (r->phase) {
	case REACTOR_RUNNING:
		break;
	case REACTOR_DRAINING:
		if (http_open(r->http) > 0 && clock_mono_ms() < r->phase_until_ms)
			break;
		http_free(&r->http);
		r->phase = REACTOR_LEAVING;
		r->phase_until_ms = clock_mono_ms() + LEAVE_MS;
		break;
	case REACTOR_LEAVING:
		on_leave(r);
		break;
	}
}

static void on_touch(void *ctx)
{
	segments_touch(ctx);
}

static struct http_limits http_limits_of(const struct terms *terms)
{
	const struct settings *set = terms->settings;

	return (struct http_limits){
		.max_connections = (unsigned)set->server.max_connections,
		.trusted = &terms->trusted,
		.max_per_address = (unsigned)set->server.max_connections_per_address,
		.header_bytes = (size_t)set->server.header_bytes,
		.target_bytes = (size_t)set->server.target_bytes,
		.header_fields = (unsigned)set->server.header_fields,
		.header_timeout_ms = (unsigned)set->server.header_timeout_s * 1000,
		.idle_timeout_ms = (unsigned)set->server.idle_timeout_s * 1000,
		.linger_ms = (unsigned)set->server.linger_ms,
		.rate_window_ms = (unsigned)set->server.rate_window_s * 1000,
		.rate_bytes = (unsigned)(set->server.min_rate * set->server.rate_window_s),
		.requests = (unsigned)set->server.requests_per_connection,
	};
}

static int make_barriers(struct reactor *r, struct err *e)
{
	for (size_t i = 0; i < r->settings->source_count; i++) {
		enum ack level = (enum ack)r->settings->sources[i].ack;

		if (level != ACK_MEMORY && r->barriers[level] == NULL
		    && (r->barriers[level] = barrier_new(r->loop, r->settings, level, e)) == NULL)
			return -1;
	}
	return 0;
}

static void apply(struct reactor *r)
{
	const struct settings *set = r->settings;
	const uint64_t touch_ms = (uint64_t)set->redis.staging_timeout_s * 1000 / 3;

	loop_timer_start(r->touch, touch_ms, touch_ms);
	segment_pool_set(&r->segments, set);
	redis_async_timeout(r->redis, (unsigned)set->redis.timeout_ms);
	redis_async_timeout(r->bulk, (unsigned)set->redis.timeout_ms);
	for (int i = 0; i < ACK_LEVELS; i++)
		if (r->barriers[i] != NULL)
			barrier_set(r->barriers[i], set);
}

static void renew(struct reactor *r)
{
	struct terms *old = r->terms, *next = atomic_exchange(&r->next_terms, NULL);
	struct http_limits limits;
	struct err e = ERR_INIT;

	if (next == NULL)
		return;
	if (room_renew(&r->room, next->settings, &e) != 0) {
		log_error("reload_refused", LOG_INT("reactor", r->index), LOG_STR("reason", e.text));
		terms_release(&next);
		return;
	}
	limits = http_limits_of(next);
	r->terms = next;
	r->settings = next->settings;
	if (r->http != NULL)
		http_set(r->http, &limits, next->tls);
	apply(r);
	r->rights_at_ms = 0;	/* a level may have come */
	if (make_barriers(r, &e) != 0)	/* sources that need one are told that it is not to be had */
		log_error("barrier", LOG_INT("reactor", r->index), LOG_STR("reason", e.text));
	terms_release(&old);
	log_info("reloaded", LOG_INT("reactor", r->index), LOG_INT("sources", r->settings->source_count));
}

static void on_wake(void *ctx)
{
	struct reactor *r = ctx;

	renew(r);
	if (!r->server->stopping || r->phase != REACTOR_RUNNING)
		return;
	r->phase = REACTOR_DRAINING;
	r->phase_until_ms = clock_mono_ms() + (uint64_t)r->settings->server.grace_s * 1000;
	log_info("stopping", LOG_INT("reactor", r->index), LOG_INT("requests", http_active(r->http)));
	http_quiesce(r->http);
	loop_timer_start(r->timer, 0, DRAIN_TICK_MS);
}

void server_stop(struct server *s)
{
	s->stopping = true;
	for (size_t i = 0; i < s->count; i++)
		if (s->reactors[i].loop != NULL)
			loop_wake(s->reactors[i].loop);
}

void server_renew(struct server *s, struct terms **all)
{
	for (size_t i = 0; i < s->count; i++) {
		struct terms *before = atomic_exchange(&s->reactors[i].next_terms, all[i]);

		terms_release(&before);
		loop_wake(s->reactors[i].loop);
	}
}

/* ---- life ---- */

int reactor_init(struct reactor *r, struct server *s, int index, int fd, struct terms *terms, struct err *e)
{
	const struct settings *set = terms->settings;
	const struct http_app app = reactor_app(r);
	const struct http_limits limits = http_limits_of(terms);
	memset(r, 0, sizeof(*r));
	r->server = s;
	r->terms = terms;
	r->settings = set;
	r->index = index;
	r->open_at_ms = clock_mono_ms() + OPEN_WITHOUT_STORE_MS;
	loop_task_init(&r->log, on_turn_over, r);
	loop_task_init(&r->commit, ingest_turn_over, r);
	orphans_init(&r->orphans, r);
	cmd_init(&r->cmd);
	if ((r->body_key = body_key_new(NULL)) == NULL)
		err_set(e, ERR_SYSTEM, 0, "there is no key for bodies' hashes");
	if (r->body_key == NULL || segment_pool_init(&r->segments, set, e) != 0
	    || room_init(&r->room, set, e) != 0 || (r->loop = loop_new(e)) == NULL
	    || (r->timer = loop_timer_new(r->loop, on_tick, r, e)) == NULL
	    || (r->touch = loop_timer_new(r->loop, on_touch, r, e)) == NULL
	    || (r->redis = redis_async_new(r->loop, set->redis.url, scripts, on_store, r, e)) == NULL
	    || (r->bulk = redis_async_new(r->loop, set->redis.url, bulk_scripts, on_bulk, r, e)) == NULL
	    || make_barriers(r, e) != 0 || pacing_init(r, e) != 0
	    || (r->http = http_new(r->loop, fd, &limits, terms->tls, &app, e)) == NULL) {
		reactor_clear(r);
		return -1;
	}
	apply(r);
	loop_on_wake(r->loop, on_wake, r);
	loop_timer_start(r->timer, TICK_MS, TICK_MS);
	return 0;
}

void reactor_run(struct reactor *r)
{
	loop_run(r->loop);
	log_flush();
}

void reactor_clear(struct reactor *r)
{
	struct terms *next;

	http_free(&r->http);
	ingest_commit_all(r);
	judgement_forget(r);
	redis_async_free(&r->redis);
	redis_async_free(&r->bulk);
	for (int i = 0; i < ACK_LEVELS; i++)
		barrier_free(&r->barriers[i]);
	loop_timer_free(&r->timer);
	loop_timer_free(&r->touch);
	pacing_clear(r);
	segment_pool_clear(&r->segments, r->loop);
	loop_free(&r->loop);
	body_key_free(&r->body_key);
	orphans_clear(&r->orphans);
	cmd_clear(&r->cmd);
	room_clear(&r->room);
	terms_release(&r->terms);
	r->settings = NULL;
	if ((next = atomic_exchange(&r->next_terms, NULL)) != NULL)
		terms_release(&next);
}
