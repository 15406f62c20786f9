/* http - see http.h. */
#include "cli/http.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_get.h"

#define CONNECT_TIMEOUT_MS 10000L
#define STANDSTILL_S 300L	/* a server may hold an upload back while Redis lags */
#define UPLOAD_BUFFER (512L << 10)
#define NO_PROXY_MAX 8192u

static char token[256];

void http_token(char *option)
{
	snprintf(token, sizeof(token), "%s", option);
	memset(option, '*', strlen(option));
}

/* Nothing is sent that would end the header. */
static struct curl_slist *add_token(struct curl_slist *headers)
{
	const char *have = token[0] != '\0' ? token : getenv("GEOSLUICE_TOKEN");
	char line[300];

	if (have == NULL || *have == '\0' || strpbrk(have, "\r\n") != NULL)
		return headers;
	snprintf(line, sizeof(line), "authorization: Bearer %.256s", have);
	return curl_slist_append(headers, line);
}

static size_t give(char *out, size_t size, size_t n, void *ctx)
{
	return fread(out, 1, size * n, ctx);
}

static size_t keep(char *bytes, size_t size, size_t n, void *ctx)
{
	return buf_append(ctx, bytes, size * n) == 0 ? size * n : 0;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t total, curl_off_t sent)
{
	const struct http_request *q = ctx;

	(void)a, (void)b, (void)total;
	if (q->progress != NULL)
		q->progress(q->ctx, (uint64_t)sent, q->body_bytes);
	return 0;
}

static void set_body(CURL *c, const struct http_request *q)
{
	if (q->body != NULL) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_READFUNCTION, give);
		curl_easy_setopt(c, CURLOPT_READDATA, q->body);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_bytes);
		curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
		curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(c, CURLOPT_XFERINFODATA, q);
	} else if (strcmp(q->method, "POST") == 0) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, 0L);
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
}

static const char *from_environment(const char *first, const char *second)
{
	const char *v = getenv(first);

	return v != NULL && *v != '\0' ? v : getenv(second);
}

/*
 * A proxy that the environment names has no way to this machine, and "geosluice up" asks its own server. Authorities
 * are curl's own, or those that its command would take.
 */
static void set_way(CURL *c)
{
	const char *no_proxy = from_environment("no_proxy", "NO_PROXY");
	const char *authorities = from_environment("CURL_CA_BUNDLE", "SSL_CERT_FILE");
	struct buf list;

	buf_init(&list, NO_PROXY_MAX);
	buf_printf(&list, "localhost,127.0.0.1,::1%s%s", no_proxy ? "," : "", no_proxy ? no_proxy : "");
	curl_easy_setopt(c, CURLOPT_NOPROXY, no_proxy && strcmp(no_proxy, "*") == 0 ? "*" : buf_cstr(&list));
	buf_clear(&list);
	if (authorities != NULL && *authorities != '\0')
		curl_easy_setopt(c, CURLOPT_CAINFO, authorities);
}

int http_do(const struct http_request *q, struct buf *answer, struct err *e)
{
	CURL *c = curl_easy_init();
	struct curl_slist *headers = NULL;
	char why[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURLcode code;

	if (c == NULL)
		return err_set(e, ERR_SYSTEM, 0, "curl cannot be started");
	signal(SIGPIPE, SIG_IGN);	/* TLS libraries write without MSG_NOSIGNAL */
	for (size_t i = 0; q->headers != NULL && q->headers[i] != NULL; i++)
		headers = curl_slist_append(headers, q->headers[i]);
	if (!q->open)
		headers = add_token(headers);
	curl_easy_setopt(c, CURLOPT_URL, q->url);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_USERAGENT, "geosluice/" GS_VERSION);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STANDSTILL_S);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, q->own ? 0L : 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, q->own ? 0L : 2L);
	set_way(c);
	set_body(c, q);
	code = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(c);
	/* A server that refuses hangs up before the whole body is sent: its answer still counts. */
	if (code == CURLE_OK || (status >= 400 && (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR)))
		return (int)status;
	return err_set(e, ERR_RETRY, (int)code, "%.90s: %s", q->url, *why ? why : curl_easy_strerror(code));
}

void http_join(char *out, size_t room, const char *base, const char *path)
{
	size_t n = strlen(base);

	while (n > 0 && base[n - 1] == '/')
		n--;
	if ((size_t)snprintf(out, room, "%.*s%s", (int)n, base, path) >= room)
		*out = '\0';	/* no URL at all rather than another */
}

void http_complain(int status, const struct buf *answer, const struct err *e)
{
	char code[64], title[160], detail[320];

	if (status < 0) {
		fprintf(stderr, "geosluice: %s\n", e->text);
		return;
	}
	json_get_string(code, sizeof(code), answer->data, answer->len, "code");
	json_get_string(title, sizeof(title), answer->data, answer->len, "title");
	json_get_string(detail, sizeof(detail), answer->data, answer->len, "detail");
	fprintf(stderr, "geosluice: the server answered %d%s%s%s%s%s%s\n", status, *code ? " " : "", code,
	    *title ? ": " : "", title, *detail ? ". " : "", detail);
}

const char *http_base(const char *option)
{
	const char *given = option ? option : getenv("GEOSLUICE_URL");

	return given != NULL && *given != '\0' ? given : "http://127.0.0.1:8080";
}
