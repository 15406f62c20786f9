/*
 * poster - HTTP POSTs on a loop.
 *
 * In:  a URL, headers, a body. Out: the answer's status, to a callback. Depends on libcurl, which
 * nothing else here includes.
 *
 * Goes to http and https (TLS 1.2 or later, certificates verified) alone, through no proxy, follows no
 * redirect, and connects to public addresses or allowed ranges only. The address is judged where the socket
 * is opened, so a name that resolves differently the second time gains nothing.
 */
#ifndef GS_WORKERS_COURIER_POSTER_H
#define GS_WORKERS_COURIER_POSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/loop.h"

struct poster;

struct post_answer {
	int status;		/* 0: none came */
	bool refused;		/* the URL or all its addresses are not to be called */
	uint64_t retry_after_ms;	/* 0: not said */
	const char *why;	/* in words where status is 0; borrowed */
};

typedef void (*post_fn)(void *ctx, const struct post_answer *a);

/* allow and ca_file are borrowed. ca_file: certificates (PEM) to trust in place of the system's; "": the system's. */
struct poster *poster_new(struct loop *l, const struct address_ranges *allow, const char *ca_file,
    unsigned timeout_ms, struct err *e);
void poster_free(struct poster **p);	/* drops what is under way; nothing is called any more */

/* headers: "name: value" strings up to a NULL. All is copied. 0: fn will be called once, later. */
int poster_post(struct poster *p, const char *url, const char *const *headers, const void *body,
    size_t n, post_fn fn, void *ctx, struct err *e);

#endif
