/* crs - see crs.h. */
#include "workers/pipeline/crs.h"

#include <stdio.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static bool has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Two CRSs make one, and each has one such sign before it, or between: of more PROJ would look up every one. */
static bool has_most(const char *s, char sign, unsigned most)
{
	unsigned n = 0;

	for (; *s != '\0'; s++)
		n += *s == sign;
	return n <= most;
}

/* AUTHORITY:CODE, or two of them joined with +. */
static bool is_code(const char *s)
{
	size_t authority = strspn(s, LETTERS DIGITS "_");
	const char *code = s + authority + 1;

	return authority > 0 && s[authority] == ':' && *code != '\0'
	    && code[strspn(code, LETTERS DIGITS "_:+.")] == '\0' && has_most(code, '+', 1);
}

static bool is_wkt(const char *s)
{
	size_t keyword = strspn(s, LETTERS "_");

	return keyword > 0 && s[keyword] == '[';
}

static bool is_urn_or_url(const char *s)
{
	static const char *const prefixes[] = {
		"urn:ogc:def:crs", "urn:x-ogc:def:crs",
		"http://www.opengis.net/def/crs", "https://www.opengis.net/def/crs",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (has_prefix(s, prefixes[i]))
			return has_most(s, ',', 2) && has_most(s, '&', 1);
	return false;
}

bool crs_name(const char *s, char *out, size_t room)
{
	static const char gml[] = "http://www.opengis.net/gml/srs/epsg.xml#";
	bool bracketed = *s == '<';	/* as in a Content-Crs header */
	int n;

	s += bracketed;
	if (strcmp(s, "CRS:84") == 0 || strcmp(s, "CRS84") == 0)
		s = "OGC:CRS84";
	n = has_prefix(s, gml) ? snprintf(out, room, "EPSG:%s", s + sizeof(gml) - 1)
	    : snprintf(out, room, "%s", s);
	if (n <= 0 || (size_t)n >= room)
		return false;
	if (bracketed && out[n - 1] == '>')
		out[n - 1] = '\0';
	return is_code(out) || is_wkt(out) || is_urn_or_url(out);
}
