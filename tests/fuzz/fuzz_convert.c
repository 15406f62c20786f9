/*
 * fuzz_convert - any bytes through the whole pipeline: what comes out is read back, accepted, and
 * comes out the same again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "workers/pipeline/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct buf text;
	bool again;	/* reading what came out */
};

static int on_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	struct run *r = ctx;
	struct buf line;

	(void)e;
	buf_init(&line, 1 << 24);
	if (verdict_write(&line, v, "f") != 0)
		abort();
	buf_clear(&line);
	if (r->again && v->outcome == OUTCOME_REJECTED && reject_info(v->code)->stage < STAGE_COORDINATES)
		abort();	/* what we write is well-formed */
	if (v->text != NULL) {
		buf_append(&r->text, v->text, v->text_len);
		buf_putc(&r->text, '\n');
	}
	return 0;
}

static void run_pipeline(const char *data, size_t size, struct run *r)
{
	struct pipeline_options o;
	struct err e = ERR_INIT;
	struct pipeline *p;
	int rc = 1;

	pipeline_options_init(&o);
	o.feature_timeout_ms = 1000;
	o.max_feature_bytes = r->again ? 1 << 22 : 1 << 16;
	o.max_depth = r->again ? 40 : 32;	/* a bare geometry goes into a feature */
	o.severity[R_JSON_SURROGATE] = o.severity[R_JSON_DUP_MEMBER] = SEV_WARN;
	if ((p = pipeline_new(&o, on_verdict, r, &e)) == NULL)
		abort();
	for (int pass = 0; rc == 1 && pass < 2; pass++) {
		buf_reset(&r->text);
		rc = pipeline_feed(p, data, size, &e);
		if (rc == 0)
			rc = pipeline_finish(p, &e);
	}
	if (rc == 1 || (r->again && rc != 0 && size > 0))
		abort();
	pipeline_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run first = { .again = false }, second = { .again = true };

	buf_init(&first.text, 1 << 26);
	buf_init(&second.text, 1 << 26);
	run_pipeline((const char *)data, size, &first);
	run_pipeline(first.text.data, first.text.len, &second);
	buf_clear(&first.text);
	buf_clear(&second.text);
	return 0;
}
