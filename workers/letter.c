/* letter - see letter.h. */
#include "workers/letter.h"

#include <stdio.h>

#include "lib/clock.h"
#include "lib/utf8.h"
#include "schema/wire.h"

#define COMMON_FIELDS 9

static void put(struct args *a, const char *name, const char *value)
{
	args_str(a, name);
	args_str(a, value);
}

static void put_uint(struct args *a, const char *name, uint64_t value)
{
	args_str(a, name);
	args_uint(a, value);
}

/* COMMON_FIELDS of them. */
static void put_common(struct args *a, const struct job *j, const char *kind, enum reject_code code,
    const char *reason, const char *path, uint64_t offset)
{
	put_uint(a, "v", WIRE_VERSION);
	put(a, "kind", kind);
	put(a, "job", j->id);
	put(a, "source", j->source);
	put_uint(a, "created", clock_unix_ms());
	put(a, "code", reject_name(code));
	put(a, "reason", reason);
	put(a, "path", path);
	put_uint(a, "offset", offset);
}

void letter_of_feature(struct args *a, const struct job *j, const struct verdict *v, const char *crs,
    size_t max_raw)
{
	const struct feature *f = v->feature;
	const struct finding *note = v->finding;
	size_t raw = utf8_cut(f->raw, f->raw_len, max_raw);
	bool cut = raw < f->length, at = note != NULL && note->has_at, id = f->id.len > 0;
	const char *reason = reject_info(v->code)->meaning;
	char point[64];

	if (note != NULL && note->reason != NULL)
		reason = note->reason;
	args_uint(a, 2 * (COMMON_FIELDS + 4u + cut + at + id));
	put_common(a, j, "feature", v->code, reason, v->path, v->offset);
	put_uint(a, "index", f->index);
	put_uint(a, "length", f->length);
	put(a, "crs", crs);
	args_str(a, "raw");
	args_bytes(a, f->raw, raw);
	if (cut)
		put(a, "cut", "1");
	if (id) {
		args_str(a, "id");
		args_bytes(a, f->raw + f->id.at, f->id.len);
	}
	if (at) {
		snprintf(point, sizeof(point), "%.17g %.17g", note->at[0], note->at[1]);
		put(a, "at", point);
	}
}

void letter_of_document(struct args *a, const struct job *j, enum reject_code code, const char *reason,
    uint64_t offset)
{
	put_common(a, j, "document", code, reason, "", offset);
}
