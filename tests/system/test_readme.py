"""What the README says can be typed, typed."""
import os
import re
import shutil
import subprocess
import unittest

from harness import PATIENCE_S, ROOT, Stack


class Readme(unittest.TestCase):
    def test_the_document_of_the_first_screen_is_posted(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
            blocks = re.findall(r"^```sh\n(.*?)^```", f.read(), re.M | re.S)
        config = re.search(r"<<'END'\n(.*?)^END", next(b for b in blocks if "geosluice.ini" in b), re.M | re.S).group(1)
        post = next(b for b in blocks if "curl -i" in b)
        self.assertTrue(shutil.which("curl") and shutil.which("openssl"), "curl and openssl are installed")
        stack = Stack(extra=config.replace("[source acme]", "[source readme]"))
        try:
            post = post.replace("127.0.0.1:8080", "%s:%d" % stack.address).replace("ingest/acme", "ingest/readme")
            done = subprocess.run(["bash", "-ec", post], cwd=stack.dir, stdout=subprocess.PIPE, timeout=PATIENCE_S,
                                  stderr=subprocess.PIPE, check=True)
            head = done.stdout.decode()
            self.assertIn(" 202 ", head.split("\n", 1)[0])
            job = re.search(r"^location: /v1/jobs/(\S+)", head, re.M | re.I).group(1)
            info = stack.wait_for(job)
            self.assertEqual(info["counts"], {"features": 3, "accepted": 1, "repaired": 1, "rejected": 1})
            told = stack.get("/v1/jobs/%s/report" % job).lines()
            self.assertEqual([(t["id"], t["code"]) for t in told],
                             [("bow", "SELF_INTERSECTION"), ("far", "LON_RANGE")])
            self.assertEqual(told[0]["at"], [1, 1])
        finally:
            stack.close()


if __name__ == "__main__":
    unittest.main()
