"""openapi.yaml describes exactly what is served: the traffic of the other tests, held against it.

In:  GEOSLUICE_TRAFFIC, one JSON line per request, as harness.py notes them. tests/run runs this last.
"""
import json
import os
import re
import unittest

import jsonschema
import yaml

from harness import ROOT

# What a test sends to see it refused: of these the answer alone is checked, for no path describes them.
REFUSED = (404, 405)


def media_type(value):
    return (value or "").split(";")[0].strip()


class Contract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(ROOT, "openapi.yaml"), encoding="utf-8") as f:
            cls.doc = yaml.safe_load(f)
        with open(os.environ["GEOSLUICE_TRAFFIC"], encoding="utf-8") as f:
            noted = [json.loads(line) for line in f]
        cls.traffic = [n for n in noted if "status" in n]
        cls.calls = [n for n in noted if "status" not in n]
        cls.paths = [(re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), path, item)
                     for path, item in cls.doc["paths"].items()]

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            found = self.doc
            for part in node["$ref"].lstrip("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def fits(self, schema, value):
        """None, or words on the first fault."""
        whole = {"allOf": [schema], "components": self.doc["components"]}
        fault = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(whole).iter_errors(value))
        return fault and "%s at %s" % (fault.message[:300], "/".join(map(str, fault.absolute_path)))

    def operation(self, seen):
        path = seen["path"].split("?")[0]
        for pattern, name, item in self.paths:
            if pattern.match(path) and seen["method"].lower() in item:
                return name, item[seen["method"].lower()]
        return path, None

    def test_the_description_is_sound(self):
        self.assertTrue(self.doc["openapi"].startswith("3.1"))
        for name, schema in self.doc["components"]["schemas"].items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)
        text = json.dumps(self.doc)
        for ref in set(re.findall(r'"\$ref": "([^"]+)"', text)):
            with self.subTest(ref):
                self.resolve({"$ref": ref})
        ids = re.findall(r'"operationId": "([^"]+)"', text)
        self.assertEqual(len(ids), len(set(ids)))
        self.assertTrue(any("callbacks" in op for item in self.doc["paths"].values() for op in item.values()
                            if isinstance(op, dict)))

    def test_all_that_was_served_is_described(self):
        self.assertGreater(len(self.traffic), 100)
        told = set()
        for seen in self.traffic:
            fault = self.fault_of(seen)
            if fault and fault not in told:
                told.add(fault)
                with self.subTest("%s %s" % (seen["method"], seen["path"])):
                    self.fail(fault)

    def fault_of(self, seen):
        name, operation = self.operation(seen)
        kind = media_type(seen["headers"].get("content-type"))
        if operation is None:
            if seen["status"] not in REFUSED:
                return "%s %s is answered %d but not described" % (seen["method"], name, seen["status"])
            schema = {"$ref": "#/components/schemas/Problem"}
            return self.fault_of_body(seen, schema, "%s %s %d" % (seen["method"], name, seen["status"]))
        where = "%s %s %d" % (seen["method"], name, seen["status"])
        response = operation["responses"].get(str(seen["status"]), operation["responses"].get("default"))
        if response is None:
            return where + " is not described"
        response = self.resolve(response)
        for header in response.get("headers", {}):
            if self.resolve(response["headers"][header]).get("required") and header.lower() not in seen["headers"]:
                return "%s lacks the header %s" % (where, header)
        content = response.get("content", {})
        if not seen["body"] and not content:
            return None
        if kind not in [media_type(k) for k in content]:
            return "%s has the type %s, which is not described" % (where, kind)
        schema = next(v for k, v in content.items() if media_type(k) == kind).get("schema", {})
        return self.fault_of_body(seen, schema, where)

    def fault_of_body(self, seen, schema, where):
        if "json" not in seen["headers"].get("content-type", "") or not seen["whole"]:
            return None
        # A sequence of records is a string to a schema.
        value = seen["body"] if self.resolve(schema).get("type") == "string" else json.loads(seen["body"])
        fault = self.fits(schema, value)
        return fault and "%s: %s" % (where, fault)

    def test_callbacks_are_as_described(self):
        self.assertTrue(self.calls)
        described = self.doc["paths"]["/v1/ingest/{source}"]["post"]["callbacks"]
        post = next(iter(next(iter(described.values())).values()))["post"]
        content = self.resolve(post["requestBody"])["content"]
        for call in self.calls:
            self.assertIn(call["headers"]["content-type"], content)
            self.assertIsNone(self.fits(content[call["headers"]["content-type"]]["schema"], json.loads(call["body"])))
            for parameter in map(self.resolve, post.get("parameters", [])):
                if parameter["in"] == "header" and parameter.get("required"):
                    self.assertIn(parameter["name"].lower(), call["headers"])

    def test_all_that_is_described_was_served(self):
        served = {(self.operation(seen)[0], seen["method"].lower()) for seen in self.traffic}
        for _, path, item in self.paths:
            for method in item:
                if method in ("get", "post", "delete", "put"):
                    with self.subTest("%s %s" % (method, path)):
                        self.assertIn((path, method), served)
