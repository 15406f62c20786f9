/* decode_names - see decode_names.h. */
#include "workers/pipeline/decode_names.h"

#include <stdlib.h>
#include <string.h>

#define FEW 16	/* names that are compared one by one */

uint64_t name_hash(const char *s, size_t n, uint64_t seed)
{
	uint64_t h = seed ^ (n * 0x9e3779b97f4a7c15u), w;
	unsigned __int128 product;

	while (n > 0) {
		size_t take = n < 8 ? n : 8;

		w = 0;
		memcpy(&w, s, take);
		product = (unsigned __int128)(h ^ w ^ 0xa0761d6478bd642fu) * 0xe7037ed1a0b428dbu;
		h = (uint64_t)product ^ (uint64_t)(product >> 64);
		s += take;
		n -= take;
	}
	return h;
}

void names_clear(struct names *s)
{
	free(s->hash);
	memset(s, 0, sizeof(*s));
}

bool names_add(struct names *s, size_t base, uint64_t hash)
{
	size_t few = s->len - base < FEW ? s->len : base + FEW;

	for (size_t i = base; i < few; i++)
		if (s->hash[i] == hash)
			return true;
	if (s->len == s->room) {
		size_t room = s->room == 0 ? 256 : s->room * 2;
		uint64_t *more = realloc(s->hash, room * sizeof(*more));

		if (more == NULL)
			return false;
		s->hash = more;
		s->room = room;
	}
	s->hash[s->len++] = hash;
	return false;
}

static int hash_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

bool names_close(struct names *s, size_t base)
{
	bool twice = false;

	if (s->len - base > FEW) {
		qsort(s->hash + base, s->len - base, sizeof(*s->hash), hash_order);
		for (size_t i = base + 1; i < s->len && !twice; i++)
			twice = s->hash[i] == s->hash[i - 1];
	}
	s->len = base;
	return twice;
}

void ids_clear(struct ids *s)
{
	free(s->slot);
	memset(s, 0, sizeof(*s));
}

static uint64_t *ids_find(const struct ids *s, uint64_t hash)
{
	size_t i = hash & (s->room - 1);

	while (s->slot[i] != 0 && s->slot[i] != hash)
		i = (i + 1) & (s->room - 1);
	return &s->slot[i];
}

static bool ids_grow(struct ids *s)
{
	struct ids more = { NULL, 0, s->room == 0 ? 1024 : s->room * 2 };

	if ((more.slot = calloc(more.room, sizeof(*more.slot))) == NULL)
		return false;
	for (size_t i = 0; i < s->room; i++)
		if (s->slot[i] != 0)
			*ids_find(&more, s->slot[i]) = s->slot[i];
	more.count = s->count;
	free(s->slot);
	*s = more;
	return true;
}

bool ids_add(struct ids *s, uint64_t hash)
{
	uint64_t *slot;

	hash |= hash == 0;
	if (s->count * 2 >= s->room && s->count < IDS_MAX && !ids_grow(s) && s->count + 1 >= s->room)
		return false;
	slot = ids_find(s, hash);
	if (*slot == hash)
		return true;
	if (s->count < IDS_MAX) {
		*slot = hash;
		s->count++;
	}
	return false;
}
