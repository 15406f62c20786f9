/* problem - see problem.h. */
#include "server/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/json.h"

static const struct {
	const char *code;
	unsigned status;
	const char *type;
	const char *title;
} problems[P_COUNT] = {
	[P_NONE] = { "", 200, "", "" },
#define PROBLEM(code, status, type, title) [P_##code] = { #code, status, type, title },
#include "server/problem.def"
#undef PROBLEM
};

static void set(struct refusal *r, enum problem p, unsigned retry_after_s, const char *fmt, va_list ap)
{
	if (r->problem != P_NONE)
		return;
	r->problem = p;
	r->retry_after_s = retry_after_s;
	vsnprintf(r->detail, sizeof(r->detail), fmt, ap);
}

int refuse(struct refusal *r, enum problem p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(r, p, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int refuse_for_now(struct refusal *r, enum problem p, unsigned retry_after_s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(r, p, retry_after_s, fmt, ap);
	va_end(ap);
	return -1;
}

unsigned problem_status(enum problem p)
{
	return problems[p].status;
}

const char *problem_code(enum problem p)
{
	return problems[p].code;
}

void problem_write(struct buf *b, const struct refusal *r)
{
	const char *type = problems[r->problem].type;
	char urn[96];

	if (*type == '\0') {
		snprintf(urn, sizeof(urn), "urn:geosluice:problem:%s", problems[r->problem].code);
		type = urn;
	}
	json_object(b, NULL);
	json_str(b, "type", type);
	json_str(b, "title", problems[r->problem].title);
	json_uint(b, "status", problems[r->problem].status);
	if (r->detail[0] != '\0')
		json_str(b, "detail", r->detail);
	json_str(b, "code", problems[r->problem].code);
	json_end_object(b);
}
