/* finish - see finish.h. */
#include "workers/finish.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/frame.h"
#include "schema/scripts.h"
#include "workers/letter.h"
#include "workers/patience.h"

#define LETTER_MAX_BYTES 65536

/* What goes out and is said of the document itself. */
struct own {
	struct buf bbox, note;
};

/* t: NULL for a document that failed. letter: a dead letter's fields, or none. */
static int finish(const struct job *j, struct redis *r, const struct settings *s, const struct pipeline_totals *t,
    const struct own *own, const struct args *fields, const struct args *letter, struct err *e)
{
	struct key keys[] = {
		wire_key("job", j->id), wire_key(stream_name(j->message.stream), NULL), wire_key("outbox", NULL),
		wire_key("raw", j->id), wire_key("out", j->id), wire_key("report", j->id),
		wire_key("dead", NULL), wire_key("deadof", j->id), wire_key("stats", NULL),
		wire_key("parts", j->id), wire_key("ids", j->id),
	};
	struct redis_cmd c;
	struct reply *reply;
	int rc;

	cmd_init(&c);
	cmd_script(&c, &script_finish, 11);
	for (int i = 0; i < 11; i++)
		cmd_str(&c, keys[i].text);
	cmd_int(&c, j->epoch);
	cmd_str(&c, GROUP_WORKERS);
	cmd_str(&c, j->message.id);
	cmd_int(&c, (long long)clock_unix_ms());
	cmd_str(&c, t != NULL ? "successful" : "failed");
	cmd_int(&c, t != NULL ? (long long)t->features : 0);
	cmd_int(&c, (long long)s->redis.retention_s * 1000);
	cmd_int(&c, (long long)s->redis.raw_retention_s * 1000);
	cmd_bytes(&c, t != NULL ? t->head : "", t != NULL ? t->head_len : 0);
	cmd_bytes(&c, own->bbox.len ? own->bbox.data : "", own->bbox.len);
	cmd_bytes(&c, own->note.len ? own->note.data : "", own->note.len);
	cmd_int(&c, (long long)fields->count);
	args_to_cmd(fields, &c);
	args_to_cmd(letter, &c);
	rc = redis_insist(r, &c, &reply, e);
	cmd_clear(&c);
	if (rc == 0)
		rc = job_answer(reply, "finish", e);
	reply_free(&reply);
	return rc;
}

/* A chunk of the report with this one line. */
static int note(struct buf *out, const struct collection_said *said, struct err *e)
{
	struct frame_writer *w = frame_writer_new(e);
	struct buf line;
	int rc = -1;

	buf_init(&line, LETTER_MAX_BYTES);
	if (w != NULL && (collection_write_note(&line, said, NULL) != 0 || buf_putc(&line, '\n') != 0))
		err_set(e, ERR_SYSTEM, 0, "no memory for a line of the report");
	else if (w != NULL && frame_add(w, line.data, line.len, out, e) == 0)
		rc = frame_end(w, out, e);
	frame_writer_free(&w);
	buf_clear(&line);
	return rc;
}

static int own_make(struct own *own, const struct collection_said *said, struct err *e)
{
	buf_init(&own->bbox, LETTER_MAX_BYTES);
	buf_init(&own->note, LETTER_MAX_BYTES);
	if (said == NULL)
		return 0;
	if (collection_write_bbox(&own->bbox, said) != 0)
		return err_set(e, ERR_SYSTEM, 0, "no memory for a bbox");
	return said->code == R_NONE ? 0 : note(&own->note, said, e);
}

static void own_clear(struct own *own)
{
	buf_clear(&own->bbox);
	buf_clear(&own->note);
}

int finish_successful(const struct job *j, struct redis *r, const struct settings *s,
    const struct pipeline_totals *t, const struct collection_said *said, struct err *e)
{
	struct args fields, none;
	struct own own;
	int rc;

	if (own_make(&own, said, e) != 0) {
		own_clear(&own);
		return -1;
	}
	args_init(&fields, strlen(t->crs) + LETTER_MAX_BYTES);
	args_init(&none, 0);
	args_str(&fields, "used_crs");
	args_str(&fields, t->crs);
	args_str(&fields, "parsed");
	args_uint(&fields, j->bytes);
	rc = finish(j, r, s, t, &own, &fields, &none, e);
	own_clear(&own);
	args_clear(&fields);
	return rc;
}

int finish_failed(const struct job *j, struct redis *r, const struct settings *s, enum reject_code code,
    const char *reason, uint64_t offset, struct err *e)
{
	const struct own own = { .bbox = { .len = 0 } };
	struct args fields, letter;
	int rc;

	if (job_forget_letters(j, r, code, reason, offset, e) != 0)
		return -1;
	args_init(&fields, LETTER_MAX_BYTES);
	args_init(&letter, LETTER_MAX_BYTES);
	args_str(&fields, "code");
	args_str(&fields, reject_name(code));
	args_str(&fields, "reason");
	args_str(&fields, reason);
	args_str(&fields, "offset");
	args_uint(&fields, offset);
	letter_of_document(&letter, j, code, reason, offset);
	rc = finish(j, r, s, NULL, &own, &fields, &letter, e);
	args_clear(&fields);
	args_clear(&letter);
	return rc;
}
