/* http_receive - see http_internal.h: from bytes to requests, and what is done with what is no request. */
#include <string.h>

#include "server/http_internal.h"

/* ---- refusing ---- */

void receive_refuse(struct conn *c, const struct refusal *why)
{
	if (c->x == NULL && exchange_new(c) == NULL) {
		conn_close(c);
		return;
	}
	exchange_refuse(c->x, why);
	send_answer(c);
}

static void refuse_as(struct conn *c, enum problem p, const char *words)
{
	struct refusal why = { .problem = P_NONE };

	refuse(&why, p, "%s", words);
	receive_refuse(c, &why);
}

/* ---- a request ---- */

static void end(struct conn *c)
{
	struct exchange *x = c->x;

	c->stage = STAGE_WAIT;
	conn_wait_for(c, TIMING_NONE);
	if (!x->answered) {
		x->ended = true;
		x->pub.handler->end(&x->pub);
	}
	if (x->broken)
		conn_close(c);
	else if (x->answered)
		send_answer(c);
}

/*
 * The answer is there before the body is. Where the client waits for leave to send, or has much to send, it leaves
 * now and the connection ends with it; a short body is read first, since the connection can then be kept.
 */
static bool skips_body(const struct exchange *x)
{
	return !x->head.expects && x->head.length >= 0 && x->head.length <= SKIP_BYTES;
}

static void begin_body(struct conn *c)
{
	struct exchange *x = c->x;
	struct refusal why = { .problem = P_NONE };

	if (!x->answered && x->pub.handler->body == NULL && x->pub.declared > SKIP_BYTES) {
		refuse(&why, P_BODY_TOO_LARGE, "No body is expected here.");
		exchange_refuse(x, &why);
	}
	c->stage = STAGE_BODY;
	if (x->answered && !skips_body(x)) {
		send_answer(c);
		return;
	}
	c->body_ms = c->body_moved = 0;
	conn_wait_for(c, TIMING_BODY);
	if (x->head.expects)
		send_continue(c);
}

static void hold_body(struct conn *c)
{
	c->stage = STAGE_BODY;
	c->paused = true;
	c->x->begins = true;
	conn_wait_for(c, TIMING_NONE);
}

static void begin(struct conn *c, const char *bytes, size_t n)
{
	struct refusal why = { .problem = P_NONE };
	struct exchange *x = exchange_new(c);
	struct http *h = c->http;

	memset(&c->scan, 0, sizeof(c->scan));
	if (x == NULL) {
		conn_close(c);
		return;
	}
	if (head_parse(&x->head, bytes, n, &why) != 0) {
		receive_refuse(c, &why);
		return;
	}
	x->is_head = strcmp(x->head.method, "HEAD") == 0;
	x->pub.method = x->is_head ? "GET" : x->head.method;
	x->pub.path = x->head.path;
	x->pub.query = x->head.query;
	x->pub.declared = x->head.length;
	x->left = x->head.length > 0 ? (uint64_t)x->head.length : 0;
	x->has_body = x->head.chunked || x->left > 0;
	h->app.begin(h->app.ctx, &x->pub);
	if (!x->answered && !x->broken && x->pub.handler->begin != NULL)
		x->pub.handler->begin(&x->pub);
	if (x->broken)
		conn_close(c);
	else if (x->held && !x->answered && x->has_body)
		hold_body(c);
	else if (x->has_body)
		begin_body(c);
	else
		end(c);
}

/* ---- its body ---- */

static size_t skip(struct conn *c, size_t n)
{
	c->x->skipped += n;
	if (c->x->skipped > SKIP_BYTES && !c->x->answered)
		refuse_as(c, P_BODY_TOO_LARGE, "No body is expected here.");
	else if (c->x->skipped > SKIP_BYTES)
		send_answer(c);
	return n;
}

/* The handler takes no more for now; unless it was woken meanwhile. */
static void pause_body(struct conn *c)
{
	if (c->x->woken) {
		conn_due(c);
		return;
	}
	c->paused = true;
	conn_pause_body(c);	/* that it waits for Redis is not the client's fault */
}

/* Data of the body: how many were taken. */
static size_t give(struct conn *c, const char *bytes, size_t n)
{
	struct exchange *x = c->x;
	size_t taken;

	if (x->answered || x->pub.handler->body == NULL)
		return skip(c, n);
	x->woken = false;
	taken = x->pub.handler->body(&x->pub, bytes, n);
	x->pub.bytes_in += taken;
	if (x->broken)
		conn_close(c);
	else if (x->answered)
		send_answer(c);
	else if (taken < n)
		pause_body(c);
	return taken;
}

static size_t take_chunked(struct conn *c, const char *bytes, size_t n)
{
	size_t used, have, taken;

	switch (chunked_next(&c->x->chunked, bytes, n, &used, &have)) {
	case CHUNKED_DATA:
		/* Told after the fact, since the exchange may be over by then. */
		taken = have;
		if (have > 0) {
			struct exchange *x = c->x;

			taken = give(c, bytes + used, have);
			if (c->x == x)
				chunked_took(&x->chunked, taken);
		}
		return used + taken;
	case CHUNKED_END:
		end(c);
		return used;
	case CHUNKED_BAD:
		refuse_as(c, P_BODY_FRAMING, "The chunked body is malformed.");
		return n;
	case CHUNKED_MORE:
		break;
	}
	return n;
}

static size_t take_body(struct conn *c, const char *bytes, size_t n)
{
	struct exchange *x = c->x;
	size_t taken;

	if (x->head.chunked)
		return take_chunked(c, bytes, n);
	taken = give(c, bytes, x->left < n ? (size_t)x->left : n);
	if (c->stage != STAGE_BODY || c->x != x)
		return taken;
	x->left -= taken;
	if (x->left == 0)
		end(c);
	return taken;
}

/* ---- bytes ---- */

static size_t take_head(struct conn *c, const char *bytes, size_t n)
{
	const struct http_limits *l = &c->http->limits;
	const struct head_limits limits = { l->header_bytes, l->target_bytes, l->header_fields };
	struct refusal why = { .problem = P_NONE };
	long length = head_find(&c->scan, bytes, n, &limits, &why);

	if (length > 0) {
		begin(c, bytes, (size_t)length);
		return (size_t)length;
	}
	if (length < 0) {
		receive_refuse(c, &why);
		return n;
	}
	if (c->timing != TIMING_HEAD)
		conn_wait_for(c, TIMING_HEAD);
	return 0;
}

/* How many of n were used. What is left is offered again, with what comes next, or when the connection goes on. */
static size_t consume(struct conn *c, const char *bytes, size_t n)
{
	size_t at = 0, taken = 1;

	while (at < n && taken > 0 && !c->due) {
		switch (c->stage) {
		case STAGE_HANDSHAKE:
		case STAGE_HEAD:
			taken = take_head(c, bytes + at, n - at);
			break;
		case STAGE_BODY:
			taken = c->paused ? 0 : take_body(c, bytes + at, n - at);
			break;
		case STAGE_WAIT:
		case STAGE_SEND:
			return c->closing ? n : at;
		case STAGE_LINGER:
		case STAGE_CLOSED:
			return n;
		}
		at += taken;
	}
	return at;
}

/* What is kept stands in `in`; once that is used up its memory goes, for most connections idle. */
static void feed(struct conn *c)
{
	size_t used = consume(c, c->in.data, c->in.len);

	if (c->stage == STAGE_CLOSED)
		return;
	if (used == c->in.len) {
		buf_clear(&c->in);
		if (c->stage == STAGE_HEAD && c->timing == TIMING_HEAD)	/* it was answered already: nothing has begun */
			conn_wait_for(c, TIMING_IDLE);
		return;
	}
	memmove(c->in.data, c->in.data + used, c->in.len - used);
	c->in.len -= used;
}

static void feed_new(struct conn *c, const char *bytes, size_t n)
{
	size_t used = consume(c, bytes, n);

	if (used < n && c->stage != STAGE_CLOSED && buf_append(&c->in, bytes + used, n - used) != 0)
		conn_close(c);
}

static bool hungry(const struct conn *c)
{
	if (c->due || c->read_closed)
		return false;	/* CLOSED is none of these */
	return c->stage == STAGE_HANDSHAKE || c->stage == STAGE_HEAD || c->stage == STAGE_LINGER
	    || (c->stage == STAGE_BODY && !c->paused && c->in.len == 0);
}

/* The peer sends no more. It may still read: a whole request is answered, a part of one is told so. */
static void on_end(struct conn *c)
{
	c->read_closed = true;
	conn_watch(c, false, c->writes);
	if (c->stage == STAGE_BODY)
		refuse_as(c, P_REQUEST_TRUNCATED, "The connection was closed before the end of the body.");
	else if (c->stage == STAGE_HEAD && c->in.len > 0)
		refuse_as(c, P_REQUEST_TRUNCATED, "The connection was closed before the end of the headers.");
	else if (c->stage == STAGE_HEAD || c->stage == STAGE_LINGER)
		conn_close(c);
}

/* Bytes of the body where its handler wants them. Should it not take all, its memory may be gone with the request. */
static void feed_placed(struct conn *c, const char *bytes, size_t n)
{
	struct exchange *x = c->x;
	size_t used = consume(c, bytes, n);

	if (used < n && c->stage == STAGE_BODY && c->x == x && buf_append(&c->in, bytes + used, n - used) != 0)
		conn_close(c);
}

/*
 * Where to read to, and how much: a body of known length goes straight to its handler. Not from TLS, which would keep
 * the rest of a record to itself. 0: nothing is to be read now.
 */
static size_t choose_place(struct conn *c, char **to)
{
	struct exchange *x = c->x;
	void *at = NULL;
	long room = 0;

	*to = c->http->read_block;
	if (c->stage != STAGE_BODY || c->tls != NULL || x->head.chunked || x->answered || x->pub.handler->place == NULL)
		return READ_BLOCK;
	x->woken = false;
	if ((room = x->pub.handler->place(&x->pub, &at)) == 0)
		return READ_BLOCK;
	if (room < 0) {
		pause_body(c);
		return 0;
	}
	*to = at;
	return x->left < (uint64_t)room ? (size_t)x->left : (size_t)room;
}

/* One read: false when there is nothing more to be had now. */
static bool receive_once(struct conn *c)
{
	size_t room;
	bool appends;
	char *to;
	long n;

	if (c->stage == STAGE_HANDSHAKE && !conn_shake_hands(c))
		return false;
	if ((room = choose_place(c, &to)) == 0)
		return false;
	appends = c->in.len > 0 && c->stage == STAGE_HEAD;
	n = conn_read(c, to, room);
	if (n == TLS_AGAIN)
		return false;
	if (n < 0) {
		conn_close(c);
		return false;
	}
	if (n == 0) {
		on_end(c);
		return false;
	}
	c->moved += (uint64_t)n;
	if (to != c->http->read_block)
		feed_placed(c, to, (size_t)n);
	else if (!appends)
		feed_new(c, to, (size_t)n);
	else if (buf_append(&c->in, to, (size_t)n) == 0)
		feed(c);
	else
		conn_close(c);
	/* TLS gives a record at a time, and READ_BLOCK holds the largest: nothing stays in it unread. */
	return (size_t)n == room || c->tls != NULL;
}

void receive(struct conn *c)
{
	if (!hungry(c)) {	/* bytes that nobody takes now would be reported again and again */
		conn_watch(c, false, c->writes);
		return;
	}
	for (int i = 0; i < TURNS && hungry(c); i++)
		if (!receive_once(c))
			break;
	if (hungry(c) && c->stage != STAGE_HANDSHAKE)
		conn_watch(c, true, c->writes);
}

void resume(struct conn *c)
{
	switch (c->stage) {
	case STAGE_HANDSHAKE:
	case STAGE_HEAD:
	case STAGE_BODY:
		if (c->stage == STAGE_BODY && c->x->answered && !skips_body(c->x)) {
			send_answer(c);
			break;
		}
		if (c->stage == STAGE_BODY && c->x->begins) {
			c->x->begins = false;
			begin_body(c);
		}
		if (c->stage == STAGE_BODY && !c->paused && c->timing == TIMING_NONE && !conn_wait_for_body(c)) {
			refuse_as(c, P_BODY_SLOW, "The body comes too slowly.");
			break;
		}
		if (c->in.len > 0)
			feed(c);
		if (c->stage != STAGE_CLOSED && !c->reads && hungry(c))
			receive(c);
		break;
	case STAGE_WAIT:
		if (c->x->broken)
			conn_close(c);
		else if (c->x->answered)
			send_answer(c);
		break;
	case STAGE_SEND:
		send_more(c);
		break;
	case STAGE_LINGER:
	case STAGE_CLOSED:
		break;
	}
}
