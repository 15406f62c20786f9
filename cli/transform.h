/*
 * transform - what check and convert share: options of the pipeline, and a file fed through it.
 */
#ifndef GS_CLI_TRANSFORM_H
#define GS_CLI_TRANSFORM_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/err.h"
#include "workers/pipeline/pipeline.h"

struct transform {
	struct pipeline_options o;
	bool summary;
	const char *out;	/* convert: path, or NULL for stdout */
	uint64_t by_code[R_COUNT];	/* repaired and rejected features */
	FILE *spool;		/* what is written until the document is known to be read right */
	FILE *notes;		/* likewise what is to be said of it; NULL: nothing */
	verdict_fn fn;
	void *ctx;
	struct pipeline_totals totals;	/* of the file; head is not kept */
	struct collection_reach reach;	/* of its features */
	struct collection_said said;	/* of the collection's bbox, where the file was read well */
	uint64_t offset;	/* of the fault, where it failed */
};

extern const char transform_help[];	/* the shared options */

/* Reads the options up to the first file: 0; 1: --help was asked for; -1: wrong, said so. */
int transform_args(struct transform *t, int argc, char **argv, const char *letters, int *first);

/* Feeds a file, twice where it says late how to be read. 0, or -1 with e filled. */
int transform_file(struct transform *t, const char *path, verdict_fn fn, void *ctx, struct err *e);

/* What came of it, for people, on stderr. */
void transform_summary(const struct transform *t, const char *path, double seconds);

#endif
