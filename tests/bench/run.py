#!/usr/bin/python3
"""geosluice convert beside its peers, on the same input, in turn: run.py [CORPUS]. Writes docs/benchmarks.md and .svg.

In:  BUILD, BENCH_ROUNDS (3), and CORPUS/large/*.geojson.gz where CORPUS is a folder; without one, a document of
     tools/make-heavy. Every program gets one core. Out: medians, ratios to geosluice, peak memory.
"""
import glob
import gzip
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
GEOSLUICE = os.path.join(ROOT, os.environ.get("BUILD", "build"), "geosluice")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))

PEERS = {
    "geosluice convert": [GEOSLUICE, "convert", "--to", "EPSG:3857", "-o", "{out}", "{in}"],
    "ogr2ogr -makevalid": ["ogr2ogr", "-f", "GeoJSONSeq", "-makevalid", "-t_srs", "EPSG:3857", "{out}", "{in}"],
    "json + shapely + pyproj": [sys.executable, os.path.join(HERE, "peer_shapely.py"), "{in}", "{out}"],
}

HEAD = """# Benchmarks

Made by `make bench CORPUS=dir`: the same document, made valid, reprojected to EPSG:3857 and written, by programs that
take turns on one core, %d rounds each. A ratio of 10 means that geosluice is ten times as fast.

Machine: %s, %d cores, %s.

![seconds and memory](benchmarks.svg)

"""


def measure(argv):
    """(seconds, peak MB) of one run on one core."""
    begin = time.monotonic()
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}))
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    # geosluice says 1 where it rejected a feature.
    if process.returncode not in ((0, 1) if argv[0] == GEOSLUICE else (0,)):
        sys.exit("%s ended with %d: %s" % (argv[0], process.returncode, said.decode("utf-8", "replace")[-500:]))
    return time.monotonic() - begin, usage.ru_maxrss / 1024


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
        subprocess.run([sys.executable, os.path.join(ROOT, "tools", "make-heavy"), path, "20"],
                       stdout=subprocess.DEVNULL, check=True)
        yield "heavy.geojson (made, seed 1)", path


def bars(title, rows):
    """An SVG group: a bar per (name, value, words)."""
    most = max(value for _, value, _ in rows)
    out = ['<text x="0" y="16" font-weight="bold">%s</text>' % title]
    for i, (name, value, words) in enumerate(rows):
        y = 30 + 26 * i
        out.append('<text x="0" y="%d">%s</text>' % (y + 14, name))
        out.append('<rect x="190" y="%d" width="%.1f" height="18" fill="%s"/>' % (
            y, max(1, 380 * value / most), "#1a7f5a" if i == 0 else "#9aa5b1"))
        out.append('<text x="%.1f" y="%d">%s</text>' % (196 + 380 * value / most, y + 14, words))
    return out, 30 + 26 * len(rows) + 24


def plot(groups):
    body, y = [], 10
    for title, rows in groups:
        lines, height = bars(title, rows)
        body.append('<g transform="translate(10 %d)">%s</g>' % (y, "".join(lines)))
        y += height
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="720" height="%d" font-family="sans-serif" font-size="13">'
            '<rect width="100%%" height="100%%" fill="white"/>%s</svg>\n' % (y, "".join(body)))


def main(corpus):
    tables, groups = [], []
    with tempfile.TemporaryDirectory(prefix="geosluice-bench-") as work:
        for name, path in inputs(corpus, work):
            out = os.path.join(work, "out")
            results = {peer: [] for peer in PEERS}
            for n in range(ROUNDS):
                for peer, argv in PEERS.items():
                    if os.path.exists(out):
                        os.unlink(out)
                    results[peer].append(measure([a.replace("{in}", path).replace("{out}", out) for a in argv]))
                    print("%s, round %d: %s %.2f s, %.0f MB" % ((name, n + 1, peer) + results[peer][-1]), flush=True)
            seconds = {peer: statistics.median(r[0] for r in runs) for peer, runs in results.items()}
            memory = {peer: max(r[1] for r in runs) for peer, runs in results.items()}
            mine = seconds["geosluice convert"]
            mb = os.path.getsize(path) / 1e6
            tables.append("## %s, %.0f MB\n\n| program | median s | spread s | ratio | MB/s | peak memory MB |\n"
                          "|---|---|---|---|---|---|\n" % (name, mb) + "".join(
                              "| %s | %.2f | %.2f – %.2f | %.1f | %.0f | %.0f |\n" % (
                                  peer, seconds[peer], min(r[0] for r in results[peer]),
                                  max(r[0] for r in results[peer]), seconds[peer] / mine, mb / seconds[peer],
                                  memory[peer]) for peer in PEERS))
            groups.append((name + ": seconds", [(p, s, "%.2f s" % s) for p, s in seconds.items()]))
            groups.append((name + ": peak memory", [(p, m, "%.0f MB" % m) for p, m in memory.items()]))
    with open(os.path.join(ROOT, "docs", "benchmarks.svg"), "w", encoding="utf-8") as f:
        f.write(plot(groups))
    with open(os.path.join(ROOT, "docs", "benchmarks.md"), "w", encoding="utf-8") as f:
        f.write(HEAD % (ROUNDS, processor(), os.cpu_count(), platform.platform()) + "\n".join(tables))
    return 0


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
