"""The outcome of a run with faults as a page: docs/reliability.md.

In:  a Run that was judged. Out: a Markdown file.
"""
import platform
import subprocess

PAGE = """# Reliability

What became of {documents:,} documents while everything around them broke. Written by `make test-faults`:

```
SEED={seed} FAULT_SECONDS={seconds:.0f} FAULT_REPORT=docs/reliability.md make test-faults
```

Two servers, two workers (two transform processes each), two couriers, a Redis with a replica
(`appendfsync always`, on a file system in memory) and a network that can be broken, on {machine}. Senders post
signed documents of 1 to 8,000 features, whole or piece by piece, and again until they get a 202; an oracle knows what
has to come of every feature and asks the servers for it: status, counts, results, report, dead letters. Verdict:
**{passed} checks passed, {failed} failed**.

| acknowledged | lost | duplicated | ended otherwise than they should | features compared one by one | bytes |
|---|---|---|---|---|---|
| {documents:,} | {lost:,} | {doubled:,} | {wrong:,} | {features:,} | {bytes:,} |

| | |
|---|---|
{rows}

## Faults

| kind | how often |
|---|---|
{faults}

## What was checked

{checks}

What a power failure takes is not part of this: see `appendfsync` in [operations.md](operations.md).
"""

ROWS = [
    ("split", "documents split into chunks, shared by all workers"),
    ("split and encoded", "of those with a Content-Encoding, whose chunks hold their text"),
    ("attempts", "POSTs of good documents"),
    ("attempts without a 202", "of those without a 202, and sent again"),
    ("delivered twice", "sent again after their 202, and answered with the same job"),
    ("ids reused and refused", "other bodies under a delivery id that was taken, refused"),
    ("forged and refused", "forged documents, refused"),
    ("broken off", "uploads broken off; none became a job"),
    ("dismissed", "jobs taken back by their sender"),
    ("replays", "replays of dead letters, each asked for twice, and one job"),
    ("callbacks", "callbacks received; for every job at least one, each with one id"),
    ("bodies lost by a fault that takes them", "bodies lost by a fault that takes them"),
]


def machine():
    names = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=False).stdout
    version = next((w[2:] for w in names.split() if w.startswith("v=")), "?")
    return "%s, Redis %s" % (platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()), version)


def write_report(path, run):
    count = run.ledger.count
    verdicts = [e.verdict for e in run.ledger.entries()]
    faults = sorted((kind, n) for t in run.troubles for kind, n in t.done.items())
    lost = sum(v is None or v.startswith("lost") for v in verdicts)
    doubled = sum(v is not None and v.startswith("doubled") for v in verdicts)
    with open(path, "w") as f:
        f.write(PAGE.format(
            documents=len(verdicts), seed=run.seed, seconds=run.seconds, machine=machine(),
            passed=len(run.passed), failed=len(run.failed), lost=lost,
            doubled=doubled + count["wrong: delivery"], wrong=sum(v != "good" for v in verdicts) - lost - doubled,
            features=count["features checked"], bytes=count["bytes"],
            rows="\n".join("| %s | %s |" % (words, format(count[name], ",")) for name, words in ROWS if count[name]),
            faults="\n".join("| %s | %d |" % f for f in faults) + "\n| all | %d |" % sum(n for _, n in faults),
            checks="\n".join(["- " + p for p in run.passed] + ["- **failed:** " + p for p in run.failed])))
