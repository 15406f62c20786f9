/*
 * crs - the forms that the name of a CRS may have.
 *
 * In:  a name from a configuration, a header or a document. Out: the name as PROJ understands it.
 *      Depends on nothing; whether there is such a CRS, reproject.c finds out.
 *
 * "EPSG:3857" or another authority's "OGC:CRS84", two of them with + between for a compound CRS,
 * an OGC URN (urn:ogc:def:crs:EPSG::3857), an OGC URL (http://www.opengis.net/def/crs/EPSG/0/3857,
 * in angle brackets too), or WKT. PROJ strings are refused: they can name files.
 */
#ifndef GS_PIPELINE_CRS_H
#define GS_PIPELINE_CRS_H

#include <stdbool.h>
#include <stddef.h>

#define CRS_NAME_MAX 8192	/* bytes, NUL included; WKT is long */

/* False if s has none of these forms, or is too long for `out`. */
bool crs_name(const char *s, char *out, size_t room);

#endif
