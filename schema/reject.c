/* reject - see reject.h. */
#include "schema/reject.h"

#include <string.h>

/* What a source may choose: a code that nothing can mend is not to be "fixed". */
#define RW (1u << SEV_REJECT | 1u << SEV_WARN)
#define RF (1u << SEV_REJECT | 1u << SEV_FIX)
#define RWF (1u << SEV_REJECT | 1u << SEV_WARN | 1u << SEV_FIX)
#define R_ONLY (1u << SEV_REJECT)

static const struct reject_info infos[R_COUNT] = {
	[R_NONE] = { "", STAGE_DOCUMENT, "", SEV_WARN, RW, "", "", "" },
#define CODE(name, stage, section, severity, allowed, meaning, example, advice) \
	[R_##name] = { #name, STAGE_##stage, section, SEV_##severity, allowed, meaning, example, advice },
#include "schema/reject.def"
#undef CODE
};

const struct reject_info *reject_info(enum reject_code code)
{
	return code < R_COUNT ? &infos[code] : &infos[R_NONE];
}

const char *reject_name(enum reject_code code)
{
	return reject_info(code)->name;
}

enum reject_code reject_find(const char *name)
{
	for (int i = 1; i < R_COUNT; i++)
		if (strcmp(infos[i].name, name) == 0)
			return (enum reject_code)i;
	return R_NONE;
}

const char *severity_name(enum severity s)
{
	static const char *const names[] = { "reject", "warn", "fix" };

	return names[s];
}
