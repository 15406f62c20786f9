/* heights - see heights.h. */
#include "workers/pipeline/topology/heights.h"

#include <stdlib.h>

#include "workers/pipeline/precision.h"

struct spot {
	double x, y;
	size_t from;	/* the position that falls there */
};

static int by_place(const void *a, const void *b)
{
	const struct spot *s = a, *t = b;

	if (s->x != t->x)
		return s->x < t->x ? -1 : 1;
	if (s->y != t->y)
		return s->y < t->y ? -1 : 1;
	return s->from < t->from ? -1 : s->from > t->from;
}

/* The first of n that is not before `want`; n if all are. */
static size_t search(const struct spot *spots, size_t n, const struct spot *want)
{
	size_t low = 0;

	while (low < n) {
		size_t middle = low + (n - low) / 2;

		if (by_place(&spots[middle], want) < 0)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

int heights_of_first(struct geometry *out, const struct geometry *in, int decimals, struct arena *a)
{
	struct spot *spots;

	if (out->stride != 3 || in->stride != 3 || in->positions == 0)
		return 0;
	if ((spots = arena_calloc(a, in->positions, sizeof(*spots))) == NULL)
		return -1;
	for (size_t i = 0; i < in->positions; i++) {
		const double *p = in->coords + 3 * i;

		spots[i] = (struct spot){ precision_value(p[0], decimals), precision_value(p[1], decimals), i };
	}
	qsort(spots, in->positions, sizeof(*spots), by_place);
	for (double *p = out->coords; p < out->coords + 3 * out->positions; p += 3) {
		const struct spot want = { p[0], p[1], 0 };
		size_t n = search(spots, in->positions, &want);

		if (n < in->positions && spots[n].x == p[0] && spots[n].y == p[1])
			p[2] = precision_value(in->coords[3 * spots[n].from + 2], decimals);
	}
	return 0;
}
