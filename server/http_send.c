/* http_send - see http_internal.h: from answers to bytes. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/decimal.h"
#include "server/http_internal.h"

#define COMPOSE_MAX (STREAM_BLOCK + 16384)	/* an answer up to this size goes out in one piece */

/* ---- bytes ---- */

/* How many of n the socket took; -1: the connection is closed now. */
static long send_some(struct conn *c, const char *bytes, size_t n)
{
	long sent = conn_write(c, bytes, n);

	if (sent == TLS_AGAIN)
		return 0;
	if (sent < 0)
		conn_close(c);
	else
		c->moved += (uint64_t)sent;
	return sent;
}

/* Sends, or keeps for later. false: the connection is closed now. */
static bool put(struct conn *c, const char *bytes, size_t n)
{
	long sent = c->out.len == 0 ? send_some(c, bytes, n) : 0;

	if (sent < 0)
		return false;
	if ((size_t)sent < n && buf_append(&c->out, bytes + sent, n - (size_t)sent) != 0) {
		conn_close(c);
		return false;
	}
	return true;
}

/* Sends what was kept. true: all of it is out. */
static bool flush(struct conn *c)
{
	long sent;

	if (c->out.len > 0) {
		if ((sent = send_some(c, c->out.data + c->out_at, c->out.len - c->out_at)) < 0)
			return false;
		c->out_at += (size_t)sent;
		if (c->out_at < c->out.len) {
			conn_watch(c, c->reads, true);
			return false;
		}
		buf_clear(&c->out);
		c->out_at = 0;
	}
	conn_watch(c, c->reads, false);
	return true;
}

void send_continue(struct conn *c)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (put(c, line, sizeof(line) - 1))
		flush(c);	/* a full socket takes the rest when it can: until then no body comes */
}

void send_rest(struct conn *c)
{
	flush(c);
}

/* ---- the head ---- */

static const char *reason(unsigned status)
{
	static const struct { unsigned status; const char *words; } known[] = {
		{ 200, "OK" }, { 202, "Accepted" }, { 204, "No Content" }, { 400, "Bad Request" },
		{ 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" }, { 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
		{ 411, "Length Required" }, { 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" }, { 417, "Expectation Failed" },
		{ 421, "Misdirected Request" }, { 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" }, { 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].words;
	return status < 400 ? "OK" : "Refused";
}

/* RFC 9110 section 5.6.7; made once a second. */
static const char *date(struct http *h)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now == h->date_s && h->date[0] != '\0')
		return h->date;
	h->date_s = now;
	gmtime_r(&now, &tm);
	strftime(h->date, sizeof(h->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);	/* no locale is ever set */
	return h->date;
}

static void put_number(struct buf *b, uint64_t v)
{
	char digits[DECIMAL_MAX];

	buf_append(b, digits, decimal(digits, v));
}

static void write_head(struct conn *c, struct buf *b)
{
	struct exchange *x = c->x;

	buf_puts(b, "HTTP/1.1 ");
	put_number(b, x->pub.status);
	buf_putc(b, ' ');
	buf_puts(b, reason(x->pub.status));
	buf_puts(b, "\r\nDate: ");
	buf_puts(b, date(c->http));
	buf_puts(b, "\r\n");
	buf_append(b, x->fields.data, x->fields.len);
	if (x->pull != NULL && !x->head.old)
		buf_puts(b, "Transfer-Encoding: chunked\r\n");
	else if (x->pull == NULL && x->pub.status != 204) {
		buf_puts(b, "Content-Length: ");
		put_number(b, x->length);
		buf_puts(b, "\r\n");
	}
	buf_puts(b, c->closing ? "Connection: close\r\n\r\n" : "\r\n");
}

/* ---- the answer ---- */

/* The connection's next request, or its end. */
static void finish(struct conn *c)
{
	struct http *h = c->http;

	exchange_over(c);
	c->paused = false;
	if (!c->closing) {
		c->stage = STAGE_HEAD;
		conn_wait_for(c, c->in.len > 0 ? TIMING_HEAD : TIMING_IDLE);
		if (c->in.len > 0 || !c->reads)
			conn_due(c);
		return;
	}
	if (c->read_closed || !c->polite || h->limits.linger_ms == 0) {
		conn_close(c);
		return;
	}
	/* A socket that is closed with unread bytes resets the connection, and a reset may overtake the answer on its
	 * way (RFC 9112 section 9.6): what still comes is read and thrown away for a while. */
	if (c->tls != NULL)
		tls_end(c->tls);
	shutdown(c->fd, SHUT_WR);
	c->stage = STAGE_LINGER;
	conn_wait_for(c, TIMING_LINGER);
	if (!c->reads)
		conn_watch(c, true, false);
}

/* The answer's next piece into send_block: its length; 0: it is waited for; -1: the connection is closed now. */
static long next_block(struct conn *c)
{
	struct exchange *x = c->x;
	char *block = c->http->send_block, *data = block + 6, size[16];
	long n;

	if (x->pull == NULL) {
		n = (long)(x->length - x->sent < STREAM_BLOCK ? x->length - x->sent : STREAM_BLOCK);
		memcpy(block, x->text + x->sent, (size_t)n);
		x->sent += (size_t)n;
		x->complete = x->sent == x->length;
		return n;
	}
	x->woken = false;
	n = x->broken ? HTTP_BROKEN : x->pull(&x->pub, data, STREAM_BLOCK);
	if (n == HTTP_WAIT)
		return 0;
	if (n == HTTP_BROKEN) {
		conn_close(c);
		return -1;
	}
	x->complete = n == HTTP_END;
	if (n > 0)
		x->pub.bytes_out += (uint64_t)n;
	if (x->head.old) {
		n = n > 0 ? n : 0;
		memmove(block, data, (size_t)n);
		return n;
	}
	if (n == HTTP_END) {
		memcpy(block, "0\r\n\r\n", 5);
		return 5;
	}
	snprintf(size, sizeof(size), "%04x\r\n", (unsigned)n);
	memcpy(block, size, 6);
	memcpy(data + n, "\r\n", 2);
	return n + 8;
}

void send_more(struct conn *c)
{
	struct exchange *x = c->x;

	for (int i = 0; i < TURNS; i++) {
		long n;

		if (!flush(c))
			return;
		if (x->complete) {
			finish(c);
			return;
		}
		if ((n = next_block(c)) < 0)
			return;
		if (n == 0 && !x->complete && !x->woken) {
			conn_wait_for(c, TIMING_NONE);	/* for the handler; it wakes us */
			return;
		}
		if (c->timing != TIMING_SEND)
			conn_wait_for(c, TIMING_SEND);
		if (n > 0 && !put(c, c->http->send_block, (size_t)n))
			return;
	}
	conn_due(c);
}

void send_answer(struct conn *c)
{
	struct http *h = c->http;
	struct exchange *x = c->x;
	bool cut = c->stage != STAGE_WAIT;	/* it answers a request that has not ended */
	bool whole;

	if (x->broken) {
		conn_close(c);
		return;
	}
	c->closing = cut || h->stopping || ++c->served >= h->limits.requests || x->head.close || c->read_closed;
	c->polite = c->closing && !(x->head.close && !cut);
	buf_reset(&h->compose);
	write_head(c, &h->compose);
	whole = x->is_head || (x->pull == NULL && h->compose.len + x->length <= COMPOSE_MAX);
	if (whole && !x->is_head)
		buf_append(&h->compose, x->text, x->length);
	if (h->compose.failed) {
		conn_close(c);
		return;
	}
	x->complete = whole;
	c->stage = STAGE_SEND;
	c->paused = false;
	conn_wait_for(c, TIMING_SEND);
	if (put(c, h->compose.data, h->compose.len))
		send_more(c);
}
