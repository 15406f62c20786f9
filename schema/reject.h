/*
 * reject - the stable codes that say what is wrong with a document or feature.
 *
 * In:  the table reject.def. Out: an enum, and each code's name, RFC section,
 * default severity and advice. Depends on nothing.
 *
 * Names are part of the interface: they stand in dead letters, reports, metrics
 * and configuration files, and are never renamed.
 */
#ifndef GS_SCHEMA_REJECT_H
#define GS_SCHEMA_REJECT_H

enum severity {
	SEV_REJECT,	/* the feature (or document) is not taken */
	SEV_WARN,	/* taken as it is, and noted */
	SEV_FIX		/* mended, and noted */
};

enum reject_stage { STAGE_DOCUMENT, STAGE_STRUCTURE, STAGE_COORDINATES, STAGE_TOPOLOGY, STAGE_PROCESSING };

enum reject_code {
	R_NONE,
#define CODE(name, stage, section, severity, allowed, meaning, example, advice) R_##name,
#include "schema/reject.def"
#undef CODE
	R_COUNT
};

struct reject_info {
	const char *name;
	enum reject_stage stage;
	const char *section;	/* "RFC 7946 3.1.6" */
	enum severity severity;	/* by default */
	unsigned allowed;	/* set of 1u << severity that a source may choose */
	const char *meaning;	/* one sentence */
	const char *example;	/* a piece of JSON, or words */
	const char *advice;	/* what the sender or operator can do */
};

const struct reject_info *reject_info(enum reject_code code);	/* never NULL for 1..R_COUNT-1 */
const char *reject_name(enum reject_code code);			/* "" for R_NONE */
enum reject_code reject_find(const char *name);			/* R_NONE if unknown */
const char *severity_name(enum severity s);			/* "reject", "warn", "fix" */

#endif
