/*
 * results - GET /v1/jobs/{id}/results and /report: what came out of a job, streamed.
 *
 * In:  chunks of out:<job> or report:<job>, as schema/wire.md has them. Out: GeoJSON, a GeoJSON text
 * sequence (RFC 8142) or lines. Depends on lib/frame.
 *
 * One compressed chunk is in memory at a time, whatever the size of the whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/frame.h"
#include "lib/log.h"
#include "schema/wire.h"
#include "server/absent.h"
#include "server/handlers.h"
#include "server/query.h"
#include "server/reactor.h"

#define BLOCK_BYTES 32768
#define RECORD_SEPARATOR '\x1e'

static const char *const types[] = {
	"application/geo+json", "application/json", "application/geo+json-seq", "application/x-ndjson"
};
enum { AS_GEOJSON, AS_JSON, AS_SEQUENCE, AS_LINES };

struct stream {
	struct key key;		/* of the hash that holds the chunks */
	bool report;
	int as;
	unsigned chunk, chunks;		/* the next one, and how many numbers were given */
	uint64_t found, held;		/* chunks seen, and how many the hash held at the start */
	struct buf opening;	/* what goes before the first feature */
	struct frame_reader *reader;	/* the chunk at hand */
	char text[BLOCK_BYTES];	/* some of its lines */
	size_t len;
	size_t at;		/* in opening while it lasts, then in text */
	bool opened, closed, broken;
	bool in_line, any;	/* within a feature; was there one (at first: must there be one) */
};

/* ---- from lines to the form that was asked for ---- */

/* Copies lines of s->text to out, each with what goes before it. */
static size_t put_lines(struct stream *s, char *out, size_t room)
{
	size_t done = 0;

	while (done < room && s->at < s->len) {
		const char *from = s->text + s->at, *end;
		size_t n = s->len - s->at;

		if (!s->in_line) {
			s->in_line = true;
			if (s->as == AS_SEQUENCE || (s->as <= AS_JSON && s->any))
				out[done++] = s->as == AS_SEQUENCE ? RECORD_SEPARATOR : ',';
			s->any = true;
			continue;
		}
		if (n > room - done)
			n = room - done;
		if ((end = memchr(from, '\n', n)) != NULL) {
			n = (size_t)(end - from) + 1;
			s->in_line = false;
		}
		memcpy(out + done, from, n);
		done += n;
		s->at += n;
	}
	return done;
}

static size_t put_opening(struct stream *s, char *out, size_t room)
{
	size_t n = s->opening.len - s->at;

	if (n > room)
		n = room;
	if (n > 0)
		memcpy(out, s->opening.data + s->at, n);
	s->at += n;
	if (s->at == s->opening.len) {
		buf_clear(&s->opening);
		s->at = 0;
		s->opened = true;
	}
	return n;
}

static void break_off(struct http_request *q, const struct err *e)
{
	struct stream *s = q->user;

	log_error("results_broken", LOG_STR("job", q->job), LOG_STR("reason", e->text));
	s->broken = true;
}

/* Takes the next lines of the chunk at hand, if it has more. */
static void refill(struct http_request *q)
{
	struct stream *s = q->user;
	struct err e = ERR_INIT;
	long n;

	s->at = s->len = 0;
	if (s->reader == NULL)
		return;
	if ((n = frame_take(s->reader, s->text, sizeof(s->text), &e)) < 0)
		break_off(q, &e);
	else
		s->len = (size_t)n;
	if (n <= 0)
		frame_reader_free(&s->reader);
}

static void on_chunk(struct http_request *q, const struct reply *reply)
{
	struct stream *s = q->user;
	struct err e = ERR_INIT;
	size_t n;
	const char *bytes = reply_str(reply, &n);

	s->chunk++;
	s->broken |= reply == NULL;
	if (reply_type(reply) == REPLY_STRING) {
		s->found++;
		if ((s->reader = frame_reader_new(bytes, n, &e)) == NULL)
			break_off(q, &e);
	}
	http_wake(q);
}

static void ask_chunk(struct http_request *q)
{
	struct stream *s = q->user;
	char number[16];

	snprintf(number, sizeof(number), "%u", s->chunk);
	cmd_line(&reactor_of(q)->cmd, "HGET", s->key.text, number, NULL);
	reactor_ask_any(q, on_chunk);
}

static long pull(struct http_request *q, char *out, size_t room)
{
	static const char close[] = "]}\n";
	struct stream *s = q->user;

	if (!s->opened)
		return (long)put_opening(s, out, room);
	if (s->at == s->len)
		refill(q);
	if (s->broken)
		return HTTP_BROKEN;
	if (s->at < s->len)
		return (long)put_lines(s, out, room);
	if (s->chunk < s->chunks) {
		ask_chunk(q);
		return s->broken ? HTTP_BROKEN : HTTP_WAIT;
	}
	/* Chunks that went missing while we read must not look like an end. */
	if (s->found != s->held)
		return HTTP_BROKEN;
	if (s->closed || s->report || s->as > AS_JSON)
		return HTTP_END;
	s->closed = true;
	memcpy(out, close, sizeof(close) - 1);
	return sizeof(close) - 1;
}

/* ---- before the first byte ---- */

static void write_opening(struct stream *s, const char *head, size_t n)
{
	buf_init(&s->opening, n + 128);
	buf_puts(&s->opening, "{\"type\":\"FeatureCollection\",");
	buf_append(&s->opening, head, n);
	buf_puts(&s->opening, n > 0 ? ",\"features\":[\n" : "\"features\":[\n");
}

static void answer(struct http_request *q)
{
	struct stream *s = q->user;

	http_answer_stream(q, 200, s->report ? "application/x-ndjson" : types[s->as], pull);
	if (!s->report)
		http_answer_header(q, "Vary", "Accept");	/* RFC 9110, section 12.5.5 */
}

/* The document's foreign members, which stand among the chunks; only GeoJSON has a place for them. */
static void on_head(struct http_request *q, const struct reply *reply)
{
	struct stream *s = q->user;
	size_t n;
	const char *head = reply_str(reply, &n);

	s->found = reply_type(reply) == REPLY_STRING || reply_int(reply) == 1;
	s->opened = s->as > AS_JSON;
	if (!s->opened)
		write_opening(s, head, n);
	answer(q);
}

static void on_held(struct http_request *q, const struct reply *reply)
{
	struct stream *s = q->user;

	s->held = (uint64_t)reply_int(reply);
	if (s->held == 0 && s->any) {
		absent_refuse(q, P_RESULTS_GONE);
		return;
	}
	s->any = false;
	s->opened = s->report;
	if (s->report) {
		answer(q);
		return;
	}
	cmd_line(&reactor_of(q)->cmd, s->as > AS_JSON ? "HEXISTS" : "HGET", s->key.text, "head", NULL);
	reactor_ask(q, on_head);
}

/* Of the job, as start asks for them. */
enum { F_STATE, F_CHUNK, F_ACCEPTED, F_REPAIRED };

static void on_job(struct http_request *q, const struct reply *reply)
{
	struct stream *s = q->user;
	const char *state = reply_str(reply_at(reply, F_STATE), NULL);
	bool failed = strcmp(state, "failed") == 0;

	if (*state == '\0') {
		absent_refuse(q, P_JOB_UNKNOWN);
	} else if (strcmp(state, "accepted") == 0 || strcmp(state, "running") == 0) {
		reactor_refuse_as(q, P_JOB_NOT_FINISHED, "Ask /v1/jobs/{id} until its status is successful.");
	} else if (failed && !s->report) {
		reactor_refuse_as(q, P_RESULTS_GONE, "The job failed; its status and its dead letter say why.");
	} else if (strcmp(state, "dismissed") == 0) {
		reactor_refuse_as(q, P_RESULTS_GONE, "The job was dismissed.");
	} else {
		s->chunks = (unsigned)reply_int(reply_at(reply, F_CHUNK));
		s->any = !s->report && reply_int(reply_at(reply, F_ACCEPTED))
		    + reply_int(reply_at(reply, F_REPAIRED)) > 0;
		cmd_line(&reactor_of(q)->cmd, "HLEN", s->key.text, NULL);
		reactor_ask(q, on_held);
	}
}

static void start(struct http_request *q, bool report)
{
	struct key job = wire_key("job", q->arg);
	int as = report ? AS_LINES : accept_choose(http_header(q, "Accept"), types, AS_LINES + 1);
	struct stream *s;

	if (!wire_is_job_id(q->arg)) {
		absent_refuse_now(q, P_JOB_UNKNOWN);
		return;
	}
	http_note_job(q, q->arg);
	if (as < 0) {
		reactor_refuse_as(q, P_NOT_ACCEPTABLE, "They are served as application/geo+json, "
		    "application/geo+json-seq and application/x-ndjson.");
		return;
	}
	if ((s = calloc(1, sizeof(*s))) == NULL) {
		reactor_refuse_as(q, P_INTERNAL, "There is no memory.");
		return;
	}
	q->user = s;
	s->key = wire_key(report ? "report" : "out", q->arg);
	s->report = report;
	s->as = as;
	cmd_line(&reactor_of(q)->cmd, "HMGET", job.text, "state", "chunk", "accepted", "repaired", NULL);
	reactor_ask(q, on_job);
}

static void start_results(struct http_request *q)
{
	start(q, false);
}

static void start_report(struct http_request *q)
{
	start(q, true);
}

static void gone(struct http_request *q)
{
	struct stream *s = q->user;

	if (s == NULL)
		return;
	buf_clear(&s->opening);
	frame_reader_free(&s->reader);
	free(s);
}

const struct http_handler results_get = { .end = start_results, .gone = gone };
const struct http_handler report_get = { .end = start_report, .gone = gone };
