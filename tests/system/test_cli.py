"""The geosluice command: on files without Redis, and against a running server."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import (BOW_TIE, BUILD, FAR_AWAY, PATIENCE_S, SECRETS, SOUND, UNCLOSED, StackTest, children, collection,
                     feature, is_alive, mixed, until)

GEOSLUICE = os.path.join(BUILD, "geosluice")


def run(*args, cwd=None, stdin=None, code=0, environ=None):
    """What it writes to standard output; its exit code has to be `code`."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GEOSLUICE_")}
    env.update(environ or {})
    done = subprocess.run([GEOSLUICE, *args], cwd=cwd, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=4 * PATIENCE_S, env=env, check=False)
    assert done.returncode == code, "%r ended with %d: %s %s" % (
        args, done.returncode, done.stdout[-500:].decode(), done.stderr[-1500:].decode())
    return done.stdout


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line]


class OnFiles(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="geosluice-test-")
        self.addCleanup(shutil.rmtree, self.dir)

    def file(self, name, body):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(body)
        return path

    def test_check_gives_a_verdict_per_feature(self):
        path = self.file("a.geojson", collection(SOUND, BOW_TIE, UNCLOSED, FAR_AWAY))
        told = lines(run("check", path, code=1))
        self.assertEqual([t["outcome"] for t in told], ["accepted", "repaired", "rejected", "rejected"])
        self.assertEqual([t["index"] for t in told], [0, 1, 2, 3])
        self.assertEqual([t["id"] for t in told], [1, 2, 3, 4])
        self.assertEqual({t["file"] for t in told}, {path})
        self.assertNotIn("code", told[0])
        self.assertEqual(told[1]["at"], [1, 1])
        self.assertEqual(told[2]["code"], "RING_UNCLOSED")
        self.assertTrue(told[2]["section"].startswith("RFC 7946"))
        self.assertEqual(told[3]["path"], "/features/3/geometry/coordinates")

    def test_check_says_by_its_exit_code_how_it_went(self):
        run("check", self.file("good.geojson", collection(SOUND)))
        run("check", self.file("some.geojson", collection(SOUND, FAR_AWAY)), code=1)
        broken = self.file("broken.geojson", collection(SOUND)[:-3])
        told = lines(run("check", broken, code=2))
        self.assertEqual((told[-1]["outcome"], told[-1]["code"]), ("failed", "JSON_TRUNCATED"))
        run("check", os.path.join(self.dir, "not-there.geojson"), code=2)

    def test_convert_writes_a_sequence_of_valid_features(self):
        point = feature({"type": "Point", "coordinates": [10, 50]})
        path = self.file("a.geojson", collection(point, BOW_TIE, FAR_AWAY))
        out = os.path.join(self.dir, "out.geojsonl")
        run("convert", "--to", "EPSG:3857", "-o", out, path, code=1)
        with open(out, "rb") as f:
            made = lines(f.read().replace(b"\x1e", b""))
        self.assertEqual([f["geometry"]["type"] for f in made], ["Point", "MultiPolygon"])
        self.assertAlmostEqual(made[0]["geometry"]["coordinates"][0], 1113194.9079, 3)
        again = lines(run("convert", "--to", "EPSG:3857", path, code=1).replace(b"\x1e", b""))
        self.assertEqual(again, made)
        back = self.file("back.geojson", collection(*made))
        home = lines(run("convert", "--from", "EPSG:3857", back).replace(b"\x1e", b""))
        self.assertAlmostEqual(home[0]["geometry"]["coordinates"][0], 10, 7)

    def test_convert_with_an_unknown_crs(self):
        path = self.file("a.geojson", collection(SOUND))
        for option in ("--to", "--from"):
            run("convert", option, "EPSG:999999", path, code=2)

    def test_convert_says_nothing_of_a_first_reading_by_the_wrong_crs(self):
        metres = feature({"type": "Point", "coordinates": [500000, 5300000]})
        late = {"type": "FeatureCollection", "features": [metres],
                "crs": {"type": "name", "properties": {"name": "EPSG:3857"}}}
        done = subprocess.run([GEOSLUICE, "convert", self.file("late.geojson", json.dumps(late).encode())],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertAlmostEqual(lines(done.stdout)[0]["geometry"]["coordinates"][0], 4.4915764, 7)

    def test_output_that_cannot_be_written_is_told(self):
        path = self.file("a.geojson", collection(SOUND))
        for command in (["check", path], ["convert", path], ["settings"]):
            for closing in ("> /dev/full", ">&-"):
                with self.subTest(command=command[0], closing=closing):
                    done = subprocess.run(["sh", "-c", '"$@" ' + closing, "sh", GEOSLUICE, *command],
                                          stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
                    self.assertEqual(done.returncode, 2)
                    self.assertIn(b"geosluice: ", done.stderr)

    def test_convert_writes_into_what_is_no_plain_file(self):
        path = self.file("a.geojson", collection(SOUND))
        for behind, code in ((self.file("behind.geojsonl", b"old"), 0), ("/dev/full", 2)):
            with self.subTest(behind):
                link = os.path.join(self.dir, "link-%d" % code)
                os.symlink(behind, link)
                run("convert", "-o", link, path, code=code)
                self.assertTrue(os.path.islink(link))
        with open(os.path.join(self.dir, "link-0"), "rb") as f:
            self.assertEqual(f.read(), run("convert", path))

    def test_wrong_arguments_are_refused_in_words(self):
        for args in ([], ["frobnicate"], ["check"], ["convert"], ["send"], ["check", "--frobnicate", "x"]):
            with self.subTest(args):
                done = subprocess.run([GEOSLUICE, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
                self.assertEqual(done.returncode, 2)
                self.assertIn(b"usage", done.stderr.lower())
        self.assertIn(b"check", run("--help"))
        self.assertRegex(run("--version").decode(), r"\d+\.\d+\.\d+")


class AgainstAServer(StackTest):
    def setUp(self):
        self.url = "http://%s:%d" % self.stack.address
        self.secret = ["--secret", SECRETS["acme"]]

    def send(self, path, *more, **kwargs):
        return run("send", "--url", self.url, "--source", "acme", *self.secret, *more, path, **kwargs)

    def file(self, body, name="doc.geojson"):
        path = os.path.join(self.stack.dir, name)
        with open(path, "wb") as f:
            f.write(body)
        return path

    def test_send_and_wait(self):
        body, rejected = mixed(3000)
        said = self.send(self.file(body), "--wait", code=1).decode()
        info = self.job_of(said)
        self.check_counts(info, 3000, rejected=rejected)

    def job_of(self, said):
        """The job that `send` names."""
        return self.stack.job(re.search(r"\b0-[0-9a-z]{26}\b", said).group(0))

    def test_send_from_standard_input(self):
        said = self.send("-", "--wait", stdin=collection(SOUND)).decode()
        self.check_counts(self.job_of(said), 1, rejected=0)

    def test_send_with_a_wrong_secret(self):
        self.secret = ["--secret", "whsec_AAAA"]
        self.send(self.file(collection(SOUND)), code=2)

    def test_job_waits_for_the_end(self):
        job = self.stack.post("acme", collection(SOUND)).json()["jobID"]
        said = run("job", "--url", self.url, "--wait", job)
        self.assertIn(b"successful", said)
        run("job", "--url", self.url, "0-00000000000000000000000000", code=2)

    def test_dead_letters_are_listed_shown_and_replayed(self):
        job, _ = self.stack.run("acme", collection(FAR_AWAY))
        listed = run("dlq", "list", "--url", self.url).decode()
        letter = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"][0]["id"]
        self.assertIn(letter, listed)
        self.assertIn(b"LON_RANGE", run("dlq", "show", "--url", self.url, letter))
        said = run("dlq", "replay", "--url", self.url, letter).decode()
        self.assertEqual(self.stack.wait_for(self.job_of(said)["jobID"])["counts"]["rejected"], 1)

    def edit(self, letter, editor, code=0):
        """dlq edit with a script as the editor."""
        path = os.path.join(self.stack.dir, "editor")
        with open(path, "w") as f:
            f.write("#!/bin/sh\n" + editor)
        os.chmod(path, 0o755)
        return run("dlq", "edit", "--url", self.url, letter, code=code, environ={"VISUAL": path, "EDITOR": "false"})

    def test_a_dead_letter_is_mended_in_an_editor_and_replayed(self):
        job, _ = self.stack.run("acme", collection(dict(FAR_AWAY, properties={"name": "é\t\"\\\U0001f600"})))
        letter = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"][0]["id"]
        self.edit(letter, "true", code=2)       # as it was
        self.edit(letter, "sed -i s/400/40/ \"$1\"; false", code=2)
        self.edit(letter, ": > \"$1\"", code=2)
        self.assertIsNone(self.stack.redis("HGET", "gs:{p0}:replayed", letter[2:]))
        again = self.job_of(self.edit(letter, "sed -i s/400/40/ \"$1\"").decode())["jobID"]
        self.assertEqual(self.stack.wait_for(again)["counts"]["accepted"], 1)
        result = self.stack.get("/v1/jobs/%s/results" % again, "application/geo+json-seq").lines()[0]
        self.assertEqual(result["geometry"]["coordinates"], [40, 1])
        self.assertEqual(result["properties"]["name"], "é\t\"\\\U0001f600")

    def test_a_dead_letter_is_mended_from_a_file(self):
        letters = []
        for _ in range(2):
            job, _ = self.stack.run("acme", collection(FAR_AWAY))
            letters.append(self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"][0]["id"])
        mended = json.dumps(SOUND).encode()
        for letter, path, stdin in ((letters[0], self.file(mended), None), (letters[1], "-", mended)):
            said = run("dlq", "edit", "--url", self.url, letter, "--file", path, stdin=stdin).decode()
            self.assertEqual(self.stack.wait_for(self.job_of(said)["jobID"])["counts"]["accepted"], 1)
        run("dlq", "edit", "--url", self.url, letters[0], "--file", "/nowhere", code=2)


class Up(unittest.TestCase):
    def test_up_brings_everything_up_and_takes_it_down(self):
        folder = tempfile.mkdtemp(prefix="geosluice-test-")
        self.addCleanup(shutil.rmtree, folder)
        config = os.path.join(folder, "geosluice.ini")
        with open(config, "w") as f:
            f.write("[server]\nlisten = 127.0.0.1:0\n[source acme]\nsecret = %s\n" % SECRETS["acme"])
        log = os.path.join(folder, "log")
        env = {k: v for k, v in os.environ.items() if not k.startswith("GEOSLUICE_")}
        with open(log, "wb") as f:
            up = subprocess.Popen([GEOSLUICE, "up", "--dir", folder + "/var", "--config", config], env=env,
                                  stdin=subprocess.DEVNULL, stdout=f, stderr=f)
        try:
            def said():
                with open(log, errors="replace") as f:
                    return f.read()
            address = until(lambda: next((w.split("=", 1)[1] for line in said().splitlines()
                                          if "event=listening" in line for w in line.split()
                                          if w.startswith("addr=")), None), "it listens: " + said())
            path = os.path.join(folder, "a.geojson")
            with open(path, "wb") as f:
                f.write(collection(SOUND))
            run("send", "--url", "http://" + address.strip('"'), "--source", "acme", "--secret", SECRETS["acme"],
                "--wait", path)
        finally:
            family = [p for child in children(up.pid) for p in [child] + children(child)]
            up.send_signal(signal.SIGINT)
            code = up.wait(PATIENCE_S)
        self.assertEqual(code, 0, said())
        self.assertGreaterEqual(len(family), 4)
        for pid in family:
            self.assertFalse(is_alive(pid))


if __name__ == "__main__":
    unittest.main()
