/*
 * buf - a growable byte buffer with a ceiling set when it is made.
 *
 * In:  bytes. Out: one contiguous run of them. Depends on malloc.
 *
 * An append past the ceiling, or without memory, fails and leaves the buffer as
 * it was; `failed` then stays set until buf_reset, so that a run of appends can
 * be checked once at its end.
 */
#ifndef GS_LIB_BUF_H
#define GS_LIB_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t len;
	size_t room;	/* bytes allocated */
	size_t max;	/* ceiling in bytes */
	bool failed;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_clear(struct buf *b);		/* frees; the buffer can be used again */
void buf_reset(struct buf *b);		/* empties, keeps the memory */
void buf_trim(struct buf *b, size_t keep_bytes);	/* buf_reset, and frees memory above keep_bytes */

void buf_fit(struct buf *b);	/* frees what it has room for beyond its length */
char *buf_take(struct buf *b);		/* its memory, now the caller's to free; the buffer is empty */

int buf_reserve(struct buf *b, size_t more);	/* room for `more` bytes: 0, or -1 */
int buf_append(struct buf *b, const void *bytes, size_t n);
int buf_puts(struct buf *b, const char *s);
static inline int buf_putc(struct buf *b, char c)
{
	if (b->len == b->room)
		return buf_append(b, &c, 1);
	b->data[b->len++] = c;
	return 0;
}
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *buf_cstr(struct buf *b);	/* NUL-terminated view; "" when empty or without memory */

#endif
