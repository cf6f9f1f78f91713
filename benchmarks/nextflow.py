"""What recording Nextflow costs: ``python benchmarks/nextflow.py [--rounds N] [--long]``.

Pipelines of tasks that do nothing give what a run and a task cost; ``--long`` adds 1,000 tasks that each
compute for about a quarter of a second. Prints a Markdown table of CPU time with all that was started; the
taking in of a large run goes on behind the prompt, and has a row of its own. Asserts nothing.
Nextflow is ``NEXTFLOW``, or what the tests fetched (``make test T=tests/engines`` does).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Ratio, Sample, Variant, ratio, rounds, sample
from workloads import BIN, CACHE

FEW, MANY, LONG = 1, 200, 1000
PIPELINE = """params.tasks = 1
params.script = ':'
process ONE {
    input:
    val number

    output:
    path 'out'

    script:
    "$params.script; echo $number > out"
}

workflow { ONE(channel.of(1..params.tasks)) }
"""
WORK = "awk 'BEGIN { for (i = 0; i < 4000000; i++) s += i % 7 }'"


def nextflow() -> str:
    """Give the Nextflow to measure with."""
    for path in (os.environ.get("NEXTFLOW"), *sorted(map(str, CACHE.glob("nextflow-25*/nextflow")))):
        if path and shutil.which(path):
            return path
    sys.exit("no Nextflow: set NEXTFLOW=/path/to/nextflow, or run the tests of the engines once")


def measured(place: Path, program: str, words: list[str], count: int) -> dict[str, list[Sample]]:
    """Run a pipeline plainly, and under `probe nextflow` with the taking in."""
    around = {
        "NXF_HOME": str(place / "home"), "NXF_ANSI_LOG": "false", "NEXTFLOW": program,
        "PROBE_SPOOL": str(place / "spool"), "PROBE_HISTORY": str(place / "history.sqlite"),
    }  # fmt: skip
    work = place / "work"

    def before() -> None:
        subprocess.run(["rm", "-rf", "work", ".nextflow", place / "spool" / "runs"], cwd=work, check=True)

    variants = [
        Variant("plain", [program, "-q", "run", "main.nf", *words], around),
        Variant("recorded", [str(BIN / "probe"), "nextflow", "-q", "run", "main.nf", *words], around),
    ]
    return rounds(variants, work, count, before)


def taking_in(place: Path, program: str) -> float:
    """Give the seconds of CPU that it takes to take one large run in."""
    around = {
        "NXF_HOME": str(place / "home"), "NXF_ANSI_LOG": "false", "NXF_PLUGINS_DEFAULT": "nf-probe@0.1.0",
        "PROBE_SPOOL": str(place / "spool"), "PROBE_HISTORY": str(place / "aside.sqlite"),
    }  # fmt: skip
    shutil.rmtree(place / "spool", ignore_errors=True)
    words = [program, "-q", "run", "main.nf", "--tasks", str(MANY)]
    sample(Variant("recorded", [str(BIN / "probe-record"), "-q", "--", *words], around), place / "work")
    return sample(Variant("taking in", [str(BIN / "probe"), "runs"], around), place / "work").cpu


def extra(taken: dict[str, list[Sample]]) -> float:
    """Give the median of how many seconds of CPU a recorded run needs more."""
    pairs = zip(taken["recorded"], taken["plain"], strict=True)
    return statistics.median(one.cpu - other.cpu for one, other in pairs)


def of(taken: dict[str, list[Sample]], what: str) -> Ratio:
    """Give the ratio of one measure to the plain run."""
    recorded, plain = taken["recorded"], taken["plain"]
    return ratio([getattr(one, what) for one in recorded], [getattr(one, what) for one in plain])


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--long", action="store_true", help="also 1,000 tasks that compute")
    chosen = parser.parse_args()
    program = nextflow()
    os.environ["PATH"] = f"{BIN}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="probe-bench-") as folder:
        place = Path(folder)
        (place / "work").mkdir()
        (place / "work" / "main.nf").write_text(PIPELINE)
        few = measured(place, program, ["--tasks", str(FEW)], chosen.rounds)
        many = measured(place, program, ["--tasks", str(MANY)], chosen.rounds)
        each = (extra(many) - extra(few)) / (MANY - FEW)
        print("| | bar | measured | wall |\n|---|---|---|---|")
        print(f"| a run ({FEW} task), CPU more | ≤ 0.5 s | {extra(few):.2f} s | {of(few, 'wall')} × |")
        print(f"| a task that does nothing, CPU more | ≤ 20 ms | {each * 1e3:.1f} ms | |")
        print(
            f"| {MANY} tasks that do nothing, CPU | | {of(many, 'cpu')} × | {of(many, 'wall')} × |",
            flush=True,
        )
        print(f"| taking in {MANY} tasks, CPU | | {taking_in(place, program):.2f} s | |", flush=True)
        if chosen.long:
            words = ["--tasks", str(LONG), "--script", WORK]
            long = measured(place, program, words, max(1, chosen.rounds // 4))
            print(
                f"| {LONG:,} tasks that compute, CPU | ≤ 1.03 | {of(long, 'cpu')} × | {of(long, 'wall')} × |"
            )


if __name__ == "__main__":
    main()
