/*
 * HTTP as it comes: a head is found or refused alike whether it comes whole or byte by byte, what is read obeys the
 * limits, and a chunked body gives the same data in any pieces.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/chunked.h"
#include "server/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct head_limits limits = { .bytes = 2048, .target_bytes = 512, .fields = 16 };

static void check_head(const struct http_head *h)
{
	if (h->count > limits.fields || strlen(h->path) > limits.bytes || h->length < -1)
		abort();
	if (*h->path != '/' && strcmp(h->path, "*") != 0)
		abort();
	if (*h->query != '\0' && *h->query != '?')
		abort();
	for (const char *p = h->path; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			abort();
	for (size_t i = 0; i < h->count; i++)
		if (h->fields[i].name[strcspn(h->fields[i].name, " \t\r\n:")] != '\0'
		    || h->fields[i].value[strcspn(h->fields[i].value, "\r\n")] != '\0')
			abort();
	if (h->chunked && h->length >= 0)
		abort();
}

static void heads(const char *text, size_t n)
{
	struct refusal whole = { .problem = P_NONE }, parts = { .problem = P_NONE };
	struct head_scan scan = { 0 }, again = { 0 };
	struct http_head h;
	long found = head_find(&scan, text, n, &limits, &whole), rc = 0;

	for (size_t have = 1; have <= n && rc == 0; have++)
		rc = head_find(&again, text, have, &limits, &parts);
	if (rc != found || whole.problem != parts.problem)
		abort();
	if (found <= 0)
		return;
	if (head_parse(&h, text, (size_t)found, &whole) == 0)
		check_head(&h);
	else if (whole.problem == P_NONE)
		abort();
	head_clear(&h);
}

static enum chunked_step body(const char *text, size_t n, size_t step, char *out, size_t *length, size_t *end)
{
	struct chunked c = { 0 };
	enum chunked_step s = CHUNKED_MORE;
	size_t at = 0, used, have;

	*length = 0;
	while (at < n && s != CHUNKED_BAD && s != CHUNKED_END) {
		s = chunked_next(&c, text + at, step < n - at ? step : n - at, &used, &have);
		at += used;
		if (s == CHUNKED_DATA) {
			memcpy(out + *length, text + at, have);
			*length += have;
			at += have;
			chunked_took(&c, have);
		}
	}
	*end = at;
	return s;
}

static bool goes_on(enum chunked_step s)
{
	return s == CHUNKED_MORE || s == CHUNKED_DATA;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t length[2], end[2];
	char *text = malloc(size + 1), *out[2] = { malloc(size + 1), malloc(size + 1) };

	if (text != NULL && out[0] != NULL && out[1] != NULL) {
		enum chunked_step a, b;

		memcpy(text, data, size);
		heads(text, size);
		a = body(text, size, size, out[0], &length[0], &end[0]);
		b = body(text, size, 1, out[1], &length[1], &end[1]);
		if ((a != b && !(goes_on(a) && goes_on(b))) || length[0] != length[1] || end[0] != end[1]
		    || memcmp(out[0], out[1], length[0]) != 0)
			abort();
	}
	free(text);
	free(out[0]);
	free(out[1]);
	return 0;
}
