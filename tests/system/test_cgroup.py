"""A worker in a real control group with a memory limit (by root, where one may be made): what it makes of it."""
import contextlib
import os
import re
import unittest

import test_flight_recorder
from harness import BUILD, SANITISED, SOUND, Stack, collection, until

LIMIT = 256 << 20


def own_groups():
    """(folder, name of the file with the limit) of the groups that this process is in."""
    with open("/proc/self/cgroup") as f:
        lines = [line.rstrip("\n").split(":", 2) for line in f]
    for _, controllers, name in lines:
        if "memory" in controllers.split(","):
            yield "/sys/fs/cgroup/memory" + name, "memory.limit_in_bytes"
        elif controllers == "":
            yield "/sys/fs/cgroup" + name, "memory.max"


def make_group():
    """A group below our own, with LIMIT; None where that is not allowed."""
    for folder, file in own_groups():
        group = os.path.join(folder, "geosluice-test-%d" % os.getpid())
        try:
            os.mkdir(group)
            with open(os.path.join(group, file), "w") as f:
                f.write(str(LIMIT))
            return group
        except OSError:
            with contextlib.suppress(OSError):
                os.rmdir(group)
    return None


@unittest.skipIf(SANITISED, "memory has no limit there")
class ControlGroup(unittest.TestCase):
    def setUp(self):
        self.group = make_group()
        if self.group is None:
            self.skipTest("no control group with a limit of memory can be made here")
        self.addCleanup(os.rmdir, self.group)

    def stack(self, **environ):
        settings = {k: v for k, v in test_flight_recorder.SETTINGS.items() if not k.endswith("MEMORY_BYTES")}
        settings.update(environ, GEOSLUICE_WORKER_PROCESSES="2")
        stack = Stack(start=("server", "courier"), environ=settings)
        self.addCleanup(until, self.is_empty, "all have left the group")
        self.addCleanup(stack.close)
        program = os.path.join(stack.dir, "worker-in-a-group")
        with open(program, "w") as f:
            f.write('#!/bin/sh\necho $$ > %s/cgroup.procs && exec %s "$@"\n' % (
                self.group, os.path.join(BUILD, "tests", "geosluice-worker")))
        os.chmod(program, 0o755)
        stack.programs["worker"] = program
        stack.start("worker")
        return stack

    def is_empty(self):
        with open(os.path.join(self.group, "cgroup.procs")) as f:
            return f.read() == ""

    def memory(self, stack):
        line = until(lambda: re.search(r"event=memory process_bytes=(\d+) from=(\w+) cgroup_bytes=(\d+)",
                                       stack.log("worker")), "it has said so")
        return int(line.group(1)), line.group(2), int(line.group(3))

    def test_the_default_is_lowered_and_met_before_the_kernel_kills(self):
        stack = self.stack()
        self.assertEqual(self.memory(stack), ((LIMIT - (48 << 20)) // 2, "cgroup", LIMIT))
        self.assertNotIn("memory_beyond_cgroup", stack.log("worker"))
        until(lambda: "memory_bytes=%d" % ((LIMIT - (48 << 20)) // 2) in stack.log("worker"), "it is applied")
        job, info = stack.run("acme", collection(*test_flight_recorder.poisoned(10, {4: "allocate"})))
        self.assertEqual((info["status"], info["counts"]["rejected"]), ("successful", 1), info)
        letters = stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"]
        self.assertEqual([x["code"] for x in letters], ["FEATURE_MEMORY"])
        self.assertNotIn("signal=9", stack.log("worker"), "its own limit ended it, not the kernel")

    def test_a_chosen_value_stands(self):
        stack = self.stack(GEOSLUICE_WORKER_MEMORY_BYTES=str(200 << 20))
        self.assertEqual(self.memory(stack), (200 << 20, "setting", LIMIT))
        self.assertIn("event=memory_beyond_cgroup", stack.log("worker"))
        _, info = stack.run("acme", collection(SOUND))
        self.assertEqual(info["status"], "successful")


if __name__ == "__main__":
    unittest.main()
