/* process - see process.h. */
#include "workers/process.h"

#include <malloc.h>
#include <stdlib.h>

#include "lib/log.h"
#include "workers/job.h"
#include "workers/patience.h"
#include "workers/queue.h"
#include "workers/transform.h"

#define BLOCK_MS 1000	/* how long a stop may go unnoticed while there is nothing to do */
#define LARGE_BYTES ((uint64_t)1 << 20)	/* a body that leaves memory worth giving back */

struct process {
	const struct settings *settings;
	const char *consumer;
	struct redis *commands, *body;
	struct queue queue;
	struct transform *transform;
};

static int process_open(struct process *p, struct err *e)
{
	const struct settings *s = p->settings;
	unsigned timeout_ms = (unsigned)s->redis.timeout_ms;
	unsigned block_ms = timeout_ms / 2 < BLOCK_MS ? timeout_ms / 2 : BLOCK_MS;

	if ((p->commands = redis_open(s->redis.url, timeout_ms, e)) == NULL ||
	    (p->body = redis_open(s->redis.url, timeout_ms, e)) == NULL)
		return -1;
	queue_init(&p->queue, p->commands, p->consumer, (uint64_t)s->worker.lease_ms, block_ms);
	p->transform = transform_new(s, p->commands, p->body, e);
	return p->transform == NULL ? -1 : 0;
}

static void process_close(struct process *p)
{
	transform_free(&p->transform);
	queue_clear(&p->queue);
	redis_close(&p->commands);
	redis_close(&p->body);
}

static void give_back(struct process *p, struct job *j)
{
	struct err e = ERR_INIT;

	if (job_release(j, p->commands, &e) == 0)
		log_info("job_released", LOG_STR("job", j->id));
	else if (e.text[0] != '\0')
		log_warn("job_not_released", LOG_STR("job", j->id), LOG_STR("reason", e.text));
}

static int work(struct process *p, const struct message *m, struct err *e)
{
	struct job j;
	int rc = job_claim(&j, p->commands, m, p->consumer, p->settings->worker.max_deliveries, e);

	if (rc < 0)
		return -1;
	if (rc == CLAIM_OVER)
		return queue_drop(&p->queue, m, e);
	log_debug("job_claimed", LOG_STR("job", j.id), LOG_INT("epoch", j.epoch), LOG_INT("next", j.next));
	rc = rc == CLAIM_WORN ? transform_bury(p->transform, &j, e) : transform_run(p->transform, &j, e);
	if (rc < 0 && e->cls == ERR_RETRY && patience_over())
		give_back(p, &j);
	if (rc == TRANSFORM_STALE) {
		log_info("job_let_go", LOG_STR("job", j.id), LOG_INT("epoch", j.epoch));
		queue_look_back(&p->queue);	/* it may still be ours to acknowledge */
	}
	if (j.bytes > LARGE_BYTES)
		malloc_trim(0);
	job_clear(&j);
	return rc < 0 ? -1 : 0;
}

/* One turn. -1: the process cannot go on. */
static int turn(struct process *p, unsigned *failures)
{
	struct err e = ERR_INIT;
	struct message m;
	int rc = queue_next(&p->queue, &m, &e);

	if (rc == 0)
		rc = work(p, &m, &e);
	if (rc >= 0) {
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

int process_run(const struct settings *s, const char *consumer)
{
	struct process p = { .settings = s, .consumer = consumer };
	struct err e = ERR_INIT;
	unsigned failures = 0;
	int rc = 0;

	if (process_open(&p, &e) != 0) {
		log_error("worker_ends", LOG_STR("reason", e.text));
		rc = -1;
	}
	while (rc == 0 && !patience_over())
		rc = turn(&p, &failures);
	process_close(&p);
	return rc == 0 ? 0 : 1;
}
