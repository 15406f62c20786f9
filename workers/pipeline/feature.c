/* feature - see feature.h. */
#include "workers/pipeline/feature.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"

void feature_reset(struct feature *f)
{
	size_t behind = offsetof(struct feature, finding_count);

	memset(f, 0, offsetof(struct feature, findings));
	memset((char *)f + behind, 0, sizeof(*f) - behind);
}

const struct finding *feature_finding(const struct feature *f, enum reject_code code)
{
	for (size_t i = 0; i < f->finding_count; i++)
		if (f->findings[i].code == code)
			return &f->findings[i];
	return NULL;
}

/* A note that rejects is never crowded out: it takes the place of the last one. */
static struct finding *finding_slot(struct feature *f, enum severity severity)
{
	if (f->finding_count < FEATURE_MAX_FINDINGS)
		return &f->findings[f->finding_count++];
	return severity == SEV_REJECT && f->fatal == R_NONE ? &f->findings[FEATURE_MAX_FINDINGS - 1] : NULL;
}

enum severity feature_note_at(struct feature *f, enum reject_code code, const struct place *place,
    const double at[2], const char *reason)
{
	const struct finding *known = feature_finding(f, code);
	enum severity severity = f->severity[code];
	struct finding *n;

	if (known != NULL)
		return known->severity;
	if ((n = finding_slot(f, severity)) != NULL) {
		memset(n, 0, sizeof(*n));
		n->code = code;
		n->severity = severity;
		n->place.member = "";
		if (place != NULL)
			n->place = *place;
		if (at != NULL) {
			n->has_at = true;
			n->at[0] = at[0];
			n->at[1] = at[1];
		}
		if (reason != NULL)
			n->reason = arena_strndup(f->arena, reason, strlen(reason));
	}
	if (severity == SEV_REJECT && f->fatal == R_NONE)
		f->fatal = code;
	return severity;
}

enum severity feature_note(struct feature *f, enum reject_code code, const struct place *place)
{
	return feature_note_at(f, code, place, NULL, NULL);
}

void feature_reject(struct feature *f, enum reject_code code)
{
	for (size_t i = 0; i < f->finding_count; i++)
		if (f->findings[i].code == code)
			f->findings[i].severity = SEV_REJECT;
	if (f->fatal == R_NONE)
		f->fatal = code;
}

bool feature_expired(const struct feature *f)
{
	return f->deadline_ms != 0 && clock_thread_ms() >= f->deadline_ms;
}

void feature_note_offset(struct feature *f, enum reject_code code, uint64_t offset)
{
	for (size_t i = 0; i < f->finding_count; i++)
		if (f->findings[i].code == code && f->findings[i].offset == 0)
			f->findings[i].offset = offset;
}

const char *place_format(const struct feature *f, const struct place *p, char *out, size_t room)
{
	const char *member = p->member == NULL ? "" : p->member;
	static const char geometry[] = "/geometry";
	size_t len = 0, skip = sizeof(geometry) - 1;
	int n;

#define ADD(...) do { \
		n = snprintf(out + len, room - len, __VA_ARGS__); \
		len = n < 0 ? len : (size_t)n >= room - len ? room - 1 : len + (size_t)n; \
	} while (0)

	out[0] = '\0';
	if (p->collection_depth > 0 && !f->bare)
		ADD("%s", geometry);
	for (unsigned i = 0; i < p->collection_depth; i++)
		ADD("/geometries/%u", (unsigned)p->collection[i]);
	if (p->deeper)
		return out;
	if (f->bare && strncmp(member, geometry, skip) == 0)
		member += skip;
	ADD("%s", member);
	for (unsigned i = 0; i < p->depth; i++)
		ADD("/%u", (unsigned)p->index[i]);
#undef ADD
	return out;
}
