"""The fixtures: documents, with what is expected of each beside it.

FILE.expect   JSON lines: what `geosluice check` has to say of each feature, or of the document. Only the members
              that stand there are compared. A first line with "args" or "exit" gives options and the exit status;
              without "exit" it follows from the outcomes.
              A name that ends in geojsonl, geojsons, ndjson or jsonl says that it is a sequence.
              A "code" may be a list, where versions of GEOS name the same fault differently.
FILE.out      JSON lines: what `geosluice convert` has to write with the same options, compared as JSON; a ring may
              begin anywhere, and the parts of a MultiPolygon may come in any order.
"""
import glob
import json
import os
import re
import subprocess


def _lines(data):
    return [json.loads(line) for line in data.decode("utf-8").splitlines() if line]


def _read(path):
    with open(path, "rb") as f:
        return _lines(f.read())


def _run(argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          check=False)
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def _exit_of(expected):
    outcomes = {e["outcome"] for e in expected}
    return 2 if "failed" in outcomes else 1 if "rejected" in outcomes else 0


def _settled(geometry):
    """The geometry with its rings turned and its parts sorted."""
    def turned(ring):
        n = len(ring) - 1
        begin = min(range(n), key=lambda i: ring[i])
        return [ring[(begin + i) % n] for i in range(n + 1)]

    if geometry and geometry["type"] == "Polygon":
        return dict(geometry, coordinates=[turned(r) for r in geometry["coordinates"]])
    if geometry and geometry["type"] == "MultiPolygon":
        return dict(geometry, coordinates=sorted([turned(r) for r in p] for p in geometry["coordinates"]))
    return geometry


def _features(lines):
    return [dict(f, geometry=_settled(f["geometry"])) for f in lines]


def _fault(geosluice, path):
    """None, or how the outcome differs from what is expected."""
    expected = _read(path + ".expect")
    head = expected.pop(0) if expected and "outcome" not in expected[0] else {}
    args = head.get("args", [])
    code, out, said = _run([geosluice, "check", *args, path])
    told = _lines(out)
    if len(told) != len(expected):
        return "%d lines instead of %d: %s %s" % (len(told), len(expected), out.decode()[:500], said[:500])
    for n, (want, have) in enumerate(zip(expected, told)):
        if want["outcome"] == "accepted":   # with no other warning than those that are named
            want = dict({"warnings": []}, **want)
        for name, value in want.items():
            had = have.get(name)
            if had != value and not (name == "code" and isinstance(value, list) and had in value):
                return "line %d: %s is %r, not %r" % (n, name, had, value)
    want = head.get("exit", _exit_of(expected))
    if code != want:
        return "check ended with %d, not %d: %s" % (code, want, said[:500])
    if os.path.exists(path + ".out"):
        code, out, said = _run([geosluice, "convert", *args, path])
        if _features(_lines(out)) != _features(_read(path + ".out")):
            return "convert wrote %s %s" % (out.decode("utf-8")[:1000], said[:500])
    return None


def _codes(folder):
    """Each code of the table has a folder, or fixtures/README.md says what tests it; codes without either."""
    with open(os.path.join(folder, "..", "schema", "reject.def"), encoding="utf-8") as f:
        codes = re.findall(r"^CODE\((\w+),", f.read(), re.M)
    with open(os.path.join(folder, "README.md"), encoding="utf-8") as f:
        elsewhere = re.findall(r"^\| `(\w+)` \|", f.read(), re.M)
    without = []
    for code in codes:
        here = glob.glob(os.path.join(folder, "reject", code, "*.expect"))
        said = any('"%s"' % code in open(path, encoding="utf-8").read() for path in here)
        if said == (code in elsewhere):
            without.append("%s: %s" % (code, "has a fixture and stands in README.md" if said else "has no fixture"))
    return len(codes) - len(without), without


def check(geosluice, folder):
    """For each folder below: (name, number that are as expected, words on the others)."""
    yield ("codes",) + _codes(folder)
    for name in sorted(os.listdir(folder)):
        passed, faults = 0, []
        for path in sorted(glob.glob(os.path.join(folder, name, "**", "*.expect"), recursive=True)):
            path = path[:-len(".expect")]
            fault = _fault(geosluice, path)
            if fault:
                faults.append("%s: %s" % (os.path.relpath(path, folder), fault))
            else:
                passed += 1
        if passed or faults:
            yield name, passed, faults
