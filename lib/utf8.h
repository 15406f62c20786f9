/* utf8 - texts cut short between characters. In: UTF-8 (RFC 3629). Out: lengths. Depends on nothing. */
#ifndef GS_LIB_UTF8_H
#define GS_LIB_UTF8_H

#include <stddef.h>

/* Bytes in the largest beginning of s[0..n), at most max bytes, that cuts no character apart. */
size_t utf8_cut(const char *s, size_t n, size_t max);

#endif
