/* arena - see arena.h. A list of blocks, newest first; large requests get their own. */
#include "lib/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 16
#define BLOCK_BYTES ((size_t)64 << 10)

struct block {
	struct block *older;
	size_t room;
	size_t used;
	size_t pad;	/* keeps data[] aligned */
	char data[];
};

struct arena {
	struct block *newest;
	size_t used;
	size_t max;
};

struct arena *arena_new(size_t max_bytes)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a != NULL)
		a->max = max_bytes;
	return a;
}

static void blocks_free(struct block *b)
{
	struct block *older;

	for (; b != NULL; b = older) {
		older = b->older;
		free(b);
	}
}

void arena_free(struct arena **a)
{
	if (*a == NULL)
		return;
	blocks_free((*a)->newest);
	free(*a);
	*a = NULL;
}

static struct block *block_new(size_t room, struct block *older)
{
	struct block *b = malloc(sizeof(*b) + room);

	if (b == NULL)
		return NULL;
	b->older = older;
	b->room = room;
	b->used = 0;
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct block *b = a->newest;
	void *p;

	if (n > SIZE_MAX - ALIGN)
		return NULL;
	n = n == 0 ? ALIGN : (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (n > a->max - a->used)
		return NULL;
	if (b == NULL || b->room - b->used < n) {
		if ((b = block_new(n > BLOCK_BYTES ? n : BLOCK_BYTES, b)) == NULL)
			return NULL;
		a->newest = b;
	}
	p = b->data + b->used;
	b->used += n;
	a->used += n;
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		return NULL;
	return arena_alloc(a, count * size);
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	void *p = arena_array(a, count, size);

	if (p != NULL)
		memset(p, 0, count * size);
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = n == SIZE_MAX ? NULL : arena_alloc(a, n + 1);

	if (p != NULL) {
		memcpy(p, s, n);
		p[n] = '\0';
	}
	return p;
}

void arena_reset(struct arena *a, size_t keep_bytes)
{
	struct block *b = a->newest;

	a->used = 0;
	if (b == NULL)
		return;
	blocks_free(b->older);
	b->older = NULL;
	b->used = 0;
	if (b->room > keep_bytes) {
		free(b);
		a->newest = NULL;
	}
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
