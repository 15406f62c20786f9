/*
 * ingest_small - bodies of one segment become jobs: those of a turn of the loop in one transaction.
 *
 * In:  uploads that ended. Out: Redis's verdict on each, to ingest_commit.c. Depends on publish.lua.
 *
 * What a commit does whatever happens stands as plain commands; the script at the end decides about each delivery.
 * Under load a turn ends many, and they share MULTI, EXEC, the script's call and what goes to one key. What ends while
 * Redis is at a transaction waits for its end, as it would there: then more go together. One that is refused takes no
 * other along: publish.lua undoes its part alone.
 */
#include <stdlib.h>
#include <string.h>

#include "schema/scripts.h"
#include "server/handlers.h"
#include "server/ingest_parts.h"

#define TOGETHER_MAX 32

/* A body, and its names while a command that holds them is made. */
struct small {
	struct ingest *in;
	struct key job, seen;
	long long remembered_s;	/* 0: its delivery has no id */
	char this[JOB_ID_LEN + 1 + BODY_NAME + 1 + BODY_PROOF + 1];	/* as publish.lua is told of it */
};

/* Those whose transaction is under way. */
struct together {
	size_t count;
	struct ingest *in[TOGETHER_MAX];
};

static void name(struct small *s, struct ingest *in)
{
	s->in = in;
	s->job = wire_key("job", in->job);
	s->remembered_s = ingest_remembered_s(in);
	strcpy(s->this, in->job);
	if (s->remembered_s == 0)
		return;
	s->seen = wire_seen_key(in->source->name, ingest_dedupe(in));
	strcat(s->this, " ");
	strcat(s->this, in->hash);
	strcat(s->this, " ");
	strcat(s->this, ingest_proof(in));
}

/* ---- the transaction ---- */

/* Its segment and its job. */
static int send_own(const struct small *s)
{
	struct ingest *in = s->in;
	struct redis_cmd *c = &in->reactor->cmd;

	cmd_reset(c);
	segment_last(in->writer, c);
	cmd_next(c);
	cmd_str(c, "HSET");
	cmd_str(c, s->job.text);
	cmd_str(c, "state");
	cmd_str(c, "accepted");
	cmd_str(c, "segments");
	cmd_str(c, "1");
	cmd_str(c, "created");
	cmd_int(c, (long long)in->created_ms);
	cmd_str(c, "updated");
	cmd_int(c, (long long)in->created_ms);
	ingest_add_fields(in, c);
	return reactor_part(in->reactor);
}

static int send_index(struct reactor *r, const struct together *t)
{
	struct key list = wire_key("index", NULL);
	struct redis_cmd *c = &r->cmd;

	cmd_reset(c);
	cmd_str(c, "ZADD");
	cmd_str(c, list.text);
	for (size_t i = 0; i < t->count; i++) {
		cmd_int(c, (long long)t->in[i]->created_ms);
		cmd_str(c, t->in[i]->job);
	}
	return reactor_part(r);
}

/* HINCRBY room queued:<source> held. */
static void add_room(struct redis_cmd *c, const struct key *room, char field[SOURCE_NAME_MAX + 16],
    const struct source *src, long long held)
{
	strcpy(field, "queued:");
	strncat(field, src->name, SOURCE_NAME_MAX);
	cmd_str(c, "HINCRBY");
	cmd_str(c, room->text);
	cmd_str(c, field);
	cmd_int(c, held);
}

/* Is the source of this one that of an earlier one? */
static bool is_counted(const struct together *t, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (t->in[k]->source == t->in[i]->source)
			return true;
	return false;
}

static int send_room(struct reactor *r, const struct together *t)
{
	struct key room = wire_key("room", NULL);

	for (size_t i = 0; i < t->count; i++) {
		const struct source *src = t->in[i]->source;
		char field[SOURCE_NAME_MAX + 16];
		long long held = 0;

		if (is_counted(t, i))
			continue;
		for (size_t k = i; k < t->count; k++)
			if (t->in[k]->source == src)
				held += (long long)segment_stored(t->in[k]->writer);
		cmd_reset(&r->cmd);
		add_room(&r->cmd, &room, field, src, held);
		if (reactor_part(r) != 0)
			return -1;
	}
	return 0;
}

/* What they have in common; it outlives the command. */
struct common {
	struct key jobs;
	char versions[TOGETHER_MAX];
};

static int count_keys(const struct small *one, size_t count)
{
	int n = 1;

	for (size_t i = 0; i < count; i++)
		n += one[i].remembered_s > 0 ? 2 : 1;
	return n;
}

/* Are they all the same? */
static bool is_one(const char *versions, size_t count)
{
	return memcmp(versions, versions + 1, count - 1) == 0;
}

static void add_publish(struct redis_cmd *c, struct common *k, const struct small *one, size_t count, const char *alone)
{
	long long remembered_s = 0;

	k->jobs = wire_key("jobs", NULL);
	cmd_script(c, &script_publish, count_keys(one, count));
	cmd_str(c, k->jobs.text);
	for (size_t i = 0; i < count; i++) {
		cmd_str(c, one[i].job.text);
		if (one[i].remembered_s > 0) {
			cmd_str(c, one[i].seen.text);
			remembered_s = one[i].remembered_s;	/* of all alike: one setting */
		}
		k->versions[i] = (char)('0' + ingest_version(one[i].in));
	}
	cmd_bytes(c, k->versions, is_one(k->versions, count) ? 1 : count);
	cmd_int(c, remembered_s);
	cmd_str(c, alone);
	for (size_t i = 0; i < count; i++)
		cmd_str(c, one[i].this);
}

static void on_published(void *ctx, const struct reply *reply, const struct err *e);

static int send_together(struct reactor *r, struct together *t)
{
	struct small one[TOGETHER_MAX];
	struct common k;

	for (size_t i = 0; i < t->count; i++) {
		name(&one[i], t->in[i]);
		if (send_own(&one[i]) != 0)
			return -1;
	}
	if (send_index(r, t) != 0 || send_room(r, t) != 0)
		return -1;
	add_publish(&r->cmd, &k, one, t->count, "");
	return reactor_part(r) == 0 ? reactor_exec(r, on_published, t) : -1;
}

/* What publish.lua said of the i-th. */
static const struct reply *verdict(const struct reply *said, size_t i)
{
	return reply_count(said) > 0 ? reply_at(said, i) : said;
}

/* ---- Redis without its scripts ---- */

static void on_alone(void *ctx, const struct reply *reply, const struct err *e);

/* The rest of its transaction was done already. */
static int publish_alone(struct ingest *in)
{
	struct small s;
	struct common k;

	name(&s, in);
	add_publish(&in->reactor->cmd, &k, &s, 1, "alone");
	return reactor_do(in->reactor, on_alone, in);
}

/* What that rest was, when it could not be ended. */
static void take_back(const struct ingest *in)
{
	struct redis_cmd *c = &in->reactor->cmd;
	struct key job = wire_key("job", in->job), raw = wire_key("raw", in->job), list = wire_key("index", NULL),
	    room = wire_key("room", NULL);

	cmd_script(c, &script_unpublish, 4);
	cmd_str(c, job.text);
	cmd_str(c, raw.text);
	cmd_str(c, list.text);
	cmd_str(c, room.text);
	cmd_str(c, in->job);
	cmd_str(c, in->source->name);
	cmd_int(c, (long long)segment_stored(in->writer));
	reactor_tell(in->reactor);
}

static void on_alone(void *ctx, const struct reply *reply, const struct err *e)
{
	struct ingest *in = ctx;

	(void)e;
	if (reply == NULL)
		take_back(in);
	ingest_settle(in, verdict(reply, 0));
}

/* ---- verdicts ---- */

static void on_published(void *ctx, const struct reply *reply, const struct err *e)
{
	struct together *t = ctx;
	const struct reply *said = reply_at(reply, reply_count(reply) - 1);
	bool lost = ingest_lost_scripts(reply, e);
	struct reactor *r = t->in[0]->reactor;

	r->commits_asked--;
	if (r->commits != NULL)
		loop_defer(r->loop, &r->commit);
	for (size_t i = 0; i < t->count; i++) {
		struct ingest *in = t->in[i];

		if (lost && in->q != NULL) {
			in->retried = true;
			if (publish_alone(in) == 0)
				continue;
		}
		if (lost)
			take_back(in);
		ingest_settle(in, verdict(said, i));
	}
	free(t);
}

/* The next of those that wait. One whose client was cut off meanwhile is not sent: nobody hears of it any more, and
 * what it borrowed from the request went with that. */
static struct ingest *next_waiting(struct reactor *r)
{
	struct ingest *in;

	while ((in = r->commits) != NULL) {
		r->commits = in->next_commit;
		r->commits_waiting--;
		if (in->q != NULL)
			return in;
		ingest_free(in);
	}
	return NULL;
}

/* As many as go together of those that wait. */
static void commit_some(struct reactor *r)
{
	struct together *t = malloc(sizeof(*t));
	struct ingest *in;

	if (t == NULL) {
		if ((in = next_waiting(r)) != NULL)
			ingest_settle(in, NULL);
		return;
	}
	for (t->count = 0; t->count < TOGETHER_MAX && (in = next_waiting(r)) != NULL;)
		t->in[t->count++] = in;
	if (t->count > 0 && send_together(r, t) == 0) {
		r->commits_asked++;
		return;
	}
	for (size_t i = 0; i < t->count; i++)
		ingest_settle(t->in[i], NULL);
	free(t);
}

/* Who ends while others are at Redis waits for them, unless there are enough for a transaction. */
void ingest_turn_over(void *reactor)
{
	struct reactor *r = reactor;

	while (r->commits != NULL && (r->commits_asked == 0 || r->commits_waiting >= TOGETHER_MAX))
		commit_some(r);
}

void ingest_commit_all(struct reactor *r)
{
	while (r->commits != NULL)
		commit_some(r);
}

int ingest_commit_small(struct ingest *in)
{
	struct reactor *r = in->reactor;

	if (!redis_async_up(r->redis))
		return -1;
	in->next_commit = NULL;
	*(r->commits != NULL ? &r->commits_last->next_commit : &r->commits) = in;
	r->commits_last = in;
	r->commits_waiting++;
	loop_defer(r->loop, &r->commit);
	return 0;
}
