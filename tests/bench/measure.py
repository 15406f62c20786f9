"""What the parts of the benchmark share: one run on one core, medians, and where things are."""
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
GEOSLUICE = os.path.join(BUILD, "geosluice")
BENCH = os.path.join(BUILD, "bench")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))


def measure(argv):
    """(CPU seconds of user and system, peak MB) of one run on one core; None where the program gave up.

    The clock would count what others do.
    """
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}))
    words = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    # geosluice says 1 where it rejected a feature, its peers where they did not get through.
    if process.returncode not in (0, 1):
        sys.exit("%s ended with %d: %s" % (argv[0], process.returncode, words.decode("utf-8", "replace")[-500:]))
    if process.returncode == 1 and argv[0] != GEOSLUICE:
        return None
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def convert(path, out):
    return [GEOSLUICE, "convert", "--to", "EPSG:3857", "-o", out, path]


def cost(path, work, rounds=ROUNDS):
    """(median seconds, peak MB) of geosluice convert."""
    runs = [measure(convert(path, os.path.join(work, "out"))) for _ in range(rounds)]
    return statistics.median(r[0] for r in runs), max(r[1] for r in runs)


def said(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False).stdout


def make_heavy(path, megabytes):
    subprocess.run([sys.executable, os.path.join(ROOT, "tools", "make-heavy"), path, str(megabytes)],
                   stdout=subprocess.DEVNULL, check=True)
