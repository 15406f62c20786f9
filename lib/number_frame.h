/*
 * number_frame - text that is mostly numbers into a zstd frame, by a code that is known beforehand.
 *
 * In:  bytes. Out: one frame (RFC 8878) of about half as many, that every zstd decoder reads. Depends on nothing.
 *
 * Coordinates are digits, and what stands between them: seventeen characters, all about as frequent. To count them,
 * as an encoder of Huffman codes does, takes longer than to write them; so here the code is always the same, four
 * bits a character, five for a minus sign and a line's end. Runs of these characters become blocks in that code; what
 * stands between runs is left as it is.
 */
#ifndef GS_LIB_NUMBER_FRAME_H
#define GS_LIB_NUMBER_FRAME_H

#include <stddef.h>

/* Bytes of the frame; 0: it would take more than room, and what out has is of no use. n: 1 to 4 MiB. */
size_t number_frame(const void *bytes, size_t n, void *out, size_t room);

#endif
