/* sink - see sink.h. */
#include "workers/sinks/sink.h"

#include <string.h>

static const struct sink *const sinks[] = {
	&sink_redis,
};

const struct sink *sink_find(const char *name)
{
	for (size_t i = 0; i < sizeof(sinks) / sizeof(sinks[0]); i++)
		if (strcmp(sinks[i]->name, name) == 0)
			return sinks[i];
	return NULL;
}
