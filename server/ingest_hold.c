/*
 * ingest_hold - what only Redis knows, before a body that does not come with its headers.
 *
 * In:  an upload that was admitted. Out: it goes on, a large one with room kept for it, or is answered: its delivery is
 * known already, or there is no room. Depends on admit.lua and extend.lua.
 *
 * A delivery is known again before its body only by proof: a signed digest, or the very MAC that was accepted before
 * over the same id and time. All else the commit decides: a length that another body had is proof of nothing.
 */
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "schema/scripts.h"
#include "server/ingest_parts.h"

#define STEP_PROVEN ((uint64_t)8 << 20)	/* that room is kept for at a time */
#define STEP_UNPROVEN ((uint64_t)1 << 20)	/* the same of who may be a forger */
#define STEP_SHARE 4			/* but no more than this part of a limit */
#define STEP_LEAST ((uint64_t)16 << 10)
#define MORE_THAN_ANY (1LL << 52)

static bool is_held(const struct ingest *in)
{
	return in->large || http_header(in->q, "Expect") != NULL;
}

static uint64_t least(uint64_t n, uint64_t limit, uint64_t shares)
{
	return limit > 0 && n > limit / shares ? limit / shares + 1 : n;
}

/* n, but no more than one of so many parts of what all sources, and this one, may hold. */
static uint64_t share_of(const struct ingest *in, uint64_t n, uint64_t shares)
{
	return least(least(n, room_limit(&in->reactor->room), shares), room_source_limit(in->source), shares);
}

/*
 * Bytes that room is kept for at a time, where it is not kept for all. Should all places be forgers', their words keep
 * half of what there is.
 */
static uint64_t step_of(const struct ingest *in)
{
	const struct reactor *r = in->reactor;
	uint64_t places = (uint64_t)r->settings->server.max_uploads * r->server->count, n;

	if (in->proven)
		return share_of(in, STEP_PROVEN, STEP_SHARE);
	n = share_of(in, STEP_UNPROVEN, 2 * places);
	return share_of(in, n > STEP_LEAST ? n : STEP_LEAST, STEP_SHARE);
}

/* Bytes that there must be room for, before the first one comes. */
static uint64_t must_fit(const struct ingest *in)
{
	return in->declared >= 0 ? (uint64_t)in->declared : step_of(in);
}

/*
 * Bytes that room is kept for: all, where the headers prove who sends. Else a beginning, and more as it comes: words
 * alone must not keep others out. None for a body that has no place, of which there may be any number: it counts when
 * it is proven.
 */
static uint64_t first_step(const struct ingest *in)
{
	uint64_t whole = must_fit(in);

	if (!in->large)
		return 0;
	return in->proven || whole < step_of(in) ? whole : step_of(in);
}

struct proofs {
	char digest[BODY_PROOF + 1];
	char signed_by[PROOFS_MAX][SHA256_HEX + 1];
};

/* The digest that the headers prove the body to have, its length, and the proofs that they offer. */
static void add_proofs(struct ingest *in, struct redis_cmd *c, struct proofs *p)
{
	const struct signature *s = &in->admission.signature;
	size_t n = 0;

	body_digest_proof(s, p->digest);
	cmd_str(c, p->digest);
	cmd_int(c, in->declared);
	cmd_int(c, (long long)in->step);
	for (size_t i = 0; i < s->macs; i++)
		signature_proof(s, s->mac[i], SHA256_BYTES, p->signed_by[n++]);
	for (size_t i = 0; i < s->ed25519s; i++)
		signature_proof(s, s->ed25519[i], ED25519_BYTES, p->signed_by[n++]);
	for (size_t i = 0; i < n; i++)
		cmd_str(c, p->signed_by[i][0] != '\0' ? p->signed_by[i] : "-");
}

static void on_admit(void *ctx, const struct reply *reply, const struct err *e);

static int send_admit(struct ingest *in)
{
	struct reactor *r = in->reactor;
	struct redis_cmd *c = &r->cmd;
	const char *delivery = ingest_dedupe(in);
	bool room = in->no_room.problem == P_NONE;
	struct key staging = wire_key("staging", NULL), held = wire_key("room", NULL),
	    staged = wire_key("staged", NULL),
	    seen = delivery != NULL ? wire_seen_key(in->source->name, delivery) : held;
	struct proofs proofs;

	in->step = first_step(in);
	cmd_script(c, &script_admit, 4);
	cmd_str(c, staging.text);
	cmd_str(c, held.text);
	cmd_str(c, staged.text);
	cmd_str(c, seen.text);
	cmd_str(c, in->job);
	cmd_int(c, (long long)clock_unix_ms());
	cmd_str(c, in->source->name);
	/* Where there is no room, it is only asked whether the delivery is known. */
	cmd_int(c, room ? (long long)must_fit(in) : MORE_THAN_ANY);
	cmd_int(c, room ? (long long)room_limit(&r->room) : 1);
	cmd_int(c, (long long)room_source_limit(in->source));
	add_proofs(in, c, &proofs);
	in->over = r->redis;
	return reactor_do(r, on_admit, in);
}

static void refuse_room(struct ingest *in, const char *verdict)
{
	if (in->no_room.problem == P_NONE)
		room_refuse(verdict, in->source, &in->no_room);
	reactor_refuse(in->q, &in->no_room);
}

static void answer_held(struct ingest *in, const struct reply *reply)
{
	const char *verdict = reply_str(reply_at(reply, 0), NULL);

	if (strcmp(verdict, "go") == 0) {
		in->let_in = in->step;
		in->let_in_at = in->reactor->room.reads;
		room_let_in(&in->reactor->room, in->source, in->let_in);
		http_release(in->q);
	} else if (strcmp(verdict, "same") == 0) {
		ingest_prove(in);
		metrics_add(&in->reactor->metrics.known, 1);
		ingest_answer_same(in, reply_str(reply_at(reply, 1), NULL));
	} else if (strcmp(verdict, "other") == 0) {
		ingest_answer_other(in, reply);
	} else if (reply != NULL) {
		refuse_room(in, verdict);
	} else {
		ingest_refuse_store(in, "Redis did not answer as it should.");
	}
}

static void on_admit(void *ctx, const struct reply *reply, const struct err *e)
{
	struct ingest *in = ctx;

	in->asking = false;
	if (reply == NULL && !in->retried && in->q != NULL && strncmp(e->text, "NOSCRIPT", 8) == 0) {
		in->retried = true;
		if ((in->asking = send_admit(in) == 0))
			return;
	}
	in->retried = false;
	/* Without a reply it may have kept room all the same. */
	if (in->step > 0 && (reply == NULL || strcmp(reply_str(reply_at(reply, 0), NULL), "go") == 0)) {
		in->reserved = in->step;
		segment_is_held(in->writer);
	}
	if (in->q != NULL) {
		answer_held(in, reply);
	} else {
		ingest_abandon(in);
		ingest_free(in);
	}
}

bool ingest_fits(const struct ingest *in, struct refusal *why)
{
	return room_check(&in->reactor->room, in->source, must_fit(in), why) == 0;
}

void ingest_let_out(struct ingest *in)
{
	room_let_out(&in->reactor->room, in->source, in->let_in, in->let_in_at);
	in->let_in = 0;
}

bool ingest_hold(struct ingest *in)
{
	struct reactor *r = in->reactor;

	ingest_fits(in, &in->no_room);
	if (!is_held(in) && in->no_room.problem == P_NONE)
		return true;
	if (!is_held(in)) {
		reactor_refuse(in->q, &in->no_room);
	} else if ((in->asking = send_admit(in) == 0)) {
		metrics_add(&r->metrics.held_back, 1);
		http_hold(in->q);
	} else {
		ingest_refuse_store(in, "Redis cannot be reached.");
	}
	return false;
}

static int send_extend(struct ingest *in);

/* Is more room still wanted? */
static bool still_comes(const struct ingest *in)
{
	return in->q != NULL && !in->asking && in->q->status == 0;
}

static void on_extend(void *ctx, const struct reply *reply, const struct err *e)
{
	struct ingest *in = ctx;
	const char *verdict = reply_str(reply, NULL);

	in->extending = false;
	if (in->gone) {
		ingest_free(in);
		return;
	}
	if (reply == NULL && !in->extended_again && still_comes(in) && strncmp(e->text, "NOSCRIPT", 8) == 0) {
		in->extended_again = true;	/* Redis lost its scripts; they are on their way to it, ahead of this */
		if ((in->extending = send_extend(in) == 0))
			return;
	}
	in->extended_again = false;
	if (strcmp(verdict, "go") == 0) {
		in->reserved += in->step;
		if (in->ended && still_comes(in) && ingest_has_room(in))
			ingest_finish(in);
	} else if (!still_comes(in)) {
		return;
	} else if (reply != NULL && strcmp(verdict, "lost") != 0) {
		refuse_room(in, verdict);
	} else {
		ingest_refuse_store(in, "Redis did not keep room for more of the body.");
	}
}

/* Among its segments: it must not come behind the commit. */
static int send_extend(struct ingest *in)
{
	struct reactor *r = in->reactor;
	struct redis_cmd *c = &r->cmd;
	struct key room = wire_key("room", NULL), staged = wire_key("staged", NULL);

	cmd_script(c, &script_extend, 2);
	cmd_str(c, room.text);
	cmd_str(c, staged.text);
	cmd_str(c, in->job);
	cmd_str(c, in->source->name);
	cmd_int(c, (long long)in->step);
	cmd_int(c, (long long)room_limit(&r->room));
	cmd_int(c, (long long)room_source_limit(in->source));
	return reactor_do_bulk(r, on_extend, in);
}

void ingest_extend(struct ingest *in)
{
	if (in->reserved == 0 || in->extending || in->bytes + step_of(in) / 2 <= in->reserved
	    || (in->declared >= 0 && in->reserved >= (uint64_t)in->declared))
		return;
	in->step = step_of(in) + (in->bytes > in->reserved ? in->bytes - in->reserved : 0);
	if (in->declared >= 0 && (uint64_t)in->declared - in->reserved < in->step)
		in->step = (uint64_t)in->declared - in->reserved;
	in->extending = send_extend(in) == 0;
}

bool ingest_has_room(struct ingest *in)
{
	if (in->bytes <= in->reserved)
		return true;
	in->ended = true;
	if (in->extending)
		return false;
	in->step = in->bytes - in->reserved;
	if (!(in->extending = send_extend(in) == 0))
		ingest_refuse_store(in, "Redis cannot be reached.");
	return false;
}
