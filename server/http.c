/* http - see http.h. This part speaks with the handlers: requests, and what is answered to them. */
#include "server/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "server/http_internal.h"

#define FIELDS_MAX 8192		/* of an answer's own header lines */
#define FIELDS_ROOM 128		/* two that are usual */
#define JOINED_MAX (1u << 20)
#define LARGE_ANSWER 65536
#define ANSWERS_MOST (64u << 20)	/* bytes of large ones that wait for their readers; but for a single one */
#define ANSWERS_RETRY_S 2

struct looked_up {
	struct looked_up *next;
	bool query;
	struct buf text;
	char name[];
};

/* ---- requests ---- */

struct exchange *exchange_new(struct conn *c)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->conn = c;
	x->pub.app = c->http->app.ctx;
	x->pub.method = x->pub.path = "-";
	x->pub.query = "";
	x->pub.declared = -1;
	x->pub.started_us = clock_mono_us();
	buf_init(&x->fields, FIELDS_MAX);
	c->x = x;
	c->http->active++;
	return x;
}

void exchange_over(struct conn *c)
{
	struct exchange *x = c->x;

	if (x == NULL)
		return;
	if (x->pub.handler != NULL && x->pub.handler->gone != NULL)
		x->pub.handler->gone(&x->pub);
	c->http->app.over(c->http->app.ctx, &x->pub);
	c->http->active--;
	c->x = NULL;
	for (struct looked_up *l = x->looked_up, *next; l != NULL; l = next) {
		next = l->next;
		buf_clear(&l->text);
		free(l);
	}
	head_clear(&x->head);
	buf_clear(&x->fields);
	c->http->answers -= x->body.len >= LARGE_ANSWER ? x->body.len : 0;
	buf_clear(&x->body);
	free(x);
}

void exchange_refuse(struct exchange *x, const struct refusal *why)
{
	if (!x->answered && !x->broken)
		x->conn->http->app.refuse(&x->pub, why);
}

void http_wake(struct http_request *q)
{
	struct exchange *x = (struct exchange *)q;

	x->woken = true;
	if (x->held && !x->answered && !x->broken)
		return;
	x->conn->paused = false;
	if (!x->conn->running)
		conn_due(x->conn);
}

void http_hold(struct http_request *q)
{
	((struct exchange *)q)->held = true;
}

void http_release(struct http_request *q)
{
	((struct exchange *)q)->held = false;
	http_wake(q);
}

/* ---- answering ---- */

static void decide(struct exchange *x, unsigned status, const char *type)
{
	x->pub.status = status;
	x->answered = true;
	if (type != NULL)
		http_answer_header(&x->pub, "Content-Type", type);
	http_wake(&x->pub);
}

/* An answer is in memory until its client has read it: of large ones there is not any number. */
static bool has_room(struct exchange *x, struct buf *body)
{
	struct http *h = x->conn->http;
	struct refusal why = { .problem = P_NONE };

	if (body->len < LARGE_ANSWER)
		return true;
	if (h->answers > 0 && h->answers + body->len > ANSWERS_MOST) {
		buf_clear(body);
		refuse_for_now(&why, P_ANSWERS_FULL, ANSWERS_RETRY_S, "Answers of %zu bytes wait for their readers.",
		    h->answers);
		exchange_refuse(x, &why);
		return false;
	}
	h->answers += body->len;
	return true;
}

void http_answer(struct http_request *q, unsigned status, const char *type, struct buf *body)
{
	struct exchange *x = (struct exchange *)q;

	if (!has_room(x, body))
		return;
	x->broken = x->broken || body->failed;
	x->body = *body;
	x->text = x->body.data;
	x->length = q->bytes_out = body->len;
	buf_init(body, body->max);
	decide(x, status, type);
}

void http_answer_static(struct http_request *q, unsigned status, const char *type, const char *text, size_t n)
{
	struct exchange *x = (struct exchange *)q;

	x->text = text;
	x->length = q->bytes_out = n;
	decide(x, status, type);
}

void http_answer_header(struct http_request *q, const char *name, const char *value)
{
	struct exchange *x = (struct exchange *)q;

	if (x->fields.room == 0)
		buf_reserve(&x->fields, FIELDS_ROOM);
	buf_puts(&x->fields, name);
	buf_puts(&x->fields, ": ");
	buf_puts(&x->fields, value);
	if (buf_puts(&x->fields, "\r\n") != 0 || x->fields.failed)
		x->broken = true;
}

void http_answer_stream(struct http_request *q, unsigned status, const char *type, http_pull_fn pull)
{
	((struct exchange *)q)->pull = pull;
	decide((struct exchange *)q, status, type);
}

/* ---- reading ---- */

static struct looked_up *find(struct exchange *x, bool query, const char *name)
{
	for (struct looked_up *l = x->looked_up; l != NULL; l = l->next)
		if (l->query == query && strcasecmp(l->name, name) == 0)
			return l;
	return NULL;
}

static struct looked_up *remember(struct exchange *x, bool query, const char *name)
{
	size_t n = strlen(name);
	struct looked_up *l = calloc(1, sizeof(*l) + n + 1);

	if (l == NULL)
		return NULL;
	l->query = query;
	memcpy(l->name, name, n);
	buf_init(&l->text, JOINED_MAX);
	l->next = x->looked_up;
	x->looked_up = l;
	return l;
}

/* RFC 9110 section 5.3. Headers that are no lists do not survive it: which of two would count is nobody's guess. */
static const char *join(struct exchange *x, const char *name)
{
	struct looked_up *l = find(x, false, name);
	bool first = true;

	if (l != NULL)
		return buf_cstr(&l->text);
	if ((l = remember(x, false, name)) == NULL)
		return "";
	for (size_t i = 0; i < x->head.count; i++)
		if (head_is_named(&x->head.fields[i], name)) {
			buf_printf(&l->text, "%s%s", first ? "" : ", ", x->head.fields[i].value);
			first = false;
		}
	return buf_cstr(&l->text);
}

const char *http_header(void *request, const char *name)
{
	struct exchange *x = request;
	const char *value = NULL;

	for (size_t i = 0; i < x->head.count; i++)
		if (head_is_named(&x->head.fields[i], name)) {
			if (value != NULL)
				return join(x, name);
			value = x->head.fields[i].value;
		}
	return value;
}

/* The name of the n bytes at text, decoded: is it this one? */
static bool is_called(const char *text, size_t n, const char *name)
{
	char decoded[64];

	return n < sizeof(decoded) && percent_decode(decoded, text, n, true) == 0 && strcmp(decoded, name) == 0;
}

const char *http_query(struct http_request *q, const char *name)
{
	struct exchange *x = (struct exchange *)q;
	struct looked_up *l = find(x, true, name);
	const char *p = *q->query == '?' ? q->query + 1 : q->query;

	while (l == NULL && *p != '\0') {
		size_t n = strcspn(p, "&"), key = 0;

		while (key < n && p[key] != '=')
			key++;
		if (is_called(p, key, name)) {
			size_t from = key < n ? key + 1 : n;

			if ((l = remember(x, true, name)) == NULL || buf_reserve(&l->text, n - from + 1) != 0)
				return NULL;
			percent_decode(l->text.data, p + from, n - from, true);
			l->text.len = strlen(l->text.data);
		}
		p += n + (p[n] == '&');
	}
	return l != NULL ? buf_cstr(&l->text) : NULL;
}

bool http_tls(const struct http_request *q)
{
	return ((const struct exchange *)q)->conn->tls != NULL;
}

const struct sockaddr *http_peer(const struct http_request *q)
{
	return &((const struct exchange *)q)->conn->address.any;
}

void http_note_job(struct http_request *q, const char *job)
{
	size_t n = strnlen(job, sizeof(q->job) - 1);

	memcpy(q->job, job, n);
	q->job[n] = '\0';
}
