/*
 * Messages of chunks: whatever the bytes, reading them is safe; what was read is written so that it is read again as
 * the same; and the text that it holds is unpacked, or is not.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/inflate.h"
#include "schema/chunk_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX ((uint64_t)16 << 20)

static void unpack(const struct chunk_message *m)
{
	struct err e = ERR_INIT;
	struct inflate *z = inflate_new(CODING_ZSTD, &e);
	uint64_t all = 0;
	const char *out;
	size_t n;

	if (z == NULL)
		abort();
	inflate_give(z, m->text, m->text_len);
	while (all < OUT_MAX && inflate_take(z, &out, &n, &e) == 0)
		all += n;
	inflate_free(&z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chunk_message m, again;
	struct err e = ERR_INIT;
	struct buf b, twin;

	if (chunk_message_read(&m, data, size, &e) != 0) {
		if (e.cls != ERR_INPUT)
			abort();
		chunk_message_clear(&m);
		return 0;
	}
	buf_init(&b, (size_t)64 << 20);
	buf_init(&twin, (size_t)64 << 20);
	if (chunk_message_write(&m, &b, &e) != 0 || chunk_message_read(&again, b.data, b.len, &e) != 0
	    || chunk_message_write(&again, &twin, &e) != 0)
		abort();
	if (b.len != twin.len || (b.len > 0 && memcmp(b.data, twin.data, b.len) != 0))
		abort();
	if (m.text != NULL)
		unpack(&m);
	chunk_message_clear(&m);
	chunk_message_clear(&again);
	buf_clear(&b);
	buf_clear(&twin);
	return 0;
}
