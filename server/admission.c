/* admission - see admission.h. */
#include "server/admission.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "server/durability.h"

#define RETRY_STORE_S 2
#define RETRY_UPLOADS_S 5
#define RETRY_ACK_S 10

static const char *const media_types[] = {
	"application/geo+json", "application/json", "application/vnd.geo+json",
	"application/geo+json-seq", "application/json-seq",
	"application/x-ndjson", "application/ndjson", "application/jsonl",
};

/* The table's spelling of a Content-Type, or NULL. Its parameters say nothing that JSON does not. */
static const char *media_type(const char *value)
{
	size_t n = strcspn(value, "; \t");

	for (size_t i = 0; i < sizeof(media_types) / sizeof(media_types[0]); i++)
		if (strlen(media_types[i]) == n && strncasecmp(media_types[i], value, n) == 0)
			return media_types[i];
	return NULL;
}

/* One coding alone: two of them one inside the other are a way to bombs, and nobody's way to send. */
static enum coding content_coding(const char *value)
{
	size_t skip = strspn(value, " \t"), n = strlen(value);

	while (n > skip && (value[n - 1] == ' ' || value[n - 1] == '\t'))
		n--;
	return coding_of(value + skip, n - skip);
}

static int check_content(struct admission *a, const struct admission_request *q, struct refusal *r)
{
	const char *type = q->header(q->ctx, "Content-Type");
	const char *encoding = q->header(q->ctx, "Content-Encoding");

	if (type == NULL)
		return refuse(r, P_CONTENT_TYPE, "The Content-Type header is missing; send application/geo+json.");
	if ((a->type = media_type(type)) == NULL)
		return refuse(r, P_CONTENT_TYPE, "\"%.80s\" is not taken; send application/geo+json, "
		    "application/json, application/geo+json-seq or application/x-ndjson.", type);
	if (encoding != NULL && (a->coding = content_coding(encoding)) == CODING_UNKNOWN)
		return refuse(r, P_CONTENT_ENCODING, "\"%.80s\" is not taken; send the document as it is, or with one "
		    "of " CODINGS_TAKEN ".", encoding);
	return 0;
}

static int check_size(const struct admission_request *q, const struct source *src, struct refusal *r)
{
	if (q->declared == 0)
		return refuse(r, P_BODY_EMPTY, "A GeoJSON document is expected in the body.");
	if (q->declared > src->max_body_bytes)
		return refuse(r, P_BODY_TOO_LARGE, "%" PRId64 " bytes are declared; this source may send %"
		    PRId64 ".", q->declared, src->max_body_bytes);
	return 0;
}

/* What PROJ makes of it is the worker's to see: here it only has to be short and printable. */
static int check_crs(struct admission *a, const struct admission_request *q, struct refusal *r)
{
	const char *crs = q->header(q->ctx, "Content-Crs");

	if (crs == NULL)
		crs = q->query_crs;
	if (crs == NULL)
		return 0;
	if (*crs == '\0' || strlen(crs) > CRS_NAME_MAX)
		return refuse(r, P_CRS_MALFORMED, "The CRS must have 1 to %d characters.", CRS_NAME_MAX);
	for (const char *p = crs; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return refuse(r, P_CRS_MALFORMED, "The CRS holds a control character.");
	a->crs = crs;
	return 0;
}

/* A small body holds no place: it costs little, and must not be kept out by large ones. */
static int check_uploads(const struct admission *a, const struct admission_request *q, const struct settings *set,
    struct refusal *r)
{
	uint64_t most = (uint64_t)set->server.max_unproven_per_address;

	if (!q->large)
		return 0;
	if (most > 0 && q->unproven >= most && !a->signature.verified)
		return refuse_for_now(r, P_UPLOADS_UNPROVEN, RETRY_UPLOADS_S, "%u uploads from this address are in "
		    "flight whose signatures cannot be verified before their last byte.", q->unproven);
	if (q->uploads >= (uint64_t)set->server.max_uploads)	/* the last: another one may have to go for it */
		return refuse_for_now(r, P_UPLOADS_FULL, RETRY_UPLOADS_S, "%u uploads are in flight.", q->uploads);
	return 0;
}

static int check_state(const struct admission *a, const struct admission_request *q, const struct settings *set,
    const struct source *src, struct refusal *r)
{
	if (q->stopping && q->large)
		return refuse_for_now(r, P_STOPPING, RETRY_STORE_S, "Try again: another process takes over.");
	if (q->store_why != NULL)
		return refuse_for_now(r, P_STORE_UNAVAILABLE, RETRY_STORE_S, "%s", q->store_why);
	if (q->ack_lost)
		return refuse_for_now(r, P_ACK_UNAVAILABLE, RETRY_ACK_S, "This source is acknowledged only where %s, "
		    "and Redis cannot do that now.", ack_words((enum ack)src->ack));
	return check_uploads(a, q, set, r);
}

static int check_signature(struct admission *a, const struct admission_request *q, const struct settings *set,
    const struct source *src, const struct keyring *keys, struct refusal *r)
{
	const struct signature_request ask = {
		.header = q->header,
		.ctx = q->ctx,
		.method = q->method,
		.path = q->path,
		.query = q->query,
		.https = q->https,
		.now_ms = q->now_ms,
		.tolerance_s = (unsigned)set->server.timestamp_tolerance_s,
	};

	return signature_read(&a->signature, src, keys, &ask, r);
}

int admission_check(struct admission *a, const struct admission_request *q, const struct settings *set,
    const struct source *src, const struct keyring *keys, struct refusal *r)
{
	memset(a, 0, sizeof(*a));
	if (src == NULL)
		return refuse(r, P_SOURCE_UNKNOWN, "No source of this name is configured.");
	if (check_content(a, q, r) != 0 || check_size(q, src, r) != 0 || check_crs(a, q, r) != 0
	    || check_signature(a, q, set, src, keys, r) != 0)
		return -1;
	trace_read(q->header(q->ctx, "traceparent"), a->trace);
	return check_state(a, q, set, src, r);
}
