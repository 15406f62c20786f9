/*
 * http - see http.h. libmicrohttpd runs on an epoll descriptor of its own, which the loop watches.
 */
#include "server/http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "lib/clock.h"
#include "server/drain.h"

#define SKIP_BYTES 65536	/* of a body that nobody wants: read rather than cut off */
#define STREAM_BLOCK 32768
#define PATROL_MS 500
#define HEADER_NAME_MAX 64	/* of those that are asked for */
#define POOL_SLACK 16384	/* of a connection's memory, above the largest headers */

#if MHD_VERSION >= 0x00097701
#define STRICT_OPTION MHD_OPTION_CLIENT_DISCIPLINE_LVL
#else
#define STRICT_OPTION MHD_OPTION_STRICT_FOR_CLIENT
#endif

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_END };

/* The request and what libmicrohttpd has to do with it. */
struct exchange {
	struct http_request pub;	/* first: a pointer to one is a pointer to the other */
	struct http *http;
	struct MHD_Connection *conn;
	struct MHD_Response *response;	/* decided, not yet queued */
	struct buf cut;			/* body of an answer given in mid-upload */
	http_pull_fn pull;
	enum phase phase;
	char *raw_query;		/* malloc'd; NULL where there is none */
	struct joined *joined;
	bool begun, is_head, has_body, suspended, woken, ended, queued, aborted;
	uint64_t skipped;
	uint64_t seen_ms;	/* when bytes of the body came last */
	int drain_fd;		/* a duplicate, -1 unless the answer left before the body was read */
	struct exchange *prev, *next;
};

/* A header that came in several lines, as the one that they stand for. */
struct joined {
	struct joined *next;
	char name[HEADER_NAME_MAX + 1];
	size_t lines;
	struct buf text;
};

struct http {
	struct loop *loop;
	struct loop_io *io;
	struct loop_timer *timer, *patrol;
	struct MHD_Daemon *daemon;
	struct drain *drain;
	struct http_app app;
	size_t header_bytes;
	struct exchange *first;
	size_t active;
	bool stopping;
	bool due;		/* something was resumed: run before waiting */
};

/* ---- running ---- */

static void run(struct http *h)
{
	h->due = false;
	MHD_run(h->daemon);
}

static void on_epoll(void *ctx, bool readable, bool writable)
{
	(void)readable;
	(void)writable;
	run(ctx);
}

static void on_timer(void *ctx)
{
	run(ctx);
}

static void before_wait(void *ctx)
{
	struct http *h = ctx;
	MHD_UNSIGNED_LONG_LONG ms;

	if (h->due)
		run(h);
	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
		loop_timer_start(h->timer, ms, 0);
	else
		loop_timer_stop(h->timer);
}

static void suspend(struct exchange *x)
{
	x->suspended = true;
	x->woken = false;
	MHD_suspend_connection(x->conn);
}

void http_wake(struct http_request *q)
{
	struct exchange *x = (struct exchange *)q;

	x->woken = true;
	if (!x->suspended)
		return;
	x->suspended = false;
	x->http->due = true;
	MHD_resume_connection(x->conn);
}

static int connection_fd(struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info != NULL ? (int)info->connect_fd : -1;
}

/*
 * A client's end that arrives together with its last bytes is one event to epoll, and libmicrohttpd
 * takes it for the bytes alone: it would wait for the rest until the idle timeout.
 */
static void patrol(void *ctx)
{
	struct http *h = ctx;
	uint64_t now = loop_now_ms(h->loop);
	char byte;

	for (struct exchange *x = h->first; x != NULL; x = x->next) {
		int fd = connection_fd(x);

		if (x->phase == PHASE_BODY && !x->suspended && now - x->seen_ms >= PATROL_MS && fd >= 0
		    && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
			shutdown(fd, SHUT_RDWR);
	}
}

/* ---- answering ---- */

static void decide(struct exchange *x, unsigned status, const char *type, struct MHD_Response *response)
{
	x->pub.status = status;
	x->response = response;
	if (response == NULL)
		x->aborted = true;	/* no memory: all that is left is to hang up */
	else if (type != NULL)
		MHD_add_response_header(response, "Content-Type", type);
	http_wake(&x->pub);
}

void http_answer(struct http_request *q, unsigned status, const char *type, struct buf *body)
{
	struct exchange *x = (struct exchange *)q;
	struct MHD_Response *response = NULL;

	q->bytes_out = body->len;
	if (body->failed) {
		buf_clear(body);
	} else if (x->phase == PHASE_BODY) {
		/* Kept aside: it is written past libmicrohttpd, which answers no upload in mid-body. */
		x->cut = *body;
		response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
		buf_init(body, body->max);
	} else {
		response = MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_FREE);
		if (response != NULL)
			buf_init(body, body->max);
		else
			buf_clear(body);
	}
	decide(x, status, type, response);
}

void http_answer_static(struct http_request *q, unsigned status, const char *type, const char *text, size_t n)
{
	q->bytes_out = n;
	decide((struct exchange *)q, status, type,
	    MHD_create_response_from_buffer(n, (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT));
}

void http_answer_header(struct http_request *q, const char *name, const char *value)
{
	struct exchange *x = (struct exchange *)q;

	if (x->response != NULL)
		MHD_add_response_header(x->response, name, value);
}

static ssize_t on_pull(void *cls, uint64_t pos, char *out, size_t room)
{
	struct exchange *x = cls;
	long n;

	(void)pos;
	x->woken = false;
	n = x->aborted ? HTTP_BROKEN : x->pull(&x->pub, out, room);
	if (n > 0) {
		x->pub.bytes_out += (uint64_t)n;
		return n;
	}
	if (n == HTTP_WAIT && !x->woken)
		suspend(x);
	if (n == HTTP_WAIT)
		return 0;
	return n == HTTP_END ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

void http_answer_stream(struct http_request *q, unsigned status, const char *type, http_pull_fn pull)
{
	struct exchange *x = (struct exchange *)q;

	x->pull = pull;
	decide(x, status, type,
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_pull, x, NULL));
	/* Chunked, libmicrohttpd would send the last chunk behind the headers, where the next answer belongs. */
	if (x->is_head && x->response != NULL)
		MHD_set_response_options(x->response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
}

static void drain_later(struct exchange *x)
{
	int fd = connection_fd(x);

	if (fd >= 0 && x->drain_fd < 0)
		x->drain_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static enum MHD_Result queue(struct exchange *x)
{
	enum MHD_Result rc;

	if (x->http->stopping)
		MHD_add_response_header(x->response, "Connection", "close");
	rc = MHD_queue_response(x->conn, x->pub.status, x->response);
	MHD_destroy_response(x->response);
	x->response = NULL;
	x->queued = true;
	return rc;
}

static enum MHD_Result put_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	buf_printf(cls, "%s: %s\r\n", name, value);
	return MHD_YES;
}

/* The socket is idle in this direction, and an answer of this size fits its buffer. */
static enum MHD_Result cut_off(struct exchange *x)
{
	struct buf head;
	int fd = connection_fd(x);

	buf_init(&head, 65536);
	buf_printf(&head, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %zu\r\n", x->pub.status,
	    MHD_get_reason_phrase_for(x->pub.status), x->cut.len);
	MHD_get_response_headers(x->response, put_header, &head);
	buf_puts(&head, "\r\n");
	buf_append(&head, x->cut.data, x->cut.len);
	if (fd >= 0 && !head.failed
	    && send(fd, head.data, head.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)head.len)
		drain_later(x);
	buf_clear(&head);
	return MHD_NO;
}

/* ---- receiving ---- */

static enum MHD_Result count_lengths(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	unsigned *found = cls;

	(void)kind;
	if (strcasecmp(name, "Content-Length") == 0)
		++*found;
	else if (strcasecmp(name, "Transfer-Encoding") == 0)
		*found += strcasecmp(value, "chunked") == 0 ? 1 : 2;
	else if (strpbrk(name, " \t") != NULL)
		*found += 2;	/* "Content-Length : 5", which others take for a length (RFC 9112, 5.1) */
	return MHD_YES;
}

/* Who stands in front of us may take another of two lengths for the right one (RFC 9112, 6.3). */
static bool length_is_clear(struct MHD_Connection *c)
{
	unsigned found = 0;

	MHD_get_connection_values(c, MHD_HEADER_KIND, count_lengths, &found);
	return found <= 1;
}

static int64_t declared_length(struct MHD_Connection *c)
{
	const char *text = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
	char *end;
	long long n;

	if (text == NULL || MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Transfer-Encoding") != NULL)
		return -1;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno == ERANGE)
		return INT64_MAX;
	return n < 0 || *end != '\0' ? -1 : n;
}

/*
 * The answer is there before the body is. Where the client waits for leave to send, or has much to
 * send, it leaves now and the connection ends with it; a short body is read first, since the
 * connection can then be kept.
 */
static enum MHD_Result answer_early(struct exchange *x)
{
	bool expects = MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, "Expect") != NULL;

	if (!x->has_body) {	/* its end follows at once; an answer there keeps the connection */
		x->phase = PHASE_BODY;
		return MHD_YES;
	}
	if (!expects && x->pub.declared >= 0 && x->pub.declared <= SKIP_BYTES) {
		x->phase = PHASE_BODY;
		return MHD_YES;
	}
	drain_later(x);
	return queue(x);
}

/* The request line is there. Its query is kept as it came, for signatures: libmicrohttpd decodes it in place. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *c)
{
	const char *query = strchr(uri, '?');
	struct exchange *x = calloc(1, sizeof(*x));

	(void)cls;
	(void)c;
	if (x == NULL || query == NULL || (x->raw_query = strdup(query)) != NULL)
		return x;
	free(x);
	return NULL;
}

static enum MHD_Result begin(struct http *h, struct MHD_Connection *c, const char *path, const char *method,
    struct exchange *x)
{
	const union MHD_ConnectionInfo *info;
	bool clear = length_is_clear(c);

	if (x == NULL)
		return MHD_NO;
	x->begun = true;
	x->http = h;
	x->conn = c;
	x->drain_fd = -1;
	x->pub.app = h->app.ctx;
	x->is_head = strcmp(method, "HEAD") == 0;
	x->pub.method = x->is_head ? "GET" : method;
	x->pub.path = path;
	x->pub.query = x->raw_query != NULL ? x->raw_query : "";
	x->pub.declared = clear ? declared_length(c) : -1;
	x->pub.started_us = clock_mono_us();
	x->seen_ms = loop_now_ms(h->loop);
	x->has_body = !clear || x->pub.declared > 0
	    || MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Transfer-Encoding") != NULL;
	if ((x->next = h->first) != NULL)
		h->first->prev = x;
	h->first = x;
	h->active++;

	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	h->app.begin(h->app.ctx, &x->pub);
	if (info != NULL && info->header_size > h->header_bytes && x->response == NULL)
		h->app.refuse(&x->pub, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE);
	if (x->response == NULL && !clear)
		h->app.refuse(&x->pub, MHD_HTTP_BAD_REQUEST);
	if (x->response == NULL && !x->aborted && x->pub.handler->begin != NULL)
		x->pub.handler->begin(&x->pub);
	if (x->aborted)
		return MHD_NO;
	if (x->response != NULL)
		return answer_early(x);
	x->phase = PHASE_BODY;
	return MHD_YES;
}

static enum MHD_Result skip(struct exchange *x, size_t *n)
{
	x->skipped += *n;
	*n = 0;
	if (x->skipped <= SKIP_BYTES)
		return MHD_YES;
	if (x->response == NULL)
		x->http->app.refuse(&x->pub, MHD_HTTP_CONTENT_TOO_LARGE);
	return x->cut.len > 0 ? cut_off(x) : MHD_NO;
}

static enum MHD_Result body(struct exchange *x, const char *bytes, size_t *n)
{
	size_t taken;

	x->seen_ms = loop_now_ms(x->http->loop);
	if (x->cut.len > 0)
		return cut_off(x);
	if (x->response != NULL || x->pub.handler->body == NULL)
		return skip(x, n);
	x->woken = false;
	taken = x->pub.handler->body(&x->pub, bytes, *n);
	x->pub.bytes_in += taken;
	*n -= taken;
	if (x->aborted)
		return MHD_NO;
	if (x->response != NULL)
		return cut_off(x);
	if (*n > 0 && !x->woken)
		suspend(x);
	return MHD_YES;
}

static enum MHD_Result end(struct exchange *x)
{
	x->phase = PHASE_END;
	if (!x->ended && x->response == NULL) {
		x->ended = true;
		x->pub.handler->end(&x->pub);
	}
	if (x->aborted)
		return MHD_NO;
	if (x->response != NULL)
		return queue(x);
	suspend(x);
	return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *path, const char *method,
    const char *version, const char *bytes, size_t *n, void **slot)
{
	struct exchange *x = *slot;

	(void)version;
	if (x == NULL || !x->begun)
		return begin(cls, c, path, method, x);
	if (x->aborted)
		return MHD_NO;
	return *n > 0 ? body(x, bytes, n) : end(x);
}

static void free_joined(struct exchange *x)
{
	for (struct joined *j = x->joined, *next; j != NULL; j = next) {
		next = j->next;
		buf_clear(&j->text);
		free(j);
	}
}

static void on_completed(void *cls, struct MHD_Connection *c, void **slot, enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *slot;
	struct http *h = cls;

	(void)c;
	(void)why;
	if (x == NULL)
		return;
	*slot = NULL;
	if (!x->begun) {	/* it ended within its headers */
		free(x->raw_query);
		free(x);
		return;
	}
	if (x->pub.handler != NULL && x->pub.handler->gone != NULL)
		x->pub.handler->gone(&x->pub);
	h->app.over(h->app.ctx, &x->pub);
	*(x->prev ? &x->prev->next : &h->first) = x->next;
	if (x->next != NULL)
		x->next->prev = x->prev;
	h->active--;
	if (x->drain_fd >= 0)
		drain_add(h->drain, x->drain_fd);
	if (x->response != NULL)
		MHD_destroy_response(x->response);
	buf_clear(&x->cut);
	free(x->raw_query);
	free_joined(x);
	free(x);
}

/* ---- life ---- */

struct http *http_new(struct loop *l, const struct http_options *o, const struct http_app *app, struct err *e)
{
	struct http *h = calloc(1, sizeof(*h));
	const union MHD_DaemonInfo *info;

	if (h == NULL) {
		err_errno(e, "http");
		return NULL;
	}
	h->loop = l;
	h->app = *app;
	h->header_bytes = o->header_bytes;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, h,
	    MHD_OPTION_LISTEN_SOCKET, (MHD_socket)o->fd,
	    MHD_OPTION_CONNECTION_LIMIT, o->max_connections,
	    MHD_OPTION_CONNECTION_TIMEOUT, o->idle_timeout_s,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, o->header_bytes + POOL_SLACK,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
	    MHD_OPTION_URI_LOG_CALLBACK, on_uri, h,
	    STRICT_OPTION, 1,	/* no bare LF, no missing Host */
	    MHD_OPTION_END);
	if (h->daemon == NULL) {
		err_set(e, ERR_SYSTEM, 0, "http: libmicrohttpd does not start");
		close(o->fd);
		http_free(&h);
		return NULL;
	}
	info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL || (h->io = loop_io_new(l, info->epoll_fd, on_epoll, h, e)) == NULL
	    || (h->timer = loop_timer_new(l, on_timer, h, e)) == NULL
	    || (h->patrol = loop_timer_new(l, patrol, h, e)) == NULL
	    || (h->drain = drain_new(l, e)) == NULL) {
		err_set(e, ERR_SYSTEM, 0, "http: no epoll descriptor");
		http_free(&h);
		return NULL;
	}
	loop_io_set(h->io, true, false);
	loop_timer_start(h->patrol, PATROL_MS, PATROL_MS);
	loop_before_wait(l, before_wait, h);
	return h;
}

void http_quiesce(struct http *h)
{
	MHD_socket fd;

	if (h->stopping)
		return;
	h->stopping = true;
	if ((fd = MHD_quiesce_daemon(h->daemon)) != MHD_INVALID_SOCKET)
		close(fd);
	h->due = true;
}

size_t http_active(const struct http *h)
{
	return h->active;
}

/* libmicrohttpd stops only when nothing is suspended. */
static void abort_all(struct http *h)
{
	for (struct exchange *x = h->first; x != NULL; x = x->next) {
		x->aborted = true;
		if (x->suspended)
			http_wake(&x->pub);
	}
	run(h);
}

void http_free(struct http **h)
{
	if (*h == NULL)
		return;
	loop_before_wait((*h)->loop, NULL, NULL);
	loop_io_free(&(*h)->io);
	loop_timer_free(&(*h)->timer);
	loop_timer_free(&(*h)->patrol);
	if ((*h)->daemon != NULL) {
		http_quiesce(*h);
		abort_all(*h);
		MHD_stop_daemon((*h)->daemon);
	}
	drain_free(&(*h)->drain);
	free(*h);
	*h = NULL;
}

/* ---- reading ---- */

static enum MHD_Result join_line(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct joined *j = cls;

	(void)kind;
	if (strcasecmp(name, j->name) != 0)
		return MHD_YES;
	if (j->lines++ > 0)
		buf_puts(&j->text, ", ");
	buf_puts(&j->text, value != NULL ? value : "");
	return MHD_YES;
}

struct count {
	const char *name;
	size_t lines;
};

static enum MHD_Result count_line(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct count *c = cls;

	(void)kind;
	(void)value;
	c->lines += strcasecmp(name, c->name) == 0;
	return MHD_YES;
}

/* RFC 9110 section 5.3. Headers that are no lists do not survive it: which of two would count is nobody's guess. */
static const char *join(struct exchange *x, const char *name)
{
	struct joined *j;

	for (j = x->joined; j != NULL; j = j->next)
		if (strcasecmp(j->name, name) == 0)
			return buf_cstr(&j->text);
	if (strlen(name) > HEADER_NAME_MAX || (j = calloc(1, sizeof(*j))) == NULL)
		return "";
	buf_init(&j->text, x->http->header_bytes + POOL_SLACK);
	strcpy(j->name, name);
	MHD_get_connection_values(x->conn, MHD_HEADER_KIND, join_line, j);
	j->next = x->joined;
	x->joined = j;
	return buf_cstr(&j->text);
}

const char *http_header(void *request, const char *name)
{
	struct exchange *x = request;
	struct count count = { name, 0 };

	MHD_get_connection_values(x->conn, MHD_HEADER_KIND, count_line, &count);
	if (count.lines > 1)
		return join(x, name);
	return MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, name);
}

const char *http_query(struct http_request *q, const char *name)
{
	struct exchange *x = (struct exchange *)q;
	const char *value = MHD_lookup_connection_value(x->conn, MHD_GET_ARGUMENT_KIND, name);

	if (value == NULL && MHD_lookup_connection_value_n(x->conn, MHD_GET_ARGUMENT_KIND, name, strlen(name),
	    &value, NULL) == MHD_YES)
		return value != NULL ? value : "";
	return value;
}

void http_note_job(struct http_request *q, const char *job)
{
	size_t n = strnlen(job, sizeof(q->job) - 1);

	memcpy(q->job, job, n);
	q->job[n] = '\0';
}
