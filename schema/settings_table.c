/* settings_table - see settings_table.h. */
#include "schema/settings_table.h"

#include <ctype.h>
#include <string.h>

const struct item setting_items[] = {
#define SETTING(section, name, kind, fallback, low, high, unit, help) \
	{ #section, #name, KIND_##kind, fallback, low, high, unit, help, \
	  offsetof(struct settings, section.name) },
#include "schema/limits.def"
};

const struct item source_items[] = {
#define SOURCE_SETTING(name, kind, fallback, low, high, unit, help) \
	{ NULL, #name, KIND_##kind, fallback, low, high, unit, help, offsetof(struct source, name) },
#include "schema/limits.def"
};

const size_t setting_item_count = sizeof(setting_items) / sizeof(*setting_items);
const size_t source_item_count = sizeof(source_items) / sizeof(*source_items);

void item_env_name(const struct item *it, char out[ENV_NAME_MAX])
{
	const char *section = it->section ? it->section : "source_<name>";

	if (strcmp(section, "server") == 0 && strcmp(it->name, "listen") == 0)
		snprintf(out, ENV_NAME_MAX, "GEOSLUICE_LISTEN");
	else if (strcmp(section, "redis") == 0 && strcmp(it->name, "url") == 0)
		snprintf(out, ENV_NAME_MAX, "GEOSLUICE_REDIS");
	else
		snprintf(out, ENV_NAME_MAX, "GEOSLUICE_%s_%s", section, it->name);
	for (char *p = out; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
}

void item_allowed(const struct item *it, char *out, size_t room)
{
	switch (it->kind) {
	case KIND_INT:
		snprintf(out, room, "a whole number from %.0f to %.0f (%s)", it->low, it->high, it->unit);
		break;
	case KIND_REAL:
		snprintf(out, room, "a number from %g to %g (%s)", it->low, it->high, it->unit);
		break;
	case KIND_CHOICE:
		snprintf(out, room, "one of: %s", it->unit);
		break;
	case KIND_CHOICES:
		snprintf(out, room, "some of: %s", it->unit);
		break;
	case KIND_TIME:
		snprintf(out, room, "a date, or YYYY-MM-DDThh:mm:ssZ (%s)", it->unit);
		break;
	case KIND_BOOL:
	case KIND_STRING:
	case KIND_PATH:
	case KIND_SECRET:
		snprintf(out, room, "%s", it->unit);
		break;
	}
}
