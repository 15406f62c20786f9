/* status_info - see status_info.h. */
#include "schema/status_info.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"

#define REL_RESULTS "http://www.opengis.net/def/rel/ogc/1.0/results"

struct job {
	const struct reply *hash;
	size_t first;
};

static uint64_t number(const struct job *j, const char *field)
{
	long long n = reply_int(reply_field(j->hash, j->first, field));

	return n > 0 ? (uint64_t)n : 0;
}

static void put_text(struct buf *b, const char *name, const struct job *j, const char *field)
{
	const struct reply *r = reply_field(j->hash, j->first, field);
	size_t n;
	const char *s = reply_str(r, &n);

	if (r != NULL && n > 0)
		json_strn(b, name, s, n);
}

static void put_time(struct buf *b, const char *name, const struct job *j, const char *field)
{
	uint64_t ms = number(j, field);

	if (ms > 0)
		json_time(b, name, ms);
}

static void put_link(struct buf *b, const char *id, const char *tail, const char *rel,
    const char *type)
{
	char href[96];

	snprintf(href, sizeof(href), "/v1/jobs/%s%s", id, tail);
	json_object(b, NULL);
	json_str(b, "href", href);
	json_str(b, "rel", rel);
	json_str(b, "type", type);
	json_end_object(b);
}

static void put_counts(struct buf *b, const struct job *j)
{
	uint64_t accepted = number(j, "accepted"), repaired = number(j, "repaired"),
	    rejected = number(j, "rejected");

	json_object(b, "counts");
	json_uint(b, "features", accepted + repaired + rejected);
	json_uint(b, "accepted", accepted);
	json_uint(b, "repaired", repaired);
	json_uint(b, "rejected", rejected);
	json_end_object(b);
}

static void put_progress(struct buf *b, const struct job *j, bool successful)
{
	uint64_t received = number(j, "bytes"), parsed = number(j, "parsed");
	uint64_t done = received > 0 ? parsed * 100 / received : 0;

	/* The last chunk may be in while the end of the job is not: 100 means done. */
	json_uint(b, "progress", successful ? 100 : done > 99 ? 99 : done);
	json_object(b, "bytes");
	json_uint(b, "received", received);
	json_uint(b, "parsed", parsed);
	json_end_object(b);
}

/* Dead letters that are no longer there because more came than may be kept. */
static void put_dropped(struct buf *b, const struct job *j)
{
	static const char prefix[] = "dropped:";
	bool any = false;

	for (size_t i = j->first; i + 1 < reply_count(j->hash); i += 2) {
		const char *name = reply_str(reply_at(j->hash, i), NULL);

		if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
			continue;
		if (!any)
			json_object(b, "deadLettersDropped");
		any = true;
		json_uint(b, name + sizeof(prefix) - 1, (uint64_t)reply_int(reply_at(j->hash, i + 1)));
	}
	if (any)
		json_end_object(b);
}

static void put_callback(struct buf *b, const struct job *j)
{
	if (number(j, "callback_attempts") == 0 && reply_field(j->hash, j->first, "callback") == NULL)
		return;
	json_object(b, "callback");
	put_text(b, "outcome", j, "callback");
	json_uint(b, "attempts", number(j, "callback_attempts"));
	json_uint(b, "httpStatus", number(j, "callback_status"));
	put_time(b, "at", j, "callback_at");
	json_end_object(b);
}

void status_info_write(struct buf *b, const char *job_id, const struct reply *hash, size_t first)
{
	const struct job j = { hash, first };
	const char *state = reply_str(reply_field(hash, first, "state"), NULL);
	const char *ack = reply_str(reply_field(hash, first, "ack"), NULL);
	bool successful = strcmp(state, "successful") == 0, failed = strcmp(state, "failed") == 0;
	bool shed = reply_field(hash, first, "shed") != NULL;	/* more came than may be kept */

	json_object(b, NULL);
	json_str(b, "id", job_id);
	json_str(b, "jobID", job_id);
	json_str(b, "processID", "ingest");
	json_object(b, "process");
	json_str(b, "id", "ingest");
	json_end_object(b);
	json_str(b, "type", "process");
	put_text(b, "status", &j, "state");
	put_text(b, "message", &j, "reason");
	put_text(b, "code", &j, "code");
	if (failed && reply_field(hash, first, "offset") != NULL)
		json_uint(b, "offset", number(&j, "offset"));
	put_text(b, "source", &j, "source");
	json_str(b, "acknowledged", ack[0] != '\0' ? ack : "memory");
	put_text(b, "delivery", &j, "delivery");
	put_text(b, "replayOf", &j, "replay_of");
	if (reply_field(hash, first, "mended") != NULL)
		json_bool(b, "mended", true);
	put_text(b, "crs", &j, "used_crs");
	put_time(b, "created", &j, "created");
	put_time(b, "started", &j, "started");
	put_time(b, "finished", &j, "finished");
	put_time(b, "updated", &j, "updated");
	put_progress(b, &j, successful);
	put_counts(b, &j);
	put_dropped(b, &j);
	if (shed)
		json_bool(b, "resultsDropped", true);
	put_callback(b, &j);
	json_array(b, "links");
	put_link(b, job_id, "", "self", "application/json");
	if (successful && !shed)
		put_link(b, job_id, "/results", REL_RESULTS, "application/geo+json");
	if (successful || failed)
		put_link(b, job_id, "/report", "related", "application/x-ndjson");
	json_end_array(b);
	json_end_object(b);
}

void status_info_gone(struct buf *b, const char *job_id, const char *message)
{
	json_object(b, NULL);
	json_str(b, "jobID", job_id);
	json_str(b, "status", "dismissed");
	json_str(b, "message", message);
	json_end_object(b);
}
