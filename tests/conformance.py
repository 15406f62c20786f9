#!/usr/bin/python3
"""Runs the third-party corpora: tests/conformance.py CORPUS [verdicts|topology|antimeridian|large]…

In:  the folder of the corpora; BUILD, where the geosluice program is. Out: per corpus, cases, agreed and disagreed, and
each disagreement with the reason that docs/conformance.md gives for it. Exit 1 if one has none.

A reason stands in docs/conformance.md as a list item that begins with the case in backticks, such as
"- `topology/12`: why". The case is printed as it has to stand there; a * at its end stands for any ending.
Needs shapely for areas and validity, and libgeos_c for GEOS's own repair.
"""
import ctypes
import ctypes.util
import fnmatch
import gzip
import json
import math
import os
import re
import subprocess
import sys
import tempfile

import shapely.geometry
import shapely.validation
import shapely.wkb
import shapely.wkt

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
AREA_SHARE = 1e-9       # two areas are equal
COARSE_SHARE = 1e-3     # of GEOS's area, for the coarse file
PLANE = ["--from", "EPSG:3857", "--to", "EPSG:3857"]    # coordinates without a meaning on the globe
DOCUMENT_CODES = ("JSON_",)

# GEOS's words for what geosluice names otherwise, or sooner: a rule of RFC 7946 comes before topology.
REASONS = {
    "Self-intersection": {"SELF_INTERSECTION"},
    "Ring Self-intersection": {"RING_SELF_INTERSECTION"},
    "Hole lies outside shell": {"HOLE_OUTSIDE_SHELL"},
    "Holes are nested": {"HOLES_NESTED"},
    "Interior is disconnected": {"INTERIOR_DISCONNECTED"},
    "Nested shells": {"SHELLS_NESTED"},
    "Duplicate Rings": {"DUPLICATE_RINGS"},
    "Too few points in geometry component": {"TOO_FEW_POINTS", "RING_SHORT", "LINE_SHORT", "ZERO_LENGTH"},
    "Invalid Coordinate": {"INVALID_COORDINATE", "NUM_OVERFLOW"},
    "Ring is not closed": {"RING_UNCLOSED"},
}


class Corpus:
    """Counts what agrees, and collects what does not."""

    def __init__(self, name, reasons):
        self.name, self.reasons = name, reasons
        self.cases = self.agreed = self.unexplained = 0
        self.lines = []

    def judge(self, case, fault):
        """fault: None where we agree, else words."""
        self.cases += 1
        if fault is None:
            self.agreed += 1
            return
        key = "%s/%s" % (self.name, case)
        reason = next((r for k, r in self.reasons if fnmatch.fnmatchcase(key, k)), None)
        if reason is None:
            self.unexplained += 1
        self.lines.append("  `%s`: %s\n      %s" % (key, fault, "because: " + reason if reason else "NOT EXPLAINED"))

    def tell(self):
        print("%-13s %6d cases  %6d agreed  %4d disagreed  %4d unexplained" % (
            self.name, self.cases, self.agreed, self.cases - self.agreed, self.unexplained))
        for line in self.lines:
            print(line)
        sys.stdout.flush()
        return self.unexplained


def read_reasons():
    path = os.path.join(ROOT, "docs", "conformance.md")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        return re.findall(r"^\s*[-*] `([^`]+)`[:,]?\s*(.*)$", f.read(), re.M)


def check(program, path, options=()):
    """The verdicts on features, and the last line where it says that the document failed."""
    done = subprocess.run([program, "check", *options, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    lines = [json.loads(line) for line in done.stdout.decode("utf-8", "replace").splitlines()]
    if done.returncode not in (0, 1, 2):
        raise SystemExit("%s check %s: exit %d\n%s" % (program, path, done.returncode, done.stderr.decode()))
    failed = lines[-1] if lines and lines[-1]["outcome"] == "failed" else None
    return ([v for v in lines if "index" in v], failed)


def convert(program, path, options=()):
    """The features that come out."""
    done = subprocess.run([program, "convert", *options, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=False)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def feature(geometry, number):
    return {"type": "Feature", "id": number, "properties": {}, "geometry": geometry}


def write_collection(folder, geometries):
    path = os.path.join(folder, "cases.geojson")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"type": "FeatureCollection", "features": [feature(g, i) for i, g in enumerate(geometries)]}, f)
    return path


def verdicts(program, folder, corpus):
    """What other validators' own tests expect of a whole document."""
    with open(os.path.join(folder, "verdicts", "verdicts.jsonl"), encoding="utf-8") as f:
        cases = [json.loads(line) for line in f]
    for case in cases:
        lines, failed = check(program, os.path.join(folder, "verdicts", case["file"]))
        code = failed.get("code", "?") if failed else None
        rejected = [v["code"] for v in lines if v["outcome"] == "rejected"]
        codes = rejected + ([code] if failed else [])
        expect, fault = case["expect"], None
        if expect == "accept" and codes:
            fault = "should be accepted, is " + ", ".join(codes)
        elif expect == "reject" and not codes:
            fault = "should be rejected, is accepted"
        elif expect == "json-ok" and any(c.startswith(DOCUMENT_CODES) for c in codes):
            fault = "is JSON, but said to be " + ", ".join(codes)
        elif expect == "json-bad" and not failed:
            fault = "is not JSON, but was read"
        corpus.judge(case["file"], fault)


def wkt_geometry(text):
    """WKT as a GeoJSON geometry without looking at what it means; None for what GeoJSON cannot say."""
    types = {"POINT": "Point", "LINESTRING": "LineString", "LINEARRING": "LineString", "POLYGON": "Polygon",
             "MULTIPOINT": "MultiPoint", "MULTILINESTRING": "MultiLineString", "MULTIPOLYGON": "MultiPolygon"}
    tokens = re.findall(r"[A-Za-z]+|[(),]|[-+0-9.][-+0-9.eE]*", text)
    at = 0

    def word():
        nonlocal at
        at += 1
        return tokens[at - 1]

    def number(token):
        value = float(token)
        if not math.isfinite(value):
            raise ValueError(token)
        return int(value) if value.is_integer() and abs(value) < 1e15 else value

    def nested():
        """( … ) as lists; a run of numbers is a position."""
        nonlocal at
        items = []
        if tokens[at].upper() == "EMPTY":
            at += 1
            return items
        word()
        while True:
            if tokens[at] == "(" or tokens[at].upper() == "EMPTY":
                items.append(nested())
            else:
                position = []
                while tokens[at] not in (",", ")"):
                    position.append(number(word()))
                items.append(position)
            if word() == ")":
                return items

    def geometry():
        nonlocal at
        name = word().upper()
        if tokens[at].upper() in ("Z", "M", "ZM"):
            at += 1
        if name == "GEOMETRYCOLLECTION":
            members = []
            if word().upper() != "EMPTY":
                while True:
                    members.append(geometry())
                    if word() == ")":
                        break
            return {"type": "GeometryCollection", "geometries": members}
        coordinates = nested()
        if name == "POINT":
            coordinates = coordinates[0] if coordinates else []
        elif name == "MULTIPOINT":
            coordinates = [p[0] if p and isinstance(p[0], list) else p for p in coordinates]
        return {"type": types[name], "coordinates": coordinates}

    try:
        return geometry()
    except (ValueError, OverflowError):     # NaN and Infinity: JSON has none
        return None


def areas_agree(mine, theirs, share):
    return abs(mine - theirs) <= share * max(abs(mine), abs(theirs), 1e-300)


def topology(program, folder, corpus):
    """GEOS's own cases: is it valid, and what does a repair come to?"""
    with open(os.path.join(folder, "topology", "cases.jsonl"), encoding="utf-8") as f:
        cases = [json.loads(line) for line in f]
    geometries = [wkt_geometry(case["input"]) for case in cases]
    with tempfile.TemporaryDirectory() as scratch:
        path = write_collection(scratch, geometries)
        lines, failed = check(program, path, PLANE)
        if failed:
            raise SystemExit("topology: the collection failed: %s" % failed)
        out = {f["id"]: f["geometry"] for f in convert(program, path, PLANE)}
    for number, (case, verdict) in enumerate(zip(cases, lines)):
        if geometries[number] is None:
            corpus.judge(number, None if case["expect"] is False else "JSON cannot say its numbers")
        elif case["op"] == "isvalid":
            corpus.judge(number, validity_fault(case, verdict))
        else:
            corpus.judge(number, repair_fault(case, verdict, out.get(number)))


def validity_fault(case, verdict):
    notes = [verdict["code"]] if "code" in verdict else []
    notes += verdict["warnings"]
    doubts = [c for c in notes if c not in ("COORDS_EMPTY", "WINDING")]
    valid = verdict["outcome"] == "accepted" and not doubts
    if valid != case["expect"]:
        return "%s: should be %s, is %s %s" % (case["desc"], "valid" if case["expect"] else "invalid",
                                               verdict["outcome"], " ".join(notes))
    reason = case.get("geos3111_reason", "").split("[")[0].strip()
    if not valid and reason in REASONS and not REASONS[reason] & set(notes):
        return "%s: GEOS says %s, we say %s" % (case["desc"], reason, " ".join(notes))
    return None


def repair_fault(case, verdict, geometry):
    theirs = shapely.wkt.loads(case["expect"])
    if geometry is None:
        return "%s: rejected, %s" % (case["desc"], verdict.get("code"))
    mine = shapely.geometry.shape(geometry)
    if not mine.is_valid and verdict["outcome"] == "repaired":
        return "%s: the repair is not valid" % case["desc"]
    if not areas_agree(mine.area, theirs.area, AREA_SHARE):
        return "%s: area %.12g, linework %.12g" % (case["desc"], mine.area, theirs.area)
    if theirs.area == 0 and verdict["outcome"] == "repaired" and not areas_agree(
            mine.length, theirs.length, AREA_SHARE):
        return "%s: length %.12g, linework %.12g" % (case["desc"], mine.length, theirs.length)
    return None


def geometries_of(document):
    kind = document["type"]
    if kind == "FeatureCollection":
        return [g for f in document["features"] for g in geometries_of(f)]
    if kind == "Feature":
        return [document["geometry"]]
    return [document]


def canonical(geometry):
    """Parts, rings and vertices in an order of their own, and without repeated or collinear doubt."""
    kind = geometry["type"]
    at = geometry.get("coordinates")

    def position(p):
        return tuple(round(v, 9) + 0.0 for v in p)

    def ring(r):
        r = [position(p) for p in r][:-1]
        r = [p for i, p in enumerate(r) if p != r[i - 1]]
        return min((tuple(d[i:] + d[:i]) for d in (r, r[::-1]) for i in range(len(r))), default=())

    def polygon(rings):
        return (ring(rings[0]), tuple(sorted(ring(r) for r in rings[1:])))

    if kind == "GeometryCollection":
        return tuple(sorted(map(canonical, geometry["geometries"])))
    if kind in ("Polygon", "MultiPolygon"):
        return ("areas", tuple(sorted(polygon(p) for p in (at if kind == "MultiPolygon" else [at]))))
    if kind in ("LineString", "MultiLineString"):
        return ("lines", tuple(sorted(tuple(map(position, line))
                                      for line in (at if kind == "MultiLineString" else [at]))))
    return ("points", tuple(sorted(map(position, at if kind == "MultiPoint" else [at]))))


def antimeridian(program, folder, corpus):
    """Shapes across 180 degrees against one good library's cuts."""
    for name in sorted(os.listdir(os.path.join(folder, "antimeridian", "input"))):
        case = name[:-len(".json")]
        if not os.path.exists(os.path.join(folder, "antimeridian", "flat", name)):
            continue    # that library says nothing of it
        with open(os.path.join(folder, "antimeridian", "flat", name), encoding="utf-8") as f:
            want = geometries_of(json.load(f))
        came = [f["geometry"] for f in convert(program, os.path.join(folder, "antimeridian", "input", name))]
        if not came:
            lines, failed = check(program, os.path.join(folder, "antimeridian", "input", name))
            code = failed["code"] if failed else ", ".join(v.get("code", "?") for v in lines)
            corpus.judge(case, "rejected, %s" % code)
        elif len(want) != len(came):
            corpus.judge(case, "%d geometries, not %d" % (len(came), len(want)))
        else:
            corpus.judge(case, next((cut_fault(a, b) for a, b in zip(came, want)
                                     if canonical(a) != canonical(b)), None))


def cut_fault(mine, theirs):
    a, b = shapely.geometry.shape(mine), shapely.geometry.shape(theirs)
    words = "cut otherwise"
    if a.is_valid and b.is_valid:
        words += ", area %.9g, theirs %.9g, difference %.3g" % (a.area, b.area, a.symmetric_difference(b).area)
    return words


def large(program, folder, corpus):
    """16,625 real features: the same ones invalid, for the same reason."""
    path = os.path.join(folder, "large", "click-that-hood.geojson.gz")
    with gzip.open(path[:-len(".geojson.gz")] + ".truth.jsonl.gz", "rt", encoding="utf-8") as f:
        truth = [json.loads(line) for line in f]
    lines, failed = check(program, path)
    if failed or len(lines) != len(truth):
        corpus.judge("click-that-hood", "%d features, not %d; %s" % (len(lines), len(truth), failed))
        return
    for case, verdict in zip(truth, lines):
        reason = reason_of(case)
        notes = {verdict["code"]} if "code" in verdict else set()
        fault = None
        if (reason is not None) != (verdict["outcome"] != "accepted"):
            fault = "GEOS says %s, we say %s %s" % (reason or "valid", verdict["outcome"], " ".join(notes))
        elif reason in REASONS:
            notes.update(verdict["warnings"])
            if not REASONS[reason] & notes:
                fault = "GEOS says %s, we say %s" % (reason, " ".join(sorted(notes)))
        corpus.judge("click-that-hood/%d" % case["i"], fault)


def reason_of(case):
    """GEOS's reason without its point; None for a valid feature."""
    return re.split(r"\s*\[", case["reason"])[0] if "reason" in case else None


def coarse(program, folder, corpus):
    """Their 906 largest, rounded until 694 break: all come out valid and as large as GEOS makes them."""
    path = os.path.join(folder, "large", "click-that-hood-coarse.geojson.gz")
    lines, failed = check(program, path)
    if failed:
        corpus.judge("coarse", str(failed))
        return
    with gzip.open(path, "rt", encoding="utf-8") as f:
        before = [f["geometry"] for f in json.load(f)["features"]]
    with tempfile.TemporaryDirectory() as scratch:
        numbered = write_collection(scratch, before)
        after = {f["id"]: f["geometry"] for f in convert(program, numbered)}
    geos = Geos()
    for number, verdict in enumerate(lines):
        fault = None
        if verdict["outcome"] == "rejected":
            if verdict["code"] not in ("REPAIR_AREA_LOSS", "REPAIR_EMPTY"):
                fault = "rejected, " + verdict["code"]
        else:
            mine = shapely.geometry.shape(after[number])
            theirs = shapely.geometry.shape(before[number])
            if not mine.is_valid:
                fault = "comes out invalid: " + shapely.validation.explain_validity(mine)
            elif verdict["outcome"] == "repaired":
                theirs = geos.structure_area(theirs)
                if theirs is not None and not areas_agree(mine.area, theirs, COARSE_SHARE):
                    fault = "area %.12g, GEOS %.12g" % (mine.area, theirs)
        corpus.judge("coarse/%d" % number, fault)


class Geos:
    """GEOSMakeValidWithParams with the structure method, which shapely 1.8 does not offer."""

    STRUCTURE = 1

    def __init__(self):
        self.lib = lib = ctypes.CDLL(ctypes.util.find_library("geos_c") or "libgeos_c.so.1")
        for name in ("init_r", "MakeValidParams_create_r", "GeomFromWKB_buf_r", "MakeValidWithParams_r"):
            getattr(lib, "GEOS_" + name if name == "init_r" else "GEOS" + name).restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(lib.GEOS_init_r())
        self.params = ctypes.c_void_p(lib.GEOSMakeValidParams_create_r(self.context))
        lib.GEOSMakeValidParams_setMethod_r(self.context, self.params, self.STRUCTURE)

    def structure_area(self, geometry):
        """Area of GEOS's repair; None where it fails."""
        lib, wkb, area = self.lib, geometry.wkb, ctypes.c_double()
        before = ctypes.c_void_p(lib.GEOSGeomFromWKB_buf_r(self.context, wkb, ctypes.c_size_t(len(wkb))))
        after = ctypes.c_void_p(lib.GEOSMakeValidWithParams_r(self.context, before, self.params))
        good = after.value and lib.GEOSArea_r(self.context, after, ctypes.byref(area)) == 1
        lib.GEOSGeom_destroy_r(self.context, after)
        lib.GEOSGeom_destroy_r(self.context, before)
        return area.value if good else None


def main(argv):
    if not argv or not os.path.isdir(argv[0]):
        raise SystemExit(__doc__)
    folder, wanted = argv[0], argv[1:]
    program = os.path.join(ROOT, os.environ.get("BUILD", "build"), "geosluice")
    reasons = read_reasons()
    unexplained = 0
    for name, runs in (("verdicts", [verdicts]), ("topology", [topology]), ("antimeridian", [antimeridian]),
                       ("large", [large, coarse])):
        if wanted and name not in wanted:
            continue
        corpus = Corpus(name, reasons)
        for run in runs:
            run(program, folder, corpus)
        unexplained += corpus.tell()
    print("%d disagreements are not explained" % unexplained)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
