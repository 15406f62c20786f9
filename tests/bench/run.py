#!/usr/bin/python3
"""geosluice convert beside its peers, and what it is made of: run.py [CORPUS]. Writes docs/benchmarks.md and .svg.

In:  BUILD, BENCH_ROUNDS (3), BENCH_SIZES, and CORPUS/large/*.geojson.gz where CORPUS is a folder; without one, a
     document of tools/make-heavy. Every program gets one core. Out: medians, ratios to geosluice, peak memory
     (peers.py); the decoder beside a bare yajl, the repair beside GEOS (inner.py); how cost grows (growth.py).
"""
import glob
import gzip
import os
import platform
import shutil
import sys
import tempfile

import growth
import inner
import peers
import plot
from measure import ROOT, ROUNDS, make_heavy

HEAD = """# Benchmarks

Made by `make bench CORPUS=dir`: the same document, made valid, reprojected to EPSG:3857 and written, by programs that
take turns on one core, %d rounds each. Seconds are CPU time, user and system. A ratio of 10 means that geosluice is
ten times as fast. [profile.md](profile.md) says where the time goes,
[benchmarks-parallel.md](benchmarks-parallel.md) what a second worker process brings, and whether memory grows.

Machine: %s, %d cores, %s.

![seconds and memory](benchmarks.svg)

"""


def inputs(corpus, work):
    """(name, path of a plain file) of each document."""
    found = sorted(glob.glob(os.path.join(corpus, "large", "*.geojson.gz"))) if corpus else []
    for packed in found:
        path = os.path.join(work, os.path.basename(packed)[:-3])
        with gzip.open(packed, "rb") as f, open(path, "wb") as out:
            shutil.copyfileobj(f, out, 1 << 20)
        yield os.path.basename(path), path
    if not found:
        path = os.path.join(work, "heavy.geojson")
        make_heavy(path, 20)
        yield "heavy.geojson (made, seed 1)", path


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())


def main(corpus):
    sections, plots, paths = [], [], []
    with tempfile.TemporaryDirectory(prefix="geosluice-bench-") as work:
        for name, path in inputs(corpus, work):
            paths.append((name, path))
            text, some = peers.peers(name, path, work)
            sections.append(text)
            plots += some
        sections += [inner.decoding(paths), inner.repairing(paths, work)]
        for part in (growth.by_length, growth.by_shape):
            text, one = part(work)
            sections.append(text)
            plots.append(one)
    with open(os.path.join(ROOT, "docs", "benchmarks.svg"), "w", encoding="utf-8") as f:
        f.write(plot.svg(plots))
    with open(os.path.join(ROOT, "docs", "benchmarks.md"), "w", encoding="utf-8") as f:
        f.write(HEAD % (ROUNDS, processor(), os.cpu_count(), platform.platform()) + "\n".join(sections))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
