"""geosluice convert beside its peers, on the same document, in turn."""
import os
import statistics
import sys

import plot
from measure import HERE, ROUNDS, convert, measure

PEERS = {
    "geosluice convert": convert("{in}", "{out}"),
    "ogr2ogr -makevalid": ["ogr2ogr", "-f", "GeoJSONSeq", "-makevalid", "-t_srs", "EPSG:3857", "{out}", "{in}"],
    "json + shapely + pyproj": [sys.executable, os.path.join(HERE, "peer_shapely.py"), "{in}", "{out}"],
}


def peers(name, path, work):
    """One section, and its plots."""
    out = os.path.join(work, "out")
    results = {peer: [] for peer in PEERS}
    for n in range(ROUNDS):
        for peer, argv in PEERS.items():
            if os.path.exists(out):
                os.unlink(out)
            run = measure([a.replace("{in}", path).replace("{out}", out) for a in argv])
            if run is None:
                print("%s, round %d: %s gave up" % (name, n + 1, peer), flush=True)
            else:
                results[peer].append(run)
                print("%s, round %d: %s %.2f s, %.0f MB" % ((name, n + 1, peer) + run), flush=True)
    gave_up = [peer for peer, runs in results.items() if not runs]
    results = {peer: runs for peer, runs in results.items() if runs}
    seconds = {peer: statistics.median(r[0] for r in runs) for peer, runs in results.items()}
    memory = {peer: max(r[1] for r in runs) for peer, runs in results.items()}
    mine, mb = seconds["geosluice convert"], os.path.getsize(path) / 1e6
    text = ("## %s, %.0f MB\n\n| program | median s | spread s | ratio | MB/s | peak memory MB |\n"
            "|---|---|---|---|---|---|\n" % (name, mb))
    for peer, runs in results.items():
        text += "| %s | %.2f | %.2f – %.2f | %.1f | %.0f | %.0f |\n" % (
            peer, seconds[peer], min(r[0] for r in runs), max(r[0] for r in runs), seconds[peer] / mine,
            mb / seconds[peer], memory[peer])
    if gave_up:
        text += "\n%s did not get through this document.\n" % " and ".join(gave_up)
    return text, [plot.bars(name + ": seconds", [(p, s, "%.2f s" % s) for p, s in seconds.items()]),
                  plot.bars(name + ": peak memory", [(p, m, "%.0f MB" % m) for p, m in memory.items()])]
