/*
 * wire - names of keys, groups and fields, as schema/wire.md has them.
 *
 * In:  a partition and an id. Out: a key. Depends on nothing.
 */
#ifndef GS_SCHEMA_WIRE_H
#define GS_SCHEMA_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#define WIRE_VERSION 1		/* what is written */
#define WIRE_PACKED 2		/* what says v of a job, and of its message, some segments of which are compressed */
#define WIRE_TEXTS 3		/* the same of one that is worked on in chunks which hold their text */
#define WIRE_READS 3		/* the newest jobs, splits or chunks message that is understood */
#define WIRE_PARTITION 0
#define GROUP_WORKERS "workers"
#define GROUP_COURIERS "couriers"

#define SEGMENT_BYTES_MAX 4194304	/* of a segment's text; also what the settings allow */

#define JOB_ID_LEN 28	/* "0-" and a ULID of 26 characters */
#define JOB_ID_DICE 10	/* bytes of chance in it */
#define KEY_MAX 512

/* A source name and a delivery id are bounded so that every key fits KEY_MAX. */
#define SOURCE_NAME_MAX 40
#define DELIVERY_ID_MAX 256

struct key {
	char text[KEY_MAX];
};

/* "gs:{p0}:<what>" and, unless id is NULL, ":<id>". */
struct key wire_key(const char *what, const char *id);
/* "gs:{p0}:seen:<source>:<delivery>" */
struct key wire_seen_key(const char *source, const char *delivery);

/* A new job id: partition and ULID of now_ms and 80 random bits. */
void wire_job_id(char out[JOB_ID_LEN + 1], unsigned long long now_ms, const unsigned char random[JOB_ID_DICE]);
/* Is s a job id of a partition that is served here? */
bool wire_is_job_id(const char *s);
/* Dead-letter id for clients ("0-<ms>-<seq>") to its stream id ("<ms>-<seq>"), or NULL if it is none. */
const char *wire_letter_stream_id(const char *s);

#endif
