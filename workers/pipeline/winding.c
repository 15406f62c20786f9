/* winding - see winding.h. */
#include "workers/pipeline/winding.h"

#include <string.h>

#include "workers/pipeline/locate.h"

static bool wrong(const struct geometry *g, size_t part, size_t seq)
{
	double area = geometry_ring_area(g, seq_begin(g, seq), g->seq_end[seq]);

	return seq == part_begin(g, part) ? area < 0 : area > 0;
}

static void reverse(struct geometry *g, size_t begin, size_t end)
{
	for (; begin + 1 < end; begin++, end--) {
		double *p = g->coords + begin * g->stride, *q = g->coords + (end - 1) * g->stride;

		for (unsigned i = 0; i < g->stride; i++) {
			double t = p[i];

			p[i] = q[i];
			q[i] = t;
		}
	}
}

static bool find_wrong(const struct geometry *g, const struct place *base, struct place *place)
{
	for (size_t i = 0; i < g->member_count; i++) {
		struct place member = place_member(base, i);

		if (find_wrong(g->members[i], &member, place))
			return true;
	}
	for (size_t part = 0; geometry_is_areal(g) && part < g->parts; part++)
		for (size_t s = part_begin(g, part); s < g->part_end[part]; s++)
			if (wrong(g, part, s)) {
				*place = place_seq(base, g, s);
				return true;
			}
	return false;
}

bool winding_check(struct feature *f)
{
	const struct place base = place_geometry();
	struct place place;

	return f->geometry != NULL && find_wrong(f->geometry, &base, &place)
	    && feature_note(f, R_WINDING, &place) == SEV_FIX;
}

bool winding_set(struct geometry *g)
{
	bool turned = false;

	for (size_t i = 0; i < g->member_count; i++)
		turned |= winding_set(g->members[i]);
	for (size_t part = 0; geometry_is_areal(g) && part < g->parts; part++)
		for (size_t s = part_begin(g, part); s < g->part_end[part]; s++)
			if (wrong(g, part, s)) {
				reverse(g, seq_begin(g, s), g->seq_end[s]);
				turned = true;
			}
	return turned;
}
