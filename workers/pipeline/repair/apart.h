/*
 * apart - rings that do not meet: does each lie where it may?
 *
 * In:  rings whose segments have no point in common but for those that follow each other. Out: true where
 *      boxes show it: those of shells apart, those of a shell's holes apart, and each hole's first vertex within
 *      its shell. Then the geometry is sound, and nothing need be arranged. Exact; false says nothing.
 *      Depends on boxes.h.
 */
#ifndef GS_REPAIR_APART_H
#define GS_REPAIR_APART_H

#include "workers/pipeline/repair/work.h"

#define APART_FEW 16

/* Of vertices [begin, end), one at least. */
struct box apart_box(const struct point *at, uint32_t begin, uint32_t end);

/* Each with each; APART_FEW at the most. */
bool apart_few(const struct point *at, const struct ring *rings, uint32_t count);
/* Those of w: 1 true, 0 false, -1 no memory. */
int apart_all(struct work *w);

#endif
