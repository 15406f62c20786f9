/*
 * decode - see decode.h. This file feeds the parser and finds where records begin and end.
 *
 *            blank           first byte             root closes
 *   START ───────────┐  ──────────────────→ TEXT ──────────────────→ BETWEEN
 *     ↑              │                       │ ↑                       │
 *     └──────────────┘         cannot be read│ │ next record           │ trailing text
 *                                            ↓ │                       ↓
 *                       a sequence: SKIP to the next record;  else: failed (by way of
 *                       DOUBT, which waits for the bytes that tell NaN from a slip)
 */
#include "workers/pipeline/decode.h"

#include <stdlib.h>
#include <string.h>

#include "workers/pipeline/decode_parts.h"

#define SEPARATOR '\x1e'

static void document_reset(struct decode *d)
{
	parser_close(d->yajl);
	tree_reset(d);
	bytes_init(&d->bytes, 0, d->o.max_token_bytes);
	ids_clear(&d->ids);
	buf_reset(&d->held);
	buf_reset(&d->head);
	ids_clear(&d->head_names);
	memset(&d->box, 0, sizeof(d->box));
	d->state = START;
	d->format = d->o.sequence ? FORMAT_LINES : FORMAT_DOCUMENT;
	d->undecided = d->o.sequence;
	d->solid = '\0';
	d->by_line = d->one_line = false;
	d->holding = d->failed = d->line_break = d->heard = d->again = false;
	d->noted_bom = d->noted_crs = d->crs_seen = false;
	d->number = (struct number_tail){ 0, 0 };
	d->piece_at = d->count = d->parsed = d->record_at = 0;
	d->bom = d->doubt_len = 0;
}

struct decode *decode_new(const struct decode_options *o, feature_fn fn, void *ctx, struct err *e)
{
	struct decode *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		err_errno(e, "decoder");
		return NULL;
	}
	d->o = *o;
	d->fn = fn;
	d->ctx = ctx;
	buf_init(&d->held, o->max_feature_bytes + 2 * DECODE_PIECE_BYTES);
	buf_init(&d->head, o->max_feature_bytes + DECODE_PIECE_BYTES);
	d->pool.max = o->max_feature_bytes / 2;
	if (d->pool.max < DECODE_PIECE_BYTES)
		d->pool.max = DECODE_PIECE_BYTES;
	d->yajl = parser_new();
	d->frames = calloc(o->max_depth + 1, sizeof(*d->frames));
	d->objects = calloc(o->max_depth + 1, sizeof(*d->objects));
	d->arena = arena_new(o->max_feature_bytes * 16 + ((size_t)16 << 20));
	d->f = calloc(1, sizeof(*d->f));
	if (!d->yajl || !d->frames || !d->objects || !d->arena || !d->f) {
		err_errno(e, "decoder");
		decode_free(&d);
		return NULL;
	}
	document_reset(d);
	return d;
}

void decode_free(struct decode **dp)
{
	struct decode *d = *dp;

	if (d == NULL)
		return;
	parser_free(&d->yajl);
	free(d->frames);
	free(d->objects);
	free(d->foreign);
	free(d->members);
	free(d->crs);
	free(d->crs_text);
	free(d->f);
	coords_pool_clear(&d->pool);
	names_clear(&d->names);
	ids_clear(&d->ids);
	buf_clear(&d->held);
	buf_clear(&d->head);
	ids_clear(&d->head_names);
	arena_free(&d->arena);
	free(d);
	*dp = NULL;
}

int decode_oom(struct decode *d)
{
	d->failed = true;
	err_set(d->e, ERR_SYSTEM, R_FEATURE_MEMORY, "decoder: no memory");
	return 0;
}

/* The piece is used up: what belongs to an unfinished feature is moved aside. */
static int piece_end(struct decode *d)
{
	uint64_t end = d->piece_at + d->piece_len;

	if (d->holding) {
		while (!d->in_feature && d->hold >= d->piece_at && d->hold < end &&
		    strchr(" \t\r\n,", d->piece[d->hold - d->piece_at]) != NULL)
			d->hold++;
		if (end - d->hold > d->o.max_feature_bytes && !d->too_large) {
			if (!d->in_feature)
				return decode_fail(d, ERR_LIMIT, R_FEATURE_TOO_LARGE, d->hold) - 1;
			d->too_large = true;
			if (d->reading != NULL)
				d->reading->broken = true;
		}
		if (decode_keep(d, end) != 0)
			return decode_oom(d) - 1;
	}
	d->piece_at = end;
	d->piece_len = 0;
	return 0;
}

/* Records. */

static int record_open(struct decode *d, uint64_t at, char first)
{
	free(d->crs_known ? NULL : d->crs);
	d->crs = d->crs_known ? d->crs : NULL;
	tree_reset(d);
	d->record_at = at;
	d->heard = true;
	if (parser_open(d) != 0)
		return -1;
	d->state = TEXT;
	d->number = (struct number_tail){ 0, 0 };
	d->tail_in_string = false;
	if (first != '{') {
		if (d->format != FORMAT_DOCUMENT) {
			decode_hold(d, at);
			return decode_fail(d, ERR_INPUT, R_SEQ_RECORD, at) - 1;
		}
		d->root_odd = true;
	}
	return 0;
}

/* The record that failed, with what its text comes to. */
static int record_reject(struct decode *d, uint64_t end)
{
	uint64_t hold = d->record_at;

	parser_close(d->yajl);
	d->line_break = false;
	d->state = BETWEEN;
	d->collection = false;
	d->in_feature = true;
	feature_reset(d->f);
	arena_reset(d->arena, DECODE_PIECE_BYTES);
	d->f->arena = d->arena;
	d->f->severity = d->o.severity;
	d->f->offset = hold;
	d->f->index = d->count;
	d->f->element = -1;
	d->too_long = false;
	feature_note_at(d->f, R_SEQ_RECORD, NULL, NULL, reject_info(d->skip_code)->meaning);
	feature_note_offset(d->f, R_SEQ_RECORD, d->skip_at);
	d->hold = d->hold > hold ? d->hold : hold;
	d->f->offset = d->hold;
	return feature_give(d, end > d->hold ? end : d->hold) ? 0 : -1;
}

int decode_fail(struct decode *d, enum err_class cls, enum reject_code code, uint64_t at)
{
	if (d->format != FORMAT_DOCUMENT && d->state != SKIP) {
		if (!d->holding) {	/* its first byte is what is wrong */
			d->record_at = at;
			decode_hold(d, at);
		}
		d->state = SKIP;
		d->skip_code = code;
		d->skip_at = at;
		return 0;
	}
	d->failed = true;
	d->failed_at = at;
	err_set(d->e, cls, code, "%s", reject_info(code)->meaning);
	return 0;
}

/* Feeding. Each of these uses up some of n bytes at p and returns how many. */

static size_t blank_run(struct decode *d, const char *p, size_t n)
{
	size_t i = 0;

	for (; i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r'); i++)
		d->line_break |= p[i] == '\n' || p[i] == '\r';
	return i;
}

/* A byte order mark, and what stands before the first byte of a record. */
static size_t feed_start(struct decode *d, const char *p, size_t n, uint64_t at)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t i = 0;

	for (; i < n && d->bom == at + i && d->bom < 3 && p[i] == mark[d->bom]; i++)
		d->bom++;
	if (d->bom == 3 && i > 0) {
		if (d->o.severity[R_JSON_BOM] == SEV_REJECT)
			decode_fail(d, ERR_INPUT, R_JSON_BOM, 0);
		d->noted_bom = true;
		return i;
	}
	if (i == n)
		return i;
	if (d->bom == 1 || d->bom == 2) {
		d->heard = true;
		decode_fail(d, ERR_INPUT, R_JSON_SYNTAX, 0);
		return i;
	}
	i += blank_run(d, p + i, n - i);
	if (i < n)
		record_open(d, at + i, p[i]);
	return i;
}

static size_t feed_between(struct decode *d, const char *p, size_t n, uint64_t at)
{
	size_t i = blank_run(d, p, n);
	bool object = i < n && p[i] == '{' && d->line_break;

	if (i == n)
		return i;
	if (d->format == FORMAT_DOCUMENT) {
		if (!object || d->collection) {
			decode_fail(d, ERR_INPUT, R_JSON_TRAILING, at + i);
			return i;
		}
		d->format = FORMAT_LINES;
		d->by_line = d->one_line;
	}
	if (d->undecided)
		d->by_line = d->one_line;
	d->undecided = false;
	record_open(d, at + i, d->format == FORMAT_LINES && object ? '{' : '!');
	return i;
}

/*
 * Where the first record of a sequence goes on behind its first line, it was broken off there, unless
 * that line ends as lines of a JSON text that is laid out do.
 */
static void decide_by_line(struct decode *d, const char *p, size_t n)
{
	const char *line = memchr(p, '\n', n);

	for (size_t i = line != NULL ? (size_t)(line - p) : n; i > 0; i--)
		if (strchr(" \t\r", p[i - 1]) == NULL) {
			d->solid = p[i - 1];
			break;
		}
	if (line == NULL)
		return;
	d->undecided = false;
	d->by_line = strchr("{[,:", d->solid) == NULL;
}

static size_t feed_text(struct decode *d, const char *p, size_t n, uint64_t at)
{
	const char *line = NULL;
	enum parser_status status;
	size_t used;

	if (d->undecided)
		decide_by_line(d, p, n);
	if (d->by_line)
		line = memchr(p, '\n', n);
	n = line != NULL ? (size_t)(line - p) : n;
	used = past_feed(d, p, n, at, &status);
	if (status == PARSER_OK && line != NULL) {
		fault_watch_number(d, p, n, at, false);
		if (d->state == TEXT)
			decode_fail(d, ERR_INPUT, R_JSON_TRUNCATED, at + n);
	} else if (status == PARSER_STOPPED && !d->failed && d->state == TEXT) {
		d->state = BETWEEN;
		d->line_break = false;
	}
	return used;
}

static size_t feed_doubt(struct decode *d, const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && d->doubt_len < 4)
		d->doubt[d->doubt_len++] = p[i++];
	if (d->doubt_len == 4)
		fault_settle(d);
	return i;
}

/* Bytes that bytes.c has passed; returns how many were used: fewer where a record failed. */
static size_t consume(struct decode *d, const char *p, size_t n)
{
	size_t i = 0;

	d->piece = p;
	while (i < n && !d->failed && d->state != SKIP) {
		uint64_t at = d->piece_at + i;

		d->piece_len = n;
		switch (d->state) {
		case START:
			i += feed_start(d, p + i, n - i, at);
			break;
		case TEXT:
			i += feed_text(d, p + i, n - i, at);
			break;
		case BETWEEN:
			i += feed_between(d, p + i, n - i, at);
			break;
		default:
			i += feed_doubt(d, p + i, n - i);
		}
	}
	if (d->state == TEXT && !d->failed)
		fault_watch_number(d, p, n, d->piece_at, d->bytes.in_string);
	d->piece_len = i;
	piece_end(d);
	return i;
}

/* What bytes.c has met. Returns how many bytes of it are used up. */
static size_t on_event(struct decode *d, enum bytes_event event)
{
	if (d->state == DOUBT && (event == BYTES_UTF8 || event == BYTES_CONTROL || event == BYTES_SEPARATOR)) {
		fault_settle(d);
		return 0;
	}
	switch (event) {
	case BYTES_UTF8:
		decode_fail(d, ERR_INPUT, R_JSON_UTF8, d->bytes.fault_at);
		return 0;
	case BYTES_SURROGATE:
		if (d->state == TEXT)
			tree_fault(d, R_JSON_SURROGATE, d->bytes.fault_at);
		return 0;
	case BYTES_LONG_STRING:
		if (d->reading != NULL)
			d->reading->broken = true;
		if (d->in_feature)
			d->too_long = true;
		else if (d->state == TEXT)
			decode_fail(d, ERR_LIMIT, R_TOKEN_TOO_LONG, d->bytes.fault_at);
		return 0;
	case BYTES_SEPARATOR:
		if (d->state == START && !d->heard) {
			d->format = FORMAT_SEPARATORS;
			d->undecided = false;
		} else if (d->format != FORMAT_SEPARATORS || d->state == TEXT) {
			decode_fail(d, ERR_INPUT, d->state == BETWEEN ? R_JSON_TRAILING : R_JSON_SYNTAX,
			    d->bytes.fault_at);
			return 0;
		}
		d->heard = true;
		d->state = START;
		d->bytes.at++;
		d->piece_at++;
		return 1;
	case BYTES_CONTROL:
		decode_fail(d, ERR_INPUT, R_JSON_SYNTAX, d->bytes.fault_at);
		return 0;
	default:
		return 0;
	}
}

/* Within a record that failed: on to the next one. */
static size_t skip(struct decode *d, const char *p, size_t n)
{
	const char *next = memchr(p, d->format == FORMAT_LINES ? '\n' : SEPARATOR, n);
	size_t used = next == NULL ? n : (size_t)(next - p);

	if (d->undecided)	/* its first line may end here */
		decide_by_line(d, p, n);
	d->in_feature = true;
	d->piece = p;
	d->piece_len = used;
	if (next != NULL)
		record_reject(d, d->piece_at + used);
	if (!d->failed)
		piece_end(d);
	bytes_init(&d->bytes, d->piece_at, d->o.max_token_bytes);
	return used;
}

/*
 * n scanned bytes and what was met behind them; returns how many are used up. That a string is too
 * long is said behind its first quote, before yajl judges it, which it does at the last.
 */
static size_t pass(struct decode *d, const char *p, size_t n, enum bytes_event event)
{
	size_t first = n, used = 0;

	if (event == BYTES_LONG_STRING)
		first = d->bytes.fault_at < d->piece_at ? 0 : d->bytes.fault_at + 1 - d->piece_at;
	if (first > 0 && (used = consume(d, p, first)) < first)
		return used;
	if (d->failed || d->state == SKIP)
		return used;
	used += on_event(d, event);
	if (first < n && !d->failed && d->state != SKIP)
		used += consume(d, p + first, n - first);
	return used;
}

/* A piece ends where what is held becomes too large: that is met at the same byte, however the bytes come. */
static size_t piece_room(const struct decode *d)
{
	uint64_t limit = d->hold + d->o.max_feature_bytes + 1;
	size_t room = DECODE_PIECE_BYTES;

	if (room > d->o.max_feature_bytes)
		room = d->o.max_feature_bytes > 0 ? d->o.max_feature_bytes : 1;
	if (d->holding && !d->too_large && limit > d->piece_at && limit - d->piece_at < room)
		room = limit - d->piece_at;
	return room;
}

int decode_feed(struct decode *d, const char *p, size_t n, struct err *e)
{
	enum bytes_event event;
	size_t used, take;

	d->e = e;
	for (; n > 0 && !d->failed; p += used, n -= used) {
		take = n < piece_room(d) ? n : piece_room(d);
		if (d->state == SKIP) {
			used = skip(d, p, take);
			continue;
		}
		used = take = bytes_scan(&d->bytes, p, take, &event);
		if (event == BYTES_SKIPPED) {
			d->piece = p;
			d->piece_len = take;
			piece_end(d);
			continue;
		}
		used = pass(d, p, take, event);
	}
	return d->failed ? -1 : 0;
}

void decode_stop_at_features(struct decode *d, uint64_t *at)
{
	d->features_at = at;
	*at = 0;
}

void decode_by_parser_alone(struct decode *d)
{
	d->parser_alone = true;
}

int decode_jump(struct decode *d, uint64_t at, uint64_t elements, const uint64_t *twice, size_t n, struct err *e)
{
	d->e = e;
	if (d->failed || !d->collection || d->depth != 2)
		return err_set(e, ERR_SYSTEM, 0, "decoder: no place to jump from");
	d->mute = true;
	if (elements > 0 && parser_feed(d, "{}", 2) != PARSER_OK)
		return d->failed ? -1 : err_set(e, ERR_SYSTEM, 0, "decoder: it does not jump");
	d->mute = false;
	bytes_init(&d->bytes, at, d->o.max_token_bytes);
	d->objects[0].elements = (uint32_t)elements;
	d->objects[0].last_end = d->value_end = d->parsed = d->piece_at = at;
	d->count = d->twice_from = elements;
	d->number = (struct number_tail){ 0, 0 };
	d->tail_in_string = false;
	if (elements > 0) {
		d->last = '}';
		d->noted_bom = d->noted_crs = false;
	}
	d->jumped = true;
	d->twice = twice;
	d->twice_count = n;
	d->twice_next = 0;
	buf_reset(&d->held);
	decode_hold(d, at);
	return 0;
}

int decode_settle(struct decode *d, struct err *e)
{
	d->e = e;
	if (d->state == DOUBT && !d->failed)
		fault_settle(d);
	return d->failed ? -1 : 0;
}

static int finish_text(struct decode *d)
{
	if (d->root_odd && parser_feed(d, NULL, 0) == PARSER_OK)
		return decode_fail(d, ERR_INPUT, R_ROOT_NOT_OBJECT, d->record_at);
	return d->failed ? 0 : decode_fail(d, ERR_INPUT, R_JSON_TRUNCATED, d->piece_at);
}

int decode_finish(struct decode *d, struct err *e)
{
	d->e = e;
	if (d->failed)
		return err_set(e, ERR_INPUT, R_JSON_SYNTAX, "the document has failed before");
	on_event(d, bytes_end(&d->bytes));
	if (d->state == DOUBT)
		fault_settle(d);
	else if (d->state == TEXT && !d->failed)
		finish_text(d);
	else if (d->state == START && !d->heard)
		decode_fail(d, ERR_INPUT, R_JSON_TRUNCATED, d->piece_at);
	if (d->state == SKIP && !d->failed) {
		d->in_feature = true;
		record_reject(d, d->piece_at);
	}
	if (d->failed)
		return -1;
	if (!d->again)
		return 0;
	d->crs_known = d->crs_seen && !d->single;
	document_reset(d);
	d->noted_crs = d->crs_known;
	return 1;
}

void decode_crs_is_known(struct decode *d)
{
	d->crs_known = d->noted_crs = true;
}

uint64_t decode_offset(const struct decode *d)
{
	return d->failed ? d->failed_at : d->piece_at;
}

uint64_t decode_parsed(const struct decode *d)
{
	return d->parsed;
}

const char *decode_crs(const struct decode *d)
{
	return d->o.severity[R_CRS_LEGACY] == SEV_FIX ? d->crs : NULL;
}

uint64_t decode_crs_offset(const struct decode *d)
{
	return d->crs_at;
}

const char *decode_head(const struct decode *d, size_t *len)
{
	*len = d->head.len;
	return d->head.len > 0 ? d->head.data : "";
}

const struct collection_box *decode_box(const struct decode *d)
{
	return &d->box;
}
