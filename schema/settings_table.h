/*
 * settings_table - limits.def as data, for the files of settings alone.
 *
 * In:  limits.def. Out: one row per setting, with the place of its field; values written there.
 * Depends on lib/conf, and on the modules whose texts are checked.
 */
#ifndef GS_SCHEMA_SETTINGS_TABLE_H
#define GS_SCHEMA_SETTINGS_TABLE_H

#include "schema/settings.h"

enum kind { KIND_STRING, KIND_PATH, KIND_SECRET, KIND_INT, KIND_REAL, KIND_BOOL, KIND_CHOICE, KIND_CHOICES,
	KIND_TIME };

struct item {
	const char *section;	/* NULL: one of a source's */
	const char *name;
	enum kind kind;
	const char *fallback;
	double low, high;	/* of INT and REAL; all of limits.def is below 2^53 */
	const char *unit;
	const char *help;
	size_t at;		/* offset in struct settings, or in struct source */
};

extern const struct item setting_items[], source_items[];
extern const size_t setting_item_count, source_item_count;

#define ENV_NAME_MAX 160

/* "GEOSLUICE_WORKER_LEASE_MS"; of a source's setting "GEOSLUICE_SOURCE_<NAME>_SECRET". */
void item_env_name(const struct item *it, char out[ENV_NAME_MAX]);

/* "a whole number from 1 to 64 (segments)", "one of: reject warn" */
void item_allowed(const struct item *it, char *out, size_t room);

/* ---- settings_value.c ---- */

/* Where a value stands, for messages; line 0 is the environment. */
struct place {
	const char *file;
	int line;
};

int settings_refuse(struct err *e, const struct place *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes value into the field of it in the struct at base, or refuses it in words. */
int item_set(const struct item *it, void *base, const char *value, const struct place *at, struct err *e);
/* The same with the one line of text that stands in a file. */
int item_set_from_file(const struct item *it, void *base, const char *path, const struct place *at,
    struct err *e);
void item_text_free(char **p);	/* wipes; NULL-safe */

/* The index of value among words that are parted by spaces, or -1. */
int item_choice(const char *words, const char *value);

#endif
