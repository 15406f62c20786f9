/* callback - see callback.h. */
#include "workers/courier/callback.h"

#include <stdio.h>

#include "schema/status_info.h"

#define GONE 410

int callback_make(struct callback *c, struct buf *body, const struct source *source, const char *job,
    const struct reply *hash, uint64_t now_ms, struct err *e)
{
	long long now_s = (long long)(now_ms / 1000);
	const char *secret = source_callback_secret(source, now_s);
	struct hmac *h;

	status_info_write(body, job, hash, 0);
	if (body->failed)
		return err_set(e, ERR_SYSTEM, 0, "no room for the callback's body");
	snprintf(c->id, sizeof(c->id), "msg_%s", job);
	snprintf(c->timestamp, sizeof(c->timestamp), "%lld", now_s);
	if ((h = webhook_begin(secret, c->id, now_s, e)) == NULL)
		return -1;
	hmac_add(h, body->data, body->len);
	webhook_end(&h, c->signature);
	return 0;
}

enum callback_outcome callback_judge(int status, bool refused, unsigned attempt, unsigned max_attempts)
{
	if (status >= 200 && status < 300)
		return CALLBACK_DELIVERED;
	if (refused || status == GONE)
		return CALLBACK_FAILED;
	return attempt < max_attempts ? CALLBACK_RETRY : CALLBACK_FAILED;
}

const char *callback_outcome_name(enum callback_outcome o)
{
	static const char *const names[] = { "delivered", "failed", "retry", "none", "gone" };

	return names[o];
}
