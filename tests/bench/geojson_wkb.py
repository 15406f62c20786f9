#!/usr/bin/env python3
"""Polygons and MultiPolygons of a GeoJSON file (or .gz) as lines of WKB in hex, for bench_repair.

usage: geojson_wkb.py FILE > OUT
"""
import gzip
import json
import struct
import sys


def wkb_polygon(rings, dims):
    out = [struct.pack("<BII", 1, 1003 if dims == 3 else 3, len(rings))]
    for ring in rings:
        out.append(struct.pack("<I", len(ring)))
        for p in ring:
            p = (list(p) + [float("nan")])[:dims]
            out.append(struct.pack("<%dd" % dims, *p))
    return b"".join(out)


def wkb(geometry):
    parts = geometry["coordinates"]
    if geometry["type"] == "Polygon":
        parts = [parts]
    dims = 3 if any(len(p) > 2 for part in parts for ring in part for p in ring) else 2
    if geometry["type"] == "Polygon":
        return wkb_polygon(parts[0], dims)
    head = struct.pack("<BII", 1, 1006 if dims == 3 else 6, len(parts))
    return head + b"".join(wkb_polygon(part, dims) for part in parts)


def main():
    name = sys.argv[1]
    with gzip.open(name) if name.endswith(".gz") else open(name, "rb") as f:
        document = json.load(f)
    for feature in document["features"]:
        geometry = feature.get("geometry")
        if isinstance(geometry, dict) and geometry.get("type") in ("Polygon", "MultiPolygon"):
            try:
                print(wkb(geometry).hex())
            except (struct.error, TypeError, KeyError):
                pass    # a made document has positions that are none


main()
