/*
 * dead_letters_api - features and documents that were not taken: look at them, replay them, drop them.
 *
 * In:  requests under /v1/dead-letters. Out: JSON; new jobs. Depends on list_letters.lua and replay.lua.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/json.h"
#include "schema/reject.h"
#include "schema/scripts.h"
#include "schema/status_info.h"
#include "schema/wire.h"
#include "server/absent.h"
#include "server/handlers.h"
#include "server/query.h"
#include "server/reactor.h"

#define LIST_DEFAULT 20
#define LIST_MOST 1000
#define LIST_LOOK 2000		/* letters that one page looks at: Redis does nothing else meanwhile */
#define LETTER_BYTES ((size_t)1 << 30)

/* ---- as JSON ---- */

static void put_text(struct buf *b, const char *name, const struct reply *fields, const char *field)
{
	size_t n;
	const char *s = reply_str(reply_field(fields, 0, field), &n);

	if (n > 0)
		json_strn(b, name, s, n);
}

static void put_number(struct buf *b, const char *name, const struct reply *fields, const char *field)
{
	const struct reply *r = reply_field(fields, 0, field);

	if (r != NULL)
		json_int(b, name, reply_int(r));
}

/* "x y" as [x,y] */
static void put_point(struct buf *b, const struct reply *fields)
{
	size_t n, x;
	const char *s = reply_str(reply_field(fields, 0, "at"), &n);

	if (n == 0 || strspn(s, "0123456789+-.eE ") != n || (x = strcspn(s, " ")) == n)
		return;
	json_array(b, "at");
	json_raw(b, NULL, s, x);
	json_raw(b, NULL, s + x + 1, n - x - 1);
	json_end_array(b);
}

/* Clients know a letter by its partition and stream id. */
static void letter_id(char out[64], const char *stream_id)
{
	snprintf(out, 64, "%d-%s", WIRE_PARTITION, stream_id);
}

static void write_letter(struct buf *b, const char *stream_id, const struct reply *f)
{
	enum reject_code code = reject_find(reply_str(reply_field(f, 0, "code"), NULL));
	const struct reply *id = reply_field(f, 0, "id");
	char name[64];
	size_t n;

	letter_id(name, stream_id);
	json_object(b, NULL);
	json_str(b, "id", name);
	put_text(b, "kind", f, "kind");
	put_text(b, "job", f, "job");
	put_text(b, "source", f, "source");
	if (reply_field(f, 0, "created") != NULL)
		json_time(b, "created", (uint64_t)reply_int(reply_field(f, 0, "created")));
	put_text(b, "code", f, "code");
	if (code != R_NONE) {
		json_str(b, "section", reject_info(code)->section);
		json_str(b, "advice", reject_info(code)->advice);
	}
	put_text(b, "reason", f, "reason");
	put_text(b, "path", f, "path");
	put_number(b, "offset", f, "offset");
	put_number(b, "index", f, "index");
	put_number(b, "length", f, "length");
	if (id != NULL) {
		const char *text = reply_str(id, &n);

		json_raw(b, "featureId", text, n);
	}
	put_point(b, f);
	put_text(b, "crs", f, "crs");
	json_bool(b, "cut", reply_int(reply_field(f, 0, "cut")) == 1);
	put_text(b, "raw", f, "raw");
	json_array(b, "links");
	json_object(b, NULL);
	buf_printf(b, "\"href\":\"/v1/dead-letters/%s\",\"rel\":\"self\",\"type\":\"application/json\"}]}", name);
}

/* ---- the list ---- */

struct filter {
	const char *source, *job, *code, *cursor;
	unsigned limit;
};

/* Among the letters of one job a position, else a stream id. */
static bool is_cursor(const char *s, bool of_job)
{
	size_t n = strspn(s, "0123456789"), seq = s[n] == '-' ? strspn(s + n + 1, "0123456789") : 0;

	if (*s == '\0')
		return true;
	return n > 0 && n < 20 && (of_job ? s[n] == '\0' : seq > 0 && seq < 20 && s[n + 1 + seq] == '\0');
}

static int read_filter(struct http_request *q, struct filter *f, struct refusal *why)
{
	f->source = query_text(q, "source");
	f->job = query_text(q, "job");
	f->code = query_text(q, "code");
	f->cursor = query_text(q, "cursor");
	if (query_count(q, "limit", LIST_DEFAULT, LIST_MOST, &f->limit, why) != 0)
		return -1;
	if (*f->code != '\0' && reject_find(f->code) == R_NONE)
		return refuse(why, P_QUERY_WRONG, "code must be one of the codes of docs/codes.md.");
	if (*f->job != '\0' && !wire_is_job_id(f->job))
		return refuse(why, P_QUERY_WRONG, "job must be a job id.");
	if (!is_cursor(f->cursor, *f->job != '\0'))
		return refuse(why, P_QUERY_WRONG, "cursor must be the \"next\" of an earlier page.");
	return 0;
}

static void ask_list(struct http_request *q, ask_fn fn)
{
	struct redis_cmd *c = &reactor_of(q)->cmd;
	struct refusal why = { .problem = P_NONE };
	struct filter f;
	struct key dead = wire_key("dead", NULL), of;

	if (read_filter(q, &f, &why) != 0) {
		reactor_refuse(q, &why);
		return;
	}
	of = *f.job != '\0' ? wire_key("deadof", f.job) : dead;
	cmd_script(c, &script_list_letters, 2);
	cmd_str(c, dead.text);
	cmd_str(c, of.text);
	cmd_str(c, f.cursor);
	cmd_str(c, f.source);
	cmd_str(c, f.code);
	cmd_int(c, f.limit);
	cmd_int(c, LIST_LOOK);
	reactor_ask(q, fn);
}

static void write_next(struct http_request *q, struct buf *b, const char *next)
{
	if (*next != '\0')
		json_str(b, "next", next);
	query_links(q, b, next);
	json_end_object(b);
}

static void answer_list(struct http_request *q, const struct reply *page)
{
	struct buf b;

	buf_init(&b, LETTER_BYTES);
	json_object(&b, NULL);
	json_array(&b, "deadLetters");
	for (size_t i = 1; i + 1 < reply_count(page); i += 2)
		write_letter(&b, reply_str(reply_at(page, i), NULL), reply_at(page, i + 1));
	json_end_array(&b);
	write_next(q, &b, reply_str(reply_at(page, 0), NULL));
	http_answer(q, 200, "application/json", &b);
}

static void list(struct http_request *q)
{
	ask_list(q, answer_list);
}

/* ---- one ---- */

static void ask_letter(struct http_request *q, ask_fn fn)
{
	const char *id = wire_letter_stream_id(q->arg);
	struct key dead = wire_key("dead", NULL);

	if (id == NULL) {
		absent_refuse_now(q, P_LETTER_UNKNOWN);
		return;
	}
	cmd_line(&reactor_of(q)->cmd, "XRANGE", dead.text, id, id, NULL);
	reactor_ask(q, fn);
}

/* The fields of the letter that XRANGE gave; NULL, and refused, if there is none. */
static const struct reply *letter_fields(struct http_request *q, const struct reply *range)
{
	if (reply_count(range) > 0)
		return reply_at(reply_at(range, 0), 1);
	absent_refuse(q, P_LETTER_UNKNOWN);
	return NULL;
}

static void answer_letter(struct http_request *q, const struct reply *range)
{
	const struct reply *fields = letter_fields(q, range);
	struct buf b;

	if (fields == NULL)
		return;
	buf_init(&b, LETTER_BYTES);
	write_letter(&b, wire_letter_stream_id(q->arg), fields);
	http_answer(q, 200, "application/json", &b);
}

static void get(struct http_request *q)
{
	ask_letter(q, answer_letter);
}

/* ---- drop ---- */

static void on_dropped(struct http_request *q, const struct reply *reply)
{
	(void)reply;
	http_answer_static(q, 204, NULL, "", 0);
}

static void drop_found(struct http_request *q, const struct reply *range)
{
	const struct reply *fields = letter_fields(q, range);
	struct reactor *r = reactor_of(q);
	const char *id = wire_letter_stream_id(q->arg);
	struct key dead = wire_key("dead", NULL), replayed = wire_key("replayed", NULL), of;

	if (fields == NULL)
		return;
	of = wire_key("deadof", reply_str(reply_field(fields, 0, "job"), NULL));
	cmd_line(&r->cmd, "XDEL", dead.text, id, NULL);
	reactor_tell(r);
	cmd_line(&r->cmd, "HDEL", replayed.text, id, NULL);
	reactor_tell(r);
	cmd_line(&r->cmd, "LREM", of.text, "1", id, NULL);
	reactor_ask(q, on_dropped);
}

static void drop(struct http_request *q)
{
	ask_letter(q, drop_found);
}

/* ---- replay ---- */

/* stream_id and job are the letter's. */
static void ask_replay(struct http_request *q, const char *stream_id, const char *job, ask_fn fn)
{
	struct reactor *r = reactor_of(q);
	struct redis_cmd *c = &r->cmd;
	char id[JOB_ID_LEN + 1], name[64];
	unsigned char dice[10];
	uint64_t now = clock_unix_ms();
	struct key keys[7];

	random_bytes(dice, sizeof(dice));
	wire_job_id(id, now, dice);
	letter_id(name, stream_id);
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
	reactor_ask(q, fn);
}

static bool was_replayed(const struct reply *reply)
{
	const char *verdict = reply_str(reply_at(reply, 0), NULL);

	return strcmp(verdict, "ok") == 0 || strcmp(verdict, "same") == 0;
}

static void on_replay_status(struct http_request *q, const struct reply *hash)
{
	char location[64];
	struct buf b;

	snprintf(location, sizeof(location), "/v1/jobs/%s", q->job);
	buf_init(&b, 1 << 20);
	status_info_write(&b, q->job, hash, 0);
	http_answer(q, 202, "application/json", &b);
	http_answer_header(q, "Location", location);
}

static void on_replayed(struct http_request *q, const struct reply *reply)
{
	const char *verdict = reply_str(reply_at(reply, 0), NULL);
	struct key job;

	if (was_replayed(reply)) {
		http_note_job(q, reply_str(reply_at(reply, 1), NULL));
		job = wire_key("job", q->job);
		cmd_line(&reactor_of(q)->cmd, "HGETALL", job.text, NULL);
		reactor_ask(q, on_replay_status);
	} else if (strcmp(verdict, "cut") == 0) {
		reactor_refuse_as(q, P_LETTER_CUT, "Its text was too long to be kept, or is no longer kept.");
	} else {
		absent_refuse(q, P_LETTER_UNKNOWN);
	}
}

static void replay_found(struct http_request *q, const struct reply *range)
{
	const struct reply *fields = letter_fields(q, range);

	if (fields != NULL)
		ask_replay(q, wire_letter_stream_id(q->arg), reply_str(reply_field(fields, 0, "job"), NULL),
		    on_replayed);
}

static void replay(struct http_request *q)
{
	ask_letter(q, replay_found);
}

/* ---- replay many: a page of the list, one after the other ---- */

struct pick {
	char id[48];		/* stream id */
	char job[JOB_ID_LEN + 1];
};

struct batch {
	struct pick *picks;
	size_t count, at;
	char next[48];
	struct buf replayed, skipped;	/* JSON, their arrays still open */
};

static void batch_step(struct http_request *q);

static void on_batch_replayed(struct http_request *q, const struct reply *reply)
{
	struct batch *s = q->user;
	char name[64];
	struct buf *b = was_replayed(reply) ? &s->replayed : &s->skipped;

	letter_id(name, s->picks[s->at++].id);
	json_object(b, NULL);
	json_str(b, "deadLetter", name);
	if (was_replayed(reply))
		json_str(b, "job", reply_str(reply_at(reply, 1), NULL));
	else
		json_str(b, "code", problem_code(strcmp(reply_str(reply_at(reply, 0), NULL), "cut") == 0
		    ? P_LETTER_CUT : P_LETTER_UNKNOWN));
	json_end_object(b);
	batch_step(q);
}

static void batch_step(struct http_request *q)
{
	struct batch *s = q->user;
	struct buf *b = &s->replayed;

	if (s->at < s->count) {
		ask_replay(q, s->picks[s->at].id, s->picks[s->at].job, on_batch_replayed);
		return;
	}
	json_end_array(b);
	json_end_array(&s->skipped);
	json_raw(b, "skipped", s->skipped.data, s->skipped.len);
	write_next(q, b, s->next);
	http_answer(q, 202, "application/json", b);
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
	ask_list(q, batch_start);
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

const struct http_handler letters_list = { .end = list };
const struct http_handler letter_get = { .end = get };
const struct http_handler letter_drop = { .end = drop };
const struct http_handler letter_replay = { .end = replay };
const struct http_handler letters_replay = { .end = replay_many, .gone = batch_gone };
