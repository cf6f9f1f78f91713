"""What recording costs: `make bench`; `make bench B="--rounds 20 true"` takes only workloads with that word.

Prints a Markdown table and keeps its rows in docs/evidence/benchmarks.md. Asserts nothing, but says of each
bar whether it is decided. Long workloads can be taken a few rounds at a time: `--rounds 3`, and later
`--rounds 3 --more`. The words `start`, `log` and `times` choose what is no ratio. Workloads of some
minutes a round run only when a word names them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bars import decided, values
from engine_workloads import ENGINE_WORKLOADS, taken_in
from kept import kept
from measure import Sample, Variant, ratio, rounds, sample
from recorder_costs import COSTS, exec_costs, log_bytes
from table import COLUMNS, keep, machine
from workloads import BIN, WORKLOADS, Workload, empty_library, small_files

ALL = (*WORKLOADS, *ENGINE_WORKLOADS)
ACCESSES_RUNS = 20  # of cat over 50,000 files: 10⁶ accesses


def variants(workload: Workload, place: Path) -> list[Variant]:
    """Give the native way first, then the recorded one, then what it is compared with."""
    spool = {"PROBE_SPOOL": str(place / "spool"), "PROBE_HISTORY": str(place / "history.sqlite")}
    launcher = [str(BIN / "probe-record"), "-q", "--"]
    recorded = workload.recorded or [*launcher, *workload.native]
    found = [Variant("native", workload.native), Variant("recorded", recorded, spool)]
    if workload.engine:
        found.append(Variant("with the taking in", recorded, {**spool, "PROBE_WAIT": "1"}))
    if workload.rivals or workload.floor:
        found.append(Variant("empty library", workload.native, {"LD_PRELOAD": str(empty_library(place))}))
    if workload.rivals and shutil.which("strace"):
        strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=%file,%process"]
        strace += ["-o", str(place / "strace.log")]
        found.append(Variant("strace", [*strace, *workload.native]))
    return found


def compare(workload: Workload, place: Path, count: int) -> dict[str, list[Sample]]:
    """Give samples by variant; on standard error native's own seconds, and how long the taking in went on."""
    work = place / "work"
    work.mkdir()
    workload.prepare(work)
    waited: list[float] = []

    def before() -> None:
        shutil.rmtree(place / "spool", ignore_errors=True)
        if workload.clean:
            subprocess.run(["sh", "-c", workload.clean], cwd=work, check=True)

    def after(variant: Variant) -> None:
        if workload.engine and variant.environment:
            began = time.perf_counter()
            taken_in(dict(variant.environment))
            waited.extend([time.perf_counter() - began] if "PROBE_WAIT" not in variant.environment else [])

    taken = rounds(variants(workload, place), work, count, before, after, warm=not workload.long)
    seconds = statistics.median(one.wall for one in taken["native"])
    after_it = f", taken in {statistics.median(waited):.2f} s after the command's end" if waited else ""
    print(f"{workload.name}: native {seconds:.3f} s wall{after_it}", file=sys.stderr)
    return taken


def row_of(workload: Workload, count: int, *, more: bool) -> dict[str, str]:
    """Measure one workload, and give its row of the table; with ``more``, with the rounds kept before."""
    row = {"workload": workload.name, "bar": workload.bar, "measured": machine()}
    with tempfile.TemporaryDirectory(prefix="probe-bench-") as folder:
        try:
            found = kept(workload.name, compare(workload, Path(folder), count), more=more)
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            said = getattr(error, "stderr", b"") or b""
            return row | {"decided": f"failed: {error} {said.decode()[-200:]!r}".replace("|", "/")}
    native = found["native"]

    def ratio_of(name: str, measure: str) -> str:
        return str(ratio(*values(measure, found[name], native))) if name in found else "–"

    return row | {
        "rounds": str(len(native)),
        "decided": decided(workload.bar, found["recorded"], native),
        "wall": ratio_of("recorded", "wall"),
        "CPU": ratio_of("recorded", "cpu"),
        "CPU with the taking in": ratio_of("with the taking in", "cpu"),
        "empty library: wall": ratio_of("empty library", "wall"),
        "strace: wall": ratio_of("strace", "wall"),
    }


def ratios_table(chosen: list[Workload], count: int, *, more: bool) -> None:
    """Print the table of ratios to native, and keep its rows in docs/evidence."""
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|", flush=True)
    for workload in chosen:
        row = row_of(workload, count, more=more)
        print("| " + " | ".join(row.get(column, "") for column in COLUMNS) + " |", flush=True)
        keep(row, ORDER)


def costs_table(words: list[str], count: int) -> None:
    """Print what a start and an access cost the recorder, and keep that too."""
    with tempfile.TemporaryDirectory(prefix="probe-bench-") as folder:
        for word, measure in (("start", exec_costs(Path(folder), count)), ("log", log_bytes(Path(folder)))):
            for row in measure if not words or word in words else ():
                row["measured"] = machine()
                print("| " + " | ".join(row.get(column, "") for column in COLUMNS) + " |", flush=True)
                keep(row, ORDER)


TIMES = {  # by name: the bar
    "`true`": "",
    "`probe-record -q true`, start and finish": "",
    "`probe record -q true`, start and finish": "0.36 s",
    "`probe why FILE`": "0.2 s",
    "10⁶ accesses taken in": "4 s, 500 MB",
    "10⁶ distinct missing paths taken in": "4 s, 500 MB",
}
ORDER = [*(one.name for one in WORKLOADS), *COSTS, *TIMES, *(one.name for one in ENGINE_WORKLOADS)]
MISSING = "import os\nfor i in range(10**6): os.access(f'/no/such/folder/{i // 1000:05}/{i:08}.txt', 0)"


def times_table(place: Path, count: int) -> None:
    """Print absolute times: start and finish, `probe why`, and taking in a million accesses."""
    os.environ["PROBE_SPOOL"] = str(place / "spool")
    os.environ["PROBE_HISTORY"] = str(place / "history.sqlite")
    work = place / "work"
    work.mkdir()
    probe, launcher = str(BIN / "probe"), str(BIN / "probe-record")
    sample(Variant("made", [probe, "record", "-q", "sh", "-c", "echo 1 > made"]), work)
    commands = (["true"], [launcher, "-q", "true"], [probe, "record", "-q", "true"], [probe, "why", "made"])
    quick = [Variant(name, command) for name, command in zip(TIMES, commands, strict=False)]
    for name, samples in rounds(quick, work, count * 2).items():
        _tell(name, samples)
    small_files(work)
    loop = f"for i in $(seq {ACCESSES_RUNS}); do find tree -type f -print0 | xargs -0 cat; done"
    for name, command in zip(
        list(TIMES)[4:], (["sh", "-c", loop], [sys.executable, "-c", MISSING]), strict=True
    ):
        subprocess.run([launcher, "-q", *command], cwd=work, stdout=subprocess.DEVNULL, check=True)
        _tell(name, [sample(Variant(name, [probe, "runs"]), work)])


def _tell(name: str, samples: list[Sample]) -> None:
    """Print a row of absolute times, and keep it: the median of wall clock and CPU, with the range."""
    row = {"workload": name, "bar": f"≤ {TIMES[name]}" if TIMES[name] else "", "rounds": str(len(samples))}
    for column, measure in (("wall", "wall"), ("CPU", "cpu")):
        found = sorted(getattr(one, measure) for one in samples)
        row[column] = f"{statistics.median(found):.4g} s ({found[0]:.4g}–{found[-1]:.4g})"
    memory = max(one.memory for one in samples) / 1024
    row["decided"] = f"{memory:.0f} MB" if "MB" in TIMES[name] else "–"
    row["measured"] = machine()
    print("| " + " | ".join(row.get(column, "") for column in COLUMNS) + " |", flush=True)
    keep(row, ORDER)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only workloads whose name has one of these words")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--more", action="store_true", help="count the rounds of earlier calls too")
    chosen = parser.parse_args()
    os.environ["PATH"] = f"{BIN}:{os.environ['PATH']}"
    named = [one for one in ALL if any(word in one.name for word in chosen.words)]
    picked = named if chosen.words else [one for one in ALL if not one.long]
    if picked:
        ratios_table(picked, chosen.rounds, more=chosen.more)
    costs_table(chosen.words, chosen.rounds)
    if not chosen.words or "times" in chosen.words:
        with tempfile.TemporaryDirectory(prefix="probe-bench-") as folder:
            times_table(Path(folder), chosen.rounds)


if __name__ == "__main__":
    main()
