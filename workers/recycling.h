/*
 * recycling - is it time that this process makes way for a fresh one?
 *
 * In:  its resident memory, between jobs and now and then within one. Out: yes or no. Depends on
 * /proc/self/statm, which recycling_init opens.
 *
 * Yes where it is past four fifths of its limit even after what is free went back; or where it grows
 * steadily: the least of each WINDOW samples is higher than that of the window before, WINDOWS times in
 * a row, and by GROWTH_BYTES in all.
 */
#ifndef GS_WORKERS_RECYCLING_H
#define GS_WORKERS_RECYCLING_H

#include <stdbool.h>
#include <stdint.h>

struct recycling {
	int statm;
	uint64_t limit_bytes;		/* 0: none */
	uint64_t least, last, first;	/* of this window, of the one before, of the one that the climb began with */
	unsigned samples, climbs;
};

void recycling_init(struct recycling *r, uint64_t limit_bytes);
void recycling_clear(struct recycling *r);

/* Past four fifths of the limit? Gives free memory back before it says so. */
bool recycling_full(const struct recycling *r);
/* After a job: full, or grown steadily? */
bool recycling_due(struct recycling *r);
/* The judgement alone, on a sample. */
bool recycling_grows(struct recycling *r, uint64_t rss_bytes);

#endif
