"""Runs the long proofs, part by part; one that fails, or takes too long, does not stop the others.

    make prove                  all parts, one after the other (hours)
    make prove P="kills fuzz"   these
    make prove P=list           which there are, with what they prove and how long they take
    make prove T=tests/unit     what pytest finds there, in the sizes of a proof

Each part is pytest with PROBE_PROVE=1, writes its documents in docs/evidence/, and leaves what it said in
build/prove/PART.log. At the end a table tells how each part ended; the exit status is 1 when one failed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOGS = ROOT / "build" / "prove"
NOTHING_RAN = 5  # pytest's exit status


@dataclass(frozen=True)
class Part:
    """Some tests that prove one thing; ``minutes`` on two idle cores, four times as long is too long."""

    minutes: int
    proves: str
    tests: tuple[str, ...]
    evidence: tuple[str, ...] = ()


PARTS = {
    "accesses": Part(1, "ten million accesses in one run cost what the first ones do",
                     ("tests/calls/test_many.py",), ("many-accesses",)),
    "large": Part(2, "time and memory of taking in grow as the run does",
                  ("tests/behaviour/test_large_runs.py",), ("taking-in-large",)),
    "kills": Part(10, "killed programs lose no access that had returned", ("tests/crash/test_kills.py",),
                  ("kills",)),
    "takings-in": Part(10, "killed launchers and takings-in lose no run; a growing log is followed",
                       ("tests/crash/test_taking_in.py", "tests/crash/test_following.py"),
                       ("kills-recorder",)),
    "fuzz": Part(20, "the reader holds on ten million inputs, and faults put into it are found out",
                 ("tests/fuzz",), ("fuzz",)),
    "properties": Part(15, "2,000 examples of each property", ("tests/property",)),
    "watching": Part(1, "static programs, Rust's too, are watched whole", ("tests/behaviour/watch",)),
    "platforms": Part(10, "AArch64 with musl, and a root made by debootstrap", ("tests/platforms",)),
    "precision": Part(2, "probe check on ten workflows: nothing missed, nothing wrong",
                      ("tests/engines/test_check_precision.py",), ("check",)),
    "snakemake": Part(60, "Snakemake's own test suite passes alike under both executors",
                      ("tests/engines/test_snakemake_upstream.py",), ("snakemake-suite",)),
    "cluster": Part(15, "all doors and signals of Snakemake on Slurm and cluster-generic",
                    ("tests/engines/test_snakemake_cluster.py",)),
    "nextflow": Part(20, "pipelines run alike, under an older Nextflow too",
                     ("tests/engines/test_nextflow_unchanged.py", "tests/engines/test_nextflow_missing.py"),
                     ("nextflow-pipelines",)),
    "makes": Part(2, "Makefiles mean the same under GNU make 4.4 (3.82, where one is named)",
                  ("tests/engines/test_make_semantics.py",)),
    "make-suite": Part(10, "GNU make's own tests, natively and recorded",
                       ("tests/engines/test_make_suite.py",), ("make-suite",)),
    "make-builds": Part(20, "twenty source packages are built as without us",
                        ("tests/engines/test_make_packages.py",), ("make-builds",)),
    "make-check": Part(40, "faults put into the Makefiles of thirty packages and of Lua are named exactly",
                       ("tests/studies", "tests/engines/test_make_check.py"), ("make-check",)),
    "rest": Part(25, "all other tests", ("tests",)),
}  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Run the parts that are named (all when none is); give the exit status."""
    unknown = [word for word in words if word not in {*PARTS, "list"}]
    if unknown or "list" in words:
        for word, part in PARTS.items():
            print(f"{word:12} {part.minutes:3} min  {part.proves}")
        for word in unknown:
            print(f"prove: there is no part '{word}'", file=sys.stderr)
        return 2 if unknown else 0
    LOGS.mkdir(parents=True, exist_ok=True)
    ended = {word: run(word) for word in words or PARTS}
    print("\npart         ended     min  pytest's last line")
    for word, (how, seconds, said) in ended.items():
        print(f"{word:12} {how:8} {seconds / 60:4.1f}  {said}")
    documents = [f"docs/evidence/{name}.md" for word in ended for name in PARTS[word].evidence]
    if documents:
        print("look at what changed: git diff " + " ".join(documents))
    return 0 if all(how == "passed" for how, *_ in ended.values()) else 1


def run(word: str) -> tuple[str, float, str]:
    """Run one part: how it ended, its seconds, and what pytest said last."""
    part, log = PARTS[word], LOGS / f"{word}.log"
    own = Path(sys.executable).with_name("pytest")  # `python -m` would find sources before what is installed
    command = [own, *part.tests, *(left_out() if word == "rest" else ())]
    print(f"\n== {word}: {part.proves} (some {part.minutes} min)", flush=True)
    begun = time.monotonic()
    with log.open("wb") as out:
        told = {**os.environ, "PROBE_PROVE": "1", "PYTHONUNBUFFERED": "1"}
        pytest = subprocess.Popen(
            command, cwd=ROOT, env=told, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            status = pytest.wait(4 * 60 * part.minutes)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            if pytest.poll() is None:  # too long, or Ctrl-C
                os.killpg(pytest.pid, signal.SIGKILL)
                pytest.wait()
    how = {0: "passed", None: "too long", NOTHING_RAN: "nothing ran"}.get(status, "failed")
    lines = log.read_text(errors="replace").splitlines() or [""]
    shown = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    print("\n".join([*shown, f"{word}: {how}; {log}"]), flush=True)
    return how, time.monotonic() - begun, lines[-1].strip("= ")


def left_out() -> list[str]:
    """Give pytest's options that leave out what the other parts run."""
    return [f"--ignore={test}" for word, part in PARTS.items() if word != "rest" for test in part.tests]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # run() ends what it started
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
