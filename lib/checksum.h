/*
 * checksum - XXH3-64, which tells whether bytes came back as they were written.
 *
 * In:  bytes. Out: 16 hex digits. Depends on libxxhash, which nothing else includes.
 * Against accidents only: an attacker can make two texts with the same sum.
 */
#ifndef GS_LIB_CHECKSUM_H
#define GS_LIB_CHECKSUM_H

#include <stddef.h>

#define CHECKSUM_HEX 16

/* Lower-case hex of the 64-bit value, most significant digit first, and a NUL. */
void checksum_hex(char out[CHECKSUM_HEX + 1], const void *bytes, size_t n);

#endif
