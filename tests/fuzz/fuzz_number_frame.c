/* Frames of numbers: whatever the text, what is packed comes back, and fits the room that there was. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/frame.h"
#include "lib/number_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is: a byte that says how much smaller it is to be, a byte for how often the rest is repeated, the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	size_t n, room, packed;
	char *text, *frame, *back;

	if (size < 3)
		return 0;
	n = (size - 2) * (data[1] + 1u);
	room = n - n * data[0] / 512;
	text = malloc(n);
	frame = malloc(room + 1);
	back = malloc(n);
	if (text == NULL || frame == NULL || back == NULL)
		abort();
	for (size_t at = 0; at < n; at += size - 2)
		memcpy(text + at, data + 2, size - 2);
	packed = n <= (size_t)4 << 20 ? number_frame(text, n, frame, room) : 0;
	if (packed > room)
		abort();
	if (packed > 0 && (frame_unpack(frame, packed, back, n, &e) != 0 || memcmp(text, back, n) != 0))
		abort();
	free(text);
	free(frame);
	free(back);
	return 0;
}
