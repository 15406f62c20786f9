/* decimal - see decimal.h. */
#include "lib/decimal.h"

#include <string.h>

size_t decimal(char *out, uint64_t v)
{
	char digits[DECIMAL_MAX];
	size_t at = sizeof(digits);

	if (v < 10) {	/* most lengths are */
		*out = (char)('0' + v);
		return 1;
	}
	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	memcpy(out, digits + at, sizeof(digits) - at);
	return sizeof(digits) - at;
}

size_t decimal_signed(char *out, int64_t v)
{
	if (v >= 0)
		return decimal(out, (uint64_t)v);
	out[0] = '-';
	return 1 + decimal(out + 1, 0 - (uint64_t)v);
}
