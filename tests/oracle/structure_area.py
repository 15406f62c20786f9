#!/usr/bin/env python3
"""The exact area of a polygon repaired by the structure rules, for small inputs.

In:  one geometry a line, as JSON: a list of parts, each a list of rings (the first is the shell),
     each a list of [x, y]. Doubles are taken at their exact value.
Out: one line each, the area, correctly rounded to a double.

Shares no idea with the program: the plane is cut into vertical slabs at every vertex and every
crossing, in rational arithmetic. Between two neighbouring lines of a slab each ring's winding
number is constant. docs/repair.md has the rules.
"""
import json
import sys
from fractions import Fraction


class Segment:
    def __init__(self, ring, a, b):
        self.ring = ring
        self.up = 1 if a[0] < b[0] else -1  # winding, going upwards across it
        (self.x0, self.y0), (self.x1, self.y1) = sorted((a, b))
        self.slope = Fraction(self.y1 - self.y0) / (self.x1 - self.x0)

    def y(self, x):
        return self.y0 + (x - self.x0) * self.slope


def crossing_x(s, t):
    if s.slope == t.slope:
        return None
    x = (t.y0 - s.y0 + s.slope * s.x0 - t.slope * t.x0) / (s.slope - t.slope)
    inside = max(s.x0, t.x0) <= x <= min(s.x1, t.x1)
    return x if inside else None


def slabs(segments, xs):
    """Yields x0, x1 and, from below, (bottom y0, y1, top y0, y1, winding of each ring)."""
    xs = sorted(xs)
    for x0, x1 in zip(xs, xs[1:]):
        lines = [(s.y(x0), s.y(x1), s) for s in segments if s.x0 <= x0 and s.x1 >= x1]
        lines.sort(key=lambda l: l[0] + l[1])
        winding = {}
        cells = []
        for low, high in zip(lines, lines[1:]):
            s = low[2]
            winding[s.ring] = winding.get(s.ring, 0) + s.up
            if low[0] + low[1] < high[0] + high[1]:
                filled = frozenset(r for r, w in winding.items() if w != 0)
                cells.append((low[0], low[1], high[0], high[1], filled))
        yield x0, x1, cells


def touch(intervals, a, b):
    """Do the closed regions of rings a and b, which do not overlap, share a point?"""
    return any(
        max(l, m) <= min(h, n)
        for at_x in intervals.values()
        for l, h in at_x.get(a, ())
        for m, n in at_x.get(b, ())
    )


def area(parts):
    rings, segments, xs = [], [], set()
    for p, part in enumerate(parts):
        for r, ring in enumerate(part):
            points = [(Fraction(x), Fraction(y)) for x, y in ring]
            xs.update(x for x, _ in points)
            for a, b in zip(points, points[1:] + points[:1]):
                if a[0] != b[0]:
                    segments.append(Segment(len(rings), a, b))
            rings.append((p, r > 0))
    for i, s in enumerate(segments):
        for t in segments[i + 1:]:
            x = crossing_x(s, t)
            if x is not None:
                xs.add(x)
    cut = list(slabs(segments, xs))

    shell = {p: i for i, (p, hole) in enumerate(rings) if not hole}
    seen, overlaps, intervals = set(), set(), {}
    for x0, x1, cells in cut:
        for l0, l1, h0, h1, filled in cells:
            seen |= filled
            for r in filled:
                if rings[r][1] and shell[rings[r][0]] in filled:
                    overlaps.add(r)
                intervals.setdefault(x0, {}).setdefault(r, []).append((l0, h0))
                intervals.setdefault(x1, {}).setdefault(r, []).append((l1, h1))
    apart = set()
    for i, (p, hole) in enumerate(rings):
        if hole and i in seen and shell[p] in seen and i not in overlaps:
            if not touch(intervals, i, shell[p]):
                apart.add(i)

    total = Fraction(0)
    for x0, x1, cells in cut:
        for l0, l1, h0, h1, filled in cells:
            holes = {rings[r][0] for r in filled if rings[r][1] and r not in apart}
            covered = any(r in apart or (not rings[r][1] and rings[r][0] not in holes)
                          for r in filled)
            if covered:
                total += (h0 - l0 + h1 - l1) * (x1 - x0) / 2
    return total


if __name__ == "__main__":
    for line in sys.stdin:
        print(repr(float(area(json.loads(line)))), flush=True)
