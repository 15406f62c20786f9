/* process - see process.h. */
#include "workers/process.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "workers/finish.h"
#include "workers/job.h"
#include "workers/patience.h"
#include "workers/queue.h"
#include "workers/part.h"
#include "workers/recycling.h"
#include "workers/sandbox.h"
#include "workers/splitter.h"
#include "workers/supervisor.h"
#include "workers/suspects.h"
#include "workers/transform.h"

#define BLOCK_MS 1000	/* how long a stop may go unnoticed while there is nothing to do */
#define LARGE_BYTES ((uint64_t)1 << 20)	/* a body that leaves memory worth giving back */

struct process {
	const struct settings *settings;
	const char *consumer;
	struct redis *commands, *body, *split_body;
	struct queue queue;
	struct transform *transform;
	struct flight *flight;
	struct recycling recycling;
	bool again;		/* a fresh process is to go on */
	struct splitter *splitter;	/* NULL: no collection is being split here */
	struct job split;		/* that one */
	uint64_t full_ms;		/* since when no more of its chunks may be out; 0: they may */
	struct message *part;	/* the chunk at hand, or NULL */
	bool whole;		/* a whole job is at hand */
	struct message claimed;	/* what came to nothing because Redis went away; its id is empty: nothing did */
	char nonce[JOB_NONCE_LEN + 1];	/* with which that was claimed */
	uint64_t renew_at_ms;
};

/* Gives the job back; or, where a fresh process is to go on with it, leaves it to the one in this slot. */
static void give_back(struct process *p, struct job *j, bool tried)
{
	struct err e = ERR_INIT;

	if (job_release(j, p->commands, p->again, tried, &e) == 0)
		log_info(p->again ? "job_kept" : "job_released", LOG_STR("job", j->id));
	else if (e.text[0] != '\0')
		log_warn("job_not_released", LOG_STR("job", j->id), LOG_STR("reason", e.text));
}

/* Takes the job of m. It was no try while Redis was away: then it is the same claim. */
static int claim(struct process *p, struct job *j, const struct message *m, struct err *e)
{
	if (p->claimed.stream != m->stream || strcmp(p->claimed.id, m->id) != 0)
		job_nonce(p->nonce);
	p->claimed = *m;
	return job_claim_as(j, p->commands, m, p->consumer, p->settings->worker.max_deliveries, p->nonce, e);
}

static bool is_stopped(const struct err *e)
{
	return e->cls == ERR_RETRY && patience_over();
}

static void split_close(struct process *p)
{
	splitter_free(&p->splitter);
	job_clear(&p->split);
	p->full_ms = 0;
}

/* Others go on with what is held here beside the work at hand: a whole document may take long, and this process end. */
static void let_go(struct process *p)
{
	struct err ignored = ERR_INIT;

	if (queue_put_back(&p->queue, &ignored) != 0)
		queue_look_back(&p->queue);
	if (p->splitter != NULL) {
		give_back(p, &p->split, false);
		split_close(p);
	}
}

/* What this process holds beside a whole job, whose own lease is renewed by its script. */
static void alive(void *ctx)
{
	struct process *p = ctx;
	struct err ignored = ERR_INIT;

	p->renew_at_ms = clock_mono_ms() + (uint64_t)p->settings->worker.lease_ms / 3;
	if (p->whole) {
		let_go(p);
		return;
	}
	if (p->splitter != NULL)
		queue_renew(&p->queue, &p->split.message, &ignored);
	if (p->part != NULL)
		queue_renew(&p->queue, p->part, &ignored);
	queue_hold(&p->queue, &ignored);
}

/* A splitter may be long at one feature. */
static void still_alive(void *ctx)
{
	if (clock_mono_ms() >= ((struct process *)ctx)->renew_at_ms)
		alive(ctx);
}

static int process_open(struct process *p, struct err *e)
{
	const struct settings *s = p->settings;
	unsigned timeout_ms = (unsigned)s->redis.timeout_ms;
	unsigned block_ms = timeout_ms / 2 < BLOCK_MS ? timeout_ms / 2 : BLOCK_MS;

	if ((p->commands = redis_open(s->redis.url, timeout_ms, e)) == NULL ||
	    (p->body = redis_open(s->redis.url, timeout_ms, e)) == NULL ||
	    (p->split_body = redis_open(s->redis.url, timeout_ms, e)) == NULL)
		return -1;
	queue_init(&p->queue, p->commands, p->consumer, (uint64_t)s->worker.lease_ms, block_ms);
	p->transform = transform_new(s, p->commands, p->body, p->flight, &p->recycling, alive, p, e);
	return p->transform == NULL ? -1 : 0;
}

static void process_close(struct process *p)
{
	transform_free(&p->transform);
	queue_clear(&p->queue);
	redis_close(&p->commands);
	redis_close(&p->body);
	redis_close(&p->split_body);
}

/* ---- collections in chunks ---- */

/* Nothing came of any chunk for a whole lease? Then their entries may be lost. */
static int look_after(struct process *p, bool full, struct err *e)
{
	uint64_t now = clock_mono_ms();

	if (!full || p->full_ms == 0) {
		p->full_ms = full ? now : 0;
		return 0;
	}
	if (now - p->full_ms < (uint64_t)p->settings->worker.lease_ms)
		return 0;
	p->full_ms = now;
	return part_watch(&p->split, p->commands, p->settings, e);
}

/* As many chunks as may be outstanding; stays if there are more. -1: e. */
static int split_on(struct process *p, struct err *e)
{
	struct err why = ERR_INIT;
	int rc = SPLIT_MORE;
	bool given = false;

	while (rc == SPLIT_MORE && !patience_over()) {
		rc = splitter_step(p->splitter, &why);
		given = given || rc == SPLIT_MORE;
	}
	if (rc < 0 && why.cls == ERR_INPUT) {
		rc = finish_failed(&p->split, p->commands, p->settings, (enum reject_code)why.code, why.text, 0, e);
		log_warn("split_failed", LOG_STR("job", p->split.id), LOG_STR("reason", why.text));
		split_close(p);
		return rc < 0 ? -1 : 0;
	}
	if (rc < 0 && why.cls != ERR_RETRY) {	/* the next one may fare no better: that was a try */
		give_back(p, &p->split, true);
		split_close(p);
	}
	if (rc < 0)
		return err_set(e, why.cls, why.code, "%s", why.text);
	if (rc == SPLIT_DONE || rc == SPLIT_STALE) {
		log_info(rc == SPLIT_DONE ? "split_done" : "split_let_go", LOG_STR("job", p->split.id));
		split_close(p);
		return 0;
	}
	return look_after(p, rc == SPLIT_FULL && !given, e);
}

/* A message of `splits`: its job is cut here from now on, or looked after. */
static int work_split(struct process *p, const struct message *m, struct err *e)
{
	int rc = claim(p, &p->split, m, e);

	if (rc < 0)
		return -1;
	if (rc == CLAIM_OVER || p->split.split.state == '\0') {
		job_clear(&p->split);
		return queue_drop(&p->queue, m, e);
	}
	if (rc == CLAIM_WORN)
		rc = transform_bury(p->transform, &p->split, e);
	else if (p->split.split.state == 'd')
		rc = part_watch(&p->split, p->commands, p->settings, e);
	else if ((p->splitter = splitter_new(p->settings, p->commands, p->split_body, &p->split, e)) != NULL) {
		splitter_on_segment(p->splitter, still_alive, p);
		return 0;
	} else {
		rc = -1;
	}
	if (rc < 0 && is_stopped(e))
		give_back(p, &p->split, false);
	job_clear(&p->split);
	return rc < 0 ? -1 : 0;
}

static void part_give_back(struct process *p, const struct part *part)
{
	const struct job *j = &part->job;
	struct err e = ERR_INIT;

	if (part_release(part, p->commands, p->again, &e) == 0)
		log_info(p->again ? "chunk_kept" : "chunk_released", LOG_STR("job", j->id),
		    LOG_INT("chunk", j->message.n));
	else if (e.text[0] != '\0')
		log_warn("chunk_not_released", LOG_STR("job", j->id), LOG_STR("reason", e.text));
}

/* What is in the chunk nobody knows, or chunks are to be given up: one worker reads the document. */
static int give_up(struct process *p, const struct part *part, const struct message *m, struct err *e)
{
	int rc = part_whole(part, p->commands, e);

	if (rc == 0)
		log_info("read_whole", LOG_STR("job", m->job), LOG_STR("source", part->job.source));
	return rc < 0 ? -1 : queue_drop(&p->queue, m, e);
}

static int work_part(struct process *p, struct message *m, struct err *e)
{
	struct part part;
	int rc = part_take(&part, p->commands, m, p->consumer, p->settings->worker.max_deliveries, e);

	if (rc < 0)
		return -1;
	if (rc == CLAIM_OVER)
		return queue_drop(&p->queue, m, e);
	if (part.unreadable || part.job.whole || part.chunk.whole) {
		rc = give_up(p, &part, m, e);
		part_clear(&part);
		return rc;
	}
	p->part = m;
	rc = rc == CLAIM_WORN ? transform_bury_part(p->transform, &part, e) : transform_part(p->transform, &part, e);
	p->part = NULL;
	p->again = rc == TRANSFORM_AGAIN || rc == TRANSFORM_FULL || recycling_due(&p->recycling);
	if (rc == TRANSFORM_LAST)
		rc = part_watch(&part.job, p->commands, p->settings, e);
	if (rc == TRANSFORM_STALE) {
		log_info("chunk_let_go", LOG_STR("job", m->job), LOG_INT("chunk", m->n));
		rc = queue_drop(&p->queue, m, e);
	} else if (rc == TRANSFORM_LEFT) {
		log_info("chunk_left", LOG_STR("job", m->job), LOG_INT("chunk", m->n));
		if (settings_source(p->settings, part.job.source) == NULL)	/* else it is another worker's */
			queue_lay_down(&p->queue, m);
	} else if (rc == TRANSFORM_AGAIN || (rc < 0 && is_stopped(e))) {
		part_give_back(p, &part);
	}
	part_clear(&part);
	return rc < 0 ? -1 : 0;
}

/* A large collection that nobody has begun goes to the splitters. 0: it does. 1: no. -1: e. */
static int divide(struct process *p, struct job *j, struct err *e)
{
	const struct source *src = settings_source(p->settings, j->source);
	struct job_split at = { 0 };
	struct suspect s;
	int rc;

	if (!splitter_may(j, p->settings) || j->sequence || j->whole || j->next > 0 || j->pass_crs != NULL ||
	    src == NULL)
		return 1;
	if (suspects_find(j->suspects, 0, &s) && s.undecoded)
		return 1;	/* perhaps it was the probe that died, of a document that is one feature */
	flight_begin(p->flight, j->id);
	rc = splitter_probe(p->body, j, p->settings, &at, &p->flight->place, e);
	flight_end(p->flight);
	if (rc != 0)
		return rc < 0 && (e->cls == ERR_INPUT || e->cls == ERR_LIMIT) ? (err_clear(e), 1) : rc;
	rc = job_aim(j, src, e) != 0 ? -1 : job_divide(j, p->commands, &at, e);
	return rc < 0 ? -1 : 0;	/* stale: nothing is to be done here in any case */
}

/* ---- whole jobs ---- */

static int work_job(struct process *p, const struct message *m, struct err *e)
{
	struct job j;
	int divided, rc = claim(p, &j, m, e);

	if (rc < 0)
		return -1;
	if (rc == CLAIM_OVER)
		return queue_drop(&p->queue, m, e);
	if (j.split.state != '\0' || (rc == CLAIM_RUN && (divided = divide(p, &j, e)) != 1)) {
		rc = j.split.state != '\0' ? queue_drop(&p->queue, m, e) : divided;
		if (rc < 0 && is_stopped(e))
			give_back(p, &j, false);
		job_clear(&j);
		return rc;
	}
	log_debug("job_claimed", LOG_STR("job", j.id), LOG_INT("epoch", j.epoch), LOG_INT("next", j.next));
	if (j.bytes >= (uint64_t)p->settings->worker.split_bytes)	/* else `alive` finds out */
		let_go(p);
	p->whole = true;
	rc = rc == CLAIM_WORN ? transform_bury(p->transform, &j, e) : transform_run(p->transform, &j, e);
	p->whole = false;
	p->again = rc == TRANSFORM_AGAIN || rc == TRANSFORM_FULL || recycling_due(&p->recycling);
	if (rc == TRANSFORM_AGAIN || rc == TRANSFORM_FULL || (rc < 0 && is_stopped(e)))
		give_back(p, &j, rc == TRANSFORM_FULL);
	if (rc == TRANSFORM_LEFT)
		queue_lay_down(&p->queue, m);
	if (rc == TRANSFORM_STALE) {
		log_info("job_let_go", LOG_STR("job", j.id), LOG_INT("epoch", j.epoch));
		queue_look_back(&p->queue);	/* it may still be ours to acknowledge */
	}
	if (j.bytes > LARGE_BYTES)
		malloc_trim(0);
	job_clear(&j);
	return rc < 0 ? -1 : 0;
}

static int work(struct process *p, struct message *m, struct err *e)
{
	switch (m->stream) {
	case STREAM_CHUNKS:
		return work_part(p, m, e);
	case STREAM_SPLITS:
		return work_split(p, m, e);
	default:
		return work_job(p, m, e);
	}
}

/* One turn. -1: the process cannot go on. */
static int turn(struct process *p, unsigned *failures)
{
	struct err e = ERR_INIT;
	struct message m;
	int rc = p->splitter != NULL ? split_on(p, &e) : 0;

	if (rc == 0 && p->splitter != NULL)
		still_alive(p);
	if (rc == 0)
		rc = queue_next(&p->queue, p->splitter != NULL, &m, &e);
	if (rc == 0)
		rc = work(p, &m, &e);
	if (rc >= 0) {
		p->claimed.id[0] = '\0';
		*failures = 0;
		return 0;
	}
	if (e.cls != ERR_RETRY) {
		log_error("worker_ends", LOG_STR("reason", e.text));
		return -1;
	}
	if (patience_over())
		return 0;
	queue_look_back(&p->queue);
	if (*failures == 0)
		log_warn("redis_away", LOG_STR("reason", e.text));
	patience_sleep(patience_backoff_ms((*failures)++));
	return 0;
}

/* What the process before died of is told before anything else is done. */
static int report_death(struct process *p, struct err *e)
{
	const struct obituary *o = flight_obituary(p->flight);

	if (o == NULL)
		return 0;
	if (suspects_report(p->commands, o, e) != 0)
		return patience_over() ? 0 : -1;
	flight_forget(p->flight);
	return 0;
}

int process_run(const struct settings *s, const char *consumer, struct flight *flight)
{
	struct process p = { .settings = s, .consumer = consumer, .flight = flight };
	struct sandbox box = { (uint64_t)s->worker.memory_bytes, s->worker.sandbox, s->redis.url };
	struct err e = ERR_INIT;
	unsigned failures = 0;
	int rc = 0;

	recycling_init(&p.recycling, (uint64_t)s->worker.memory_bytes);
	sandbox_apply(&box);
	if (process_open(&p, &e) != 0 || report_death(&p, &e) != 0) {
		log_error("worker_ends", LOG_STR("reason", e.text));
		rc = -1;
	}
	while (rc == 0 && !patience_over() && !p.again)
		rc = turn(&p, &failures);
	let_go(&p);
	if (rc == 0 && !p.again)
		queue_leave(&p.queue);
	process_close(&p);
	recycling_clear(&p.recycling);
	if (p.again && rc == 0 && !patience_over()) {
		log_info("process_renews", LOG_STR("consumer", consumer));
		return EXIT_AGAIN;
	}
	return rc == 0 ? 0 : 1;
}
