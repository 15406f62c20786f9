/*
 * heap - how the C library's heap deals with the kernel. Depends on malloc.h.
 *
 * In:  nothing. Out: a heap that keeps some megabytes between features, or that merges at once.
 */
#ifndef GS_HEAP_H
#define GS_HEAP_H

/*
 * Keeps up to HEAP_KEEP_BYTES of freed memory. GEOS and the repair take and free megabytes for each
 * feature, and a heap that gives them back each time has the kernel clear them again. Call at the start.
 */
#define HEAP_KEEP_BYTES (16 << 20)
void heap_keep(void);

/*
 * Small pieces that are freed are merged with their neighbours at once. glibc would leave them, and merge all that it
 * has with every request for a kilobyte or more: three of those come with each small document. Call at the start.
 */
void heap_merge(void);

#endif
