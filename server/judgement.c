/* judgement - see judgement.h. */
#include "server/judgement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "schema/scripts.h"
#include "server/reactor.h"

#define RIGHTS_MS 30000	/* from one look at what this user may do to the next, while it may do all */

/* What it answers when asked what it is. It outlives the reactor's interest in it. */
struct judgement {
	struct reactor *r;	/* NULL: nobody wants to know any more */
	unsigned owed;		/* replies, and one for who asks */
	char *info, *fsync;
	struct err e;		/* of a write that changes nothing, or what this user may not do */
	char said[192];		/* Redis's own words where e has others */
	bool rights;		/* it is asked what this user may do */
	bool no_role;		/* ROLE is among what it may not */
	const char *no_waits[ACK_LEVELS];	/* what it may not run of what this level takes */
};

/* This user may not do something (ACL), and may perhaps tomorrow. */
static bool is_refusal(const char *text)
{
	return strncmp(text, "NOPERM", 6) == 0;
}

bool judgement_refusal(char *words, size_t n, const char *text)
{
	const char *at = strstr(text, " run the '");

	if (!is_refusal(text))
		return false;
	if (at != NULL)
		snprintf(words, n, "NOPERM Redis lets this user not run: %.*s", (int)strcspn(at + 10, "'"), at + 10);
	else
		snprintf(words, n, "NOPERM Redis lets this user not use the keys gs:*");
	return true;
}

static void refuse_redis(struct reactor *r, const struct err *e, const char *said)
{
	if (r->store_up || strcmp(r->store_why, e->text) != 0)
		log_warn("redis_refused", LOG_INT("reactor", r->index),
		    LOG_STR("reason", *said != '\0' ? said : e->text));
	if (is_refusal(e->text))
		r->rights_at_ms = 0;
	snprintf(r->store_why, sizeof(r->store_why), "%.191s", e->text);
	r->store_up = false;
	if (e->cls == ERR_INPUT && !r->judged) {
		r->fatal = *e;
		server_stop(r->server);
	}
}

/* A level that this user may not wait for is one that sources cannot have. */
static void forbid_waits(struct reactor *r, const struct judgement *j)
{
	char words[64];

	for (int i = 0; j->rights && i < ACK_LEVELS; i++) {
		snprintf(words, sizeof(words), "NOPERM Redis lets this user not run: %s",
		    j->no_waits[i] != NULL ? j->no_waits[i] : "");
		if (j->no_waits[i] != NULL && !r->no_waits[i])
			log_warn("ack_refused", LOG_INT("reactor", r->index), LOG_STR("level", ack_name((enum ack)i)),
			    LOG_STR("reason", words));
		r->no_waits[i] = j->no_waits[i] != NULL;
		if (r->no_waits[i])
			r->rights_at_ms = 0;
	}
	r->durability.waitaof &= !r->no_waits[ACK_AOF];
	if (r->no_waits[ACK_REPLICA])
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
		forbid_waits(r, j);
		r->store_up = r->judged = true;
		if (!was)
			log_info("redis_up", LOG_INT("reactor", r->index),
			    LOG_STR("acknowledges", ack_name(durability_base(&r->durability))));
	} else {
		refuse_redis(r, &j->e, j->said);
	}
	reactor_store_judged(r);
}

/* Where reply is NULL because this user may not: what Redis says is for the log, in newer ones it names the user. */
static void note_refusal(struct judgement *j, const struct reply *reply, const struct err *e)
{
	char words[sizeof(e->text)];

	if (reply != NULL || is_refusal(j->e.text) || !judgement_refusal(words, sizeof(words), e->text))
		return;
	j->e.cls = ERR_NONE;
	err_set(&j->e, ERR_RETRY, 0, "%s", words);
	snprintf(j->said, sizeof(j->said), "%s", e->text);
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
		else if (is_refusal(j->e.text)) {
			refuse_redis(j->r, &j->e, j->said);
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
	if (reply == NULL && strncmp(e->text, "OOM", 3) != 0 && !is_refusal(e->text))
		j->e = *e;
	note_refusal(j, reply, e);
	judgement_done(j);
}

/* No script may call it. Without it nobody knows whether what is missing here was lost in a failover: see absent. */
static void on_may_role(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	j->no_role = reply == NULL && is_refusal(e->text);
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
	if (j->no_role)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%sROLE", n > 0 ? ", " : "");
	if (n > 0 && j->e.cls == ERR_NONE)
		err_set(&j->e, ERR_RETRY, 0, "NOPERM Redis lets this user not run: %s", names);
	if (reply == NULL && j->r != NULL)
		j->r->rights_at_ms = 0;
	note_refusal(j, reply, e);
	judgement_done(j);
}

static void note_wait(struct judgement *j, enum ack level, const char *command, const struct reply *reply,
    const struct err *e)
{
	if (reply == NULL && is_refusal(e->text))
		j->no_waits[level] = command;
}

/* A wait is for a write of its own connection: see barrier. */
static void on_may_write(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	note_wait(j, ACK_AOF, "INCR", reply, e);
	note_wait(j, ACK_REPLICA, "INCR", reply, e);
	judgement_done(j);
}

static void on_may_wait_aof(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	note_wait(j, ACK_AOF, "WAITAOF", reply, e);
	judgement_done(j);
}

static void on_may_wait_replica(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	note_wait(j, ACK_REPLICA, "WAIT", reply, e);
	judgement_done(j);
}

static void on_held(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	note_refusal(j, reply, e);
	if (j->r != NULL && reply != NULL)
		room_take_held(&j->r->room, reply);
	judgement_done(j);
}

static void on_queue(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	note_refusal(j, reply, e);
	if (j->r != NULL && reply != NULL)
		room_take_queue(&j->r->room, reply);
	judgement_done(j);
}

static void on_info(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	note_refusal(j, reply, e);
	j->info = reply != NULL ? strdup(reply_str(reply, NULL)) : NULL;
	judgement_done(j);
}

/* A Redis whose CONFIG is renamed or forbidden answers with an error: "memory" is what is known then. */
static void on_fsync(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;

	if (j->r != NULL)
		j->r->no_config = reply == NULL && is_refusal(e->text);
	j->fsync = strdup(reply_str(reply_at(reply, 1), NULL));
	judgement_done(j);
}

static void owe(struct judgement *j, redis_fn fn)
{
	if (reactor_do(j->r, fn, j) == 0)
		j->owed++;
}

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

/* Who comes first gives the key, and all take that one. It is sent only where there is none: who watches Redis's
 * commands (MONITOR, SLOWLOG) sees it then. */
static void on_first_key(void *ctx, const struct reply *reply, const struct err *e)
{
	struct judgement *j = ctx;
	struct key name = wire_key("body_key", NULL);

	note_refusal(j, reply, e);
	if (j->r == NULL || reply == NULL || reply_type(reply) != REPLY_NIL) {
		on_key(ctx, reply, e);
		return;
	}
	cmd_line(&j->r->cmd, "SET", name.text, body_key_text(j->r->body_key), "NX", NULL);
	reactor_tell(j->r);
	cmd_line(&j->r->cmd, "GET", name.text, NULL);
	owe(j, on_key);
	judgement_done(j);
}

/* Each time: Redis may have become another. Also of one that is full or read-only; the key that is known serves on
 * where it does not answer. */
static void ask_key(struct judgement *j)
{
	struct key name = wire_key("body_key", NULL);

	cmd_line(&j->r->cmd, "GET", name.text, NULL);
	owe(j, on_first_key);
}

/* Redis counts each refusal, and each form that is wrong on purpose, among its errors (INFO errorstats): so this is not
 * asked twice a second for ever. */
static void ask_rights(struct judgement *j)
{
	struct reactor *r = j->r;
	struct key probe = wire_key("probe", NULL), barrier = wire_key("barrier", NULL);

	j->rights = true;
	r->rights_at_ms = clock_mono_ms() + RIGHTS_MS;	/* a refusal or a doubt sets it back */
	cmd_line(&r->cmd, "ROLE", NULL);
	owe(j, on_may_role);
	cmd_script(&r->cmd, &script_may, 1);
	cmd_str(&r->cmd, probe.text);
	owe(j, on_may);
	if (r->barriers[ACK_AOF] != NULL || r->barriers[ACK_REPLICA] != NULL) {
		cmd_line(&r->cmd, "INCR", barrier.text, NULL);
		owe(j, on_may_write);
	}
	if (r->barriers[ACK_AOF] != NULL) {
		cmd_line(&r->cmd, "WAITAOF", "0", "0", "0", NULL);
		owe(j, on_may_wait_aof);
	}
	if (r->barriers[ACK_REPLICA] != NULL) {
		cmd_line(&r->cmd, "WAIT", "0", "0", NULL);
		owe(j, on_may_wait_replica);
	}
}

static void ask_fsync(struct judgement *j)
{
	if (j->r->no_config && !j->rights) {
		j->fsync = strdup("");
		return;
	}
	cmd_line(&j->r->cmd, "CONFIG", "GET", "appendfsync", NULL);
	owe(j, on_fsync);
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
	if (clock_mono_ms() >= r->rights_at_ms)
		ask_rights(j);
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
	ask_fsync(j);
	ask_key(j);
	judgement_done(j);
}
