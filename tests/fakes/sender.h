/*
 * sender - a request's headers as the server's parts see them, for tests.
 *
 * In:  names and values in turn, up to a NULL. Out: a signature_request, a source, its keys. Depends on nothing
 * that runs.
 */
#ifndef GS_TESTS_FAKES_SENDER_H
#define GS_TESTS_FAKES_SENDER_H

#include "server/body_check.h"

/* A header_fn over names and values. */
const char *sender_header(void *ctx, const char *name);

struct sender {
	struct settings *settings;
	const struct source *source;
	struct keyring keys;
	struct signature signature;
	struct refusal refusal;
	struct signature_request request;	/* POST /foo, to be changed */
};

/* conf is what stands in [source a]. Fails the test where it is wrong. */
void sender_init(struct sender *s, const char *conf);
void sender_clear(struct sender *s);
/* Reads the headers at that time: P_NONE or why not. */
enum problem sender_read(struct sender *s, const char *const *headers, uint64_t unix_s);
/* The same, and then the body, in pieces of step bytes (0: as a whole). */
enum problem sender_send(struct sender *s, const char *const *headers, uint64_t unix_s, const void *body,
    size_t n, size_t step);

#endif
