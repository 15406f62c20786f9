/*
 * predicate - see predicate.h. Exact signs by expansions: J. R. Shewchuk, "Adaptive
 * Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997.
 */
#include "workers/pipeline/repair/predicate.h"

#include <math.h>

/* Adds x to the expansion e of n terms (smallest first, none zero); returns its new length. */
static int expansion_add(double *e, int n, double x)
{
	int m = 0;

	for (int i = 0; i < n; i++) {
		double sum = x + e[i], part = sum - x;
		double rest = (x - (sum - part)) + (e[i] - part);

		if (rest != 0)
			e[m++] = rest;
		x = sum;
	}
	if (x != 0)
		e[m++] = x;
	return m;
}

static int expansion_add_product(double *e, int n, double x, double y)
{
	double p = x * y;

	n = expansion_add(e, n, fma(x, y, -p));
	return expansion_add(e, n, p);
}

int predicate_orient_exact(struct point a, struct point b, struct point c)
{
	double e[12];
	int n = 0;

	n = expansion_add_product(e, n, a.x, b.y);
	n = expansion_add_product(e, n, -a.x, c.y);
	n = expansion_add_product(e, n, -c.x, b.y);
	n = expansion_add_product(e, n, -a.y, b.x);
	n = expansion_add_product(e, n, a.y, c.x);
	n = expansion_add_product(e, n, c.y, b.x);
	return n == 0 ? 0 : e[n - 1] > 0 ? 1 : -1;
}

bool predicate_meet(struct point a, struct point b, struct point c, struct point d)
{
	int c_side = predicate_orient(a, b, c), d_side, a_side;

	d_side = predicate_orient(a, b, d);
	if (c_side == d_side && c_side != 0)
		return false;
	a_side = predicate_orient(c, d, a);
	/* All on one line: then boxes that meet are segments that meet. */
	return a_side == 0 || a_side != predicate_orient(c, d, b);
}

static double cross(struct point o, struct point a, struct point b)
{
	return (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x);
}

/* Do c and d lie on one side of the line ab, both further than tol from it? */
static bool clear_of_line(struct point a, struct point b, struct point c, struct point d,
    double tol)
{
	double c_side = cross(a, b, c), d_side = cross(a, b, d);
	double reach = tol * hypot(b.x - a.x, b.y - a.y);

	return (c_side > reach && d_side > reach) || (c_side < -reach && d_side < -reach);
}

bool predicate_near(struct point a, struct point b, struct point c, struct point d, double tol)
{
	return !clear_of_line(a, b, c, d, tol) && !clear_of_line(c, d, a, b, tol);
}

bool predicate_on(struct point a, struct point b, struct point p, double tol)
{
	double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
	double side = cross(a, b, p), along = (p.x - a.x) * dx + (p.y - a.y) * dy;

	return side * side <= tol * tol * length2 && along > 0 && along < length2;
}

bool predicate_exactly_on(struct point a, struct point b, struct point p)
{
	struct box segment = box_of(a, b), point = { p.x, p.y, p.x, p.y };

	return box_meets(&segment, &point) && predicate_orient(a, b, p) == 0
	    && !point_equal(p, a) && !point_equal(p, b);
}

struct point predicate_cross(struct point a, struct point b, struct point c, struct point d)
{
	long double abx = (long double)b.x - a.x, aby = (long double)b.y - a.y;
	long double cdx = (long double)d.x - c.x, cdy = (long double)d.y - c.y;
	long double acx = (long double)c.x - a.x, acy = (long double)c.y - a.y;
	long double t = (acx * cdy - acy * cdx) / (abx * cdy - aby * cdx);

	/* Nearly parallel: still a point of both, as well as doubles can say. */
	t = t >= 0 ? (t <= 1 ? t : 1) : 0;
	return (struct point){ (double)(a.x + t * abx), (double)(a.y + t * aby) };
}
