/*
 * health - GET /healthz, /readyz and /metrics.
 *
 * In:  the reactors' state, Redis's counters. Out: text for whoever watches. Depends on metrics.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "schema/wire.h"
#include "server/handlers.h"
#include "server/judgement.h"
#include "server/reactor.h"

static const char up[] = "{\"status\":\"up\"}\n", ready[] = "{\"status\":\"ready\"}\n";

static void answer_health(struct http_request *q)
{
	http_answer_static(q, 200, "application/json", up, sizeof(up) - 1);
}

static void answer_ready(struct http_request *q)
{
	struct reactor *r = reactor_of(q);
	struct refusal why = { .problem = P_NONE };

	if (r->phase != REACTOR_RUNNING)
		refuse_for_now(&why, P_NOT_READY, 2, "It is stopping.");
	else if (r->room.level == ROOM_FULL)
		refuse_for_now(&why, P_NOT_READY, 30, "Storage is full.");
	else if (!server_ready(r->server))
		refuse_for_now(&why, P_NOT_READY, 2, "%s", reactor_store_why(r) != NULL ? reactor_store_why(r)
		    : "Redis cannot be reached, or takes no writes.");
	else {
		http_answer_static(q, 200, "application/json", ready, sizeof(ready) - 1);
		return;
	}
	reactor_refuse(q, &why);
}

/* ---- metrics: the server's own, then what lies in Redis ---- */

static const struct {
	const char *key;
	const char *command;
	const char *metric;
	const char *help;
} lengths[] = {
	{ "jobs", "XLEN", "jobs_waiting", "Jobs that wait or are worked on, but for those that are cut into chunks." },
	{ "dead", "XLEN", "dead_letters", "Dead letters kept." },
	{ "outbox", "XLEN", "callbacks_owed", "Callbacks not yet delivered or given up." },
	{ "staging", "ZCARD", "uploads_staged", "Uploads that have segments in Redis." },
};

#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

/* One scrape; it outlives its request until the last reply is in. */
struct scrape {
	struct http_request *q;
	unsigned owed;
	size_t at;
	bool failed;
	struct buf text;
};

static void scrape_finish(struct scrape *s)
{
	if (--s->owed > 0)
		return;
	if (s->q != NULL) {
		buf_printf(&s->text, "# HELP geosluice_redis_up Whether this reactor reaches Redis.\n"
		    "# TYPE geosluice_redis_up gauge\ngeosluice_redis_up %d\n", !s->failed);
		s->q->user = NULL;
		http_answer(s->q, 200, "text/plain; version=0.0.4; charset=utf-8", &s->text);
	}
	buf_clear(&s->text);
	free(s);
}

/* A command that Redis refuses it has been reached with. */
static void note_away(struct scrape *s, const struct reply *reply, const struct err *e)
{
	char words[sizeof(e->text)];

	s->failed |= reply == NULL && !judgement_refusal(words, sizeof(words), e->text);
}

static void on_length(void *ctx, const struct reply *reply, const struct err *e)
{
	struct scrape *s = ctx;
	size_t i = s->at++;

	note_away(s, reply, e);
	if (reply != NULL)
		buf_printf(&s->text, "# HELP geosluice_%s %s\n# TYPE geosluice_%s gauge\ngeosluice_%s %lld\n",
		    lengths[i].metric, lengths[i].help, lengths[i].metric, lengths[i].metric, reply_int(reply));
	scrape_finish(s);
}

static bool is_name(const char *s)
{
	return *s != '\0' && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(s);
}

/* The workers' counters, under the names that they gave them. */
static void on_stats(void *ctx, const struct reply *reply, const struct err *e)
{
	struct scrape *s = ctx;

	note_away(s, reply, e);
	for (size_t i = 0; i + 1 < reply_count(reply); i += 2) {
		const char *name = reply_str(reply_at(reply, i), NULL);

		if (is_name(name))
			buf_printf(&s->text, "# TYPE geosluice_%s_total counter\ngeosluice_%s_total %lld\n", name,
			    name, reply_int(reply_at(reply, i + 1)));
	}
	scrape_finish(s);
}

static void ask(struct scrape *s, struct reactor *r, const char *command, const char *key, redis_fn fn)
{
	struct key k = wire_key(key, NULL);

	cmd_line(&r->cmd, command, k.text, NULL);
	if (reactor_do(r, fn, s) == 0)
		s->owed++;
	else
		s->failed = true;
}

/* What sources hold, as this reactor read it last. */
static void write_room(struct buf *b, const struct room *m)
{
	buf_puts(b, "# HELP geosluice_held_bytes What sources hold in Redis, by kind.\n"
	    "# TYPE geosluice_held_bytes gauge\n");
	for (int k = 0; k < HELD_KINDS; k++)
		buf_printf(b, "geosluice_held_bytes{kind=\"%s\"} %" PRIu64 "\n", held_name((enum held)k), m->kind[k]);
	buf_puts(b, "# HELP geosluice_source_held_bytes What each source holds.\n"
	    "# TYPE geosluice_source_held_bytes gauge\n");
	for (size_t i = 0; i < m->settings->source_count; i++)
		buf_printf(b, "geosluice_source_held_bytes{source=\"%s\"} %" PRIu64 "\n", m->settings->sources[i].name,
		    m->source[i]);
	buf_printf(b, "# HELP geosluice_held_limit_bytes What sources may hold in all; 0: any number.\n"
	    "# TYPE geosluice_held_limit_bytes gauge\ngeosluice_held_limit_bytes %" PRIu64 "\n"
	    "# HELP geosluice_redis_used_bytes Memory that Redis uses.\n"
	    "# TYPE geosluice_redis_used_bytes gauge\ngeosluice_redis_used_bytes %" PRIu64 "\n"
	    "# HELP geosluice_redis_max_bytes Memory that it may use; 0: any number.\n"
	    "# TYPE geosluice_redis_max_bytes gauge\ngeosluice_redis_max_bytes %" PRIu64 "\n"
	    "# HELP geosluice_queue_jobs Jobs that wait for a worker.\n"
	    "# TYPE geosluice_queue_jobs gauge\ngeosluice_queue_jobs %" PRIu64 "\n"
	    "# HELP geosluice_queue_chunks Chunks of large collections that wait for a worker.\n"
	    "# TYPE geosluice_queue_chunks gauge\ngeosluice_queue_chunks %" PRIu64 "\n"
	    "# HELP geosluice_queue_age_seconds How long the oldest job or chunk has waited.\n"
	    "# TYPE geosluice_queue_age_seconds gauge\ngeosluice_queue_age_seconds %.3f\n"
	    "# HELP geosluice_room_level 0: open, 1: greedy sources are put off, 2: full.\n"
	    "# TYPE geosluice_room_level gauge\ngeosluice_room_level %d\n", room_limit(m), m->used, m->most,
	    m->queued, m->queued_chunks, (double)m->queue_ms / 1000, (int)m->level);
}

static void answer_metrics(struct http_request *q)
{
	struct reactor *r = reactor_of(q);
	const struct server *srv = r->server;
	struct scrape *s = calloc(1, sizeof(*s));
	const struct metrics **all = calloc(srv->count, sizeof(*all));
	struct refusal why = { .problem = P_NONE };

	if (s == NULL || all == NULL) {
		free(s);
		free(all);
		refuse(&why, P_INTERNAL, "There is no memory.");
		reactor_refuse(q, &why);
		return;
	}
	for (size_t i = 0; i < srv->count; i++)
		all[i] = &srv->reactors[i].metrics;
	buf_init(&s->text, 1 << 20);
	metrics_write(&s->text, all, srv->count);
	write_room(&s->text, &r->room);
	free(all);
	s->q = q;
	q->user = s;
	s->owed = 1;	/* ours, until all are asked */
	for (size_t i = 0; i < LENGTHS; i++)
		ask(s, r, lengths[i].command, lengths[i].key, on_length);
	ask(s, r, "HGETALL", "stats", on_stats);
	scrape_finish(s);
}

static void metrics_gone(struct http_request *q)
{
	if (q->user != NULL)
		((struct scrape *)q->user)->q = NULL;
}

const struct http_handler health_get = { .end = answer_health };
const struct http_handler ready_get = { .end = answer_ready };
const struct http_handler metrics_get = { .end = answer_metrics, .gone = metrics_gone };
