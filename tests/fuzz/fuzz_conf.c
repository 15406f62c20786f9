/* The configuration: any text is read or refused, and a refusal says why. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct settings *s = settings_parse((const char *)data, size, &e);

	if ((s == NULL) != (e.cls != ERR_NONE && e.text[0] != '\0'))
		abort();
	for (size_t i = 0; s != NULL && i < s->source_count; i++) {
		const struct source *src = &s->sources[i];
		bool any = false;

		for (int k = 0; k < SOURCE_SECRETS; k++)
			any = any || *source_secret(src, k).text != '\0';
		if (settings_source(s, src->name) != src || !any || src->scheme == 0)
			abort();
	}
	settings_free(&s);
	return 0;
}
