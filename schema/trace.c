/* trace - see trace.h. */
#include "schema/trace.h"

#include <stddef.h>
#include <string.h>

#define ID_AT 3
#define SPAN_AT 36

static bool all_zero(const char *s, size_t n)
{
	return strspn(s, "0") >= n;
}

bool trace_read(const char *header, char out[TRACE_PARENT + 1])
{
	static const char form[] = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";

	out[0] = '\0';
	if (header == NULL || strlen(header) < TRACE_PARENT)
		return false;
	for (size_t i = 0; form[i] != '\0'; i++)
		if (form[i] == 'h' ? strchr("0123456789abcdef", header[i]) == NULL : header[i] != form[i])
			return false;
	/* A later version may say more behind a dash; this one ends here. */
	if (strncmp(header, "ff", 2) == 0 || (strncmp(header, "00", 2) == 0 && header[TRACE_PARENT] != '\0')
	    || (header[TRACE_PARENT] != '\0' && header[TRACE_PARENT] != '-'))
		return false;
	if (all_zero(header + ID_AT, TRACE_ID) || all_zero(header + SPAN_AT, 16))
		return false;
	memcpy(out, "00", 2);
	memcpy(out + 2, header + 2, TRACE_PARENT - 2);
	out[TRACE_PARENT] = '\0';
	return true;
}

void trace_id(const char *parent, char out[TRACE_ID + 1])
{
	memcpy(out, "-", 2);
	if (strlen(parent) == TRACE_PARENT) {
		memcpy(out, parent + ID_AT, TRACE_ID);
		out[TRACE_ID] = '\0';
	}
}
