/*
 * admission - may this upload begin? All that the headers tell, before a byte of the body.
 *
 * In:  headers, the source's settings, how full the server is. Out: what the job must know, or a
 * refusal. Depends on signature.
 */
#ifndef GS_SERVER_ADMISSION_H
#define GS_SERVER_ADMISSION_H

#include "lib/inflate.h"
#include "schema/settings.h"
#include "schema/trace.h"
#include "server/signature.h"

#define CODINGS_TAKEN "gzip, deflate, zstd"	/* of Content-Encoding */
#define CRS_NAME_MAX 4096	/* WKT2 of a compound CRS is about half of it */

struct admission_request {
	header_fn header;
	void *ctx;
	const char *method, *path;
	const char *query;	/* with its "?"; "" where there is none */
	bool https;		/* how the client came, to us or to a proxy that is believed */
	const char *query_crs;	/* ?crs=, or NULL */
	int64_t declared;	/* Content-Length, or -1 */
	uint64_t now_ms;
	const char *store_why;	/* why Redis takes no uploads now; NULL: it does */
	bool ack_lost;		/* the level that the source asks for cannot be had now */
	bool stopping;
	bool large;		/* it may take long: it will not come in one segment, or nobody knows */
	unsigned uploads;	/* such, in flight on this reactor */
	unsigned unproven;	/* of them, those of this address that have proven nothing yet */
};

/* Text is borrowed from the request. */
struct admission {
	const char *type;	/* media type, lower case, no parameters; static */
	enum coding coding;	/* of the body */
	const char *crs;	/* NULL if none is named */
	char trace[TRACE_PARENT + 1];	/* "" where there is none */
	struct signature signature;
};

/* 0, or -1 with the refusal. src is NULL where the path names none that is known. */
int admission_check(struct admission *a, const struct admission_request *q, const struct settings *set,
    const struct source *src, const struct keyring *keys, struct refusal *r);

#endif
