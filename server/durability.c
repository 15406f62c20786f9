/* durability - see durability.h. */
#include "server/durability.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/redis_check.h"

static const char *const names[ACK_LEVELS] = { "memory", "aof", "replica" };
static const char *const words[ACK_LEVELS] = {
	"Redis has the document", "its append-only file is on disk", "enough replicas have it",
};

const char *ack_name(enum ack a)
{
	return names[a];
}

const char *ack_words(enum ack a)
{
	return words[a];
}

/* Valkey names here the version of Redis that it stands for. */
static bool is_at_least(const char *version, long major, long minor)
{
	char *end;
	long a = strtol(version, &end, 10), b = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

	return a > major || (a == major && b >= minor);
}

/* appendfsync is "" where CONFIG may not be asked. */
static int refuse_aof(const char *source, const char *version, const char *appendfsync, struct err *e)
{
	const char *why = *appendfsync == '\0' ? "CONFIG GET appendfsync, which would tell, is refused"
	    : "set its appendfsync to always, or take Redis 7.2 or later with everysec";

	return err_set(e, ERR_INPUT, 0, "[source %s] ack = aof cannot be had from this Redis (%.*s): %s", source,
	    (int)strcspn(version, "\r\n"), version, why);
}

int durability_read(struct durability *d, const struct settings *s, const char *info, const char *appendfsync,
    bool at_run_time, struct err *e)
{
	const char *run_id = redis_info_value(info, "run_id");

	d->aof = redis_info_value(info, "aof_enabled")[0] == '1';
	d->always = d->aof && strcmp(appendfsync, "always") == 0;
	/* With appendfsync no, nothing would ever answer it. */
	d->waitaof = d->aof && is_at_least(redis_info_value(info, "redis_version"), 7, 2)
	    && strcmp(appendfsync, "everysec") == 0;
	snprintf(d->run_id, sizeof(d->run_id), "%.*s", (int)strcspn(run_id, "\r\n"), run_id);
	d->replicas = strtol(redis_info_value(info, "connected_slaves"), NULL, 10);
	if (strncmp(redis_info_value(info, "role"), "slave", 5) == 0)
		return err_set(e, ERR_RETRY, 0, "Redis is a replica and takes no writes");
	for (size_t i = 0; !at_run_time && i < s->source_count; i++)
		if (s->sources[i].ack == ACK_AOF && !durability_can(d, s, ACK_AOF))
			return refuse_aof(s->sources[i].name, redis_info_value(info, "redis_version"), appendfsync, e);
	return redis_check_info(info, s->redis.allow_volatile, e);
}

enum ack durability_base(const struct durability *d)
{
	return d->always ? ACK_AOF : ACK_MEMORY;
}

bool durability_can(const struct durability *d, const struct settings *s, enum ack a)
{
	switch (a) {
	case ACK_AOF:
		return d->always || d->waitaof;
	case ACK_REPLICA:
		return d->replicas >= s->redis.ack_replicas;
	case ACK_MEMORY:
	case ACK_LEVELS:
		break;
	}
	return true;
}

bool durability_waits(const struct durability *d, enum ack a)
{
	return a == ACK_REPLICA || (a == ACK_AOF && !d->always);
}
