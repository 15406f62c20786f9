/*
 * worker_steps - what a worker does with a job, step by step: takes its message, claims it, divides it, cuts it into
 * chunks, ends one of them.
 *
 * In:  a stage, where seed_job has put a job. Out: what the step gives. Depends on workers/. What fails here fails the
 * test.
 */
#ifndef GS_TESTS_WORKER_STEPS_H
#define GS_TESTS_WORKER_STEPS_H

#include "tests/fakes/stage.h"
#include "workers/part.h"
#include "workers/queue.h"

/* The next message of a stream, which must come; of this job, unless it is NULL. */
void steps_message(struct stage *s, const char *consumer, enum stream from, const char *job, struct message *m);
/* The same; its job is claimed. */
void steps_claim(struct stage *s, const char *consumer, enum stream from, struct job *j);

/* The next of `jobs` is divided, and claimed by w-0 as its splitter. head_end: where its features begin. */
void steps_divide(struct stage *s, struct job *j, size_t head_end);
/* The splitter's steps up to one that is not SPLIT_MORE, which is what this gives. */
int steps_cut(struct stage *s, const struct job *j);

/* part_end with lines for results, as that kind has it; reach: of its features, or NULL. */
int steps_end(struct stage *s, const struct part *p, const char *kind, uint64_t features,
    const struct collection_reach *reach);

/* A stream has entries, and all are of this version. */
void steps_version(struct stage *s, const char *stream, long long version);

#endif
