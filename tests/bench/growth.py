"""How cost grows: with the document's length, the number of features, the number of parts. It should not.

BENCH_SIZES: megabytes of the documents of tools/make-heavy (1 10 100 1000).
"""
import math
import os

import plot
from measure import cost, make_heavy

SIZES = [int(n) for n in os.environ.get("BENCH_SIZES", "1 10 100 1000").split()]
VERTICES = 1000000  # in each of the documents that differ in features or parts


def ring(x, y, n):
    """A wavy ring of n positions as text, some 0.01 degrees wide."""
    points = []
    for i in range(n - 1):
        t = i * 6.283185307179586 / (n - 1)
        r = 0.004 * (1 + 0.2 * math.sin(5 * t))
        points.append("[%.7f,%.7f]" % (x + r * math.cos(t), y + r * math.sin(t)))
    return "[[%s,%s]]" % (",".join(points), points[0])


def place(i):
    """Cells of a grid that rings of one document do not share."""
    return -170 + i % 12000 * 0.0125, -60 + i // 12000 * 0.0125


def write(path, features, parts):
    """So many MultiPolygons of so many parts each, VERTICES positions in all."""
    n = VERTICES // (features * parts)
    with open(path, "w", encoding="ascii") as f:
        f.write('{"type":"FeatureCollection","features":[')
        for k in range(features):
            f.write((",\n" if k else "\n") + '{"type":"Feature","properties":{"n":%d},"geometry":'
                    '{"type":"MultiPolygon","coordinates":[' % k)
            for p in range(parts):
                f.write(("," if p else "") + ring(*place(k * parts + p), n))
            f.write("]}}")
        f.write("\n]}\n")


def by_length(work):
    rows, points = [], []
    path = os.path.join(work, "made.geojson")
    for megabytes in SIZES:
        make_heavy(path, megabytes)
        seconds, memory = cost(path, work, 1 if megabytes >= 1000 else 3)
        print("%d MB: %.2f s, %.0f MB" % (megabytes, seconds, memory), flush=True)
        rows.append("| %d | %.2f | %.1f | %.0f |\n" % (megabytes, seconds, 1000 * seconds / megabytes, memory))
        points.append((megabytes, 1000 * seconds / megabytes))
    os.unlink(path)
    return ("## From small to large\n\nDocuments of `tools/make-heavy`, one feature in twelve broken. The first pays "
            "for loading PROJ.\n\n| MB | s | ms per MB | peak memory MB |\n|---|---|---|---|\n" + "".join(rows),
            plot.lines("Milliseconds per megabyte, by megabytes", [("document length", points)]))


def by_shape(work):
    """The same number of vertices in more and more features, or in more and more parts of one feature."""
    rows, series = [], []
    path = os.path.join(work, "made.geojson")
    for name, shapes in (("features", [(n, 1) for n in (1, 10, 100, 1000, 10000, 100000)]),
                         ("parts of one feature", [(1, n) for n in (1, 10, 100, 1000, 10000, 100000)])):
        points = []
        for features, parts in shapes:
            write(path, features, parts)
            seconds, memory = cost(path, work)
            n = features * parts
            print("%s %d: %.2f s, %.0f MB" % (name, n, seconds, memory), flush=True)
            rows.append("| %s | %s | %.2f | %.2f | %.0f |\n" % (
                name, format(n, ","), seconds, 1e6 * seconds / VERTICES, memory))
            points.append((n, 1e6 * seconds / VERTICES))
        series.append((name, points))
    os.unlink(path)
    return ("## From few to many\n\nA million vertices in each document: in so many features of one part each, or in "
            "one feature of so many parts.\n\n| what | how many | s | µs per vertex | peak memory MB |\n"
            "|---|---|---|---|---|\n" + "".join(rows),
            plot.lines("Microseconds per vertex, by features and parts", series))
