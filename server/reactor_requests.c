/*
 * reactor_requests - what a reactor does for each request, whoever answers it.
 *
 * In:  a request as it begins, asks Redis, is refused and is over. Out: what it may do, replies, refusals, a line in
 * the log and counts. Depends on routes and access.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "server/admission.h"
#include "server/forwarded.h"
#include "server/reactor.h"
#include "server/routes.h"

struct reactor *reactor_of(struct http_request *q)
{
	return q->app;
}

const struct terms *terms_of(const struct http_request *q)
{
	return q->terms;
}

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

struct http_app reactor_app(struct reactor *r)
{
	return (struct http_app){ on_begin, on_over, on_tls_failed, on_refuse, r };
}
