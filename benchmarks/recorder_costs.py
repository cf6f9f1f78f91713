"""What the recorder costs by itself: µs that it adds to a program's start, bytes of log for an access."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from log_bytes import log_size
from measure import interval
from workloads import BIN, IMPORTS, empty_library

LOOP = "for i in 1 2 3 4 5; do"
LOGGED = {
    "log of Python starts": ["sh", "-c", f"{LOOP} {sys.executable} -c '{IMPORTS}'; done"],
    "log of gcc": ["sh", "-c", f"{LOOP} gcc -O1 -c -o one.o one.c; done"],
    "log of ls and grep": ["sh", "-c", "ls -lR /etc /usr/include/linux; grep -r xyz /usr/include/linux"],
}
COSTS = ("added per start", "added per start by an empty library", *LOGGED)
ONE = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint main(void) { return 0; }\n"


def exec_costs(place: Path, count: int) -> Iterator[dict[str, str]]:
    """Time starts of /bin/true one by one, natively, with an empty library, and recorded; a row for each."""
    program = place / "spawn"
    source = Path(__file__).parent / "spawn.c"
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", program, source], check=True)
    environment = {**os.environ, "PROBE_SPOOL": str(place / "spool")}
    command = [BIN / "probe-record", "-q", program, str(count * 100), empty_library(place)]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    taken = [[int(number) / 1e3 for number in line.split()] for line in said.splitlines()]
    for way, bar in ((2, 50), (1, None)):
        added = sorted(times[way] - times[0] for times in taken)
        low, high = interval(len(added))
        yield {
            "workload": COSTS[2 - way],
            "bar": f"≤ {bar} µs" if bar else "",
            "decided": _decided(added[low], added[high], bar) if bar else "",
            "wall": f"{statistics.median(added):.1f} µs ({added[low]:.1f}–{added[high]:.1f})",
            "rounds": str(len(added)),
        }


def _decided(low: float, high: float, bar: float) -> str:
    return "holds" if high <= bar else "missed" if low > bar else "open"


def log_bytes(place: Path) -> Iterator[dict[str, str]]:
    """Say how many bytes the frame of an access takes, and how many of all frames come on an access."""
    (place / "one.c").write_text(ONE)
    for name, command in LOGGED.items():
        spool = place / name.replace(" ", "-")
        recorded = [str(BIN / "probe-record"), "-q", "--", *command]
        environment = {**os.environ, "PROBE_SPOOL": str(spool)}
        subprocess.run(
            recorded, cwd=place, env=environment, capture_output=True
        )  # grep finds nothing: status 1
        size = log_size(next(spool.glob("runs/*")))
        own, whole = size.access_bytes / size.accesses, size.all_bytes / size.accesses
        yield {
            "workload": name,
            "bar": "≤ 40 bytes per access",
            "decided": _decided(own, own, 40),
            "wall": f"{own:.1f} bytes (with all frames: {whole:.1f})",
            "rounds": "1",
        }
