/* reactor - see reactor.h. */
#include "server/reactor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "schema/scripts.h"
#include "server/admission.h"
#include "server/durability.h"
#include "server/forwarded.h"
#include "server/handlers.h"
#include "server/judgement.h"
#include "server/routes.h"

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

struct reactor *reactor_of(struct http_request *q)
{
	return q->app;
}

const struct terms *terms_of(const struct http_request *q)
{
	return q->terms;
}

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

/* ---- requests ---- */

void reactor_refuse(struct http_request *q, const struct refusal *why)
{
	struct reactor *r = reactor_of(q);
	struct buf b;
	char seconds[16];

	q->code = problem_code(why->problem);
	metrics_add(&r->metrics.refusals[why->problem], 1);
	buf_init(&b, 8192);
	problem_write(&b, why);
	http_answer(q, problem_status(why->problem), "application/problem+json", &b);
	if (access_challenge(why) != NULL)
		http_answer_header(q, "WWW-Authenticate", access_challenge(why));
	else if (problem_status(why->problem) == 401)
		http_answer_header(q, "WWW-Authenticate", "Webhook-Signature");
	if (why->problem == P_CONTENT_ENCODING)	/* RFC 9110, section 15.5.16 */
		http_answer_header(q, "Accept-Encoding", CODINGS_TAKEN);
	if (why->retry_after_s > 0) {
		snprintf(seconds, sizeof(seconds), "%u", why->retry_after_s);
		http_answer_header(q, "Retry-After", seconds);
	}
}

void reactor_refuse_as(struct http_request *q, enum problem p, const char *detail)
{
	struct refusal why = { .problem = P_NONE };

	refuse(&why, p, "%s", detail);
	reactor_refuse(q, &why);
}

struct asked {
	struct http_request *q;		/* NULL once it is over */
	ask_fn fn;
	bool begun;			/* the answer: a refusal comes too late */
	struct redis_cmd *script;	/* what was asked, where it may have to be asked again; or NULL */
};

static void refuse_store(struct http_request *q)
{
	struct refusal why = { .problem = P_NONE };

	reactor_doubt(reactor_of(q));
	refuse_for_now(&why, P_STORE_UNAVAILABLE, 2, "Redis did not answer as it should; try again.");
	reactor_refuse(q, &why);
}

static void on_asked(void *ctx, const struct reply *reply, const struct err *e);

/* Redis lost its scripts; they are on their way to it, ahead of this. */
static bool ask_again(struct asked *a)
{
	struct err e = ERR_INIT;
	struct redis_cmd *c = a->script;
	bool sent;

	a->script = NULL;	/* once */
	sent = redis_async_do(reactor_of(a->q)->redis, c, on_asked, a, &e) == 0;
	free(c);
	return sent;
}

static void on_asked(void *ctx, const struct reply *reply, const struct err *e)
{
	struct asked *a = ctx;
	struct http_request *q = a->q;
	ask_fn fn = a->fn;
	bool begun = a->begun;

	if (q != NULL && a->script != NULL && strncmp(e->text, "NOSCRIPT", 8) == 0 && ask_again(a))
		return;
	free(a->script);
	free(a);
	if (q == NULL)
		return;
	q->owed = NULL;
	if (e->cls == ERR_NONE || begun)
		fn(q, reply);
	else
		refuse_store(q);
}

static void ask(struct http_request *q, ask_fn fn, bool begun)
{
	struct asked *a = malloc(sizeof(*a));

	if (a != NULL) {
		a->q = q;
		a->fn = fn;
		a->begun = begun;
		a->script = reactor_of(q)->cmd.script != NULL ? cmd_copy(&reactor_of(q)->cmd) : NULL;
	}
	if (a != NULL && reactor_do(reactor_of(q), on_asked, a) == 0) {
		q->owed = a;
		return;
	}
	if (a != NULL)
		free(a->script);
	free(a);
	if (begun)
		fn(q, NULL);
	else
		refuse_store(q);
}

void reactor_ask(struct http_request *q, ask_fn fn)
{
	ask(q, fn, false);
}

void reactor_ask_any(struct http_request *q, ask_fn fn)
{
	ask(q, fn, true);
}

static void on_told(void *ctx, const struct reply *reply, const struct err *e)
{
	(void)ctx;
	(void)reply;
	(void)e;
}

void reactor_tell(struct reactor *r)
{
	reactor_do(r, on_told, NULL);
}

static void note_client(struct http_request *q, const struct address_ranges *trusted)
{
	struct client client;

	forwarded_client(&client, http_peer(q), http_tls(q), trusted, reactor_of(q)->settings->server.proxy_header,
	    http_header, q);
	memcpy(q->client, client.address, sizeof(q->client));
	q->https = client.https;
}

static void on_begin(void *ctx, struct http_request *q)
{
	struct reactor *r = ctx;
	struct refusal why = { .problem = P_NONE };
	char allow[64];

	q->terms = terms_hold(r->terms);
	note_client(q, &r->terms->trusted);
	if (routes_find(q, &why, allow) == 0
	    && access_page(&r->terms->access, http_header(q, "Host"), http_header(q, "Origin"), route_scope(q->route),
	    &why) == 0
	    && access_check(&r->terms->access, http_header(q, "Authorization"), route_scope(q->route), &q->token,
	    &why) == 0)
		return;
	reactor_refuse(q, &why);
	if (allow[0] != '\0')
		http_answer_header(q, "Allow", allow);
}

/* What http refuses itself may have no route yet. */
static void on_refuse(struct http_request *q, const struct refusal *why)
{
	static const struct address_ranges nobody = { NULL, 0 };

	if (q->handler == NULL)
		q->route = ROUTE_NONE;
	if (q->client[0] == '\0')	/* headers that could not be read are not believed either */
		note_client(q, &nobody);
	reactor_refuse(q, why);
}

static void on_over(void *ctx, struct http_request *q)
{
	struct reactor *r = ctx;
	struct terms *terms;
	uint64_t us = clock_mono_us() - q->started_us;
	enum log_level level = q->status >= 500 ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;

	if (q->owed != NULL)
		((struct asked *)q->owed)->q = NULL;
	/* Status 0: the client left before it had an answer. */
	metrics_request(&r->metrics, q->route, q->status);
	loop_defer(r->loop, &r->log);
	LOG_EVENT_SOON(level, "request", LOG_STR("route", route_name(q->route)), LOG_INT("status", q->status),
	    LOG_INT("us", us), LOG_INT("in", q->bytes_in), LOG_INT("out", q->bytes_out),
	    LOG_STR("source", q->source ? q->source : "-"), LOG_STR("job", q->job[0] ? q->job : "-"),
	    LOG_STR("code", q->code ? q->code : "-"), LOG_STR("client", q->client[0] ? q->client : "-"),
	    LOG_STR("token", q->token ? q->token : "-"), LOG_STR("trace", q->trace[0] ? q->trace : "-"));
	terms = q->terms;
	q->terms = NULL;
	terms_release(&terms);
}

static void on_tls_failed(void *ctx, const char *why)
{
	struct reactor *r = ctx;

	metrics_add(&r->metrics.tls_failures, 1);
	log_info("tls_failed", LOG_STR("reason", why));
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

static void on_turn_over(void *ctx)
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
	const struct http_app app = { on_begin, on_over, on_tls_failed, on_refuse, r };
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
