"""`make demo`, as a newcomer uses it: what is no document is refused in words, and nothing is left running."""
import fcntl
import gzip
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import PATIENCE_S, ROOT, children, collection, until
from harness import BOW_TIE, FAR_AWAY, SOUND

DEMO = os.path.join(ROOT, "tools", "demo")


class Demo(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="geosluice-demo-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.dir = os.path.join(self.folder, "demo")
        self.environ = dict(os.environ, DEMO_DIR=self.dir)

    def file(self, name, body):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(body)
        return path

    def begin(self, path, **environ):
        return subprocess.Popen([DEMO, path], env=dict(self.environ, **environ), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run_it(self, path, **environ):
        """(exit code, what it says)"""
        process = self.begin(path, **environ)
        said, _ = process.communicate(timeout=4 * PATIENCE_S)
        return process.returncode, said

    def test_a_packed_file_through_no_proxy(self):
        # The name does not say that it is packed; the proxy is not there.
        path = self.file("packed", gzip.compress(collection(SOUND, BOW_TIE, FAR_AWAY)))
        code, said = self.run_it(path, http_proxy="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")
        self.assertEqual(code, 0, said)
        for words in ("features    3", "1  SELF_INTERSECTION", "1  LON_RANGE", "signature verified",
                      "results.geojson", "All as it should be."):
            self.assertIn(words, said)
        for name in ("results.geojson", "report.ndjson"):
            self.assertTrue(os.path.getsize(os.path.join(self.dir, name)))

    def test_what_is_no_document_is_refused_in_words(self):
        whole = gzip.compress(collection(SOUND))
        for path, words in ((os.path.join(self.folder, "nowhere"), "there is no such file"),
                            (self.folder, "not a file"),
                            (self.file("empty", b""), "the file is empty"),
                            (self.file("cut.gz", whole[:-12]), "cannot be read"),
                            (self.file("head.gz", b"\x1f\x8b"), "cannot be read"),
                            (self.file("broken.gz", whole[:30] + b"?" * 40), "cannot be read")):
            with self.subTest(path):
                code, said = self.run_it(path)
                self.assertEqual(code, 1, said)
                self.assertIn("%s: %s" % (path, words), said)
                self.assertNotIn("Traceback", said)

    def test_a_document_that_the_server_does_not_take(self):
        code, said = self.run_it(self.file("broken.geojson", b'{"type":"FeatureCollection","features":['))
        self.assertEqual(code, 1, said)
        self.assertIn("JSON_TRUNCATED", said)
        self.assertIn("The demo failed.", said)

    def test_a_file_of_the_last_demo_is_not_deleted(self):
        os.mkdir(self.dir)
        path = self.file("demo/results.geojson", collection(SOUND))
        code, said = self.run_it(path)
        self.assertEqual(code, 1, said)
        self.assertTrue(os.path.exists(path))

    def test_another_one_at_the_same_time(self):
        with open(self.dir + ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            code, said = self.run_it(self.file("a.geojson", collection(SOUND)))
        self.assertEqual(code, 1, said)
        self.assertIn("another demo is under way", said)

    def test_when_it_is_ended_all_ends(self):
        path = self.file("a.geojson", collection(SOUND))
        for signum in (signal.SIGINT, signal.SIGTERM):
            process = self.begin(path)
            up = until(lambda: children(process.pid), "it has started something")[0]
            process.send_signal(signum)
            said, _ = process.communicate(timeout=4 * PATIENCE_S)
            self.assertEqual(process.returncode, 1, said)
            self.assertNotIn("Traceback", said)
            self.assertFalse(os.path.exists("/proc/%d" % up))


if __name__ == "__main__":
    unittest.main()
