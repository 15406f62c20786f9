/*
 * redis - the sink that keeps results beside their job, in out:<job>.
 *
 * In:  a chunk. Out: one call of chunk.lua. Depends on lib/redis.
 */
#include <errno.h>

#include "lib/clock.h"
#include "schema/scripts.h"
#include "schema/wire.h"
#include "workers/patience.h"
#include "workers/sinks/sink.h"

static int redis_write(struct redis *r, const struct chunk *c, struct err *e)
{
	const struct job *j = c->job;
	struct key keys[] = {
		wire_key("job", j->id), wire_key("out", j->id), wire_key("report", j->id),
		wire_key("dead", NULL), wire_key("deadof", j->id),
	};
	struct redis_cmd cmd;
	struct reply *reply;
	struct buf reach;
	int rc;

	buf_init(&reach, COLLECTION_TEXT_MAX);
	if (!c->boxless && collection_reach_write(&c->reach, &reach) != 0) {
		buf_clear(&reach);
		return err_set(e, ERR_SYSTEM, ENOMEM, "no memory for a chunk");
	}
	cmd_init(&cmd);
	cmd_script(&cmd, &script_chunk, 5);
	for (int i = 0; i < 5; i++)
		cmd_str(&cmd, keys[i].text);
	cmd_int(&cmd, j->epoch);
	cmd_int(&cmd, (long long)c->first);
	cmd_int(&cmd, (long long)c->behind);
	cmd_int(&cmd, (long long)c->accepted);
	cmd_int(&cmd, (long long)c->repaired);
	cmd_int(&cmd, (long long)c->rejected);
	cmd_int(&cmd, (long long)c->parsed);
	cmd_int(&cmd, (long long)clock_unix_ms());
	cmd_bytes(&cmd, c->results->len ? c->results->data : "", c->results->len);
	cmd_bytes(&cmd, c->report->len ? c->report->data : "", c->report->len);
	cmd_str(&cmd, buf_cstr(&reach));
	cmd_str(&cmd, j->target != NULL ? j->target : "");
	args_to_cmd(c->letters, &cmd);
	rc = redis_insist(r, &cmd, &reply, e);
	cmd_clear(&cmd);
	buf_clear(&reach);
	if (rc == 0)
		rc = job_answer(reply, "chunk", e);
	reply_free(&reply);
	return rc;
}

const struct sink sink_redis = { "redis", redis_write };
