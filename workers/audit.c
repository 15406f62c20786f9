/* audit - see audit.h. */
#include "workers/audit.h"

#include <string.h>

#include "schema/scripts.h"
#include "schema/wire.h"

/* A slice of the index costs Redis about a millisecond, in which it does nothing else. */
#define SLICE_JOBS 500
#define ROUND_SLICES 20

static int slice(struct audit *a, struct redis *r, long long latest_ms, struct audit_report *out, struct err *e)
{
	struct key index = wire_key("index", NULL), jobs = wire_key("jobs", NULL), outbox = wire_key("outbox", NULL);
	struct reply *reply;
	struct redis_cmd c;
	int rc;

	cmd_init(&c);
	cmd_script(&c, &script_audit, 3);
	cmd_str(&c, index.text);
	cmd_str(&c, jobs.text);
	cmd_str(&c, outbox.text);
	cmd_int(&c, (long long)a->next);
	cmd_int(&c, SLICE_JOBS);
	cmd_int(&c, latest_ms);
	rc = redis_do(r, &c, &reply, e);
	cmd_clear(&c);
	if (rc == 0) {
		a->next = (uint64_t)reply_int(reply_at(reply, 0));
		out->jobs += (uint64_t)reply_int(reply_at(reply, 1));
		out->callbacks += (uint64_t)reply_int(reply_at(reply, 2));
		out->taken_back += (uint64_t)reply_int(reply_at(reply, 3));
	}
	reply_free(&reply);
	return rc;
}

int audit_round(struct audit *a, struct redis *r, uint64_t lease_ms, uint64_t now_ms, struct audit_report *out,
    struct err *e)
{
	memset(out, 0, sizeof(*out));
	for (int i = 0; i < ROUND_SLICES; i++)
		if (slice(a, r, (long long)(now_ms > lease_ms ? now_ms - lease_ms : 0), out, e) != 0)
			return -1;
		else if (a->next == 0)
			break;
	return 0;
}
