/* transform, chunk_writer, finish: whole jobs through the real pipeline and a real Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/frame.h"
#include "lib/log.h"
#include "tests/fakes/seed.h"
#include "tests/fakes/worker_steps.h"
#include "workers/patience.h"
#include "workers/splitter.h"
#include "workers/suspects.h"
#include "workers/transform_parts.h"

#define SQUARE "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[2,0],[2,2],[0,2],[0,0]]]}"
#define BOWTIE "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[2,2],[2,0],[0,2],[0,0]]]}"
#define SHORT "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[2,0],[0,0]]]}"
#define FEATURE(id, geometry) \
	"{\"type\":\"Feature\",\"id\":" id ",\"properties\":{\"n\":" id "},\"geometry\":" geometry "}"
#define COLLECTION(features) "{\"type\":\"FeatureCollection\",\"name\":\"x\",\"features\":[" features "]}"
#define FIRST_THREE FEATURE("0", SQUARE) "," FEATURE("1", BOWTIE) "," FEATURE("2", SHORT)
#define MIXED FIRST_THREE "," FEATURE("3", SQUARE) "," FEATURE("4", SHORT) "," FEATURE("5", BOWTIE)

static struct stage stage;
static struct redis *redis, *body;	/* the stage's */
static struct settings *settings;
static struct err e;

static void reconnect(void)
{
	assert_int_equal(stage_connect(&stage), 0);
	redis = stage.redis;
	body = stage.body;
}

static int setup(void **state)
{
	static const char conf[] = "[worker]\nchunk_features = 2\nchunk_bytes = 65536\ndead_letter_bytes = 70000\n"
	    "[source acme]\nsecret = x\n[source metric]\nsecret = x\ntarget_crs = EPSG:3857\n"
	    "[source dutch]\nsecret = x\nsource_crs = EPSG:28992\n[source nowhere]\nsecret = x\ntarget_crs = EPSG:1\n";

	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	patience_begin(0);
	if (stage_begin(&stage, conf, "yes") != 0)
		return -1;
	settings = stage.settings;
	redis = stage.redis;
	body = stage.body;
	return 0;
}

/* What a worker's supervisor would give it. */
static struct flight flight;
static struct recycling recycling;

static void alive(void *ctx)
{
	(void)ctx;
}

static int teardown(void **state)
{
	(void)state;
	return stage_end(&stage);
}

static int fresh(void **state)
{
	(void)state;
	err_clear(&e);
	return stage_fresh(&stage);
}

static void seeded(struct message *m, const char *source, const char *crs, const char *doc)
{
	char id[JOB_ID_LEN + 1];

	seed_job(redis, source, crs, doc, strlen(doc), 50, id);
	steps_message(&stage, "w-0", STREAM_JOBS, id, m);
}

/* Claims and runs once. */
static int run(const struct message *m)
{
	struct transform *t = transform_new(settings, redis, body, &flight, &recycling, alive, NULL, &e);
	struct job j;
	int rc;

	assert_int_equal(job_claim(&j, redis, m, "w-0", 5, &e), CLAIM_RUN);
	rc = transform_run(t, &j, &e);
	job_clear(&j);
	transform_free(&t);
	return rc;
}

/* All chunks of out:<job> or report:<job>, one behind the other. */
static void read_chunks(struct buf *out, const char *what, const char *job)
{
	long long chunks = strtoll(seed_field(redis, job, "chunk"), NULL, 10);
	struct key key = wire_key(what, job);

	buf_init(out, 1 << 24);
	for (long long i = 0; i < chunks; i++) {
		char field[24];
		struct reply *frame;
		const char *bytes;
		size_t n;

		snprintf(field, sizeof(field), "%lld", i);
		frame = seed_do(redis, "HGET", key.text, field, NULL);
		bytes = reply_str(frame, &n);
		if (n > 0)
			assert_int_equal(frame_read(bytes, n, out, &e), 0);
		reply_free(&frame);
	}
}

static size_t lines(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static void check_counts(const char *job, const char *accepted, const char *repaired, const char *rejected)
{
	assert_string_equal(seed_field(redis, job, "state"), "successful");
	assert_string_equal(seed_field(redis, job, "accepted"), accepted);
	assert_string_equal(seed_field(redis, job, "repaired"), repaired);
	assert_string_equal(seed_field(redis, job, "rejected"), rejected);
}

static void a_document_of_all_outcomes(void **state)
{
	struct key deadof, results;
	struct message m;
	struct buf out, report;

	(void)state;
	seeded(&m, "acme", NULL, COLLECTION(MIXED));
	assert_int_equal(run(&m), TRANSFORM_ENDED);
	check_counts(m.job, "2", "2", "2");
	assert_string_equal(seed_field(redis, m.job, "used_crs"), "OGC:CRS84");
	results = wire_key("out", m.job);
	assert_string_equal(seed_text(redis, "HGET", results.text, "head", NULL), "\"name\":\"x\"");
	assert_string_equal(seed_field(redis, m.job, "chunk"), "3");
	read_chunks(&out, "out", m.job);
	read_chunks(&report, "report", m.job);
	assert_int_equal(lines(buf_cstr(&out)), 4);
	assert_int_equal(lines(buf_cstr(&report)), 4);
	assert_non_null(strstr(buf_cstr(&report), "RING_SHORT"));
	assert_non_null(strstr(buf_cstr(&report), "SELF_INTERSECTION"));
	deadof = wire_key("deadof", m.job);
	assert_int_equal(seed_int(redis, "LLEN", deadof.text, NULL), 2);
	buf_clear(&out);
	buf_clear(&report);
}

/* Puts m's checkpoint behind the first features of a collection, which another job has worked on. */
static void begun(const struct message *m, const char *source, const char *first_features)
{
	static const char *const fields[] = { "next", "chunk", "accepted", "repaired", "rejected", "parsed", "reach" };
	static const char *const owned[] = { "out", "report", "deadof" };
	struct key hash = wire_key("job", m->job);
	struct message other;
	char doc[2048];

	snprintf(doc, sizeof(doc), "{\"type\":\"FeatureCollection\",\"name\":\"x\",\"features\":[%s],"
	    "\"bbox\":[-9,-9,9,9]}", first_features);
	seeded(&other, source, NULL, doc);
	assert_int_equal(run(&other), TRANSFORM_ENDED);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		seed_drop(redis, "HSET", hash.text, fields[i], seed_field(redis, other.job, fields[i]), NULL);
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
		struct key from = wire_key(owned[i], other.job), to = wire_key(owned[i], m->job);

		seed_drop(redis, "COPY", from.text, to.text, NULL);
	}
}

/* Its worker died between its dead letters and its end; to the next one, of other settings, the document is sound. */
static void a_job_that_was_about_to_fail_fails(void **state)
{
	struct key deadof;
	struct message m;
	struct job j;

	(void)state;
	for (int worn = 0; worn < 2; worn++) {
		struct transform *t = transform_new(settings, redis, body, &flight, &recycling, alive, NULL, &e);

		seeded(&m, "acme", NULL, COLLECTION(MIXED));
		begun(&m, "acme", MIXED);
		deadof = wire_key("deadof", m.job);
		assert_int_equal(job_claim(&j, redis, &m, "w-0", 5, &e), CLAIM_RUN);
		assert_int_equal(job_forget_letters(&j, redis, R_BBOX_MISMATCH, "a box", 12, &e), 0);
		job_clear(&j);
		assert_int_equal(seed_int(redis, "LLEN", deadof.text, NULL), 0);
		assert_int_equal(job_claim(&j, redis, &m, "w-1", worn ? 1 : 5, &e), worn ? CLAIM_WORN : CLAIM_RUN);
		assert_int_equal(worn ? transform_bury(t, &j, &e) : transform_run(t, &j, &e), TRANSFORM_ENDED);
		job_clear(&j);
		transform_free(&t);
		assert_string_equal(seed_field(redis, m.job, "state"), "failed");
		assert_string_equal(seed_field(redis, m.job, "code"), "BBOX_MISMATCH");
		assert_string_equal(seed_field(redis, m.job, "reason"), "a box");
		assert_string_equal(seed_field(redis, m.job, "offset"), "12");
		assert_int_equal(seed_int(redis, "LLEN", deadof.text, NULL), 1);
	}
}

/* Its worker died over its dead letters, before it could begin anew; to the next one no CRS needs that. Nor is it worn
 * out if that came to pass too often: no feature was at fault. */
static void a_job_that_was_about_to_begin_anew_does(void **state)
{
	struct key deadof;
	struct message m;
	struct job j;

	(void)state;
	for (int worn = 0; worn < 2; worn++) {
		struct transform *t = transform_new(settings, redis, body, &flight, &recycling, alive, NULL, &e);

		seeded(&m, "acme", NULL, COLLECTION(MIXED));
		begun(&m, "acme", MIXED);
		deadof = wire_key("deadof", m.job);
		assert_int_equal(job_claim(&j, redis, &m, "w-0", 5, &e), CLAIM_RUN);
		assert_int_equal(job_forget_letters(&j, redis, R_NONE, "EPSG:4326", 0, &e), 0);
		job_clear(&j);
		assert_int_equal(seed_int(redis, "LLEN", deadof.text, NULL), 0);
		assert_int_equal(job_claim(&j, redis, &m, "w-1", worn ? 1 : 5, &e), worn ? CLAIM_WORN : CLAIM_RUN);
		assert_int_equal(worn ? transform_bury(t, &j, &e) : transform_run(t, &j, &e), TRANSFORM_ENDED);
		job_clear(&j);
		transform_free(&t);
		check_counts(m.job, "2", "2", "2");
		assert_int_equal(seed_int(redis, "LLEN", deadof.text, NULL), 2);
		assert_string_equal(seed_field(redis, m.job, "used_crs"), "EPSG:4326");
		assert_string_equal(seed_field(redis, m.job, "anew"), "");
	}
}

/* Taken over behind any feature, a job comes out as an undisturbed one does. */
static void a_job_goes_on_from_its_checkpoint(void **state)
{
	static const char *const beginnings[] = {
		FEATURE("0", SQUARE),
		FEATURE("0", SQUARE) "," FEATURE("1", BOWTIE),
		FIRST_THREE,
		FIRST_THREE "," FEATURE("3", SQUARE),
		MIXED,
	};
	struct buf want[2], have[2];
	struct message m;

	(void)state;
	seeded(&m, "metric", NULL, COLLECTION(MIXED));
	assert_int_equal(run(&m), TRANSFORM_ENDED);
	read_chunks(&want[0], "out", m.job);
	read_chunks(&want[1], "report", m.job);
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		struct key deadof;

		seeded(&m, "metric", NULL, COLLECTION(MIXED));
		begun(&m, "metric", beginnings[i]);
		assert_int_equal(run(&m), TRANSFORM_ENDED);
		check_counts(m.job, "2", "2", "2");
		deadof = wire_key("deadof", m.job);
		assert_int_equal(seed_int(redis, "LLEN", deadof.text, NULL), 2);
		read_chunks(&have[0], "out", m.job);
		read_chunks(&have[1], "report", m.job);
		for (int k = 0; k < 2; k++) {
			assert_string_equal(buf_cstr(&have[k]), buf_cstr(&want[k]));
			buf_clear(&have[k]);
		}
	}
	buf_clear(&want[0]);
	buf_clear(&want[1]);
}

static void a_worker_that_is_to_stop_leaves_the_job_at_a_checkpoint(void **state)
{
	struct message m;

	(void)state;
	seeded(&m, "acme", NULL, COLLECTION(MIXED));
	raise(SIGTERM);
	assert_true(patience_over());
	assert_int_equal(run(&m), -1);
	assert_int_equal(e.cls, ERR_RETRY);
	assert_string_equal(seed_field(redis, m.job, "state"), "running");
	patience_begin(0);
	err_clear(&e);
	assert_int_equal(run(&m), TRANSFORM_ENDED);
	check_counts(m.job, "2", "2", "2");
}

/* Also where another worker goes on; but not where one had a part that says nothing of it. */
static void the_collections_bbox_is_of_all_features(void **state)
{
	static const char doc[] = "{\"type\":\"FeatureCollection\",\"name\":\"x\",\"features\":[" MIXED
	    "],\"bbox\":[0,0,1,1]}";
	static const char all[] = "\"name\":\"x\",\"bbox\":[0,0,2,2]";
	struct key results, hash;
	struct message m;
	struct buf report;

	(void)state;
	for (int way = 0; way < 4; way++) {
		seeded(&m, "acme", NULL, doc);
		results = wire_key("out", m.job);
		hash = wire_key("job", m.job);
		if (way > 0)
			begun(&m, "acme", FIRST_THREE);
		if (way == 2)
			seed_drop(redis, "HDEL", hash.text, "reach", NULL);
		if (way == 3)
			seed_drop(redis, "HSET", hash.text, "reach", "+2 <1 >2", NULL);
		assert_int_equal(run(&m), TRANSFORM_ENDED);
		check_counts(m.job, "2", "2", "2");
		assert_string_equal(seed_text(redis, "HGET", results.text, "head", NULL), way < 2 ? all : "\"name\":\"x\"");
		read_chunks(&report, "report", m.job);
		assert_int_equal(lines(buf_cstr(&report)), way < 2 ? 5 : 4);
		assert_int_equal(strstr(buf_cstr(&report), "\"outcome\":\"noted\"") != NULL, way < 2);
		buf_clear(&report);
	}
}

/* Small documents are most: what nobody will ask for is not written. */
static void without_a_bbox_nothing_is_said_of_reach(void **state)
{
	struct message m;

	(void)state;
	seeded(&m, "acme", NULL, COLLECTION(FEATURE("0", SQUARE)));
	assert_int_equal(run(&m), TRANSFORM_ENDED);
	assert_string_equal(seed_field(redis, m.job, "reach"), "");
}

/* A fresh one that is full goes on, for the next would come no further; one that is not makes way for it. */
static void a_job_that_fills_a_process_is_a_fresh_ones(void **state)
{
	struct transform *t = transform_new(settings, redis, body, &flight, &recycling, alive, NULL, &e);
	struct message m;
	struct job j;

	(void)state;
	recycling_init(&recycling, 1 << 20);	/* less than it has to begin with */
	seeded(&m, "acme", NULL, COLLECTION(MIXED));
	assert_int_equal(job_claim(&j, redis, &m, "w-0", 5, &e), CLAIM_RUN);
	assert_int_equal(transform_run(t, &j, &e), TRANSFORM_ENDED);
	check_counts(m.job, "2", "2", "2");
	job_clear(&j);
	t->memory_at_ms = 0;	/* it looks at its memory at once */
	seeded(&m, "acme", NULL, COLLECTION(MIXED));
	assert_int_equal(job_claim(&j, redis, &m, "w-0", 5, &e), CLAIM_RUN);
	assert_int_equal(transform_run(t, &j, &e), TRANSFORM_AGAIN);
	assert_int_equal(job_release(&j, redis, true, true, &e), 0);
	assert_string_equal(seed_field(redis, m.job, "tries"), "1");
	assert_int_equal(job_release(&j, redis, true, false, &e), 0);
	assert_string_equal(seed_field(redis, m.job, "tries"), "0");
	recycling_clear(&recycling);
	recycling = (struct recycling){ 0 };
	job_clear(&j);
	transform_free(&t);
	assert_int_equal(run(&m), TRANSFORM_ENDED);
	check_counts(m.job, "2", "2", "2");
}

static struct err part_end_fails = ERR_INIT;	/* so, if it has a text */
int __real_part_end(const struct part *p, struct redis *r, const struct part_end *end, struct err *err);
int __wrap_part_end(const struct part *p, struct redis *r, const struct part_end *end, struct err *err);

int __wrap_part_end(const struct part *p, struct redis *r, const struct part_end *end, struct err *err)
{
	if (part_end_fails.text[0] == '\0')
		return __real_part_end(p, r, end, err);
	*err = part_end_fails;
	return -1;
}

/* It had no place for what came of it, and so will the next process: the largest feature is what it dies of. */
static void what_a_chunk_has_no_memory_for_is_its_largest_feature(void **state)
{
	struct transform *t = transform_new(settings, redis, body, &flight, &recycling, alive, NULL, &e);
	char id[JOB_ID_LEN + 1];
	struct message m;
	struct part p;
	struct job j;

	(void)state;
	settings->worker.split_bytes = 1;
	seed_job(redis, "acme", NULL, COLLECTION(MIXED), strlen(COLLECTION(MIXED)), 50, id);
	steps_divide(&stage, &j, strlen(COLLECTION("")) - 2);
	assert_int_equal(steps_cut(&stage, &j), SPLIT_DONE);
	steps_message(&stage, "w-1", STREAM_CHUNKS, id, &m);
	assert_int_equal(part_take(&p, redis, &m, "w-1", 5, &e), CLAIM_RUN);
	memset(&flight, 0, sizeof(flight));
	err_set(&part_end_fails, ERR_RETRY, 0, "Redis is away");
	assert_int_equal(transform_part(t, &p, &e), -1);
	assert_false(flight.no_memory);
	assert_int_equal(flight.place.since_ms, 0);
	err_clear(&part_end_fails);
	err_set(&part_end_fails, ERR_SYSTEM, ENOMEM, "no memory for a command");
	assert_int_equal(transform_part(t, &p, &e), -1);
	assert_true(flight.no_memory && flight.place.since_ms > 0);
	assert_string_equal(flight.job, id);
	assert_int_equal(flight.place.feature, p.chunk.first + 1);
	assert_int_equal(flight.place.stage, AT_DECODE);
	err_clear(&part_end_fails);
	err_clear(&e);
	assert_int_equal(transform_part(t, &p, &e), TRANSFORM_ENDED);
	settings->worker.split_bytes = 2 << 20;
	part_clear(&p);
	job_clear(&j);
	transform_free(&t);
}

/* Claims and works, as the process that t is of. */
static int work(struct transform *t, const struct message *m)
{
	struct job j;
	int rc;

	assert_int_equal(job_claim(&j, redis, m, "w-0", 5, &e), CLAIM_RUN);
	rc = transform_run(t, &j, &e);
	if (rc == TRANSFORM_AGAIN)
		assert_int_equal(job_release(&j, redis, true, false, &e), 0);
	job_clear(&j);
	return rc;
}

static bool tried(const struct message *m, uint64_t feature)
{
	struct suspect s;

	assert_true(suspects_find(seed_field(redis, m->job, "suspects"), feature, &s));
	assert_int_equal(s.deaths, 1);
	return s.tried;
}

/* Else what a process has about it of others may kill it with a feature that is sound, or spare one that is not. */
static void a_suspect_is_tried_in_a_process_that_worked_on_nothing(void **state)
{
	static const uint64_t of[] = { 1, 3 };
	struct transform *t = transform_new(settings, redis, body, &flight, &recycling, alive, NULL, &e);
	struct obituary o = { .known = true, .token = "5-1", .code = R_FEATURE_CRASH, .reason = "signal 11" };
	struct message m;

	(void)state;
	seeded(&m, "acme", NULL, COLLECTION(FEATURE("0", SQUARE)));
	assert_int_equal(work(t, &m), TRANSFORM_ENDED);
	seeded(&m, "acme", NULL, COLLECTION(MIXED));
	memcpy(o.job, m.job, sizeof(o.job));
	for (int i = 0; i < 2; i++) {
		o.feature = of[i];
		assert_int_equal(suspects_report(redis, &o, &e), 0);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(work(t, &m), TRANSFORM_AGAIN);	/* it worked on another job; or on the first suspect */
		assert_int_equal(tried(&m, of[0]), i > 0);
		assert_false(tried(&m, of[1]));
		transform_free(&t);
		t = transform_new(settings, redis, body, &flight, &recycling, alive, NULL, &e);
	}
	assert_int_equal(work(t, &m), TRANSFORM_ENDED);	/* who tried one goes on with the job, where none waits */
	check_counts(m.job, "2", "2", "2");
	transform_free(&t);
}

static void a_crs_behind_the_features_means_a_second_pass(void **state)
{
	static const char crs[] = "\"crs\":{\"type\":\"name\",\"properties\":"
	    "{\"name\":\"urn:ogc:def:crs:EPSG::3857\"}}";
	/* One of the features names another itself. */
	static const char features[] = MIXED ",{\"type\":\"Feature\",\"id\":6,\"crs\":{\"type\":\"name\","
	    "\"properties\":{\"name\":\"OGC:CRS84\"}},\"properties\":null,"
	    "\"geometry\":{\"type\":\"Point\",\"coordinates\":[12.5,42]}}";
	char doc[2048];
	struct key hash;
	struct message m;
	struct buf before, behind;

	(void)state;
	snprintf(doc, sizeof(doc), "{\"type\":\"FeatureCollection\",%s,\"features\":[%s]}", crs, features);
	seeded(&m, "acme", NULL, doc);
	assert_int_equal(run(&m), TRANSFORM_ENDED);
	read_chunks(&before, "out", m.job);
	assert_non_null(strstr(buf_cstr(&before), "\"coordinates\":[12.5,42]"));
	snprintf(doc, sizeof(doc), "{\"type\":\"FeatureCollection\",\"features\":[%s],%s}", features, crs);
	seeded(&m, "acme", NULL, doc);
	assert_int_equal(run(&m), TRANSFORM_ENDED);
	check_counts(m.job, "3", "2", "2");
	read_chunks(&behind, "out", m.job);
	assert_string_equal(buf_cstr(&behind), buf_cstr(&before));
	assert_string_equal(seed_field(redis, m.job, "pass_crs"), "urn:ogc:def:crs:EPSG::3857");
	buf_clear(&behind);
	/* The same where a worker died in its second pass. */
	seeded(&m, "acme", NULL, doc);
	hash = wire_key("job", m.job);
	seed_drop(redis, "HSET", hash.text, "pass_crs", "urn:ogc:def:crs:EPSG::3857", NULL);
	assert_int_equal(run(&m), TRANSFORM_ENDED);
	check_counts(m.job, "3", "2", "2");
	read_chunks(&behind, "out", m.job);
	assert_string_equal(buf_cstr(&behind), buf_cstr(&before));
	buf_clear(&before);
	buf_clear(&behind);
}

static void the_crs_is_the_requests_then_the_documents_then_the_sources(void **state)
{
#define OWN_CRS "\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"EPSG:4326\"}}"
#define WITH_CRS "{\"type\":\"FeatureCollection\"," OWN_CRS ",\"features\":[" FEATURE("0", SQUARE) "]}"
	static const struct { const char *source, *request, *doc, *used; } cases[] = {
		{ "acme", NULL, COLLECTION(FEATURE("0", SQUARE)), "OGC:CRS84" },
		{ "acme", "EPSG:3857", COLLECTION(FEATURE("0", SQUARE)), "EPSG:3857" },
		{ "dutch", NULL, COLLECTION(FEATURE("0", SQUARE)), "EPSG:28992" },
		{ "dutch", "EPSG:3857", COLLECTION(FEATURE("0", SQUARE)), "EPSG:3857" },
		{ "dutch", NULL, WITH_CRS, "EPSG:4326" },
		{ "acme", "EPSG:3857", WITH_CRS, "EPSG:3857" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message m;

		seeded(&m, cases[i].source, cases[i].request, cases[i].doc);
		assert_int_equal(run(&m), TRANSFORM_ENDED);
		assert_string_equal(seed_field(redis, m.job, "used_crs"), cases[i].used);
	}
}

static void documents_that_fail_say_why(void **state)
{
#define OPEN "{\"type\":\"FeatureCollection\",\"features\":["
	static const struct { const char *source, *crs, *doc, *code; } cases[] = {
		{ "acme", NULL, OPEN FEATURE("0", SHORT) ",]}", "JSON_SYNTAX" },
		{ "acme", NULL, OPEN FEATURE("0", SQUARE), "JSON_TRUNCATED" },
		{ "acme", NULL, "[]", "ROOT_NOT_OBJECT" },
		{ "acme", NULL, "", "JSON_TRUNCATED" },
		{ "acme", "EPSG:1", COLLECTION(MIXED), "CRS_UNKNOWN" },
		{ "nowhere", NULL, COLLECTION(MIXED), "CRS_UNKNOWN" },
	};
	struct key dead = wire_key("dead", NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message m;
		struct key out;

		fresh(state);
		seeded(&m, cases[i].source, cases[i].crs, cases[i].doc);
		assert_int_equal(run(&m), TRANSFORM_ENDED);
		out = wire_key("out", m.job);
		assert_string_equal(seed_field(redis, m.job, "state"), "failed");
		assert_string_equal(seed_field(redis, m.job, "code"), cases[i].code);
		assert_int_equal(seed_int(redis, "EXISTS", out.text, NULL), 0);
		assert_int_equal(seed_int(redis, "XLEN", dead.text, NULL), 1);
	}
}

static void a_body_that_is_not_whole_fails_the_job(void **state)
{
	struct message m;
	struct key raw;

	(void)state;
	seeded(&m, "acme", NULL, COLLECTION(MIXED));
	raw = wire_key("raw", m.job);
	seed_drop(redis, "XDEL", raw.text, "5-0", NULL);
	assert_int_equal(run(&m), TRANSFORM_ENDED);
	assert_string_equal(seed_field(redis, m.job, "state"), "failed");
	assert_string_equal(seed_field(redis, m.job, "code"), "BODY_LOST");
}

static void a_job_that_is_no_longer_ours_is_let_go(void **state)
{
	struct transform *t = transform_new(settings, redis, body, &flight, &recycling, alive, NULL, &e);
	struct key hash, outbox = wire_key("outbox", NULL);
	struct job mine, theirs;
	struct message m;

	(void)state;
	seeded(&m, "acme", NULL, COLLECTION(MIXED));
	assert_int_equal(job_claim(&mine, redis, &m, "w-0", 5, &e), CLAIM_RUN);
	assert_int_equal(job_claim(&theirs, redis, &m, "w-1", 5, &e), CLAIM_RUN);
	assert_int_equal(transform_run(t, &mine, &e), TRANSFORM_STALE);
	assert_int_equal(transform_run(t, &theirs, &e), TRANSFORM_ENDED);
	job_clear(&mine);
	job_clear(&theirs);
	check_counts(m.job, "2", "2", "2");
	seeded(&m, "acme", NULL, COLLECTION(MIXED));
	hash = wire_key("job", m.job);
	assert_int_equal(job_claim(&mine, redis, &m, "w-0", 5, &e), CLAIM_RUN);
	seed_drop(redis, "HSET", hash.text, "state", "dismissed", NULL);
	assert_int_equal(transform_run(t, &mine, &e), TRANSFORM_STALE);
	job_clear(&mine);
	assert_int_equal(seed_int(redis, "XLEN", outbox.text, NULL), 1);
	transform_free(&t);
}

static void a_source_that_nobody_knows_is_left_and_buried_in_the_end(void **state)
{
	struct transform *t = transform_new(settings, redis, body, &flight, &recycling, alive, NULL, &e);
	struct message m;
	struct job j;

	(void)state;
	seeded(&m, "stranger", NULL, COLLECTION(MIXED));
	assert_int_equal(job_claim(&j, redis, &m, "w-0", 1, &e), CLAIM_RUN);
	assert_int_equal(transform_run(t, &j, &e), TRANSFORM_LEFT);
	job_clear(&j);
	assert_string_equal(seed_field(redis, m.job, "state"), "running");
	assert_int_equal(job_claim(&j, redis, &m, "w-0", 1, &e), CLAIM_WORN);
	assert_int_equal(transform_bury(t, &j, &e), TRANSFORM_ENDED);
	job_clear(&j);
	assert_string_equal(seed_field(redis, m.job, "code"), "SOURCE_UNKNOWN");
	transform_free(&t);
}

static sem_t seen;

/* The server ends with the thread that started it. */
static void *bring_back(void *arg)
{
	(void)arg;
	private_redis_restart(&stage.server);
	sem_wait(&seen);
	return NULL;
}

static void a_redis_that_restarts_in_mid_job_is_waited_for(void **state)
{
	struct transform *t = transform_new(settings, redis, body, &flight, &recycling, alive, NULL, &e);
	struct message m;
	pthread_t thread;
	struct job j;

	(void)state;
	sem_init(&seen, 0, 0);
	seeded(&m, "acme", NULL, COLLECTION(MIXED));
	assert_int_equal(job_claim(&j, redis, &m, "w-0", 5, &e), CLAIM_RUN);
	private_redis_kill(&stage.server);
	assert_int_equal(pthread_create(&thread, NULL, bring_back, NULL), 0);
	assert_int_equal(transform_run(t, &j, &e), TRANSFORM_ENDED);
	check_counts(m.job, "2", "2", "2");
	sem_post(&seen);
	pthread_join(thread, NULL);
	private_redis_kill(&stage.server);
	assert_int_equal(private_redis_restart(&stage.server), 0);
	job_clear(&j);
	transform_free(&t);
	reconnect();
	sem_destroy(&seen);
}

static void large_letters_end_a_chunk_early_and_are_cut(void **state)
{
	static char doc[400000];
	struct key dead = wire_key("dead", NULL);
	struct message m;
	struct reply *list;
	size_t at, n, length;

	(void)state;
	at = (size_t)snprintf(doc, sizeof(doc), "{\"type\":\"FeatureCollection\",\"features\":[");
	for (int i = 0; i < 4; i++) {
		at += (size_t)snprintf(doc + at, sizeof(doc) - at,
		    "%s{\"type\":\"Feature\",\"properties\":{\"fill\":\"", i ? "," : "");
		n = i == 3 ? 80000 : 66000;
		memset(doc + at, 'x', n);
		at += n;
		at += (size_t)snprintf(doc + at, sizeof(doc) - at, "\"},\"geometry\":" SHORT "}");
	}
	snprintf(doc + at, sizeof(doc) - at, "]}");
	seeded(&m, "acme", NULL, doc);
	assert_int_equal(run(&m), TRANSFORM_ENDED);
	check_counts(m.job, "0", "0", "4");
	assert_string_equal(seed_field(redis, m.job, "chunk"), "4");
	list = seed_do(redis, "XRANGE", dead.text, "-", "+", NULL);
	assert_int_equal(reply_count(list), 4);
	for (size_t i = 0; i < 4; i++) {
		const struct reply *f = reply_at(reply_at(list, i), 1);

		reply_str(reply_field(f, 0, "raw"), &n);
		length = (size_t)reply_int(reply_field(f, 0, "length"));
		assert_int_equal(n, i == 3 ? 70000 : length);
		assert_string_equal(reply_str(reply_field(f, 0, "cut"), NULL), i == 3 ? "1" : "");
	}
	reply_free(&list);
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_document_of_all_outcomes),
		TEST(a_job_goes_on_from_its_checkpoint),
		TEST(a_job_that_was_about_to_fail_fails),
		TEST(a_job_that_was_about_to_begin_anew_does),
		TEST(a_worker_that_is_to_stop_leaves_the_job_at_a_checkpoint),
		TEST(the_collections_bbox_is_of_all_features),
		TEST(without_a_bbox_nothing_is_said_of_reach),
		TEST(a_job_that_fills_a_process_is_a_fresh_ones),
		TEST(what_a_chunk_has_no_memory_for_is_its_largest_feature),
		TEST(a_suspect_is_tried_in_a_process_that_worked_on_nothing),
		TEST(a_crs_behind_the_features_means_a_second_pass),
		TEST(the_crs_is_the_requests_then_the_documents_then_the_sources),
		TEST(documents_that_fail_say_why),
		TEST(a_body_that_is_not_whole_fails_the_job),
		TEST(a_job_that_is_no_longer_ours_is_let_go),
		TEST(a_source_that_nobody_knows_is_left_and_buried_in_the_end),
		TEST(a_redis_that_restarts_in_mid_job_is_waited_for),
		TEST(large_letters_end_a_chunk_early_and_are_cut),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
