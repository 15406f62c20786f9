/* checksum - see checksum.h. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/checksum.h"

void checksum_hex(char out[CHECKSUM_HEX + 1], const void *bytes, size_t n)
{
	unsigned long long sum = XXH3_64bits(bytes, n);

	for (int i = CHECKSUM_HEX - 1; i >= 0; i--, sum >>= 4)
		out[i] = "0123456789abcdef"[sum & 15];
	out[CHECKSUM_HEX] = '\0';
}
