/* poster - see poster.h. */
#include "workers/courier/poster.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ANSWER_MAX_BYTES 65536	/* of an answer's body, which nobody reads */

struct post {
	struct poster *poster;
	CURL *easy;
	struct curl_slist *headers;
	size_t answered;	/* bytes of the answer's body */
	bool refused, allowed;	/* an address was */
	post_fn fn;
	void *ctx;
	struct post *next, **link;	/* link: what points here */
};

struct poster {
	struct loop *loop;
	const struct address_ranges *allow;
	const char *ca_file;
	unsigned timeout_ms;
	CURLM *multi;
	struct loop_timer *timer;
	struct post *posts;
};

/* One socket of curl's. */
struct watch {
	struct poster *poster;
	curl_socket_t fd;
	struct loop_io *io;
};

static void post_free(struct post *t)
{
	*t->link = t->next;
	if (t->next != NULL)
		t->next->link = t->link;
	curl_multi_remove_handle(t->poster->multi, t->easy);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	free(t);
}

static void finish(struct post *t, CURLcode code)
{
	struct post_answer a = { .why = curl_easy_strerror(code) };
	post_fn fn = t->fn;
	void *ctx = t->ctx;
	curl_off_t after = 0;
	long status = 0, sent = 0;

	/* The status says it all, even if the answer's body then never ends. */
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	a.status = status >= 200 ? (int)status : 0;
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after);
	a.retry_after_ms = after > 0 && after < 86400 * 365 ? (uint64_t)after * 1000 : 0;
	/* An answer that is no HTTP is an unsupported protocol, too. */
	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
	a.refused = ((code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT) && sent == 0) ||
	    (code == CURLE_COULDNT_CONNECT && t->refused && !t->allowed);
	if (a.refused && t->refused)
		a.why = "not a public address, nor one that [courier] allow names";
	post_free(t);
	fn(ctx, &a);
}

static void finish_done(struct poster *p)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(p->multi, &left)) != NULL) {
		struct post *t = NULL;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		finish(t, code);
	}
}

/* ---- curl's hooks ---- */

static void on_io(void *ctx, bool readable, bool writable)
{
	struct watch *w = ctx;
	struct poster *p = w->poster;
	int running, events = (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0);

	curl_multi_socket_action(p->multi, w->fd, events, &running);	/* may free w */
	finish_done(p);
}

static void on_timer(void *ctx)
{
	struct poster *p = ctx;
	int running;

	curl_multi_socket_action(p->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_done(p);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct poster *p = ctx;
	struct watch *w = socket_ctx;
	struct err e = ERR_INIT;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL)
			loop_io_free(&w->io);
		free(w);
		return 0;
	}
	if (w == NULL) {
		if ((w = calloc(1, sizeof(*w))) == NULL)
			return -1;
		w->poster = p;
		w->fd = fd;
		if ((w->io = loop_io_new(p->loop, fd, on_io, w, &e)) == NULL) {
			free(w);
			return -1;
		}
		curl_multi_assign(p->multi, fd, w);
	}
	loop_io_set(w->io, what & CURL_POLL_IN, what & CURL_POLL_OUT);
	return 0;
}

/* curl must not be entered from here: even what is due at once waits for the loop. */
static int set_timer(CURLM *multi, long in_ms, void *ctx)
{
	struct poster *p = ctx;

	(void)multi;
	if (in_ms < 0)
		loop_timer_stop(p->timer);
	else
		loop_timer_start(p->timer, (uint64_t)in_ms, 0);
	return 0;
}

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct post *t = ctx;

	if (purpose != CURLSOCKTYPE_IPCXN ||
	    (!address_is_public(&a->addr) && !address_in(t->poster->allow, &a->addr))) {
		t->refused = true;
		return CURL_SOCKET_BAD;
	}
	t->allowed = true;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t drop_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct post *t = ctx;

	(void)bytes;
	t->answered += size * n;
	return t->answered > ANSWER_MAX_BYTES ? 0 : size * n;
}

/* ---- the interface ---- */

struct poster *poster_new(struct loop *l, const struct address_ranges *allow, const char *ca_file,
    unsigned timeout_ms, struct err *e)
{
	struct poster *p = calloc(1, sizeof(*p));

	if (p == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (p->multi = curl_multi_init()) == NULL) {
		err_set(e, ERR_SYSTEM, 0, "out of memory");
		free(p);
		return NULL;
	}
	p->loop = l;
	p->allow = allow;
	p->ca_file = ca_file;
	p->timeout_ms = timeout_ms;
	if ((p->timer = loop_timer_new(l, on_timer, p, e)) == NULL) {
		poster_free(&p);
		return NULL;
	}
	curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
	curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
	return p;
}

void poster_free(struct poster **p)
{
	if (*p == NULL)
		return;
	while ((*p)->posts != NULL)
		post_free((*p)->posts);
	curl_multi_cleanup((*p)->multi);
	curl_global_cleanup();
	loop_timer_free(&(*p)->timer);
	free(*p);
	*p = NULL;
}

static bool set_options(struct post *t, const char *url, const void *body, size_t n)
{
	CURL *c = t->easy;

	return curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&	/* not from the environment either */
	    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&	/* waits for no thread that looks up a name */
	    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	    (*t->poster->ca_file == '\0' ||
	    curl_easy_setopt(c, CURLOPT_CAINFO, t->poster->ca_file) == CURLE_OK) &&
	    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)t->poster->timeout_ms) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_USERAGENT, "geosluice/" GS_VERSION) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, body) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop_body) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, t) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PRIVATE, t) == CURLE_OK;
}

int poster_post(struct poster *p, const char *url, const char *const *headers, const void *body,
    size_t n, post_fn fn, void *ctx, struct err *e)
{
	struct post *t = calloc(1, sizeof(*t));
	struct curl_slist *more = NULL;

	if (t == NULL)
		return err_set(e, ERR_SYSTEM, 0, "out of memory");
	t->poster = p;
	t->fn = fn;
	t->ctx = ctx;
	if ((t->next = p->posts) != NULL)
		t->next->link = &t->next;
	t->link = &p->posts;
	p->posts = t;
	for (; *headers != NULL; headers++) {
		if ((more = curl_slist_append(t->headers, *headers)) == NULL)
			break;
		t->headers = more;
	}
	if (*headers != NULL || (t->easy = curl_easy_init()) == NULL || !set_options(t, url, body, n) ||
	    curl_multi_add_handle(p->multi, t->easy) != CURLM_OK) {
		post_free(t);
		return err_set(e, ERR_SYSTEM, 0, "curl cannot make the request");
	}
	return 0;
}
