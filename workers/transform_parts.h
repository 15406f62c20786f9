/*
 * transform_parts - what the files of transform share: transform.c works through whole jobs, transform_part.c through
 * chunks of them.
 */
#ifndef GS_WORKERS_TRANSFORM_PARTS_H
#define GS_WORKERS_TRANSFORM_PARTS_H

#include "workers/body_reader.h"
#include "workers/chunk_writer.h"
#include "workers/mask.h"
#include "workers/part.h"
#include "workers/suspects.h"
#include "workers/transform.h"

struct transform {
	const struct settings *settings;
	struct redis *commands, *body;
	struct chunk_writer *writer;
	struct flight *flight;
	const struct recycling *recycling;
	alive_fn alive;
	void *alive_ctx;
	bool worked;		/* on features: the process is no longer fresh */
	bool fresh;		/* it was when it began what is at hand */

	/* of the job or chunk at hand */
	struct job *job;
	struct part *part;	/* NULL: a whole job */
	int (*open)(struct transform *t, const struct pipeline_options *o, struct err *e);
	int (*pass)(struct transform *t, struct err *e);
	struct pipeline *pipeline;
	struct body_reader *reader;
	uint64_t renew_at_ms;	/* when a sign of life is due */
	uint64_t memory_at_ms;	/* when a look at its memory is due */
	bool again;		/* a fresh process has to go on */
	bool trial;		/* one feature alone, its outcome for nobody */
	bool trial_over;
	struct suspect suspect;	/* that one */
	bool stale;
	struct mask mask;	/* features that are not shown to the decoder */

	/* of the document whose chunk was the last: its first bytes */
	char head_of[JOB_ID_LEN + 1];
	struct buf head;
};

#define TRANSFORM_WORK_AGAIN 2
#define TRANSFORM_WORK_FULL 3

void transform_begin(struct transform *t, struct job *j, struct part *p,
    int (*open)(struct transform *, const struct pipeline_options *, struct err *),
    int (*pass)(struct transform *, struct err *));
void transform_options(struct pipeline_options *o, const struct transform *t, const struct source *src);
void transform_end(struct transform *t);

/* Trials of suspects from feature `first` to before `behind`, then all. A whole job is decoded from its first feature
 * on, so those before `first` are masked there, too. 0 or 1: as t->pass. TRANSFORM_WORK_AGAIN: a fresh process has to
 * go on. TRANSFORM_WORK_FULL: also, but this one was fresh. -1: why. Reader and pipeline stay until transform_end. */
int transform_work(struct transform *t, const struct pipeline_options *o, uint64_t first, uint64_t behind,
    struct err *why);

/* As pass: -1, the document fails of what s is. */
int transform_unreadable(const struct suspect *s, struct err *why);

/* Was there no memory? Then the feature at hand is to blame, where there is one. */
bool transform_no_memory(const struct err *why);
int transform_verdict(void *ctx, const struct verdict *v, struct err *e);
/* The next bytes of the document; waits while Redis is away. 0, 1 (end) or -1. */
int transform_next_bytes(struct transform *t, const char **bytes, size_t *n, struct err *e);
/* Where are the features that are to be masked? Feeds the finder from `at` to before `to`; the reader stands there. */
int transform_find_masked(struct transform *t, uint64_t at, uint64_t to, struct err *e);
/* Bytes of the document from offset `at` on, to the decoder. */
int transform_feed(struct transform *t, uint64_t at, const char *bytes, size_t n, struct err *e);
/* A feature that was masked gets its own text back, for the dead letter. -1: another one was masked than was meant. */
int transform_unmask(struct transform *t, struct feature *f, struct err *e);
void transform_close(struct transform *t);	/* reader and pipeline */
/* Between two features or pieces: is the job still ours, and are we to do more of it? */
int transform_go_on(struct transform *t, struct err *e);

#endif
