"""The decoder beside a bare yajl, and the repair beside GEOS: what bench_decode and bench_repair say."""
import json
import os
import subprocess
import sys

from measure import BENCH, HERE, said


def decoding(paths):
    rows = []
    for name, path in paths:
        d = json.loads(said(os.path.join(BENCH, "bench_decode"), path))
        rows.append("| %s | %.0f | %.0f | %.2f |\n" % (name, d["yajl_mb_s"], d["decode_mb_s"], d["ratio"]))
    return ("## Decoding\n\nBytes to coordinates in memory, properties kept, beside yajl with empty callbacks "
            "(`bench_decode`).\n\n| document | yajl MB/s | geosluice MB/s | ratio |\n|---|---|---|---|\n"
            + "".join(rows))


def repairing(paths, work):
    out = ("## Repair\n\nThe repair beside GEOS's own, and what the verdicts cost (`bench_repair`). `condensed` is "
           "what GEOS is asked about to confirm a repair.\n")
    for name, path in paths:
        wkb = os.path.join(work, "wkb")
        with open(wkb, "w", encoding="ascii") as f:
            subprocess.run([sys.executable, os.path.join(HERE, "geojson_wkb.py"), path], stdout=f, check=True)
        out += "\n%s:\n\n```\n%s```\n" % (name, said(os.path.join(BENCH, "bench_repair"), wkb))
    return out + "\nShapes made to be hard:\n\n```%s```\n" % said(os.path.join(BENCH, "bench_repair"), "made")
