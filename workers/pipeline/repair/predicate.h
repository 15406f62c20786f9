/*
 * predicate - on which side, how near, where: the few questions asked of points.
 *
 * In:  finite coordinates, 0 or between 1e-120 and 1e70 in size. Out: exact signs, or rounded points.
 * Depends on IEEE doubles without contraction (-ffp-contract=off).
 */
#ifndef GS_REPAIR_PREDICATE_H
#define GS_REPAIR_PREDICATE_H

#include <stdbool.h>

struct point {
	double x, y;
};

struct box {
	double x0, y0, x1, y1;
};

static inline bool point_equal(struct point a, struct point b)
{
	return a.x == b.x && a.y == b.y;
}

/* Without branches, here and below: nothing foretells which way they would go. */
static inline bool box_meets(const struct box *a, const struct box *b)
{
	return (a->x0 <= b->x1) & (b->x0 <= a->x1) & (a->y0 <= b->y1) & (b->y0 <= a->y1);
}

static inline double smaller(double a, double b)
{
	return a < b ? a : b;
}

static inline double larger(double a, double b)
{
	return a > b ? a : b;
}

static inline struct box box_of(struct point a, struct point b)
{
	return (struct box){ smaller(a.x, b.x), smaller(a.y, b.y), larger(a.x, b.x), larger(a.y, b.y) };
}

int predicate_orient_exact(struct point a, struct point b, struct point c);

/* > 0: c lies left of the line a to b; 0: on it; < 0: right. Exact. */
static inline int predicate_orient(struct point a, struct point b, struct point c)
{
	double l = (a.x - c.x) * (b.y - c.y), r = (a.y - c.y) * (b.x - c.x);
	double det = l - r, bound = 3.3306690738754716e-16 * ((l < 0 ? -l : l) + (r < 0 ? -r : r));

	if (det > bound)
		return 1;
	if (-det > bound)
		return -1;
	return l == 0 && r == 0 ? 0 : predicate_orient_exact(a, b, c);
}

/* Do the closed segments ab and cd, whose boxes meet, have a point in common? Exact. */
bool predicate_meet(struct point a, struct point b, struct point c, struct point d);

/* Might they, if every point may move by tol? False only if not. */
bool predicate_near(struct point a, struct point b, struct point c, struct point d, double tol);

/* Is p within tol of q? */
static inline bool predicate_close(struct point p, struct point q, double tol)
{
	double dx = p.x - q.x, dy = p.y - q.y;

	return dx * dx + dy * dy <= tol * tol;
}

/* Is p within tol of the open segment ab? */
bool predicate_on(struct point a, struct point b, struct point p, double tol);

/* Does p lie on it to the last bit? */
bool predicate_exactly_on(struct point a, struct point b, struct point p);

/* Where ab and cd, which cross, do so. */
struct point predicate_cross(struct point a, struct point b, struct point c, struct point d);

#endif
