/* judgement - see judgement.h. */
#include "server/judgement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "schema/scripts.h"
#include "server/reactor.h"

/* What it answers when asked what it is. It outlives the reactor's interest in it. */
struct judgement {
	struct reactor *r;	/* NULL: nobody wants to know any more */
	unsigned owed;		/* replies, and one for who asks */
	char *info, *fsync;
	struct err e;		/* of a write that changes nothing, or what this user may not do */
	bool no_waits[ACK_LEVELS];	/* it may not wait for this level */
};

static void refuse_redis(struct reactor *r, const struct err *e)
{
	if (r->store_up || strcmp(r->store_why, e->text) != 0)
		log_warn("redis_refused", LOG_INT("reactor", r->index), LOG_STR("reason", e->text));
	snprintf(r->store_why, sizeof(r->store_why), "%.191s", e->text);
	r->store_up = false;
	if (e->cls == ERR_INPUT && !r->judged) {
		r->fatal = *e;
		server_stop(r->server);
	}
}

/* A level that this user may not wait for is one that sources cannot have. */
static void forbid_waits(struct reactor *r, const bool refused[ACK_LEVELS])
{
	for (int i = 0; i < ACK_LEVELS; i++) {
		if (refused[i] && !r->no_waits[i])
			log_warn("ack_refused", LOG_INT("reactor", r->index), LOG_STR("level", ack_name((enum ack)i)),
			    LOG_STR("reason", i == ACK_AOF ? "NOPERM Redis lets this user not run: WAITAOF"
			    : "NOPERM Redis lets this user not run: WAIT"));
		r->no_waits[i] = refused[i];
	}
	r->durability.waitaof &= !refused[ACK_AOF];
	if (refused[ACK_REPLICA])
		r->durability.replicas = 0;
}

static void judge(struct reactor *r, struct judgement *j)
{
	bool was = r->store_up;

	if (room_take_info(&r->room, j->info))
		log_info("room", LOG_INT("reactor", r->index), LOG_STR("level", room_level_name(r->room.level)),
		    LOG_INT("held", r->room.all), LOG_INT("used", r->room.used), LOG_INT("most", r->room.most));
	if (!r->keyed)
		err_set(&j->e, ERR_RETRY, 0, "Redis does not keep the key of bodies' hashes (body_key).");
	if (j->e.cls == ERR_NONE
	    && durability_read(&r->durability, r->settings, j->info, j->fsync, r->judged, &j->e) == 0) {
		forbid_waits(r, j->no_waits);
		r->store_up = r->judged = true;
		if (!was)
			log_info("redis_up", LOG_INT("reactor", r->index),
			    LOG_STR("acknowledges", ack_name(durability_base(&r->durability))));
	} else {
		refuse_redis(r, &j->e);
	}
	reactor_store_judged(r);
}

/* This user may not do something (ACL), and may perhaps tomorrow. */
static bool is_refusal(const struct err *e)
{
	return strncmp(e->text, "NOPERM", 6) == 0;
}

/* One reply less is owed; with the last, all is known. */
static void judgement_done(struct judgement *j)
{
	if (--j->owed > 0)
		return;
	if (j->r != NULL) {
		j->r->judging = NULL;
		if (j->info != NULL && j->fsync != NULL)
			judge(j->r, j);
		else if (is_refusal(&j->e)) {
			refuse_redis(j->r, &j->e);
			reactor_store_judged(j->r);
		}
	}
	free(j->info);
	free(j->fsync);
	free(j);
}

static void on_probe(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	/* A full one is not away: who asks is told that there is no room. */
	if (reply == NULL && strncmp(e->text, "OOM", 3) != 0)
		j->e = *e;
	judgement_done(j);
}

/* What may.lua found. A script that Redis has lost will have found it half a second later. */
static void on_may(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;
	char names[128] = "";
	size_t n = 0;

	for (size_t i = 0; i < reply_count(reply) && n < sizeof(names) - 32; i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%.24s", n > 0 ? ", " : "",
		    reply_str(reply_at(reply, i), NULL));
	if (n > 0 && j->e.cls == ERR_NONE)
		err_set(&j->e, ERR_RETRY, 0, "NOPERM Redis lets this user not run: %s", names);
	else if (reply == NULL && is_refusal(e))
		j->e = *e;
	judgement_done(j);
}

static void on_may_wait_aof(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	j->no_waits[ACK_AOF] = reply == NULL && is_refusal(e);
	judgement_done(j);
}

static void on_may_wait_replica(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	j->no_waits[ACK_REPLICA] = reply == NULL && is_refusal(e);
	judgement_done(j);
}

static void on_held(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	(void)e;
	if (j->r != NULL && reply != NULL)
		room_take_held(&j->r->room, reply);
	judgement_done(j);
}

static void on_queue(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	(void)e;
	if (j->r != NULL && reply != NULL)
		room_take_queue(&j->r->room, reply);
	judgement_done(j);
}

static void on_info(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	if (reply == NULL && is_refusal(e))
		j->e = *e;
	j->info = reply != NULL ? strdup(reply_str(reply, NULL)) : NULL;
	judgement_done(j);
}

/* A Redis whose CONFIG is renamed or forbidden answers with an error: "memory" is what is known then. */
static void on_fsync(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	(void)e;
	j->fsync = strdup(reply_str(reply_at(reply, 1), NULL));
	judgement_done(j);
}

/* Who comes first gives the key, and all take that one. It is asked for each time: Redis may have become another. */
static void on_key(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;
	struct reactor *r = j->r;
	const char *text = reply_str(reply, NULL);
	struct body_key *key;

	if (r == NULL || reply == NULL) {
		judgement_done(j);
		return;
	}
	if (strcmp(text, body_key_text(r->body_key)) == 0) {
		r->keyed = true;
	} else if ((key = body_key_new(text)) != NULL) {
		body_key_free(&r->body_key);
		r->body_key = key;
		r->keyed = true;
	}
	(void)e;
	judgement_done(j);
}

static void owe(struct judgement *j, redis_fn fn)
{
	if (reactor_do(j->r, fn, j) == 0)
		j->owed++;
}

/* Also of one that is full or read-only; the key that is known serves on where it does not answer. */
static void ask_key(struct judgement *j)
{
	struct reactor *r = j->r;
	struct key name = wire_key("body_key", NULL);

	cmd_line(&r->cmd, "SET", name.text, body_key_text(r->body_key), "NX", NULL);
	reactor_tell(r);
	cmd_line(&r->cmd, "GET", name.text, NULL);
	owe(j, on_key);
}

void judgement_forget(struct reactor *r)
{
	if (r->judging != NULL)
		r->judging->r = NULL;
}

/* A write that changes nothing, but is refused where a real one would be; then what it holds and says of itself. */
void judgement_begin(struct reactor *r)
{
	struct key probe = wire_key("probe", NULL), room = wire_key("room", NULL),
	    jobs = wire_key("jobs", NULL), splits = wire_key("splits", NULL), chunks = wire_key("chunks", NULL);
	struct judgement *j;

	if (r->judging != NULL || (j = calloc(1, sizeof(*j))) == NULL)
		return;
	j->r = r;
	j->owed = 1;
	r->judging = j;
	/* As a commit does it: where MULTI is refused, what follows it would be done one by one. */
	cmd_line(&r->cmd, "SETRANGE", probe.text, "0", "", NULL);
	cmd_next(&r->cmd);
	cmd_str(&r->cmd, "PING");
	owe(j, on_probe);
	cmd_script(&r->cmd, &script_may, 1);
	cmd_str(&r->cmd, probe.text);
	owe(j, on_may);
	if (r->barriers[ACK_AOF] != NULL) {
		cmd_line(&r->cmd, "WAITAOF", "0", "0", "0", NULL);
		owe(j, on_may_wait_aof);
	}
	if (r->barriers[ACK_REPLICA] != NULL) {
		cmd_line(&r->cmd, "WAIT", "0", "0", NULL);
		owe(j, on_may_wait_replica);
	}
	cmd_line(&r->cmd, "HGETALL", room.text, NULL);
	owe(j, on_held);
	cmd_script(&r->cmd, &script_queue, 3);
	cmd_str(&r->cmd, jobs.text);
	cmd_str(&r->cmd, splits.text);
	cmd_str(&r->cmd, chunks.text);
	cmd_str(&r->cmd, GROUP_WORKERS);
	cmd_int(&r->cmd, (long long)clock_unix_ms());
	owe(j, on_queue);
	cmd_line(&r->cmd, "INFO", NULL);
	owe(j, on_info);
	cmd_line(&r->cmd, "CONFIG", "GET", "appendfsync", NULL);
	owe(j, on_fsync);
	ask_key(j);
	judgement_done(j);
}
