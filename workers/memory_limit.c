/* memory_limit - see memory_limit.h. */
#include "workers/memory_limit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "schema/settings_table.h"

/* Measured with lines that are passed over: 64 MiB are enough for one of 13 and not of 16, 96 for one of 29. */
#define OWN_BYTES ((int64_t)24 << 20)	/* what a process has without any feature */
#define TIMES 3			/* and with it: its text, in a buffer that doubles */

static int64_t fallback(void)
{
	for (size_t i = 0; i < setting_item_count; i++)
		if (setting_items[i].section != NULL && strcmp(setting_items[i].section, "worker") == 0 &&
		    strcmp(setting_items[i].name, "memory_bytes") == 0)
			return strtoll(setting_items[i].fallback, NULL, 10);
	return 0;
}

int64_t memory_limit(const struct settings *s, unsigned n, uint64_t group_bytes)
{
	uint64_t share = group_bytes != 0 ? cgroup_share_bytes(group_bytes, n) : 0;
	int64_t bytes = s->worker.memory_bytes;
	const char *from = "setting";

	if (bytes == fallback()) {
		from = share != 0 && share < (uint64_t)bytes ? "cgroup" : "default";
		bytes = share != 0 && share < (uint64_t)bytes ? (int64_t)share : bytes;
	}
	log_info("memory", LOG_INT("process_bytes", bytes), LOG_STR("from", from),
	    LOG_INT("cgroup_bytes", group_bytes));
	if (group_bytes != 0 && (bytes == 0 || (uint64_t)bytes * n > group_bytes))
		log_warn("memory_beyond_cgroup", LOG_INT("processes", n), LOG_INT("cgroup_bytes", group_bytes),
		    LOG_STR("reason", "the kernel may kill before a process meets its own limit"));
	return bytes;
}

int64_t memory_feature_limit(const struct settings *s)
{
	int64_t fits = (s->worker.memory_bytes - OWN_BYTES) / TIMES;

	if (s->worker.memory_bytes == 0 || fits >= s->worker.max_feature_bytes)
		return s->worker.max_feature_bytes;
	log_warn("feature_limit", LOG_INT("max_feature_bytes", fits), LOG_INT("setting", s->worker.max_feature_bytes),
	    LOG_STR("reason", "a process has no memory for more"));
	return fits;
}
