/* seed - see seed.h. */
#include "tests/fakes/seed.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/checksum.h"
#include "lib/clock.h"
#include "lib/crypto.h"
#include "schema/scripts.h"

static struct reply *must(struct redis *r, const struct redis_cmd *c)
{
	struct err e = ERR_INIT;
	struct reply *reply;

	if (redis_do(r, c, &reply, &e) != 0) {
		fprintf(stderr, "seed: %s: %s\n", c->argv[0], e.text);
		abort();
	}
	return reply;
}

static struct reply *do_list(struct redis *r, va_list ap)
{
	struct redis_cmd c;
	struct reply *reply;
	const char *s;

	cmd_init(&c);
	while ((s = va_arg(ap, const char *)) != NULL)
		cmd_str(&c, s);
	reply = must(r, &c);
	cmd_clear(&c);
	return reply;
}

struct reply *seed_do(struct redis *r, ...)
{
	struct reply *reply;
	va_list ap;

	va_start(ap, r);
	reply = do_list(r, ap);
	va_end(ap);
	return reply;
}

void seed_drop(struct redis *r, ...)
{
	struct reply *reply;
	va_list ap;

	va_start(ap, r);
	reply = do_list(r, ap);
	va_end(ap);
	reply_free(&reply);
}

long long seed_int(struct redis *r, ...)
{
	struct reply *reply;
	long long n;
	va_list ap;

	va_start(ap, r);
	reply = do_list(r, ap);
	va_end(ap);
	n = reply_type(reply) == REPLY_ARRAY ? (long long)reply_count(reply) : reply_int(reply);
	reply_free(&reply);
	return n;
}

static const char *keep_text(struct reply *reply)
{
	static char kept[2][256];
	static unsigned turn;
	char *out = kept[turn++ % 2];

	snprintf(out, sizeof(kept[0]), "%s", reply_str(reply, NULL));
	reply_free(&reply);
	return out;
}

const char *seed_text(struct redis *r, ...)
{
	struct reply *reply;
	va_list ap;

	va_start(ap, r);
	reply = do_list(r, ap);
	va_end(ap);
	return keep_text(reply);
}

const char *seed_field(struct redis *r, const char *job, const char *name)
{
	struct key key = wire_key("job", job);

	return keep_text(seed_do(r, "HGET", key.text, name, NULL));
}

static void store(struct redis *r, const struct key *raw, unsigned number, const char *p, size_t n)
{
	char id[32], sum[CHECKSUM_HEX + 1];
	struct redis_cmd c;
	struct reply *reply;

	snprintf(id, sizeof(id), "%u-0", number);
	checksum_hex(sum, p, n);
	cmd_init(&c);
	cmd_line(&c, "XADD", raw->text, id, "d", NULL);
	cmd_bytes(&c, p, n);
	cmd_str(&c, "h");
	cmd_str(&c, sum);
	reply = must(r, &c);
	reply_free(&reply);
	cmd_clear(&c);
}

static void commit(struct redis *r, const char *id, const char *source, const char *extra[2], const char *p,
    size_t n, size_t total, unsigned last)
{
	struct key keys[] = {
		wire_key("raw", id), wire_key("job", id), wire_key("jobs", NULL),
		wire_key("staging", NULL), wire_key("index", NULL), wire_key("raw", id),
	};
	char sum[CHECKSUM_HEX + 1];
	struct redis_cmd c;
	struct reply *reply;

	checksum_hex(sum, p, n);
	cmd_init(&c);
	cmd_script(&c, &script_commit, 6);
	for (int i = 0; i < 6; i++)
		cmd_str(&c, keys[i].text);
	cmd_str(&c, id);
	cmd_int(&c, (long long)clock_unix_ms());
	cmd_int(&c, last);
	cmd_str(&c, sum);
	cmd_bytes(&c, p, n);
	cmd_str(&c, "0000000000000000000000000000000000000000000000000000000000000000");
	cmd_int(&c, 0);
	cmd_str(&c, "");
	cmd_str(&c, "source");
	cmd_str(&c, source);
	cmd_str(&c, "held");
	cmd_int(&c, (long long)total);
	cmd_str(&c, "bytes");
	cmd_int(&c, (long long)total);
	if (extra[1] != NULL) {
		cmd_str(&c, extra[0]);
		cmd_str(&c, extra[1]);
	}
	reply = must(r, &c);
	reply_free(&reply);
	cmd_clear(&c);
}

static void seed(struct redis *r, const char *source, const char *extra[2], const char *body, size_t n,
    size_t segment_bytes, char id[JOB_ID_LEN + 1])
{
	unsigned char random[10];
	unsigned number = 1;
	size_t at = 0;
	struct key raw;

	random_bytes(random, sizeof(random));
	wire_job_id(id, clock_unix_ms(), random);
	raw = wire_key("raw", id);
	for (; n - at > segment_bytes; at += segment_bytes)
		store(r, &raw, number++, body + at, segment_bytes);
	commit(r, id, source, extra, body + at, n - at, n, number);
}

void seed_job(struct redis *r, const char *source, const char *crs, const char *body, size_t n,
    size_t segment_bytes, char id[JOB_ID_LEN + 1])
{
	seed(r, source, (const char *[]){ "crs", crs }, body, n, segment_bytes, id);
}

void seed_encoded(struct redis *r, const char *source, const char *encoding, const char *body, size_t n,
    size_t segment_bytes, char id[JOB_ID_LEN + 1])
{
	seed(r, source, (const char *[]){ "encoding", encoding }, body, n, segment_bytes, id);
}
