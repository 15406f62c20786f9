/* segment_form - see segment_form.h. */
#include "server/segment_form.h"

#include <string.h>

#include "lib/decimal.h"

#define PACK_LEAST 1024
#define PAGE 4096

int segment_form_init(struct segment_form *f, struct err *e)
{
	if ((f->packer = frame_writer_new(e)) == NULL)
		return -1;
	buf_init(&f->packed, SEGMENT_BYTES_MAX);
	return 0;
}

void segment_form_set(struct segment_form *f, enum segment_packing packing)
{
	f->packing = packing;
	frame_writer_set(f->packer, packing == PACKING_ALWAYS ? FRAME_TEXT : FRAME_QUICK);
}

void segment_form_clear(struct segment_form *f)
{
	frame_writer_free(&f->packer);
	buf_clear(&f->packed);
}

/* Is s smaller now, in f->packed? Numbers are nearly for nothing, all else is not. */
static bool pack(struct segment_form *f, const struct buf *s, enum segment_effort effort)
{
	struct err ignored = ERR_INIT;

	if (effort == EFFORT_NONE || s->len < PACK_LEAST || f->packing == PACKING_NEVER)
		return false;
	if (f->packing == PACKING_AUTO) {
		if (frame_pack_numbers(s->data, s->len, s->len - s->len / 4, &f->packed) == 1)
			return true;
		if (effort == EFFORT_LITTLE)
			return false;
	}
	return frame_pack(f->packer, s->data, s->len, s->len - s->len / 8, &f->packed, &ignored) == 1;
}

size_t segment_form_add(struct segment_form *f, struct redis_cmd *c, const char *job, unsigned number,
    const struct buf *segment, enum segment_effort effort, bool give, bool *packed)
{
	const struct buf *bytes;

	*packed = pack(f, segment, effort);
	if (give && *packed)
		buf_fit(&f->packed);
	bytes = *packed ? &f->packed : segment;
	checksum_hex(f->sum, bytes->data, bytes->len);
	strcpy(f->id + decimal(f->id, number), "-0");
	f->raw = wire_key("raw", job);
	cmd_str(c, "XADD");
	cmd_str(c, f->raw.text);
	if (number > 1)		/* where those before it were taken away, nobody would ever take this one */
		cmd_str(c, "NOMKSTREAM");
	cmd_str(c, f->id);
	cmd_str(c, "d");
	if (give)
		cmd_give(c, bytes->data, bytes->len);
	else
		cmd_bytes(c, bytes->data, bytes->len);
	cmd_str(c, "h");
	cmd_str(c, f->sum);
	if (*packed) {
		cmd_str(c, "z");
		cmd_int(c, (long long)segment->len);
	}
	return bytes->len;
}

/* Allocations come in four sizes between one power of two and the next. */
size_t segment_form_fits(size_t most, size_t n, size_t packed)
{
	size_t whole = (size_t)((uint64_t)most * packed / n) + SEGMENT_FRAME, step = PAGE, fits;

	if (whole < step)
		return most;
	while (step * 8 <= whole)
		step *= 2;
	fits = (size_t)((uint64_t)n * (whole / step * step - SEGMENT_FRAME) / packed * 253 / 256);
	return fits < most && fits >= most / 8 * 7 ? fits : most;
}
