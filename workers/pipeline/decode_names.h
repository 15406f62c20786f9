/*
 * decode_names - has this object named this member before, has this document used this id?
 *
 * In:  decoded names and ids. Out: yes or no. Depends on nothing.
 *
 * Both compare 64-bit hashes, not texts: the odds of a false alarm among a million names are
 * one in ten million. Memory: sixteen bytes per name of the objects that are open, and IDS_MAX ids of
 * eight.
 */
#ifndef GS_PIPELINE_DECODE_NAMES_H
#define GS_PIPELINE_DECODE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t name_hash(const char *s, size_t n, uint64_t seed);

struct name {
	uint64_t hash, at;	/* at: where it stands, as whoever adds it counts */
};

/* The names of all objects that are open, innermost last; each object knows where its own begin. */
struct names {
	struct name *name;
	size_t len, room;
};

void names_clear(struct names *s);
/* true: the object whose names begin at base has it already (a large object may not say so yet). */
bool names_add(struct names *s, size_t base, uint64_t hash, uint64_t at);
/* Forgets the names from base on; true: one of them stood twice, the first time that one does so at *at. */
bool names_close(struct names *s, size_t base, uint64_t *at);

#define IDS_MAX ((size_t)1 << 19)	/* later ids are compared with these, but not kept */

struct ids {
	uint64_t *slot;		/* open addressing; 0 is free */
	size_t count, room;
	uint64_t key[2];
};

void ids_clear(struct ids *s);
/* It will be asked for soon: the memory that will be looked at is fetched meanwhile. */
void ids_expect(const struct ids *s, uint64_t hash);
bool ids_add(struct ids *s, uint64_t hash);	/* true: it was there */

#endif
