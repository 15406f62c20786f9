/* bounds - see bounds.h. */
#include "workers/bounds.h"

#include <stdio.h>

#include "schema/scripts.h"
#include "schema/wire.h"

#define BATCH "500"	/* that one call looks at */
#define FROM_MAX 48

/* source: "" for all. */
static int thin(struct redis *r, const char *source, int64_t bytes, int64_t letters, uint64_t *removed,
    struct err *e)
{
	struct key dead = wire_key("dead", NULL), replayed = wire_key("replayed", NULL), room = wire_key("room", NULL);
	char from[FROM_MAX] = "-";
	struct reply *reply;
	struct redis_cmd c;
	int rc = 0;

	cmd_init(&c);
	while (rc == 0 && from[0] != '\0') {
		cmd_script(&c, &script_bury, 3);
		cmd_str(&c, dead.text);
		cmd_str(&c, replayed.text);
		cmd_str(&c, room.text);
		cmd_str(&c, "over");
		cmd_str(&c, BATCH);
		cmd_str(&c, source);
		cmd_int(&c, bytes);
		cmd_int(&c, letters);
		cmd_str(&c, from);
		if ((rc = redis_do(r, &c, &reply, e)) != 0)
			break;
		snprintf(from, sizeof(from), "%s", reply_str(reply_at(reply, 0), NULL));
		*removed += (uint64_t)reply_int(reply_at(reply, 1));
		reply_free(&reply);
	}
	cmd_clear(&c);
	return rc;
}

int bounds_round(struct redis *r, const struct settings *s, uint64_t *removed, struct err *e)
{
	*removed = 0;
	for (size_t i = 0; i < s->source_count; i++)
		if (s->sources[i].max_dead_bytes > 0 &&
		    thin(r, s->sources[i].name, s->sources[i].max_dead_bytes, 0, removed, e) != 0)
			return -1;
	return thin(r, "", s->redis.max_dead_bytes, s->redis.max_dead_letters, removed, e);
}

/* ---- results ---- */

/* source: "" for all. */
static int shed(struct redis *r, const char *source, int64_t bytes, uint64_t *jobs, struct err *e)
{
	struct key expiring = wire_key("expiring", NULL), room = wire_key("room", NULL);
	struct reply *reply;
	struct redis_cmd c;
	long long from = 0;
	int rc = 0;

	cmd_init(&c);
	while (rc == 0 && from >= 0) {
		cmd_script(&c, &script_shed, 2);
		cmd_str(&c, expiring.text);
		cmd_str(&c, room.text);
		cmd_str(&c, source);
		cmd_int(&c, bytes);
		cmd_int(&c, from);
		cmd_str(&c, BATCH);
		if ((rc = redis_do(r, &c, &reply, e)) != 0)
			break;
		from = reply_int(reply_at(reply, 0));
		*jobs += (uint64_t)reply_int(reply_at(reply, 1));
		reply_free(&reply);
	}
	cmd_clear(&c);
	return rc;
}

int bounds_results(struct redis *r, const struct settings *s, uint64_t *jobs, struct err *e)
{
	*jobs = 0;
	for (size_t i = 0; i < s->source_count; i++)
		if (s->sources[i].max_result_bytes > 0 &&
		    shed(r, s->sources[i].name, s->sources[i].max_result_bytes, jobs, e) != 0)
			return -1;
	return s->redis.max_result_bytes > 0 ? shed(r, "", s->redis.max_result_bytes, jobs, e) : 0;
}
