/* durability - see durability.h. */
#include "server/durability.h"

#include <string.h>

#include "lib/redis_check.h"

int durability_check(const char *info, const char *appendfsync, bool allow_volatile, const char **level,
    struct err *e)
{
	bool aof = strstr(info, "\naof_enabled:1") != NULL;

	*level = aof && strcmp(appendfsync, "always") == 0 ? "aof" : "memory";
	if (strstr(info, "\nrole:slave") != NULL)
		return err_set(e, ERR_RETRY, 0, "Redis is a replica and takes no writes");
	return redis_check_info(info, allow_volatile, e);
}
