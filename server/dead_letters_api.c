/*
 * dead_letters_api - features and documents that were not taken: look at them, drop them.
 *
 * In:  requests under /v1/dead-letters. Out: JSON. Depends on list_letters.lua. replay_api.c makes jobs of them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "schema/reject.h"
#include "schema/scripts.h"
#include "schema/wire.h"
#include "server/absent.h"
#include "server/handlers.h"
#include "server/letters.h"
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

void letter_name(char out[LETTER_NAME_MAX], const char *stream_id)
{
	snprintf(out, LETTER_NAME_MAX, "%d-%s", WIRE_PARTITION, stream_id);
}

static void write_letter(struct buf *b, const char *stream_id, const struct reply *f)
{
	enum reject_code code = reject_find(reply_str(reply_field(f, 0, "code"), NULL));
	const struct reply *id = reply_field(f, 0, "id");
	char name[LETTER_NAME_MAX];
	size_t n;

	letter_name(name, stream_id);
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

void letters_ask(struct http_request *q, ask_fn fn)
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

void letters_write_next(struct http_request *q, struct buf *b, const char *next)
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
	letters_write_next(q, &b, reply_str(reply_at(page, 0), NULL));
	http_answer(q, 200, "application/json", &b);
}

static void list(struct http_request *q)
{
	letters_ask(q, answer_list);
}

/* ---- one ---- */

void letter_ask(struct http_request *q, ask_fn fn)
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

const struct reply *letter_fields(struct http_request *q, const struct reply *range)
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
	letter_ask(q, answer_letter);
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
	struct key dead = wire_key("dead", NULL), replayed = wire_key("replayed", NULL), room = wire_key("room", NULL);

	if (fields == NULL)
		return;
	cmd_script(&r->cmd, &script_bury, 3);
	cmd_str(&r->cmd, dead.text);
	cmd_str(&r->cmd, replayed.text);
	cmd_str(&r->cmd, room.text);
	cmd_str(&r->cmd, "");
	cmd_str(&r->cmd, "1");
	cmd_str(&r->cmd, id);
	reactor_ask(q, on_dropped);
}

static void drop(struct http_request *q)
{
	letter_ask(q, drop_found);
}

const struct http_handler letters_list = { .end = list };
const struct http_handler letter_get = { .end = get };
const struct http_handler letter_drop = { .end = drop };
