/*
 * heap - how the C library's heap deals with the kernel. Depends on malloc.h.
 *
 * In:  nothing. Out: a heap that keeps some megabytes between features.
 */
#ifndef GS_HEAP_H
#define GS_HEAP_H

/*
 * Keeps up to HEAP_KEEP_BYTES of freed memory. GEOS and the repair take and free megabytes for each
 * feature, and a heap that gives them back each time has the kernel clear them again. Call at the start.
 */
#define HEAP_KEEP_BYTES (16 << 20)
void heap_keep(void);

#endif
