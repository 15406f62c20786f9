/* verdict - see verdict.h. */
#include "workers/pipeline/verdict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "workers/pipeline/encode.h"
#include "workers/pipeline/number.h"
#include "workers/pipeline/pipeline.h"

/* A text that is JSON already, but may be cut short. */
struct walk {
	const char *p, *end;
};

static void skip_blank(struct walk *w)
{
	while (w->p < w->end && strchr(" \t\r\n", *w->p) != NULL)
		w->p++;
}

static void skip_string(struct walk *w)
{
	for (w->p++; w->p < w->end && *w->p != '"'; w->p++)
		if (*w->p == '\\')
			w->p++;
	w->p = w->p < w->end ? w->p + 1 : w->end;
}

/* What may end a value, or the run of bytes in it that need no look: long arrays of numbers mostly. */
static const bool counts[256] = { ['"'] = true, ['{'] = true, ['['] = true, ['}'] = true, [']'] = true };

static void skip_value(struct walk *w)
{
	size_t depth = 0;

	for (; w->p < w->end; w->p++) {
		while (depth > 0 && w->p < w->end && !counts[(unsigned char)*w->p])
			w->p++;
		if (w->p == w->end)
			return;
		if (*w->p == '"') {
			skip_string(w);
			w->p--;
		} else if (*w->p == '{' || *w->p == '[') {
			depth++;
		} else if (*w->p == '}' || *w->p == ']') {
			if (depth-- == 0)
				return;
		} else if (*w->p == ',' && depth == 0) {
			return;
		}
	}
}

/* At an array or object: goes to the element or member that the token names. */
static bool descend(struct walk *w, const char *token, size_t len)
{
	bool array = w->p < w->end && *w->p == '[';
	unsigned long skip = array ? strtoul(token, NULL, 10) : 0;

	if (w->p >= w->end || (*w->p != '[' && *w->p != '{'))
		return false;
	for (w->p++;; w->p++) {
		skip_blank(w);
		if (w->p >= w->end || *w->p == ']' || *w->p == '}')
			return false;
		if (array) {
			if (skip-- == 0)
				return true;
		} else {
			const char *name = w->p + 1;
			bool found;

			skip_string(w);
			found = (size_t)(w->p - name) == len + 1 && memcmp(name, token, len) == 0;
			skip_blank(w);
			w->p += w->p < w->end;	/* the colon */
			skip_blank(w);
			if (found)
				return w->p < w->end;
		}
		skip_value(w);
		if (w->p >= w->end || *w->p != ',')
			return false;
	}
}

size_t verdict_locate(const char *json, size_t n, const char *pointer)
{
	struct walk w = { json, json + n };
	const char *found = json;

	while (*pointer == '/') {
		size_t len = strcspn(++pointer, "/");

		if (!descend(&w, pointer, len))
			break;
		found = w.p;
		pointer += len;
	}
	return (size_t)(found - json);
}

static void put_number(struct buf *b, const char *name, double v)
{
	char text[NUMBER_TEXT_MAX];

	buf_puts(b, name);
	if (v - v == 0)
		buf_append(b, text, number_format(v, text));
	else
		buf_puts(b, "null");
}

static void put_finding(struct buf *b, const struct verdict *v)
{
	const struct reject_info *info = reject_info(v->code);
	const struct finding *n = v->finding;

	buf_printf(b, ",\"code\":\"%s\",\"section\":\"%s\",\"path\":", info->name, info->section);
	json_str(b, NULL, v->path);
	buf_printf(b, ",\"offset\":%" PRIu64, v->offset);
	if (n != NULL && n->has_at) {
		put_number(b, ",\"at\":[", n->at[0]);
		put_number(b, ",", n->at[1]);
		buf_putc(b, ']');
	}
	buf_puts(b, ",\"reason\":");
	json_str(b, NULL, n != NULL && n->reason != NULL ? n->reason : info->meaning);
}

/* The other notes' codes, in the order of the table: not that of the document's members. */
static void put_warnings(struct buf *b, const struct verdict *v)
{
	bool first = true;

	buf_puts(b, ",\"warnings\":[");
	for (int code = 1; code < R_COUNT; code++) {
		if (code == (int)v->code || feature_finding(v->feature, (enum reject_code)code) == NULL)
			continue;
		buf_printf(b, "%s\"%s\"", first ? "" : ",", reject_name((enum reject_code)code));
		first = false;
	}
	buf_putc(b, ']');
}

int verdict_write_failed(struct buf *b, const char *file, enum reject_code code, uint64_t offset,
    const char *reason)
{
	buf_puts(b, "{\"file\":");
	json_str(b, NULL, file);
	buf_puts(b, ",\"outcome\":\"failed\"");
	if (code != R_NONE)
		buf_printf(b, ",\"code\":\"%s\",\"section\":\"%s\",\"offset\":%" PRIu64, reject_name(code),
		    reject_info(code)->section, offset);
	buf_puts(b, ",\"reason\":");
	json_str(b, NULL, reason);
	buf_putc(b, '}');
	return b->failed ? -1 : 0;
}

int verdict_write(struct buf *b, const struct verdict *v, const char *file)
{
	static const char *const outcomes[] = { "accepted", "repaired", "rejected" };
	const struct feature *f = v->feature;

	buf_putc(b, '{');
	if (file != NULL) {
		buf_puts(b, "\"file\":");
		json_str(b, NULL, file);
		buf_putc(b, ',');
	}
	buf_printf(b, "\"index\":%" PRIu64, f->index);
	if (f->id.len > 0) {
		buf_puts(b, ",\"id\":");
		encode_text(b, f->raw + f->id.at, f->id.len);
	}
	buf_printf(b, ",\"outcome\":\"%s\"", outcomes[v->outcome]);
	if (v->code != R_NONE)
		put_finding(b, v);
	put_warnings(b, v);
	if (v->outcome == OUTCOME_REPAIRED) {
		put_number(b, ",\"area_before\":", f->area_before);
		put_number(b, ",\"area_after\":", f->area_after);
		buf_printf(b, ",\"vertices_before\":%zu,\"vertices_after\":%zu", f->vertices_before,
		    f->vertices_after);
	}
	buf_putc(b, '}');
	return b->failed ? -1 : 0;
}
