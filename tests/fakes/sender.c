/* sender - see sender.h. */
#include "tests/fakes/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *sender_header(void *ctx, const char *name)
{
	for (const char *const *h = ctx; *h != NULL; h += 2)
		if (strcasecmp(*h, name) == 0)
			return h[1];
	return NULL;
}

static void must(bool good, const char *what, const struct err *e)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, e->text);
	abort();
}

void sender_init(struct sender *s, const char *conf)
{
	struct err e = ERR_INIT;
	char text[2048];

	memset(s, 0, sizeof(*s));
	snprintf(text, sizeof(text), "[source a]\n%s\n", conf);
	s->settings = settings_parse(text, strlen(text), &e);
	must(s->settings != NULL, "settings", &e);
	s->source = s->settings->sources;
	must(keyring_init(&s->keys, s->source, &e) == 0, "keys", &e);
	s->request.header = sender_header;
	s->request.method = "POST";
	s->request.path = "/foo";
	s->request.query = "";
	s->request.tolerance_s = 300;
}

void sender_clear(struct sender *s)
{
	keyring_clear(&s->keys);
	settings_free(&s->settings);
}

enum problem sender_read(struct sender *s, const char *const *headers, uint64_t unix_s)
{
	int rc;

	s->request.ctx = (void *)(uintptr_t)headers;
	s->request.now_ms = unix_s * 1000;
	memset(&s->refusal, 0, sizeof(s->refusal));
	rc = signature_read(&s->signature, s->source, &s->keys, &s->request, &s->refusal);
	if ((rc == 0) != (s->refusal.problem == P_NONE))
		abort();
	return s->refusal.problem;
}

enum problem sender_send(struct sender *s, const char *const *headers, uint64_t unix_s, const void *body,
    size_t n, size_t step)
{
	enum problem p = sender_read(s, headers, unix_s);
	struct body_key *naming;
	char name[BODY_NAME + 1];
	struct body_check *c;

	if (p != P_NONE)
		return p;
	naming = body_key_new(NULL);
	if (naming == NULL || (c = body_check_new(&s->signature, &s->keys, naming, s->request.now_ms)) == NULL)
		abort();
	body_key_free(&naming);
	for (size_t i = 0; i < n; i += step == 0 ? n : step)
		body_check_add(c, (const char *)body + i, step == 0 || n - i < step ? n - i : step);
	body_check_end(c, name, &s->refusal);
	body_check_free(&c);
	return s->refusal.problem;
}
