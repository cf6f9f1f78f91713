"""Very many accesses in one run: nothing is lost, and the last one costs what the first did."""

from __future__ import annotations

import statistics
import struct
import subprocess
from pathlib import Path

from calls.frames import lost, segments
from calls.recorded import make_run, program, surroundings
from evidence import PROVE, write_evidence

SLICES = 10
EACH = 1_000_000 if PROVE else 40_000
PROGRAMS = 100
MOST = 1.35  # of the first slices' time: what other work on the machine may do to it


def counted(folder: Path) -> tuple[int, int, int]:
    """Look-ups (repeated ones each time), gaps and bytes; by frame heads alone."""
    looked, gaps, size = 0, 0, 0
    for path in segments(folder):
        content = path.read_bytes()
        (filled,) = struct.unpack_from("<Q", content, 168)
        size += min(filled, len(content))
        at = 16384
        while at < min(filled, len(content)):
            magic, length, used = struct.unpack_from("<III", content, at)
            if magic != 0x4B4C4250:
                at += 1024
                continue
            here, end = at + 40, at + min(length, used)
            while here + 8 <= end:
                frame, kind = struct.unpack_from("<iB", content, here)
                if frame >= 0 or kind == 1:
                    break
                if kind == 17:
                    looked += struct.unpack_from("<I", content, here + 16)[0]
                gaps += kind == 48
                here -= frame
            at += length
    return looked, gaps, size


def run(environment: dict[str, str]) -> list[tuple[float, float]]:
    """A pair a slice: ns of CPU for a look-up, and for a program."""
    command = [program("many", "-pthread"), str(SLICES), str(EACH)]
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    slices = [line.split() for line in done.stdout.splitlines()]
    return [(float(looked), float(started)) for looked, started in slices]


def test_the_last_cost_what_the_first_did(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    environment = surroundings(folder)
    native = run({"PATH": environment["PATH"]})
    recorded = run(environment)
    looked, gaps, size = counted(folder)
    assert gaps == lost(folder) == 0
    assert looked >= SLICES * EACH
    assert len(segments(folder)) >= (8 if PROVE else 2)
    for measure in (0, 1):
        first = statistics.median(slice_[measure] for slice_ in recorded[:4])
        last = statistics.median(slice_[measure] for slice_ in recorded[-4:])
        assert last < MOST * first
    columns = ("look-ups so far", "native, ns each", "recorded, ns each", "native, µs a program",
               "recorded, µs a program")  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for number, (bare, seen) in enumerate(zip(native, recorded, strict=True), 1):
        cells = [f"{number * EACH:,}", f"{bare[0]:.0f}", f"{seen[0]:.0f}"]
        cells += [f"{bare[1] / 1e3:.0f}", f"{seen[1] / 1e3:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    told = f"{len(segments(folder))} segments, {size / 1e6:.0f} MB, {size / looked:.1f} bytes a look-up, "
    told += "no gap, nothing lost.\n\n"
    command = "PROBE_PROVE=1 pytest tests/calls/test_many.py"
    write_evidence("many-accesses", "Ten million accesses in one run", command, told + "\n".join(lines))
