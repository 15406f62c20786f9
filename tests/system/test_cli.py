"""The geosluice command: on files without Redis, and against a running server."""
import gzip
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


def call(*args, stdin=None, environ=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("GEOSLUICE_")}
    return subprocess.run([GEOSLUICE, *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=PATIENCE_S, env=dict(env, **environ or {}), check=False)


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

    def test_a_locale_with_commas_changes_nothing(self):
        """A locale is made for it: a machine without any would let everything pass."""
        where = os.path.join(self.dir, "locale")
        os.mkdir(where)
        subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", os.path.join(where, "de_DE.UTF-8")], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PATIENCE_S)
        german = {"LC_ALL": "de_DE.UTF-8", "LOCPATH": where,
                  "ASAN_OPTIONS": "detect_leaks=0"}     # the C library keeps what it reads of LOCPATH
        said = subprocess.run(["locale", "decimal_point"], env=dict(os.environ, **german), stdout=subprocess.PIPE,
                              timeout=PATIENCE_S, check=True)
        self.assertEqual(said.stdout.strip(), b",")
        path = self.file("a.geojson", collection(feature({"type": "Point", "coordinates": [1.5, 2.25]}), BOW_TIE))
        for args in (("check",), ("convert", "--to", "EPSG:3857", "--precision", "3", "--max-area-loss", "0.25")):
            with self.subTest(args[0]):
                self.assertEqual(run(*args, path, environ=german), run(*args, path, environ={"LC_ALL": "C"}))

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

    def test_what_is_no_file_is_refused_in_words(self):
        good, whole = self.file("a.geojson", collection(SOUND)), gzip.compress(collection(SOUND))
        for path, words in ((self.dir, b"a folder"), (self.dir + "/none", b"No such file"),
                            (self.file("cut.gz", whole[:-12]), b"ends too early"),
                            (self.file("bad.gz", whole[:30] + b"?" * 40), b"damaged")):
            for command in ("check", "convert"):
                with self.subTest(command + " " + path):
                    done = call(command, path)
                    self.assertEqual((done.returncode, done.stderr.count(path.encode())), (2, 1), done)
                    self.assertIn(words, done.stderr)
        # The others of a list are checked all the same.
        told = lines(run("check", good, self.dir, good, code=2))
        self.assertEqual([t["outcome"] for t in told], ["accepted", "failed", "accepted"])

    def test_packed_files_and_pipes(self):
        body = collection(SOUND, BOW_TIE)
        plain = lines(run("check", "-", stdin=body))
        self.assertEqual([t["outcome"] for t in plain], ["accepted", "repaired"])
        self.assertEqual(lines(run("check", "-", stdin=gzip.compress(body))), plain)
        self.assertEqual(run("convert", self.file("a.gz", gzip.compress(body))), run("convert", self.file("a", body)))

    def test_temporary_files_go_where_they_are_wanted(self):
        path = self.file("a.geojson", collection(SOUND))
        for command in (["check", path], ["check", "-"], ["convert", path], ["sign", "--secret", "s", "-"],
                        ["send", "--source", "acme", "--secret", "s", "--gzip", path]):
            with self.subTest(command):
                done = call(*command, stdin=collection(SOUND), environ={"TMPDIR": self.dir + "/none"})
                self.assertEqual(done.returncode, 2, done)
                self.assertIn(b"temporary file: No such file", done.stderr)
        run("check", "-", stdin=collection(SOUND), environ={"TMPDIR": self.dir})
        self.assertEqual(os.listdir(self.dir), ["a.geojson"])

    def test_convert_leaves_nothing_unfinished(self):
        out = os.path.join(self.dir, "out.geojsonl")
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Where this runs in the background, a shell may have had SIGINT ignored.
            process = subprocess.Popen([GEOSLUICE, "convert", "-o", out, "-"], stdin=subprocess.PIPE,
                                       preexec_fn=lambda s=signum: signal.signal(s, signal.SIG_DFL))
            try:
                until(lambda: os.listdir(self.dir), "it writes")
                process.send_signal(signum)
                self.assertEqual(process.wait(PATIENCE_S), -signum)
            finally:
                process.kill()
                process.stdin.close()
                process.wait()
            self.assertEqual(os.listdir(self.dir), [])
        done = call("convert", "-o", self.dir, "-", stdin=collection(SOUND))
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"Is a directory", done.stderr)

    def test_a_secret_may_come_through_a_pipe(self):
        path = self.file("a.geojson", collection(SOUND))
        same = ["sign", "--scheme", "github", "--id", "1"]
        for given, code in ((b"key", 0), (b"key\n", 0), (b"k" * 5000, 2), (b"k\0ey", 2), (b"", 2)):
            with self.subTest(given[:5]):
                done = subprocess.run(["bash", "-c", 'cat | "$@" --secret-file <(cat) "$FILE"', "bash", GEOSLUICE,
                                       *same], input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                                      timeout=PATIENCE_S, env=dict(os.environ, FILE=path))
                self.assertEqual(done.returncode, code, done)
                if code == 0:
                    self.assertEqual(done.stdout, run(*same, "--secret", "key", path))

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

    def rights(self, path):
        found = os.stat(path)
        return found.st_mode & 0o7777, found.st_uid, found.st_gid

    def test_convert_keeps_the_rights_of_what_it_replaces(self):
        path, out, new = self.file("a.geojson", collection(SOUND)), self.file("out", b"old"), self.dir + "/new"
        for mode in (0o600, 0o640, 0o666, 0o406):
            os.chmod(out, mode)
            before = self.rights(out)
            run("convert", "-o", out, path)
            self.assertEqual(self.rights(out), before)
        umask = os.umask(0)
        os.umask(umask)
        run("convert", "-o", new, path)
        self.assertEqual(self.rights(new)[0], 0o666 & ~umask)

    @unittest.skipIf(os.geteuid() != 0, "only root can make files for others")
    def test_convert_gives_nobody_more_than_there_was(self):
        program, out = self.dir + "/geosluice", self.dir + "/out"
        shutil.copy(GEOSLUICE, program)
        os.chmod(self.dir, 0o777)
        for who, mode, owner, group, want in (
                (0, 0o640, 1001, 1002, (0o640, 1001, 1002)),            # root can keep all
                (1003, 0o640, 1001, 1002, (0o600, 1003, 1003)),
                (1003, 0o644, 1001, 1003, (0o644, 1003, 1003)),
                (1003, 0o606, 1001, 1002, (0o600, 1003, 1003)),         # the group had less than all others
                (1003, 0o666, 1001, 1002, (0o666, 1003, 1003)),
                (1003, 0o464, 1003, 1002, (0o444, 1003, 1003))):        # its own, of a group that it has left
            with self.subTest(who=who, mode=oct(mode), owner=owner, group=group):
                with open(out, "wb") as f:
                    os.fchown(f.fileno(), owner, group)
                    os.fchmod(f.fileno(), mode)
                done = subprocess.run([program, "convert", "-o", out, "-"], input=collection(SOUND), check=False,
                                      stderr=subprocess.PIPE, timeout=PATIENCE_S, user=who, group=who, extra_groups=[])
                self.assertEqual((done.returncode, self.rights(out)), (0, want), done)
                os.unlink(out)

    def test_wrong_arguments_are_refused_in_words(self):
        for args in ([], ["frobnicate"], ["check"], ["convert"], ["send"], ["check", "--frobnicate", "x"]):
            with self.subTest(args):
                done = subprocess.run([GEOSLUICE, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
                self.assertEqual(done.returncode, 2)
                self.assertIn(b"usage", done.stderr.lower())
        self.assertIn(b"check", run("--help"))
        for command in ("up", "check", "convert", "send", "job", "dlq", "sign", "settings"):
            self.assertIn(b"usage: geosluice " + command.encode(), run(command, "--help"))
        self.assertRegex(run("--version").decode(), r"\d+\.\d+\.\d+")


class AgainstAServer(StackTest):
    EXTRA = "[worker]\ndead_letter_bytes = 1000\n"

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

    def test_send_what_is_packed_already(self):
        body = collection(SOUND, BOW_TIE)
        for name, packed in (("a.geojson.gz", gzip.compress(body)), ("b.zst", self.zstd(body)),
                             ("c.ndjson.gz", gzip.compress(json.dumps(SOUND).encode() + b"\n"))):
            for more in ([], ["--zstd"], ["--scheme", "standard-webhooks"]):
                said = self.send(self.file(packed, name), "--wait", *more).decode()
                job = self.job_of(said)
                self.assertEqual(job["bytes"]["received"], len(packed), name)
                self.check_counts(job, 1 if "ndjson" in name else 2, rejected=0)

    @staticmethod
    def zstd(body):
        """A frame of one raw block: RFC 8878, section 3.1.1."""
        head = (len(body) << 3 | 1).to_bytes(3, "little")
        return b"\x28\xb5\x2f\xfd" + b"\x60" + (len(body) - 256).to_bytes(2, "little") + head + body

    def test_a_proxy_of_the_environment_is_not_for_this_machine(self):
        job = self.stack.post("acme", collection(SOUND)).json()["jobID"]
        for more in ({}, {"no_proxy": "example.com"}, {"no_proxy": "*"}):
            run("job", "--url", self.url + "/", job, environ=dict(more, http_proxy="http://127.0.0.1:1"))
        done = call("job", "--url", "http://example.invalid", job, environ={"http_proxy": "http://127.0.0.1:1"})
        self.assertIn(b"127.0.0.1 port 1", done.stderr)

    def test_send_with_a_wrong_secret(self):
        self.secret = ["--secret", "whsec_AAAA"]
        self.send(self.file(collection(SOUND)), code=2)

    def test_a_delivery_that_failed_can_be_sent_again(self):
        path, sent = self.file(collection(SOUND)), ["send", "--source", "acme"]
        for url, secret, words in (("http://127.0.0.1:1", SECRETS["acme"], b"127.0.0.1 port 1"),
                                   (self.url, "whsec_AAAA", b"SIGNATURE_WRONG")):
            done = call(*sent, "--url", url, "--secret", secret, path)
            self.assertEqual((done.returncode, words in done.stderr), (2, True), done)
            again = re.search(r"again: (--id msg_\w+)$", done.stderr.decode(), re.M).group(1).split()
            job = self.send(path, *again)
            self.assertEqual(self.send(path, *again), job)
        done = call(*sent, "--url", "http://127.0.0.1:1", "--scheme", "stripe", "--secret", "s", path)
        self.assertRegex(done.stderr.decode(), r"again: --timestamp \d+$")
        self.assertNotIn(b"again: ", call(*sent, "--secret", "s", "/nowhere").stderr)

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

    def dlq_replay(self, *args):
        """What became of which letters, and what is said of it."""
        done = call("dlq", "replay", "--url", self.url, *args)
        pages = lines(done.stdout)
        return (done, [r["deadLetter"] for page in pages for r in page["replayed"]],
                [(s["deadLetter"], s["code"]) for page in pages for s in page["skipped"]])

    def test_all_that_fit_the_filters_are_replayed_and_what_fails_again_is_not(self):
        self.stack.run("metric", collection(*[FAR_AWAY] * 50))
        query = "/v1/dead-letters?limit=1000&source=metric"
        letters = [d["id"] for d in self.stack.get(query).json()["deadLetters"]]
        self.assertEqual(len(letters), 50)
        done, replayed, skipped = self.dlq_replay("--source", "metric")
        self.assertEqual((done.returncode, replayed, skipped), (0, letters, []), done)
        self.assertIn(b"50 replayed", done.stderr)
        for page in lines(done.stdout):
            for again in page["replayed"]:
                self.assertEqual(self.stack.wait_for(again["job"])["counts"]["rejected"], 1)
        # By hand: a page, and from its end the next one.
        done, replayed, _ = self.dlq_replay("--source", "metric", "--limit", "7")
        self.assertEqual((done.returncode, len(replayed), set(replayed) & set(letters)), (0, 7, set()))
        done, more, _ = self.dlq_replay("--source", "metric", "--cursor", lines(done.stdout)[0]["next"])
        self.assertEqual((done.returncode, len(more), set(replayed) & set(more)), (0, 20, set()))

    def test_what_cannot_be_replayed_is_told_by_the_exit_code(self):
        job, _ = self.stack.run("acme", collection(FAR_AWAY, dict(FAR_AWAY, properties={"name": "x" * 1000})))
        letters = {d["cut"]: d["id"] for d in self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"]}
        for _ in range(2):
            done, replayed, skipped = self.dlq_replay("--job", job)
            self.assertEqual((done.returncode, replayed, skipped),
                             (1, [letters[False]], [(letters[True], "LETTER_CUT")]), done)
        done, replayed, _ = self.dlq_replay("--job", job, "--limit", "1", "--cursor", "1")
        self.assertEqual((done.returncode, replayed), (0, [letters[False]]), done)
        done, _, _ = self.dlq_replay("--job", "0")
        self.assertEqual((done.returncode, b"QUERY_WRONG" in done.stderr), (2, True), done)

    def edit(self, letter, editor, code=0):
        """dlq edit with a script as the editor."""
        path = os.path.join(self.stack.dir, "editor")
        with open(path, "w") as f:
            f.write("#!/bin/sh\n" + editor)
        os.chmod(path, 0o755)
        environ = {"VISUAL": path, "EDITOR": "false", "TMPDIR": self.stack.dir}     # where it is to be kept, too
        return run("dlq", "edit", "--url", self.url, letter, code=code, environ=environ)

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

    def test_a_text_that_is_cut_is_not_edited(self):
        job, _ = self.stack.run("acme", collection(dict(FAR_AWAY, properties={"name": "x" * 1000})))
        letter = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"][0]["id"]
        done = call("dlq", "edit", "--url", self.url, letter, environ={"VISUAL": "sed -i s/x/y/"})
        self.assertEqual((done.returncode, done.stdout), (2, b""), done)
        self.assertIn(b"geosluice dlq edit %s --file" % letter.encode(), done.stderr)
        said = run("dlq", "edit", "--url", self.url, letter, "--file", self.file(json.dumps(SOUND).encode())).decode()
        self.assertEqual(self.stack.wait_for(self.job_of(said)["jobID"])["counts"]["accepted"], 1)

    def test_a_mended_text_that_is_refused_is_kept(self):
        job, _ = self.stack.run("acme", collection(FAR_AWAY))
        letter = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"][0]["id"]
        # Dropped while it is open in the editor.
        path = os.path.join(self.stack.dir, "drops")
        with open(path, "w") as f:
            f.write("#!/bin/sh\necho '{}' > \"$1\"\nunset http_proxy\n%s dlq drop --url %s %s\n" % (
                GEOSLUICE, self.url, letter))
        os.chmod(path, 0o755)
        folder = tempfile.mkdtemp(dir=self.stack.dir)
        done = call("dlq", "edit", "--url", self.url, letter, environ={"VISUAL": path, "TMPDIR": folder})
        self.assertEqual(done.returncode, 2, done)
        kept = re.search(rb"--file (\S+)", done.stderr).group(1).decode()
        self.assertTrue(kept.startswith(folder), kept)
        with open(kept) as f:
            self.assertEqual(f.read(), "{}\n")

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
