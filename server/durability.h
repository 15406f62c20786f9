/*
 * durability - how safe is what this Redis has taken, and how safe can it be made?
 *
 * In:  its INFO text and its appendfsync setting. Out: the acknowledgement levels that it reaches, or why it is not to
 * be used. Depends on schema/settings and lib/redis_check.
 *
 *   memory   Redis has it
 *   aof      its append-only file is on disk: appendfsync always, or WAITAOF (Redis 7.2) where it is everysec
 *   replica  so many replicas have it: WAIT
 */
#ifndef GS_SERVER_DURABILITY_H
#define GS_SERVER_DURABILITY_H

#include <stdbool.h>

#include "lib/err.h"
#include "schema/settings.h"

struct durability {
	bool aof;	/* it writes one */
	bool always;	/* and has it on disk before it answers */
	bool waitaof;	/* it knows WAITAOF */
	long replicas;	/* that are connected */
	char run_id[41];	/* whose promise it is */
};

const char *ack_name(enum ack a);	/* "memory", "aof", "replica" */
const char *ack_words(enum ack a);	/* for "acknowledged where …" */

/*
 * 0, or -1: ERR_INPUT where the operator has to change something (not at_run_time: a source asks for a level that it
 * can never give counts too), ERR_RETRY where it may pass.
 */
int durability_read(struct durability *d, const struct settings *s, const char *info, const char *appendfsync,
    bool at_run_time, struct err *e);

/* What a reply alone means, without waiting for more. */
enum ack durability_base(const struct durability *d);
/* Can this level be had now? */
bool durability_can(const struct durability *d, const struct settings *s, enum ack a);
/* Does it have to be waited for, with WAITAOF or WAIT? */
bool durability_waits(const struct durability *d, enum ack a);

#endif
