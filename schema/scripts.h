/*
 * scripts - the Lua scripts of this folder, as the programs carry them.
 *
 * In:  schema/NAME.lua at build time. Out: text and length. Each script's head says what its
 * KEYS and ARGV are and what it returns; schema/wire.md says how they fit together.
 */
#ifndef GS_SCHEMA_SCRIPTS_H
#define GS_SCHEMA_SCRIPTS_H

#include "lib/redis.h"

extern struct redis_script script_commit, script_publish, script_unpublish, script_claim, script_renew,
    script_chunk, script_restart, script_finish, script_forget, script_dismiss, script_replay, script_called,
    script_release, script_abandon, script_sweep, script_resign, script_audit, script_queue, script_shed,
    script_suspect, script_divide, script_split, script_take, script_give_back, script_done, script_watch,
    script_whole, script_admit, script_acked, script_extend, script_expire, script_bury,
    script_list_jobs, script_list_letters, script_may;

#endif
