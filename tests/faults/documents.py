"""Documents with known answers, each made from a seed and a number, and made again when it is checked.

In:  (seed, number). Out: a Document: its text and bytes, how it is sent, and what has to come of every feature.
"""
import json
import math
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fakes"))
from encode import ENCODERS     # noqa: E402

EARTH_M = 6378137.0
RS = b"\x1e"
WORLD = b'"bbox":[-180,-90,180,90]'

# The code, and the geometry that it is given for; None: see _rejected.
FAULTY = [
    ("LON_RANGE", {"type": "Point", "coordinates": [400, 1]}),
    ("POSITION_SHORT", {"type": "Point", "coordinates": [1]}),
    ("POSITION_TYPE", {"type": "Point", "coordinates": ["1", 2]}),
    ("LINE_SHORT", {"type": "LineString", "coordinates": [[1, 2]]}),
    ("RING_SHORT", {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]}),
    ("RING_UNCLOSED", {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2]]]}),
    ("REPAIR_TYPE_CHANGED", {"type": "LineString", "coordinates": [[1, 1], [1, 1]]}),
    ("TYPE_UNKNOWN", {"type": "Pont", "coordinates": [1, 2]}),
    ("FEATURE_GEOMETRY_MISSING", None),
    ("FEATURE_NOT_OBJECT", None),
]

# kind, weight, source
KINDS = [
    ("collection", 70, "acme"), ("collection", 8, "metric"), ("collection", 5, "hub"), ("collection", 3, "quiet"),
    ("sequence", 3, "acme"), ("lines", 2, "acme"), ("feature", 2, "acme"), ("crs_behind", 2, "acme"),
    ("broken", 3, "acme"), ("cut_short", 2, "acme"),
]
# features: from, to, weight
SIZES = [(1, 10, 60), (20, 200, 26), (500, 1500, 11), (3000, 8000, 3)]

CUT = ("collection", "broken", "cut_short")      # into chunks, where they are long enough
ENCODINGS = (None, None, None, "gzip", "zstd")
TYPES = {"sequence": "application/geo+json-seq", "lines": "application/x-ndjson"}


def metres(lon, lat):
    """Spherical Mercator (EPSG:3857)."""
    return [EARTH_M * math.radians(lon), EARTH_M * math.log(math.tan(math.pi / 4 + math.radians(lat) / 2))]


def moved(coordinates):
    if isinstance(coordinates[0], (int, float)):
        return metres(*coordinates)
    return [moved(c) for c in coordinates]


class Feature:
    """outcome: accepted, repaired or rejected; text: the object as it is sent; code: why not accepted."""

    def __init__(self, outcome, text, code=None, bow=None):
        self.outcome, self.text, self.code, self.bow = outcome, text, code, bow


def _square(x, y, s):
    return [[x, y], [x + s, y], [x + s, y + s], [x, y + s], [x, y]]


def _sound(rng):
    x, y = round(rng.uniform(-170, 160), 5), round(rng.uniform(-75, 70), 5)
    kind = rng.randrange(4)
    if kind == 0:
        return {"type": "Point", "coordinates": [x, y]}
    if kind == 1:
        return {"type": "LineString", "coordinates": [[x, y], [x + 1.5, y + 0.25], [x + 2, y]]}
    if kind == 2:
        return {"type": "Polygon", "coordinates": [_square(x, y, 2), _square(x + 0.5, y + 0.5, 1)[::-1]]}
    return {"type": "MultiPolygon", "coordinates": [[_square(x, y, 1)], [_square(x + 2, y, 1)]]}


def _properties(rng, number, i):
    return {"doc": number, "n": i, "name": "nº %d ✓" % i, "big": 12345678901234567890 + i,
            "note": "x" * rng.choice((0, 10, 60)), "deep": {"a": [1, None, True, {"b": -0.5}]}}


def _rejected(rng, head):
    code, geometry = rng.choice(FAULTY)
    if code == "FEATURE_NOT_OBJECT":
        return Feature("rejected", 17, code)
    if geometry is not None:
        head["geometry"] = geometry
    return Feature("rejected", head, code)


def _feature(rng, number, i, plain):
    head = {"type": "Feature", "id": "%d-%d" % (number, i), "properties": _properties(rng, number, i)}
    dice = rng.random()
    if plain or dice < 0.84:
        head["geometry"] = _sound(rng)
        return Feature("accepted", head)
    if dice < 0.92:
        x, y = round(rng.uniform(-170, 160), 3), round(rng.uniform(-75, 70), 3)
        head["geometry"] = {"type": "Polygon", "coordinates":
                            [[[x, y], [x + 2, y + 2], [x + 2, y], [x, y + 2], [x, y]]]}
        return Feature("repaired", head, "SELF_INTERSECTION", (x, y))
    return _rejected(rng, head)


class Document:
    def __init__(self, seed, number):
        rng = random.Random("document %s %d" % (seed, number))
        self.number = number
        kind, _, self.source = rng.choices(KINDS, [k[1] for k in KINDS])[0]
        low, high, _ = rng.choices(SIZES, [s[2] for s in SIZES])[0]
        n = 1 if kind == "feature" else rng.randint(low, high)
        self.kind = kind
        # The first two records have to be sound: by them a sequence is known to be one.
        self.features = [_feature(rng, number, i, kind == "crs_behind" or kind in TYPES and i < 2) for i in range(n)]
        self.content_type = TYPES.get(kind, "application/geo+json")
        self.delivery = "msg_%s_%d" % (seed, number)
        self.status, self.code = "successful", None
        self.text = self._text()
        self.encoding = ENCODINGS[number % len(ENCODINGS)]
        self.body = ENCODERS[self.encoding](self.text) if self.encoding else self.text
        for f in self.features:
            if f.code == "FEATURE_NOT_OBJECT" and kind in TYPES:
                f.code = "SEQ_RECORD"

    def _text(self):
        texts = [json.dumps(f.text, ensure_ascii=False).encode() for f in self.features]
        if self.kind == "sequence":
            return b"".join(RS + t + b"\n" for t in texts)
        if self.kind == "lines":
            return b"".join(t + b"\n" for t in texts)
        if self.kind == "feature":
            if not isinstance(self.features[0].text, dict):     # a document that is no object at all
                self.features = [Feature("accepted", {"type": "Feature", "id": "one", "properties": None,
                                                      "geometry": {"type": "Point", "coordinates": [1, 2]}})]
                return json.dumps(self.features[0].text).encode()
            return texts[0]
        head, tail = b'{"type":"FeatureCollection","features":[', b"]}"
        if self.kind == "collection" and self.number % 4 == 0:
            head = head.replace(b'"features"', WORLD + b',"features"')
        elif self.kind == "collection" and self.number % 4 == 1:
            tail = b"]," + WORLD + b"}"
        if self.kind == "crs_behind":
            tail = b'],"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3857"}}}'
            texts = [self._in_metres(f) for f in self.features]
        elif self.kind == "broken":
            self.status, self.code, tail = "failed", "JSON_SYNTAX", b",}]}"
        elif self.kind == "cut_short":
            self.status, self.code, tail = "failed", "JSON_TRUNCATED", b""
        return head + b",".join(texts) + tail

    @staticmethod
    def _in_metres(f):
        copy = dict(f.text)
        copy["geometry"] = dict(copy["geometry"], coordinates=moved(copy["geometry"]["coordinates"]))
        return json.dumps(copy, ensure_ascii=False).encode()

    @property
    def has_callback(self):
        return self.source != "quiet"

    def counts(self):
        of = [f.outcome for f in self.features] if self.status == "successful" else []
        return {"features": len(of), **{o: of.count(o) for o in ("accepted", "repaired", "rejected")}}


def close(a, b, within):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return abs(a - b) <= within
    return (isinstance(a, list) and isinstance(b, list) and len(a) == len(b)
            and all(close(x, y, within) for x, y in zip(a, b)))


def area(polygons):
    total = 0.0
    for rings in polygons:
        for ring in rings:
            total += sum(p[0] * q[1] - q[0] * p[1] for p, q in zip(ring, ring[1:])) / 2
    return total


def _positions(coordinates):
    if isinstance(coordinates[0], (int, float)):
        return [coordinates]
    return [p for c in coordinates for p in _positions(c)]


def fault_of_bbox(doc, results):
    """What is wrong with the bbox of the delivered collection; None if nothing is."""
    have = results.get("bbox")
    every = [p for f in results["features"] for p in _positions(f["geometry"]["coordinates"])]
    if WORLD not in doc.text or not every:
        return None if have is None else "a bbox from nowhere"
    if have is None:
        return "no bbox"
    x, y = [p[0] for p in every], [p[1] for p in every]
    if (have[1], have[3]) != (min(y), max(y)):
        return "another south or north"
    if have[0] <= have[2]:
        return None if (have[0], have[2]) == (min(x), max(x)) else "another west or east"
    inner = [v for v in x if have[2] < v < have[0]]
    narrow = have[2] + 360 - have[0] < max(x) - min(x)
    return None if have[0] in x and have[2] in x and not inner and narrow else "another way round the world"


def fault_of_result(doc, f, got):
    """What is wrong with the result `got` of feature f; None if nothing is."""
    if not isinstance(got, dict) or got.get("id") != f.text["id"]:
        return "another feature"
    if got.get("properties") != f.text["properties"]:
        return "other properties"
    want, have = f.text["geometry"], got.get("geometry") or {}
    if f.outcome == "repaired":
        if have.get("type") != "MultiPolygon" or len(have["coordinates"]) != 2:
            return "not the two triangles of a bow-tie"
        if doc.source != "metric" and abs(area(have["coordinates"]) - 2) > 1e-6:
            return "another area"
        return None
    if have.get("type") != want["type"]:
        return "another type"
    if doc.source == "metric":
        good = close(have["coordinates"], moved(want["coordinates"]), 1e-4)
    elif doc.kind == "crs_behind":
        good = close(have["coordinates"], want["coordinates"], 1e-8)
    else:
        good = have["coordinates"] == want["coordinates"]
    return None if good else "other coordinates"
