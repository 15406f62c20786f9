#!/usr/bin/python3
"""Where convert's instructions go, by stage and by library: profile.py [CORPUS]. Writes docs/profile.md.

In:  BUILD, and CORPUS/large/*coarse.geojson.gz where CORPUS is a folder. Out: a table per document, counted by
     callgrind: the same on every run, whatever else the machine does. Takes some minutes.
"""
import glob
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile

from measure import GEOSLUICE, ROOT, convert, make_heavy

# What a line of the table sums up: functions with all that they call, less those of other lines.
STAGES = (
    ("reading the file, the document's outer structure, yajl", ("pipeline_feed",), ("on_feature",)),
    ("validation, antimeridian, winding, bbox", ("stages_run",), (
        "topology_check", "topology_check_output", "topology_round", "reproject_feature")),
    ("the sweep: is there any fault? (document and output)", ("repair_suspect", "repair_open"), ()),
    ("GEOS: which fault, and where", ("GEOSisValidDetail_r",), ()),
    ("the repair", ("repair_areal", "repair_finish"), ()),
    ("GEOS confirms repairs, on fewer positions", ("confirmed",), ()),
    ("PROJ", ("reproject_feature",), ()),
    ("writing features", ("encode_feature",), ()),
)

HEAD = """# Profile

Made by `make profile CORPUS=dir`: `geosluice convert --to EPSG:3857` under callgrind, which counts instructions. They
are not quite time (GEOS waits for memory more than the rest does), but the same on every run.
"""


def inclusive(out):
    """{function: instructions with all it calls}, {library: its own}, total."""
    text = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", "--auto=no", out],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    functions = {}
    for line in text.splitlines():
        m = re.match(r"\s*([\d,]+) \([\s\d.]+%\)\s+\S*?:([^\[]+?)('\d+)?(\.(isra|part)\.\d+)?( \[.*\])?$", line)
        if m:
            name = m.group(2).split("(")[0]
            functions[name] = max(functions.get(name, 0), int(m.group(1).replace(",", "")))
    text = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", out],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    libraries, total = {}, 0
    for line in text.splitlines():
        m = re.match(r"\s*([\d,]+) \(.*%\)\s+\S.*\[(.*)\]$", line)
        if m:
            library = re.sub(r"\.so.*", "", os.path.basename(m.group(2)))
            libraries[library] = libraries.get(library, 0) + int(m.group(1).replace(",", ""))
        elif "PROGRAM TOTALS" in line:
            total = int(line.split()[0].replace(",", ""))
    return functions, libraries, total


def section(name, path, work):
    counts = os.path.join(work, "callgrind")
    subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=" + counts]
                   + convert(path, os.path.join(work, "out")), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   check=False)
    functions, libraries, total = inclusive(counts)
    text = "\n## %s, %.0f MB: %.2f billion instructions\n\n| stage | share |\n|---|---|\n" % (
        name, os.path.getsize(path) / 1e6, total / 1e9)
    rest = total
    for what, with_all, less in STAGES:
        n = sum(functions.get(f, 0) for f in with_all) - sum(functions.get(f, 0) for f in less)
        rest -= n
        text += "| %s | %.1f %% |\n" % (what, 100 * n / total)
    text += "| the rest: starting, placing faults, handing over | %.1f %% |\n\n| library | share |\n|---|---|\n" % (
        100 * rest / total)
    for library, n in sorted(libraries.items(), key=lambda item: -item[1])[:8]:
        text += "| %s | %.1f %% |\n" % (library, 100 * n / total)
    return text


def main(corpus):
    text = HEAD
    with tempfile.TemporaryDirectory(prefix="geosluice-profile-") as work:
        for packed in sorted(glob.glob(os.path.join(corpus, "large", "*coarse.geojson.gz"))) if corpus else []:
            path = os.path.join(work, os.path.basename(packed)[:-3])
            with gzip.open(packed, "rb") as f, open(path, "wb") as out:
                shutil.copyfileobj(f, out, 1 << 20)
            text += section(os.path.basename(path), path, work)
        path = os.path.join(work, "heavy.geojson")
        make_heavy(path, 20)
        text += section("heavy.geojson (made, seed 1, mostly sound)", path, work)
    with open(os.path.join(ROOT, "docs", "profile.md"), "w", encoding="utf-8") as f:
        f.write(text)
    return 0


if __name__ == "__main__":
    if not os.path.exists(GEOSLUICE):
        sys.exit("no geosluice in BUILD")
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
