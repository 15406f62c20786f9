/* decode_names - see decode_names.h. */
#include "workers/pipeline/decode_names.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FEW 16	/* names that are compared one by one */

/* The first eight bytes, or n of them, as the number that memory makes of them; zeros behind. */
static inline uint64_t word(const char *s, size_t n)
{
	uint64_t w = 0;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	const unsigned char *u = (const unsigned char *)s;
	uint32_t low, high;

	if (n >= 8) {
		memcpy(&w, s, 8);
	} else if (n >= 4) {
		memcpy(&low, s, 4);
		memcpy(&high, s + n - 4, 4);
		w = low | (uint64_t)high << 8 * (n - 4);
	} else {
		w = u[0] | (uint64_t)u[n / 2] << 8 * (n / 2) | (uint64_t)u[n - 1] << 8 * (n - 1);
	}
#else
	memcpy(&w, s, n < 8 ? n : 8);
#endif
	return w;
}

uint64_t name_hash(const char *s, size_t n, uint64_t seed)
{
	uint64_t h = seed ^ (n * 0x9e3779b97f4a7c15u);
	unsigned __int128 product;

	while (n > 0) {
		size_t take = n < 8 ? n : 8;

		product = (unsigned __int128)(h ^ word(s, n) ^ 0xa0761d6478bd642fu) * 0xe7037ed1a0b428dbu;
		h = (uint64_t)product ^ (uint64_t)(product >> 64);
		s += take;
		n -= take;
	}
	return h;
}

void names_clear(struct names *s)
{
	free(s->name);
	memset(s, 0, sizeof(*s));
}

bool names_add(struct names *s, size_t base, uint64_t hash, uint64_t at)
{
	size_t few = s->len - base < FEW ? s->len : base + FEW;

	for (size_t i = base; i < few; i++)
		if (s->name[i].hash == hash)
			return true;
	if (s->len == s->room) {
		size_t room = s->room == 0 ? 256 : s->room * 2;
		struct name *more = realloc(s->name, room * sizeof(*more));

		if (more == NULL)
			return false;
		s->name = more;
		s->room = room;
	}
	s->name[s->len++] = (struct name){ hash, at };
	return false;
}

static int name_order(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1) : (x->at > y->at) - (x->at < y->at);
}

bool names_close(struct names *s, size_t base, uint64_t *at)
{
	bool twice = false;

	if (s->len - base > FEW) {
		qsort(s->name + base, s->len - base, sizeof(*s->name), name_order);
		for (size_t i = base + 1; i < s->len; i++)
			if (s->name[i].hash == s->name[i - 1].hash && (!twice || s->name[i].at < *at)) {
				twice = true;
				*at = s->name[i].at;
			}
	}
	s->len = base;
	return twice;
}

void ids_clear(struct ids *s)
{
	free(s->slot);
	memset(s, 0, sizeof(*s));
}

/*
 * Where a hash goes is each table's secret: whoever knows the hashes of his ids cannot make them crowd. Which are the
 * same is none, so that all who read a document find the same ids twice.
 */
static size_t ids_begin(const struct ids *s, uint64_t hash)
{
	unsigned __int128 product = (unsigned __int128)(hash ^ s->key[0]) * (s->key[1] | 1);

	return (size_t)((uint64_t)product ^ (uint64_t)(product >> 64)) & (s->room - 1);
}

void ids_expect(const struct ids *s, uint64_t hash)
{
	if (s->room > 0)
		__builtin_prefetch(&s->slot[ids_begin(s, hash | (hash == 0))]);
}

static uint64_t *ids_find(const struct ids *s, uint64_t hash)
{
	size_t i = ids_begin(s, hash);

	while (s->slot[i] != 0 && s->slot[i] != hash)
		i = (i + 1) & (s->room - 1);
	return &s->slot[i];
}

static bool ids_grow(struct ids *s)
{
	struct ids more = { .room = s->room == 0 ? 1024 : s->room * 2 };

	if (s->room == 0 && getrandom(s->key, sizeof(s->key), 0) != (ssize_t)sizeof(s->key))
		return false;
	memcpy(more.key, s->key, sizeof(more.key));
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
