#!/usr/bin/python3
"""What people write with json, shapely and pyproj: valid, in EPSG:3857, one feature a line. peer_shapely.py IN OUT."""
import json
import sys

import pyproj
import shapely.geometry
import shapely.ops
import shapely.validation

transform = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:3857", always_xy=True).transform
with open(sys.argv[1], encoding="utf-8") as f:
    document = json.load(f)
with open(sys.argv[2], "w", encoding="utf-8") as out:
    for feature in document["features"]:
        geometry = shapely.geometry.shape(feature["geometry"])
        if not geometry.is_valid:
            geometry = shapely.validation.make_valid(geometry)
        feature["geometry"] = shapely.geometry.mapping(shapely.ops.transform(transform, geometry))
        out.write(json.dumps(feature, ensure_ascii=False) + "\n")
