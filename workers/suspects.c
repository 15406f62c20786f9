/* suspects - see suspects.h. */
#include "workers/suspects.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "schema/scripts.h"
#include "workers/patience.h"

#define DEATHS_TO_MASK 2
#define DEATHS_TO_FAIL 4	/* one that died of its stages first may need a death more before it is masked */
#define SUSPICIONS_MAX 1000	/* of one job: more deaths than that count as tries of the job */

static int tell(struct redis *r, const char *job, uint64_t feature, const char *code, const char *token,
    const char *when, const char *reason, struct err *e)
{
	struct key key = wire_key("job", job);
	struct redis_cmd c;
	struct reply *reply;
	int rc;

	cmd_init(&c);
	cmd_script(&c, &script_suspect, 1);
	cmd_str(&c, key.text);
	cmd_int(&c, (long long)feature);
	cmd_str(&c, code);
	cmd_str(&c, token);
	cmd_str(&c, when);
	cmd_str(&c, reason);
	cmd_int(&c, (long long)clock_unix_ms());
	cmd_int(&c, SUSPICIONS_MAX);
	rc = redis_insist(r, &c, &reply, e);
	cmd_clear(&c);
	reply_free(&reply);
	return rc;
}

int suspects_report(struct redis *r, const struct obituary *o, struct err *e)
{
	return tell(r, o->job, o->feature, reject_name(o->code), o->token, o->undecoded ? "decode" : "work", o->reason,
	    e);
}

int suspects_tried(struct redis *r, const char *job, uint64_t feature, struct err *e)
{
	return tell(r, job, feature, "", "tried", "work", "", e);
}

/* One line; returns where the next one begins, NULL if this is none. */
static const char *parse(const char *line, struct suspect *s)
{
	char token[OBITUARY_TOKEN_MAX], code[32], when[8];
	int at = 0;
	size_t n;

	if (sscanf(line, "%" SCNu64 " %u %31s %31s %7s %n", &s->feature, &s->deaths, token, code, when, &at) < 5 ||
	    at == 0)
		return NULL;
	s->tried = strcmp(token, "tried") == 0;
	s->undecoded = strcmp(when, "decode") == 0;
	s->code = reject_find(code);
	if (s->code == R_NONE)
		s->code = R_FEATURE_CRASH;
	n = strcspn(line + at, "\n");
	snprintf(s->reason, sizeof(s->reason), "%.*s", (int)n, line + at);
	return line[at + (int)n] == '\n' ? line + at + n + 1 : "";
}

bool suspects_find(const char *lines, uint64_t feature, struct suspect *out)
{
	while (lines != NULL && (lines = parse(lines, out)) != NULL)
		if (out->feature == feature)
			return true;
	return false;
}

bool suspects_untried(const char *lines, uint64_t first, uint64_t behind, struct suspect *out)
{
	while (lines != NULL && (lines = parse(lines, out)) != NULL)
		if (out->feature >= first && out->feature < behind && out->deaths == 1 && !out->tried)
			return true;
	return false;
}

static bool undecoded(const char *lines, uint64_t first, uint64_t behind, unsigned deaths, struct suspect *out)
{
	while (lines != NULL && (lines = parse(lines, out)) != NULL)
		if (out->feature >= first && out->feature < behind && out->undecoded && out->deaths >= deaths)
			return true;
	return false;
}

bool suspects_undecodable(const char *lines, uint64_t first, uint64_t behind, struct suspect *out)
{
	struct suspect next;
	uint64_t from = first;
	bool any = false;

	/* Lines stand in the order of deaths. */
	while (undecoded(lines, from, any ? out->feature : behind, DEATHS_TO_MASK, &next)) {
		*out = next;
		any = true;
	}
	return any;
}

bool suspects_unreadable(const char *lines, uint64_t first, uint64_t behind, struct suspect *out)
{
	return undecoded(lines, first, behind, DEATHS_TO_FAIL, out);
}
