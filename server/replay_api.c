/*
 * replay_api - dead letters again: each becomes a job of its own, once; as it was, or mended.
 *
 * In:  POST /v1/dead-letters/{}/replay, with the mended feature as its body or without one; a page of letters.
 * Out: jobs. Depends on replay.lua and room: a replay needs as much room as an upload, but one that was made before is
 * answered all the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/json.h"
#include "schema/scripts.h"
#include "schema/status_info.h"
#include "schema/wire.h"
#include "server/absent.h"
#include "server/handlers.h"
#include "server/letters.h"

#define RETRY_STORE_S 2

/* A mended feature while it arrives. */
struct mend {
	struct buf text;
	struct sha256 *sum;
	char hash[SHA256_HEX + 1];
};

/* ---- the script ---- */

/* Of one that is no longer configured what all may hold is all there is to ask. */
static const struct source *source_named(const struct http_request *q, const char *name)
{
	static const struct source nobody = { .name = (char *)"" };
	const struct source *src = name != NULL ? settings_source(terms_of(q)->settings, name) : NULL;

	return src != NULL ? src : &nobody;
}

/* A Redis that uploads are kept from, for it takes no writes or may lose them, is none for replays either. */
static bool is_store_away(struct http_request *q)
{
	const char *words = reactor_store_why(reactor_of(q));
	struct refusal why = { .problem = P_NONE };

	if (words == NULL)
		return false;
	refuse_for_now(&why, P_STORE_UNAVAILABLE, RETRY_STORE_S, "%s", words);
	reactor_refuse(q, &why);
	return true;
}

/* stream_id, job and source are the letter's; without a mend its own text is taken. */
static void ask_replay(struct http_request *q, const char *stream_id, const char *job, const struct source *src,
    const struct mend *mend, ask_fn fn)
{
	struct refusal why = { .problem = P_NONE };
	struct reactor *r = reactor_of(q);
	struct redis_cmd *c = &r->cmd;
	char id[JOB_ID_LEN + 1], name[LETTER_NAME_MAX];
	unsigned char dice[10];
	uint64_t now = clock_unix_ms();
	struct key keys[7];

	random_bytes(dice, sizeof(dice));
	wire_job_id(id, now, dice);
	letter_name(name, stream_id);
	keys[0] = wire_key("dead", NULL);
	keys[1] = wire_key("replayed", NULL);
	keys[2] = wire_key("raw", id);
	keys[3] = wire_key("job", id);
	keys[4] = wire_key("jobs", NULL);
	keys[5] = wire_key("index", NULL);
	keys[6] = wire_key("raw", job);
	cmd_script(c, &script_replay, 7);
	for (int i = 0; i < 7; i++)
		cmd_str(c, keys[i].text);
	cmd_str(c, stream_id);
	cmd_str(c, id);
	cmd_int(c, (long long)now);
	cmd_str(c, name);
	cmd_int(c, r->settings->server.segment_bytes);
	cmd_int(c, (long long)room_limit(&r->room));
	cmd_int(c, (long long)room_source_limit(src));
	cmd_int(c, room_check(&r->room, src, 0, &why) == 0 ? room_memory(&r->room) : 0);
	if (mend != NULL) {
		cmd_str(c, mend->hash);
		cmd_bytes(c, mend->text.data, mend->text.len);
	}
	reactor_ask(q, fn);
}

static bool was_replayed(const struct reply *reply)
{
	const char *verdict = reply_str(reply_at(reply, 0), NULL);

	return strcmp(verdict, "ok") == 0 || strcmp(verdict, "same") == 0;
}

/* true: there is no room for it, why says so. */
static bool has_no_room(struct http_request *q, const struct reply *reply, const struct source *src,
    struct refusal *why)
{
	const char *verdict = reply_str(reply_at(reply, 0), NULL);
	uint64_t bytes = (uint64_t)reply_int(reply_at(reply, 1));

	if (strcmp(verdict, "full") != 0 && strcmp(verdict, "greedy") != 0)
		return false;
	if (room_check(&reactor_of(q)->room, src, bytes, why) == 0)
		room_refuse(verdict, src, why);
	return true;
}

/* What replay.lua has stored is not in what was read of Redis yet. */
static void note_stored(struct http_request *q, const struct reply *reply, const struct source *src)
{
	if (strcmp(reply_str(reply_at(reply, 0), NULL), "ok") == 0)
		room_let_in(&reactor_of(q)->room, src, (uint64_t)reply_int(reply_at(reply, 2)));
}

/* ---- one ---- */

static void on_replay_status(struct http_request *q, const struct reply *hash)
{
	char location[64];
	struct buf b;

	buf_init(&b, 1 << 20);
	if (reply_count(hash) == 0) {
		status_info_gone(&b, q->job, "This dead letter was replayed before; that job is no longer kept.");
		http_answer(q, 202, "application/json", &b);	/* no Location: it would be a 404 */
		return;
	}
	snprintf(location, sizeof(location), "/v1/jobs/%s", q->job);
	status_info_write(&b, q->job, hash, 0);
	http_answer(q, 202, "application/json", &b);
	http_answer_header(q, "Location", location);
}

static void refuse_replay(struct http_request *q, const struct reply *reply)
{
	const char *verdict = reply_str(reply_at(reply, 0), NULL);
	char words[128];

	if (strcmp(verdict, "cut") == 0) {
		reactor_refuse_as(q, P_LETTER_CUT, "Its text was too long to be kept, or is no longer kept.");
	} else if (strcmp(verdict, "early") == 0) {
		reactor_refuse_as(q, P_JOB_NOT_FINISHED, "Its document is still worked on and may yet fail.");
	} else if (strcmp(verdict, "document") == 0) {
		reactor_refuse_as(q, P_LETTER_DOCUMENT, "Send the mended document as a new delivery.");
	} else if (strcmp(verdict, "other") == 0) {
		snprintf(words, sizeof(words), "It was replayed otherwise before, as job %s.",
		    reply_str(reply_at(reply, 1), NULL));
		reactor_refuse_as(q, P_LETTER_REPLAYED, words);
	} else {
		absent_refuse(q, P_LETTER_UNKNOWN);
	}
}

static void on_replayed(struct http_request *q, const struct reply *reply)
{
	const struct source *src = source_named(q, q->source);
	struct refusal why = { .problem = P_NONE };
	struct key job;

	if (has_no_room(q, reply, src, &why)) {
		reactor_refuse(q, &why);
		return;
	}
	if (!was_replayed(reply)) {
		refuse_replay(q, reply);
		return;
	}
	note_stored(q, reply, src);
	http_note_job(q, reply_str(reply_at(reply, 1), NULL));
	job = wire_key("job", q->job);
	cmd_line(&reactor_of(q)->cmd, "HGETALL", job.text, NULL);
	reactor_ask(q, on_replay_status);
}

static void replay_found(struct http_request *q, const struct reply *range)
{
	const struct reply *fields = letter_fields(q, range);
	const struct source *src;

	if (fields == NULL)
		return;
	src = source_named(q, reply_str(reply_field(fields, 0, "source"), NULL));
	q->source = *src->name != '\0' ? src->name : NULL;
	ask_replay(q, wire_letter_stream_id(q->arg), reply_str(reply_field(fields, 0, "job"), NULL), src, q->user,
	    on_replayed);
}

static bool is_geojson(const char *type)
{
	size_t n = type != NULL ? strcspn(type, "; \t") : 0;

	return (n == 20 && strncasecmp(type, "application/geo+json", n) == 0)
	    || (n == 16 && strncasecmp(type, "application/json", n) == 0);
}

static struct mend *mend_new(size_t most)
{
	struct mend *m = calloc(1, sizeof(*m));
	struct err e = ERR_INIT;

	if (m == NULL)
		return NULL;
	buf_init(&m->text, most);
	if ((m->sum = sha256_new(&e)) != NULL)
		return m;
	free(m);
	return NULL;
}

static size_t mend_body(struct http_request *q, const void *bytes, size_t n)
{
	struct mend *m = q->user;

	if (m == NULL && !is_geojson(http_header(q, "Content-Type"))) {
		reactor_refuse_as(q, P_CONTENT_TYPE, "Send the mended feature as application/geo+json.");
		return 0;
	}
	if (m == NULL && http_header(q, "Content-Encoding") != NULL) {
		reactor_refuse_as(q, P_CONTENT_TYPE, "Send the mended feature without a content encoding.");
		return 0;
	}
	if (m == NULL && (m = q->user = mend_new((size_t)reactor_of(q)->settings->worker.dead_letter_bytes)) == NULL) {
		reactor_refuse_as(q, P_INTERNAL, "There is no memory.");
		return 0;
	}
	if (buf_append(&m->text, bytes, n) != 0) {
		reactor_refuse_as(q, P_BODY_TOO_LARGE,
		    "A mended feature may have as many bytes as worker.dead_letter_bytes says.");
		return 0;
	}
	sha256_add(m->sum, bytes, n);
	return n;
}

static void replay(struct http_request *q)
{
	struct mend *m = q->user;
	unsigned char hash[SHA256_BYTES];

	if (m != NULL) {
		sha256_end(m->sum, hash);
		hex_encode(m->hash, hash, sizeof(hash));
	}
	if (!is_store_away(q))
		letter_ask(q, replay_found);
}

static void mend_gone(struct http_request *q)
{
	struct mend *m = q->user;

	if (m == NULL)
		return;
	buf_clear(&m->text);
	sha256_free(&m->sum);
	free(m);
}

/* ---- replay many: a page of the list, one after the other ---- */

struct pick {
	char id[48];		/* stream id */
	char job[JOB_ID_LEN + 1];
	const struct source *source;
};

struct batch {
	struct pick *picks;
	size_t count, at, made;
	struct refusal no_room;		/* of the first that may find room later */
	char next[48];
	struct buf replayed, skipped;	/* JSON, their arrays still open */
};

static void batch_step(struct http_request *q);

/* Why a letter was left out. */
static const char *code_of(const struct reply *reply, const struct refusal *no_room)
{
	if (no_room->problem != P_NONE)
		return problem_code(no_room->problem);
	if (strcmp(reply_str(reply_at(reply, 0), NULL), "early") == 0)
		return problem_code(P_JOB_NOT_FINISHED);
	return problem_code(strcmp(reply_str(reply_at(reply, 0), NULL), "cut") == 0 ? P_LETTER_CUT : P_LETTER_UNKNOWN);
}

static void on_batch_replayed(struct http_request *q, const struct reply *reply)
{
	struct batch *s = q->user;
	const struct pick *pick = &s->picks[s->at++];
	char name[LETTER_NAME_MAX];
	struct buf *b = was_replayed(reply) ? &s->replayed : &s->skipped;
	struct refusal why = { .problem = P_NONE };

	if (has_no_room(q, reply, pick->source, &why) && why.retry_after_s > 0 && s->no_room.problem == P_NONE)
		s->no_room = why;
	note_stored(q, reply, pick->source);
	s->made += was_replayed(reply);
	letter_name(name, pick->id);
	json_object(b, NULL);
	json_str(b, "deadLetter", name);
	if (was_replayed(reply))
		json_str(b, "job", reply_str(reply_at(reply, 1), NULL));
	else
		json_str(b, "code", code_of(reply, &why));
	json_end_object(b);
	batch_step(q);
}

static void batch_answer(struct http_request *q)
{
	struct batch *s = q->user;
	struct buf *b = &s->replayed;
	char seconds[16];

	if (s->made == 0 && s->no_room.problem != P_NONE) {
		reactor_refuse(q, &s->no_room);
		return;
	}
	json_end_array(b);
	json_end_array(&s->skipped);
	json_raw(b, "skipped", s->skipped.data, s->skipped.len);
	letters_write_next(q, b, s->next);
	http_answer(q, 202, "application/json", b);
	if (s->no_room.problem != P_NONE) {
		snprintf(seconds, sizeof(seconds), "%u", s->no_room.retry_after_s);
		http_answer_header(q, "Retry-After", seconds);
	}
}

static void batch_step(struct http_request *q)
{
	struct batch *s = q->user;
	const struct pick *pick = &s->picks[s->at];

	if (s->at < s->count)
		ask_replay(q, pick->id, pick->job, pick->source, NULL, on_batch_replayed);
	else
		batch_answer(q);
}

static void batch_start(struct http_request *q, const struct reply *page)
{
	size_t n = reply_count(page) / 2;
	struct batch *s = calloc(1, sizeof(*s));

	if (s != NULL)
		q->user = s;
	if (s == NULL || (s->picks = calloc(n + 1, sizeof(*s->picks))) == NULL) {
		reactor_refuse_as(q, P_INTERNAL, "There is no memory.");
		return;
	}
	s->count = n;
	snprintf(s->next, sizeof(s->next), "%s", reply_str(reply_at(page, 0), NULL));
	for (size_t i = 0; i < n; i++) {
		const struct reply *fields = reply_at(page, 2 * i + 2);

		snprintf(s->picks[i].id, sizeof(s->picks[i].id), "%s", reply_str(reply_at(page, 2 * i + 1), NULL));
		snprintf(s->picks[i].job, sizeof(s->picks[i].job), "%s",
		    reply_str(reply_field(fields, 0, "job"), NULL));
		s->picks[i].source = source_named(q, reply_str(reply_field(fields, 0, "source"), NULL));
	}
	buf_init(&s->replayed, 1 << 20);
	buf_init(&s->skipped, 1 << 20);
	json_object(&s->replayed, NULL);
	json_array(&s->replayed, "replayed");
	json_array(&s->skipped, NULL);
	batch_step(q);
}

static void replay_many(struct http_request *q)
{
	if (!is_store_away(q))
		letters_ask(q, batch_start);
}

static void batch_gone(struct http_request *q)
{
	struct batch *s = q->user;

	if (s == NULL)
		return;
	buf_clear(&s->replayed);
	buf_clear(&s->skipped);
	free(s->picks);
	free(s);
}

const struct http_handler letter_replay = { .body = mend_body, .end = replay, .gone = mend_gone };
const struct http_handler letters_replay = { .end = replay_many, .gone = batch_gone };
