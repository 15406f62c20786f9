#!/usr/bin/python3
"""geosluice convert beside its peers, on the same input, in turn: run.py [CORPUS]. Writes docs/benchmarks.md and .svg.

In:  BUILD, BENCH_ROUNDS (3), and CORPUS/large/*.geojson.gz where CORPUS is a folder; without one, a document of
     tools/make-heavy. BENCH_SIZES: megabytes of the made documents that show how cost grows (1 10 100 1000).
     Every program gets one core. Out: medians, ratios to geosluice, peak memory; then the decoder beside a bare
     yajl, the repair beside GEOS, and the cost per megabyte from small documents to large ones.
"""
import glob
import gzip
import json
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
BENCH = os.path.join(ROOT, os.environ.get("BUILD", "build"), "bench")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SIZES = [int(n) for n in os.environ.get("BENCH_SIZES", "1 10 100 1000").split()]

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


def said(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False).stdout


def decoding(paths):
    rows = []
    for name, path in paths:
        d = json.loads(said(os.path.join(BENCH, "bench_decode"), path))
        rows.append("| %s | %.0f | %.0f | %.2f |\n" % (name, d["yajl_mb_s"], d["decode_mb_s"], d["ratio"]))
    return ("## Decoding\n\nBytes to coordinates in memory, properties kept, beside yajl with empty callbacks "
            "(`bench_decode`).\n\n| document | yajl MB/s | geosluice MB/s | ratio |\n|---|---|---|---|\n"
            + "".join(rows))


def repairing(paths, work):
    out = ("## Repair\n\nThe repair beside GEOS's own, and what the verdicts cost (`bench_repair`).\n")
    for name, path in paths:
        wkb = os.path.join(work, "wkb")
        with open(wkb, "w", encoding="ascii") as f:
            subprocess.run([sys.executable, os.path.join(HERE, "geojson_wkb.py"), path], stdout=f, check=True)
        out += "\n%s:\n\n```\n%s```\n" % (name, said(os.path.join(BENCH, "bench_repair"), wkb))
    return out + "\nShapes made to be hard:\n\n```%s```\n" % said(os.path.join(BENCH, "bench_repair"), "made")


def growth(work):
    """Cost per megabyte and peak memory of convert as documents grow; a table, and bars for the plot."""
    rows, groups = [], []
    for megabytes in SIZES:
        path = os.path.join(work, "made.geojson")
        subprocess.run([sys.executable, os.path.join(ROOT, "tools", "make-heavy"), path, str(megabytes)],
                       stdout=subprocess.DEVNULL, check=True)
        argv = [a.replace("{in}", path).replace("{out}", os.path.join(work, "out")) for a in PEERS["geosluice convert"]]
        runs = [measure(argv) for _ in range(ROUNDS)]
        seconds, memory = statistics.median(r[0] for r in runs), max(r[1] for r in runs)
        print("%d MB: %.2f s, %.0f MB" % (megabytes, seconds, memory), flush=True)
        rows.append("| %d | %.2f | %.1f | %.0f |\n" % (megabytes, seconds, 1000 * seconds / megabytes, memory))
        groups.append(("%d MB" % megabytes, 1000 * seconds / megabytes, "%.1f ms per MB, peak %.0f MB" % (
            1000 * seconds / megabytes, memory)))
        os.unlink(path)
    return ("## From small to large\n\nDocuments of `tools/make-heavy`, one feature in twelve broken. The first pays "
            "for loading PROJ.\n\n| MB | median s | ms per MB | peak memory MB |\n|---|---|---|---|\n" + "".join(rows),
            ("Cost as documents grow", groups))


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
    tables, groups, paths = [], [], []
    with tempfile.TemporaryDirectory(prefix="geosluice-bench-") as work:
        for name, path in inputs(corpus, work):
            out = os.path.join(work, "out")
            paths.append((name, path))
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
        tables += [decoding(paths), repairing(paths, work)]
        table, group = growth(work)
        tables.append(table)
        groups.append(group)
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
