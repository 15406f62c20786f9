/* heap - see heap.h. */
#include "lib/heap.h"

#include <malloc.h>

void heap_merge(void)
{
#ifdef M_MXFAST
	mallopt(M_MXFAST, 0);
#endif
}

void heap_keep(void)
{
#ifdef M_TRIM_THRESHOLD
	mallopt(M_TRIM_THRESHOLD, HEAP_KEEP_BYTES);
	mallopt(M_MMAP_THRESHOLD, HEAP_KEEP_BYTES);
#endif
}
