"""What the two doors of make cost: ``python benchmarks/make_doors.py [--rounds N]``.

Prints a Markdown table of ratios to plain make: 2,000 recipes that make executes itself, 2,000 that need a
shell, and Lua's own build. Asserts nothing: a bar beside a figure is for the reader.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from measure import Ratio, Sample, Variant, ratio, rounds
from workloads import BIN, lua

RECIPES = 2000
TEXTS = {"2,000 plain recipes": "/bin/true $@", "2,000 recipes with a shell": ": $@ || exit 1; : again"}
BARS = {
    "2,000 plain recipes": ("≤ 1.05", "≤ 2.5"),
    "2,000 recipes with a shell": ("≤ 1.05", "≤ 1.3"),
    "compiling Lua": ("≤ 1.03", ""),
}


def doors(place: Path, words: list[str]) -> list[Variant]:
    """Give plain make, `probe make`, and make with probe-sh."""
    spool = {"PROBE_SPOOL": str(place / "spool"), "PROBE_HISTORY": str(place / "history.sqlite")}
    make = ["make", "-s", *words]
    return [
        Variant("make", make),
        Variant("probe make", [str(BIN / "probe"), "record", "-q", "--", *make], spool),
        Variant("the same, without taking in", [str(BIN / "probe-record"), "-q", "--", *make], spool),
        Variant("SHELL=probe-sh", [*make, f"SHELL={BIN / 'probe-sh'}"], spool),
    ]


def compared(place: Path, work: Path, words: list[str], count: int) -> dict[str, tuple[Ratio, Ratio]]:
    """Give wall and CPU ratios by door."""

    def before() -> None:
        shutil.rmtree(place / "spool", ignore_errors=True)
        subprocess.run(["make", "-s", *words, "clean"], cwd=work, check=True)

    taken = rounds(doors(place, words), work, count, before)
    plain = taken.pop("make")
    return {name: (of(some, plain, "wall"), of(some, plain, "cpu")) for name, some in taken.items()}


def of(some: list[Sample], plain: list[Sample], what: str) -> Ratio:
    """Give the ratio of one measure."""
    return ratio([getattr(one, what) for one in some], [getattr(one, what) for one in plain])


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    count = parser.parse_args().rounds
    os.environ["PATH"] = f"{BIN}:{os.environ['PATH']}"
    print("| workload | door | bar | wall | CPU |\n|---|---|---|---|---|")
    for name, bars in BARS.items():
        with tempfile.TemporaryDirectory(prefix="probe-bench-") as folder:
            work = Path(folder) / "work"
            work.mkdir()
            words: list[str] = []
            if name in TEXTS:
                targets = " ".join(f"t{number}" for number in range(RECIPES))
                rules = f".PHONY: all clean {targets}\nall: {targets}\n{targets}:\n\t@{TEXTS[name]}\nclean:\n"
                (work / "Makefile").write_text(rules)
            else:
                lua(work)
                words = ["-C", "source", "-f", "bench.mk"]
            found = compared(Path(folder), work, words, count)
        for door, (wall, cpu) in found.items():
            bar = bars[1] if door.startswith("SHELL") else bars[0]
            print(f"| {name} | {door} | {bar} | {wall} | {cpu} |", flush=True)


if __name__ == "__main__":
    main()
