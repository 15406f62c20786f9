/*
 * segment_form - what a segment becomes on its way into Redis.
 *
 * In:  the bytes of one segment. Out: the XADD of its entry, as schema/wire.md has it: with a checksum, and compressed
 * where that pays. Depends on lib/frame.
 *
 * It is compressed where that costs nothing: if it is mostly coordinates, and when Redis is behind, for then the upload
 * would have to wait for it.
 */
#ifndef GS_SERVER_SEGMENT_FORM_H
#define GS_SERVER_SEGMENT_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/checksum.h"
#include "lib/frame.h"
#include "lib/redis.h"
#include "schema/wire.h"

#define SEGMENT_FRAME 160	/* what Redis adds, at most: with it a segment is to fit an allocation of whole pages */

/* Are segments compressed? In the order of the setting's words. */
enum segment_packing { PACKING_AUTO, PACKING_ALWAYS, PACKING_NEVER };
/* How much work one is worth, where the setting leaves it open. NONE: it cannot become smaller, so none. */
enum segment_effort { EFFORT_NONE, EFFORT_LITTLE, EFFORT_ANY };

struct segment_form {
	enum segment_packing packing;
	struct frame_writer *packer;
	/* Of the command that is being built. */
	struct buf packed;
	struct key raw;
	char id[16], sum[CHECKSUM_HEX + 1];
};

int segment_form_init(struct segment_form *f, struct err *e);
void segment_form_set(struct segment_form *f, enum segment_packing packing);
void segment_form_clear(struct segment_form *f);

/*
 * Adds the XADD of `segment`, the job's number'th from 1, to c; how many bytes it stores. give: their memory goes
 * along, segment's or f->packed's, and is to be taken from there once c was sent; otherwise it is borrowed until the
 * next call.
 */
size_t segment_form_add(struct segment_form *f, struct redis_cmd *c, const char *job, unsigned number,
    const struct buf *segment, enum segment_effort effort, bool give, bool *packed);

/*
 * The size of the next segment, `most` at most, after one of n bytes that became `packed`: if it packs alike, what
 * Redis makes of it is to fit an allocation just.
 */
size_t segment_form_fits(size_t most, size_t n, size_t packed);

#endif
