/*
 * ingest - POST /v1/ingest/{source}: a signed document in, a job out.
 *
 * In:  the upload. Out: 202 once Redis has said that the job is there; otherwise a refusal, and
 * nothing is left behind. Depends on admission and segment_writer; ingest_parts.h has the picture.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "server/handlers.h"
#include "server/ingest_parts.h"

/* ---- life ---- */

static struct rate *rate_of(const struct ingest *in)
{
	return terms_rate(in->terms, in->source);
}

static void leave_unproven(struct ingest *in)
{
	if (in->unproven != NULL)
		--*in->unproven;
	in->unproven = NULL;
}

const char *ingest_proof(const struct ingest *in)
{
	return ingest_dedupe(in) != NULL ? body_check_proof(in->check) : "";
}

void ingest_prove(struct ingest *in)
{
	if (!in->proven)
		rate_add_request(rate_of(in), in->source, clock_mono_us());
	in->proven = true;
	leave_unproven(in);
}

/* Once it is answered, whatever Redis still has to say of it. */
static void leave_place(struct ingest *in)
{
	in->reactor->uploads -= in->large;
	in->large = false;
}

void ingest_free(struct ingest *in)
{
	if (in->extending) {	/* its reply is still owed */
		in->gone = true;
		return;
	}
	body_check_free(&in->check);
	segment_writer_free(&in->writer);
	metrics_add(&in->reactor->metrics.uploads, (uint64_t)-1);
	leave_place(in);
	terms_release(&in->terms);
	free(in);
}

void ingest_abandon(struct ingest *in)
{
	if (segment_number(in->writer) > 1 || in->reserved > 0 || in->retried)
		orphans_add(&in->reactor->orphans, in->job);
}

void ingest_refuse(struct ingest *in, enum problem p, unsigned retry_s, const char *detail)
{
	struct refusal why = { .problem = P_NONE };

	refuse_for_now(&why, p, retry_s, "%s", detail);
	reactor_refuse(in->q, &why);
}

void ingest_refuse_store(struct ingest *in, const char *detail)
{
	reactor_doubt(in->reactor);
	ingest_refuse(in, P_STORE_UNAVAILABLE, INGEST_RETRY_S, detail);
}

const char *ingest_delivery(const struct ingest *in)
{
	return in->admission.signature.delivery[0] != '\0' ? in->admission.signature.delivery : NULL;
}

const char *ingest_dedupe(const struct ingest *in)
{
	const char *id = ingest_delivery(in);

	/* Stripe has none, but what it signs holds a time: the signature that was found good stands for one. */
	if (id == NULL && in->admission.signature.scheme == SCHEME_STRIPE && *body_check_proof(in->check) != '\0')
		id = body_check_proof(in->check);
	if (id == NULL && *in->admission.signature.message != '\0')
		id = in->admission.signature.message;
	return in->remembered ? id : NULL;
}

/* Stripe's may be, once its signature is found good. */
static bool is_remembered(const struct ingest *in)
{
	return in->reactor->settings->redis.dedupe_s > 0
	    && (ingest_delivery(in) != NULL || in->admission.signature.scheme == SCHEME_STRIPE
	    || *in->admission.signature.message != '\0');
}

/* ---- admission ---- */

/* More than the one segment that it would get now: parts of it would be in Redis before it is proven. */
static bool is_large(struct http_request *q)
{
	return q->declared < 0 || (uint64_t)q->declared > segment_size(&reactor_of(q)->segments);
}

static bool may_go(const struct http_request *q)
{
	const struct ingest *in = q->handler == &ingest_post ? q->user : NULL;

	return in != NULL && in->large && !in->proven;
}

/*
 * All places are taken: those go first that have proven nothing and hardly send anything. Who has proven itself is not
 * kept out by who has not, however fast.
 */
static bool make_way(struct reactor *r, const struct admission *a)
{
	int64_t rate = r->settings->server.crowded_rate;
	struct refusal why = { .problem = P_NONE };

	refuse_for_now(&why, P_UPLOADS_FULL, INGEST_RETRY_S, "All places for uploads are taken, and this one came "
	    "slower than others.");
	return http_make_way(r->http, a->signature.verified ? UINT64_MAX : (uint64_t)rate, may_go, &why);
}

/* Would it go on, had it a place? Nobody has to go for one that is refused all the same. */
static bool is_worth_a_place(struct http_request *q, const struct admission *a, const struct source *src)
{
	const struct ingest as_if = {
		.reactor = reactor_of(q), .source = src, .declared = q->declared, .proven = a->signature.verified,
	};
	struct refusal why = { .problem = P_NONE };

	return ingest_fits(&as_if, &why);
}

static bool admit(struct http_request *q, struct admission *a, const struct source *src)
{
	struct reactor *r = reactor_of(q);
	struct refusal why = { .problem = P_NONE };
	struct admission_request ask = {
		.header = http_header,
		.ctx = q,
		.method = q->method,
		.path = q->path,
		.query = q->query,
		.https = q->https,
		.query_crs = http_query(q, "crs"),
		.declared = q->declared,
		.now_ms = clock_unix_ms(),
		.store_why = reactor_store_why(r),
		.ack_lost = src != NULL && !durability_can(&r->durability, r->settings, (enum ack)src->ack),
		/* What ends at once is still taken then, on connections that were kept. */
		.stopping = r->phase != REACTOR_RUNNING,
		.large = is_large(q),
		.uploads = r->uploads,
		.unproven = http_address_uploads(q) != NULL ? *http_address_uploads(q) : 0,
	};
	const struct terms *terms = terms_of(q);
	int rc = admission_check(a, &ask, terms->settings, src, terms_keys(terms, src), &why);
	bool full = rc != 0 && why.problem == P_UPLOADS_FULL;

	if (rc == 0 || full) {
		struct refusal fast = { .problem = P_NONE };

		if (rate_check(terms_rate(terms, src), src, clock_mono_us(), &fast) != 0) {
			why = fast;
			rc = -1;
		} else if (full && r->uploads <= (uint64_t)terms->settings->server.max_uploads
		    && is_worth_a_place(q, a, src) && make_way(r, a)) {
			rc = 0;		/* above it, after a reload, who goes leaves no place to another */
		}
	}
	if (rc == 0)
		return true;
	reactor_refuse(q, &why);
	return false;
}

static void on_room(void *ctx)
{
	struct ingest *in = ctx;

	if (in->q != NULL)
		http_wake(in->q);
}

static const unsigned char *roll(struct reactor *r)
{
	if (r->dice_left == 0) {
		random_bytes(r->dice, sizeof(r->dice));
		r->dice_left = sizeof(r->dice) / sizeof(r->dice[0]);
	}
	return r->dice[--r->dice_left];
}

static struct ingest *ingest_new(struct http_request *q, const struct admission *a, const struct source *src)
{
	struct reactor *r = reactor_of(q);
	struct ingest *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return NULL;
	in->q = q;
	in->reactor = r;
	in->terms = terms_hold(q->terms);
	in->source = src;
	in->admission = *a;
	trace_id(a->trace, q->trace);
	in->declared = q->declared;
	in->created_ms = clock_unix_ms();
	wire_job_id(in->job, in->created_ms, roll(r));
	in->remembered = is_remembered(in);
	in->large = is_large(q);
	r->uploads += in->large;
	metrics_add(&r->metrics.uploads, 1);
	if ((in->writer = segment_writer_new(r, in->job, on_room, in)) == NULL
	    || (in->check = body_check_new(&in->admission.signature, terms_keys(in->terms, src),
	    in->remembered ? r->body_key : NULL, in->created_ms)) == NULL) {
		ingest_free(in);
		return NULL;
	}
	if (a->coding != CODING_NONE)
		segment_writer_is_packed(in->writer);
	segment_expect(in->writer, q->declared > 0 ? (uint64_t)q->declared : 0);
	if (a->signature.verified)
		ingest_prove(in);
	else if (in->large && (in->unproven = http_address_uploads(q)) != NULL)
		++*in->unproven;
	return in;
}

static void ingest_begin(struct http_request *q)
{
	const struct source *src = settings_source(terms_of(q)->settings, q->arg);
	struct refusal why = { .problem = P_NONE };
	struct admission a;

	q->source = src != NULL ? src->name : NULL;
	if (!admit(q, &a, src))
		return;
	if ((q->user = ingest_new(q, &a, src)) != NULL) {
		ingest_hold(q->user);
		return;
	}
	refuse(&why, P_INTERNAL, "There is no memory for this upload.");
	reactor_refuse(q, &why);
}

/* ---- receiving ---- */

static long ingest_place(struct http_request *q, void **at)
{
	struct ingest *in = q->user;

	return segment_place(in->writer, at);
}

static size_t ingest_body(struct http_request *q, const void *bytes, size_t n)
{
	struct ingest *in = q->user;
	size_t taken;
	char words[96];

	if (in->bytes + n > (uint64_t)in->source->max_body_bytes) {
		snprintf(words, sizeof(words), "This source may send %" PRId64 " bytes.",
		    in->source->max_body_bytes);
		ingest_refuse(in, P_BODY_TOO_LARGE, 0, words);
		return 0;
	}
	taken = segment_add(in->writer, bytes, n);
	if (segment_failed(in->writer)) {
		ingest_refuse_store(in, "Redis did not take all of the body.");
		return 0;
	}
	body_check_add(in->check, bytes, taken);
	in->bytes += taken;
	metrics_add(&in->reactor->metrics.body_bytes, taken);
	if (in->proven)
		rate_add_bytes(rate_of(in), in->source, taken, clock_mono_us());
	ingest_extend(in);
	return taken;
}

/* ---- the last byte ---- */

static void ingest_end(struct http_request *q)
{
	struct ingest *in = q->user;
	struct refusal why = { .problem = P_NONE };

	if (in->bytes == 0) {
		ingest_refuse(in, P_BODY_EMPTY, 0, "A GeoJSON document is expected in the body.");
		return;
	}
	if (body_check_end(in->check, in->hash, &why) != 0) {
		reactor_refuse(q, &why);
		return;
	}
	if (in->reserved == 0 && !ingest_fits(in, &why)) {	/* many may have begun at once */
		reactor_refuse(q, &why);
		return;
	}
	if (!in->proven)
		rate_add_bytes(rate_of(in), in->source, in->bytes, clock_mono_us());
	ingest_prove(in);
	if (in->reserved == 0 || ingest_has_room(in))
		ingest_finish(in);
}

void ingest_finish(struct ingest *in)
{
	in->created_ms = clock_unix_ms();
	if (segment_failed(in->writer) || ingest_commit(in) != 0) {
		ingest_refuse_store(in, "Redis did not take all of the body.");
		return;
	}
	in->asking = true;
	if (in->reserved == 0)
		room_let_in(&in->reactor->room, in->source, in->bytes);
}

/*
 * An answer other than 202 leaves nothing behind, but for a job that is there and whose level could not be reached.
 * Where commit.lua said "same" or "other" it has cleaned up itself, and abandon.lua finds nothing to do.
 */
static void ingest_gone(struct http_request *q)
{
	struct ingest *in = q->user;

	if (in == NULL)
		return;
	in->q = NULL;
	leave_unproven(in);
	leave_place(in);
	if (in->asking)
		return;
	if (!in->committed) {
		ingest_let_out(in);
		ingest_abandon(in);
	}
	ingest_free(in);
}

const struct http_handler ingest_post = { ingest_begin, ingest_body, ingest_end, ingest_gone, ingest_place };
