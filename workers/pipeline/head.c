/* head - see head.h. */
#include "workers/pipeline/head.h"

#include <stdlib.h>

#include "workers/pipeline/decode.h"

struct head {
	struct pipeline_options o;
	struct decode *decode;
	uint64_t end;
};

/* A feature before any bracket: it is no collection. */
static int on_feature(void *ctx, struct feature *f, struct err *e)
{
	(void)ctx;
	(void)f;
	return err_set(e, ERR_RETRY, 0, "no collection");
}

struct head *head_new(const struct pipeline_options *o, struct err *e)
{
	struct head *h = calloc(1, sizeof(*h));
	struct decode_options limits;

	if (h == NULL) {
		err_errno(e, "head");
		return NULL;
	}
	h->o = *o;
	limits = (struct decode_options){ h->o.severity, o->max_depth, o->max_token_bytes, o->max_feature_bytes,
	    false };
	if ((h->decode = decode_new(&limits, on_feature, h, e)) == NULL)
		head_free(&h);
	else
		decode_stop_at_features(h->decode, &h->end);
	return h;
}

void head_free(struct head **h)
{
	if (*h == NULL)
		return;
	decode_free(&(*h)->decode);
	free(*h);
	*h = NULL;
}

int head_feed(struct head *h, const char *bytes, size_t n, uint64_t *end)
{
	struct err ignored = ERR_INIT;

	if (decode_feed(h->decode, bytes, n, &ignored) == 0)
		return HEAD_MORE;
	*end = h->end;
	return h->end != 0 ? HEAD_FOUND : HEAD_NONE;
}
