/* peers - see peers.h: a hash table with chains, which grows. */
#include "server/peers.h"

#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto.h"

struct peer {
	struct peer *next;
	uint64_t key;
	unsigned connections, uploads;
};

struct peers {
	struct peer **slots;
	size_t count, mask;
	uint64_t salt;	/* so that nobody can choose addresses that share a chain */
};

/* The two families cannot meet: no /64 of public IPv6 begins with 32 zero bits. */
static uint64_t key_of(const struct sockaddr *a)
{
	uint64_t key = 0;

	if (a->sa_family == AF_INET6) {
		const struct in6_addr *six = &((const struct sockaddr_in6 *)a)->sin6_addr;

		memcpy(&key, IN6_IS_ADDR_V4MAPPED(six) ? &six->s6_addr[8] : six->s6_addr, sizeof(key));
		return key;
	}
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr;
	return 0;
}

static struct peer **slot_of(const struct peers *p, uint64_t key)
{
	uint64_t h = (key ^ p->salt) * 0x9e3779b97f4a7c15u;

	return &p->slots[(h >> 32) & p->mask];
}

struct peers *peers_new(void)
{
	struct peers *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->mask = 63;
	random_bytes(&p->salt, sizeof(p->salt));
	if ((p->slots = calloc(p->mask + 1, sizeof(*p->slots))) == NULL)
		peers_free(&p);
	return p;
}

void peers_free(struct peers **p)
{
	if (*p == NULL)
		return;
	free((*p)->slots);
	free(*p);
	*p = NULL;
}

/* Without memory the chains get longer. */
static void grow(struct peers *p)
{
	struct peer **old = p->slots, **slot;
	size_t n = p->mask + 1;

	if ((p->slots = calloc(n * 2, sizeof(*p->slots))) == NULL) {
		p->slots = old;
		return;
	}
	p->mask = n * 2 - 1;
	for (size_t i = 0; i < n; i++)
		for (struct peer *e = old[i], *next; e != NULL; e = next) {
			next = e->next;
			slot = slot_of(p, e->key);
			e->next = *slot;
			*slot = e;
		}
	free(old);
}

struct peer *peers_enter(struct peers *p, const struct sockaddr *a, unsigned max)
{
	uint64_t key = key_of(a);
	struct peer **slot = slot_of(p, key), *e;

	for (e = *slot; e != NULL; e = e->next)
		if (e->key == key) {
			if (max > 0 && e->connections >= max)
				return NULL;
			e->connections++;
			return e;
		}
	if (p->count > p->mask) {
		grow(p);
		slot = slot_of(p, key);
	}
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return NULL;
	e->key = key;
	e->connections = 1;
	e->next = *slot;
	*slot = e;
	p->count++;
	return e;
}

void peers_leave(struct peers *p, struct peer **peer)
{
	struct peer *e = *peer, **at;

	*peer = NULL;
	if (e == NULL || --e->connections > 0)
		return;
	for (at = slot_of(p, e->key); *at != e; at = &(*at)->next)
		;
	*at = e->next;
	p->count--;
	free(e);
}

unsigned *peer_uploads(struct peer *peer)
{
	return &peer->uploads;
}

size_t peers_count(const struct peers *p)
{
	return p->count;
}
