"""What recording costs: `make bench`; `make bench B="--rounds 20 true"` takes only workloads with that word.

Prints a Markdown table. Asserts nothing: a bar beside a figure is for the reader.
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
from workloads import BIN, WORKLOADS, Workload, empty_library, small_files

ACCESSES_RUNS = 20  # of cat over 50,000 files: 10⁶ accesses


def variants(workload: Workload, place: Path) -> list[Variant]:
    """Give the native way first, then the recorded one, then what it is compared with."""
    spool = {"PROBE_SPOOL": str(place / "spool"), "PROBE_HISTORY": str(place / "history.sqlite")}
    launcher = [str(BIN / "probe-record"), "-q", "--"]
    found = [Variant("native", workload.native)]
    found.append(Variant("recorded", workload.recorded or [*launcher, *workload.native], spool))
    if workload.rivals:
        found.append(Variant("empty library", workload.native, {"LD_PRELOAD": str(empty_library(place))}))
        if shutil.which("strace"):
            strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=%file,%process"]
            strace += ["-o", str(place / "strace.log")]
            found.append(Variant("strace", [*strace, *workload.native]))
    return found


def compare(workload: Workload, place: Path, count: int) -> dict[str, tuple[Ratio, Ratio]]:
    """Give wall and CPU ratios to native, by variant; and native's own seconds on standard error."""
    work = place / "work"
    work.mkdir()
    workload.prepare(work)

    def before() -> None:
        shutil.rmtree(place / "spool", ignore_errors=True)
        if workload.clean:
            subprocess.run(["sh", "-c", workload.clean], cwd=work, check=True)

    taken = rounds(variants(workload, place), work, count, before)
    native = taken.pop("native")
    seconds = statistics.median(one.wall for one in native)
    print(f"{workload.name}: native {seconds:.3f} s wall", file=sys.stderr)
    return {
        name: (_compared(samples, native, "wall"), _compared(samples, native, "cpu"))
        for name, samples in taken.items()
    }


def _compared(samples: list[Sample], native: list[Sample], what: str) -> Ratio:
    return ratio([getattr(one, what) for one in samples], [getattr(one, what) for one in native])


def ratios_table(chosen: list[Workload], count: int) -> None:
    """Print the table of ratios to native."""
    print("| workload | bar | recorded: wall | recorded: CPU | empty library: wall | strace: wall |")
    print("|---|---|---|---|---|---|")
    for workload in chosen:
        with tempfile.TemporaryDirectory(prefix="probe-bench-") as folder:
            try:
                found = compare(workload, Path(folder), count)
            except (subprocess.CalledProcessError, FileNotFoundError) as error:
                said = getattr(error, "stderr", b"") or b""
                print(
                    f"| {workload.name} | {workload.bar} | failed: {error} {said.decode()[-200:]!r} | | | |"
                )
                continue
        cells = [str(found["recorded"][0]), str(found["recorded"][1])]
        cells += [str(found[name][0]) if name in found else "–" for name in ("empty library", "strace")]
        print(f"| {workload.name} | {workload.bar} | {' | '.join(cells)} |", flush=True)


def _milliseconds(samples: list[Sample]) -> str:
    walls = sorted(one.wall * 1e3 for one in samples)
    return f"{statistics.median(walls):.1f} ms ({walls[0]:.1f}–{walls[-1]:.1f})"


def times_table(place: Path, count: int) -> None:
    """Print absolute times: start and finish, `probe why`, and taking in a million accesses."""
    os.environ["PROBE_SPOOL"] = str(place / "spool")
    os.environ["PROBE_HISTORY"] = str(place / "history.sqlite")
    work = place / "work"
    work.mkdir()
    probe, launcher = str(BIN / "probe"), str(BIN / "probe-record")
    sample(Variant("made", [probe, "record", "-q", "sh", "-c", "echo 1 > made"]), work)
    rows = [
        ("`true`", "", ["true"]),
        ("`probe-record -q true`, start and finish", "", [launcher, "-q", "true"]),
        ("`probe record -q true`, start and finish", "≤ 60 ms + 0.3 s", [probe, "record", "-q", "true"]),
        ("`probe why FILE`", "≤ 200 ms", [probe, "why", "made"]),
    ]
    print("\n| | bar | median (range) |\n|---|---|---|")
    taken = rounds([Variant(name, command) for name, _, command in rows], work, count * 2)
    for name, bar, _ in rows:
        print(f"| {name} | {bar} | {_milliseconds(taken[name])} |", flush=True)
    small_files(work)
    loop = f"for i in $(seq {ACCESSES_RUNS}); do find tree -type f -print0 | xargs -0 cat; done"
    subprocess.run([launcher, "-q", "sh", "-c", loop], cwd=work, stdout=subprocess.DEVNULL, check=True)
    once = sample(Variant("taking in", [probe, "runs"]), work)
    memory = once.memory / 1024
    print(f"| 10⁶ accesses stitched and stored | ≤ 4 s, 500 MB | {once.wall:.2f} s, {memory:.0f} MB |")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only workloads whose name has one of these words")
    parser.add_argument("--rounds", type=int, default=10)
    chosen = parser.parse_args()
    os.environ["PATH"] = f"{BIN}:{os.environ['PATH']}"
    picked = [w for w in WORKLOADS if not chosen.words or any(word in w.name for word in chosen.words)]
    if picked:
        ratios_table(picked, chosen.rounds)
    if not chosen.words or "times" in chosen.words:
        with tempfile.TemporaryDirectory(prefix="probe-bench-") as folder:
            times_table(Path(folder), chosen.rounds)


if __name__ == "__main__":
    main()
