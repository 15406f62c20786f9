/* redis_check - see redis_check.h. */
#include "lib/redis_check.h"

#include <stdlib.h>
#include <string.h>

const char *redis_info_value(const char *info, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = info; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			return line + n + 1;
	}
	return "";
}

/* Does the value begin so? */
static bool info_says(const char *info, const char *name, const char *value)
{
	return strncmp(redis_info_value(info, name), value, strlen(value)) == 0;
}

uint64_t redis_info_number(const char *info, const char *name)
{
	return strtoull(redis_info_value(info, name), NULL, 10);
}

int redis_check_info(const char *info, bool allow_volatile, struct err *e)
{
	if (info_says(info, "loading", "1"))
		return err_set(e, ERR_RETRY, 0, "Redis is loading its data");
	if (allow_volatile)
		return 0;
	if (!info_says(info, "maxmemory_policy", "noeviction"))
		return err_set(e, ERR_INPUT, 0, "Redis may evict what was acknowledged: set its "
		    "maxmemory-policy to noeviction, or [redis] allow_volatile = yes");
	if (!info_says(info, "aof_enabled", "1") && info_says(info, "connected_slaves", "0"))
		return err_set(e, ERR_INPUT, 0, "Redis keeps nothing on disk and has no replica: set its "
		    "appendonly to yes, or [redis] allow_volatile = yes");
	return 0;
}

int redis_check(struct redis *r, bool allow_volatile, struct err *e)
{
	struct redis_cmd c;
	struct reply *reply;
	int rc;

	cmd_init(&c);
	cmd_line(&c, "INFO", NULL);
	rc = redis_do(r, &c, &reply, e);
	cmd_clear(&c);
	if (rc == 0)
		rc = redis_check_info(reply_str(reply, NULL), allow_volatile, e);
	reply_free(&reply);
	return rc;
}
